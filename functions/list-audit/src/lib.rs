//! `GET /api/apiKeys/{id}/audit`

use shared::{Access, App, Call, Error, Operation, Reply};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::ListAudit;
/// The access that a caller needs.
pub const ACCESS: Access = Access::User;

/// Returns a key's audit trail, newest first, also after its deletion. 404 if the caller never had such a key.
///
/// # Errors
///
/// As above, if `limit` or `cursor` is wrong, or if DynamoDB fails.
pub async fn handle(app: App, call: Call) -> Result<Reply, Error> {
    let page = app.keys.audit(call.key()?, &call.page()?).await?;
    Ok(Reply::audit(page))
}
