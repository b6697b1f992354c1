//! `DELETE /api/apiKeys/{id}`

use shared::{Access, App, Call, Error, Operation, Reply};

/// What this endpoint does.
pub const OPERATION: Operation = Operation::DeleteKey;
/// Who may call it.
pub const ACCESS: Access = Access::User;

/// Deletes a key for good, also an expired one; deleting the default leaves no default. 404 unknown.
///
/// # Errors
///
/// As above, or when the table fails.
pub async fn handle(app: App, call: Call) -> Result<Reply, Error> {
    app.keys.delete(&call.author, call.key()?).await?;
    Ok(Reply::deleted())
}
