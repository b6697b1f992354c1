//! `DELETE /api/apiKeys/{id}`

use shared::{Access, App, Call, Error, Operation, Reply};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::DeleteKey;
/// The access that a caller needs.
pub const ACCESS: Access = Access::User;

/// Deletes a key permanently, expired or not. A deleted default is not replaced. 404 unknown.
///
/// # Errors
///
/// As above, or if DynamoDB fails.
pub async fn handle(app: App, call: Call) -> Result<Reply, Error> {
    app.keys.delete(&call.author, call.key()?, &call.precondition()?).await?;
    Ok(Reply::deleted())
}
