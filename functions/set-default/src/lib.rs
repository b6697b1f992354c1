//! `PATCH /api/apiKeys/setDefault`

use shared::{Access, App, Call, Error, Operation, Reply};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::SetDefault;
/// The access that a caller needs.
pub const ACCESS: Access = Access::User;

/// Makes a key the caller's default, which replaces the previous one, whatever `old_id` says. 404 if either id is not
/// the caller's, 409 if `id` is expired.
///
/// # Errors
///
/// As above, if a field is wrong, or if DynamoDB fails.
pub async fn handle(app: App, mut call: Call) -> Result<Reply, Error> {
    let (id, old_id) = call.read(|fields| {
        let id = fields.required("id");
        let old_id = fields.nullable("old_id");
        Ok((id?, old_id?.flatten()))
    })?;
    let key = app.keys.set_default(&call.author, call.own(id), old_id).await?;
    Ok(Reply::key(key))
}
