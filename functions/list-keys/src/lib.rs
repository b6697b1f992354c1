//! `GET /api/apiKeys`

use shared::{Access, App, Call, Error, Operation, Reply};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::ListKeys;
/// The access that a caller needs.
pub const ACCESS: Access = Access::User;

/// Returns those of the caller's keys that the parameters ask for, oldest first, in pages of `limit` keys.
///
/// # Errors
///
/// If a parameter is wrong, or DynamoDB fails.
pub async fn handle(app: App, call: Call) -> Result<Reply, Error> {
    let page = app.keys.list(&call.author, call.caller.user_id, &call.filter()?, &call.page()?).await?;
    Ok(Reply::keys(page))
}
