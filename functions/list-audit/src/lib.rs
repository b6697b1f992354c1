//! `GET /api/apiKeys/{id}/audit`

use shared::{Access, App, Call, Error, Operation, Reply};

/// What this endpoint does.
pub const OPERATION: Operation = Operation::ListAudit;
/// Who may call it.
pub const ACCESS: Access = Access::User;

/// Returns a key's audit trail, newest first, also after the key's deletion. 404 for a key that never was the caller's.
///
/// # Errors
///
/// As above, if `limit` or `cursor` is wrong, or when the table fails.
pub async fn handle(app: App, call: Call) -> Result<Reply, Error> {
    let page = app.keys.audit(call.key()?, &call.page()?).await?;
    Ok(Reply::audit(page))
}
