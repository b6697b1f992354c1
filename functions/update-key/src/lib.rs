//! `PUT /api/apiKeys/{id}`

use shared::error::Reason;
use shared::keys::Action;
use shared::keys::Update;
use shared::{Access, App, Call, Error, Operation, Reply};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::UpdateKey;
/// The access that a caller needs.
pub const ACCESS: Access = Access::User;

/// Changes name, type or expiry, at least one; the other fields of a key may be there as they are. 404 unknown, 409 if type
/// or expiry of an expired key would change, 412 if the key is not the one of `If-Match` any more.
///
/// # Errors
///
/// As above, if a field is wrong, or if DynamoDB fails.
pub async fn handle(app: App, mut call: Call) -> Result<Reply, Error> {
    let key = call.key()?;
    let now = call.timestamp();
    let mut precondition = call.precondition()?;
    let (update, unchanged) = call.read(|fields| {
        let mut unchanged = fields.take_unchanged(OPERATION);
        let name = fields.optional("name");
        let kind = fields.optional("type");
        let expires_at = match &mut unchanged {
            as_read if !as_read.is_empty() => fields.expiry_or_unchanged(now, as_read),
            _ => fields.expiry(now),
        };
        let update = Update { name: name?, kind: kind?, expires_at: expires_at? };
        if update == Update::default() {
            return Err(fields.reject(
                "body",
                Reason::Required,
                "must contain at least one of name, type and expiry_at",
            ));
        }
        Ok((update, unchanged))
    })?;
    precondition.unchanged = unchanged;
    let updated =
        app.keys.change(&call.author, key, Action::Update, &precondition, |key, now| key.update(&update, now)).await?;
    Ok(Reply::key(updated))
}
