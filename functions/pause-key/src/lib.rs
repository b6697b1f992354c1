//! `PATCH /api/apiKeys/{id}/pause`

use shared::keys::Action;
use shared::keys::Key;
use shared::{Access, App, Call, Error, Operation, Reply};

/// What this endpoint does.
pub const OPERATION: Operation = Operation::PauseKey;
/// Who may call it.
pub const ACCESS: Access = Access::User;

/// Pauses a key; repeating it changes nothing. 404 unknown, 409 expired.
///
/// # Errors
///
/// As above, or when the table fails.
pub async fn handle(app: App, call: Call) -> Result<Reply, Error> {
    let key = app.keys.change(&call.author, call.key()?, Action::Pause, Key::pause).await?;
    Ok(Reply::key(key))
}
