//! `GET /api/apiKeys/userKeys/{user_id}`

use shared::keys::Role;
use shared::{Access, App, Call, Error, Operation, Reply};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::ListUserKeys;
/// The access that a caller needs.
pub const ACCESS: Access = Access::User;

/// Returns a user's keys: the caller's own or, for an admin, any user's with masked strings. 403 for everyone else,
/// whether or not the user exists.
///
/// # Errors
///
/// As above, if the id, `limit` or `cursor` is wrong, or if DynamoDB fails.
pub async fn handle(app: App, call: Call) -> Result<Reply, Error> {
    let owner = call.user_id()?;
    if owner != call.caller.user_id && call.caller.role != Role::Admin {
        return Err(Error::AccessDenied);
    }
    let page = app.keys.list(&call.author, owner, &call.filter()?, &call.page()?).await?;
    Ok(Reply::keys(page))
}
