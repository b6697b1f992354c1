//! The authorizer of other APIs: lets requests with a key that works pass.

use shared::edge::key_authorizer::Check;
use shared::keys::Key;
use shared::{App, Error};

/// Checks the key of a request to another API, and counts one use.
///
/// # Errors
///
/// If there is no key or it does not work, or if DynamoDB fails.
pub async fn handle(app: App, check: Check) -> Result<Key, Error> {
    check.presented_key(&app).await?.check(&app.keys, check.timestamp()).await
}
