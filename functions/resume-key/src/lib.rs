//! `PATCH /api/apiKeys/{id}/resume`

use shared::keys::Action;
use shared::keys::Key;
use shared::{Access, App, Call, Error, Operation, Reply};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::ResumeKey;
/// The access that a caller needs.
pub const ACCESS: Access = Access::User;

/// Resumes a key. Idempotent. 404 unknown, 409 expired.
///
/// # Errors
///
/// As above, or if DynamoDB fails.
pub async fn handle(app: App, call: Call) -> Result<Reply, Error> {
    let key = app.keys.change(&call.author, call.key()?, Action::Resume, &call.precondition()?, Key::resume).await?;
    Ok(Reply::key(key))
}
