//! `GET /api/apiKeys/{id}`

use shared::{Access, App, Call, Error, Operation, Reply};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::GetKey;
/// The access that a caller needs.
pub const ACCESS: Access = Access::User;

/// Returns one of the caller's keys. 404 unknown.
///
/// # Errors
///
/// As above, or if DynamoDB fails.
pub async fn handle(app: App, call: Call) -> Result<Reply, Error> {
    let key = app.keys.get(&call.author, call.key()?).await?;
    Ok(Reply::key(key))
}
