//! `PUT /api/apiKeys/{id}`

use shared::error::Reason;
use shared::keys::Action;
use shared::keys::Update;
use shared::{Access, App, Call, Error, Operation, Reply};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::UpdateKey;
/// The access that a caller needs.
pub const ACCESS: Access = Access::User;

/// Changes name, type or expiry, at least one. 404 unknown, 409 if type or expiry of an expired key would change.
///
/// # Errors
///
/// As above, if a field is wrong, or if DynamoDB fails.
pub async fn handle(app: App, mut call: Call) -> Result<Reply, Error> {
    let key = call.key()?;
    let now = call.timestamp();
    let update = call.read(|fields| {
        let name = fields.optional("name");
        let kind = fields.optional("type");
        let expires_at = fields.expiry(now);
        let update = Update { name: name?, kind: kind?, expires_at: expires_at? };
        if update == Update::default() {
            return Err(fields.reject(
                "body",
                Reason::Required,
                "must contain at least one of name, type and expiry_at",
            ));
        }
        Ok(update)
    })?;
    let updated = app.keys.change(&call.author, key, Action::Update, |key, now| key.update(&update, now)).await?;
    Ok(Reply::key(updated))
}
