//! `GET /api/apiKeys`

use shared::{Access, App, Call, Error, Operation, Reply};

/// What this endpoint does.
pub const OPERATION: Operation = Operation::ListKeys;
/// Who may call it.
pub const ACCESS: Access = Access::User;

/// Returns the caller's keys, oldest first; in pages when `limit` says so.
///
/// # Errors
///
/// If `limit` or `cursor` is wrong, or the table fails.
pub async fn handle(app: App, call: Call) -> Result<Reply, Error> {
    let page = app.keys.list(&call.author, call.caller.user_id, &call.page()?).await?;
    Ok(Reply::keys(page))
}
