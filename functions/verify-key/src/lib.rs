//! `POST /api/apiKeys/verify`

use shared::keys::Verification;
use shared::{Access, App, Call, Error, Operation, Reply};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::VerifyKey;
/// The access that a caller needs.
pub const ACCESS: Access = Access::Service;

/// Tells a service whether a key works and whose it is, or why it does not; a valid check counts a use.
///
/// # Errors
///
/// If `key` is missing or no string, or if DynamoDB fails.
pub async fn handle(app: App, mut call: Call) -> Result<Reply, Error> {
    let key: String = call.read(|fields| fields.required("key"))?;
    let now = call.timestamp();
    let checked = app.keys.check(&key, now).await?;
    Ok(Reply::verification(Verification::new(&checked, now)))
}
