//! `POST /api/apiKeys/{id}/rotate`

use shared::{Access, App, Call, Error, Operation, Reply};

/// What this endpoint does.
pub const OPERATION: Operation = Operation::RotateKey;
/// Who may call it.
pub const ACCESS: Access = Access::User;

/// Gives a key a new string under the same id; the old string works until `grace_period_seconds` are over (0, or
/// without a body, not at all) and never longer than the key. A paused key stays paused. 404 unknown, 409 expired.
///
/// # Errors
///
/// As above, if a field is wrong, or when the table or KMS fails.
pub async fn handle(app: App, mut call: Call) -> Result<Reply, Error> {
    let key = call.key()?;
    let idempotency = call.idempotency();
    let grace = call.read(|fields| fields.optional("grace_period_seconds"))?;
    let rotated = app.keys.rotate(&call.author, key, idempotency?.as_ref(), grace.unwrap_or_default()).await?;
    Ok(Reply::rotated(rotated))
}
