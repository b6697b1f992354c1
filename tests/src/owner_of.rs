//! A check of the key that a client presents.

use std::time::Duration;

use serde_json::{Value, json};

/// The user whose key it is, or `None` if the key does not work.
///
/// # Errors
///
/// If the key cannot be checked. Nobody may be let in then.
pub async fn owner_of(
    client: &reqwest::Client,
    url: &str,
    token: &str,
    key: &str,
) -> Result<Option<u64>, reqwest::Error> {
    let call = client.post(format!("{url}/api/apiKeys/verify")).bearer_auth(token).timeout(Duration::from_secs(15));
    let response = call.json(&json!({"key": key})).send().await?.error_for_status()?;
    let found: Value = response.json().await?;
    Ok(if found["valid"] == true { found["user_id"].as_u64() } else { None })
}
