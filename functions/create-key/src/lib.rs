//! `POST /api/apiKeys`

use shared::clock::Timestamp;
use shared::keys::NewKey;
use shared::{Access, App, Call, Error, Operation, Reply};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::CreateKey;
/// The access that a caller needs.
pub const ACCESS: Access = Access::User;

const SECONDS_PER_DAY: i64 = 86_400;

/// Creates a key. Without `expiry_at`, the deployment's default lifetime applies. 409 if the caller has too many keys.
///
/// # Errors
///
/// As above, if a field is wrong, or if DynamoDB or KMS fails.
pub async fn handle(app: App, mut call: Call) -> Result<Reply, Error> {
    let now = call.timestamp();
    let owner = call.caller.user_id;
    let idempotency = call.idempotency()?;
    let new = call.read(|fields| {
        let name = fields.required("name");
        let kind = fields.required("type");
        let status = fields.required("status");
        let expires_at = fields.expiry(now);
        let expires_at = expires_at?.unwrap_or_else(|| default_expiry(now, app.config.default_key_lifetime_days));
        Ok(NewKey { name: name?, kind: kind?, status: status?, expires_at })
    });
    let key = match new {
        Ok(new) => app.keys.create(&call.author, owner, idempotency.as_ref(), new).await?,
        // A repeated request, whose expiry was in the future the first time. Any other request with this body is wrong.
        Err(error) => match app.keys.replay(owner, idempotency.as_ref(), now).await {
            Ok(Some(issued)) => issued,
            Ok(None) | Err(Error::IdempotencyMismatch) => return Err(error),
            Err(failure) => return Err(failure),
        },
    };
    Ok(Reply::created(key))
}

/// `None` for a default lifetime of 0 days: such keys do not expire.
fn default_expiry(now: Timestamp, lifetime_days: u32) -> Option<Timestamp> {
    (lifetime_days > 0).then(|| now.plus_seconds(i64::from(lifetime_days) * SECONDS_PER_DAY)).flatten()
}
