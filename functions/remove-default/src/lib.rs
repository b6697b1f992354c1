//! `PATCH /api/apiKeys/removeDefault`

use shared::{Access, App, Call, Error, Operation, Reply};

/// What this endpoint does.
pub const OPERATION: Operation = Operation::RemoveDefault;
/// Who may call it.
pub const ACCESS: Access = Access::User;

/// Makes a key no longer the caller's default, also an expired one; nothing changes if it is not. 404 unknown.
///
/// # Errors
///
/// As above, if a field is wrong, or when the table fails.
pub async fn handle(app: App, mut call: Call) -> Result<Reply, Error> {
    let id = call.read(|fields| fields.required("id"))?;
    let key = app.keys.remove_default(&call.author, call.own(id)).await?;
    Ok(Reply::key(key))
}
