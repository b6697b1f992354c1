//! `GET /api/apiKeys/userKeys/{user_id}`

use shared::keys::Role;
use shared::{Access, App, Call, Error, Operation, Reply};

/// What this endpoint does.
pub const OPERATION: Operation = Operation::ListUserKeys;
/// Who may call it.
pub const ACCESS: Access = Access::User;

/// Returns a user's keys, as the list: the caller's own, or anybody's (masked) for an admin. 403 for everybody else,
/// alike for known and unknown users.
///
/// # Errors
///
/// As above, if the id, `limit` or `cursor` is wrong, or when the table fails.
pub async fn handle(app: App, call: Call) -> Result<Reply, Error> {
    let owner = call.user_id()?;
    if owner != call.caller.user_id && call.caller.role != Role::Admin {
        return Err(Error::AccessDenied);
    }
    let page = app.keys.list(&call.author, owner, &call.page()?).await?;
    Ok(Reply::keys(page))
}
