//! `GET /api/apiKeys/{id}`

use shared::{Access, App, Call, Error, Operation, Reply};

/// What this endpoint does.
pub const OPERATION: Operation = Operation::GetKey;
/// Who may call it.
pub const ACCESS: Access = Access::User;

/// Returns one of the caller's keys. 404 unknown.
///
/// # Errors
///
/// As above, or when the table fails.
pub async fn handle(app: App, call: Call) -> Result<Reply, Error> {
    let key = app.keys.get(&call.author, call.key()?).await?;
    Ok(Reply::key(key))
}
