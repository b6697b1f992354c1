//! `PATCH /api/apiKeys/{id}/resume`

use shared::keys::Action;
use shared::keys::Key;
use shared::{Access, App, Call, Error, Operation, Reply};

/// What this endpoint does.
pub const OPERATION: Operation = Operation::ResumeKey;
/// Who may call it.
pub const ACCESS: Access = Access::User;

/// Resumes a key; repeating it changes nothing. 404 unknown, 409 expired.
///
/// # Errors
///
/// As above, or when the table fails.
pub async fn handle(app: App, call: Call) -> Result<Reply, Error> {
    let key = app.keys.change(&call.author, call.key()?, Action::Resume, Key::resume).await?;
    Ok(Reply::key(key))
}
