//! `PATCH /api/apiKeys/removeDefault`

use shared::{Access, App, Call, Error, Operation, Reply};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::RemoveDefault;
/// The access that a caller needs.
pub const ACCESS: Access = Access::User;

/// Clears the caller's default if it is this key, expired or not. Idempotent. 404 unknown.
///
/// # Errors
///
/// As above, if a field is wrong, or if DynamoDB fails.
pub async fn handle(app: App, mut call: Call) -> Result<Reply, Error> {
    let id = call.read(|fields| fields.required("id"))?;
    let key = app.keys.remove_default(&call.author, call.own(id)).await?;
    Ok(Reply::key(key))
}
