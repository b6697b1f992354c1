//! `POST /api/apiKeys/{id}/rotate`

use shared::{Access, App, Call, Error, Operation, Reply};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::RotateKey;
/// The access that a caller needs.
pub const ACCESS: Access = Access::User;

/// Issues a new string for a key, whose id stays. The old string works for another `grace_period_seconds` (default 0),
/// but no longer than the key. A paused key stays paused. 404 unknown, 409 expired.
///
/// # Errors
///
/// As above, if a field is wrong, or if DynamoDB or KMS fails.
pub async fn handle(app: App, mut call: Call) -> Result<Reply, Error> {
    let key = call.key()?;
    let idempotency = call.idempotency();
    let grace = call.read(|fields| fields.optional("grace_period_seconds"))?;
    let (idempotency, precondition, grace) = (idempotency?, call.precondition()?, grace.unwrap_or_default());
    let rotated = app.keys.rotate(&call.author, key, idempotency.as_ref(), &precondition, grace).await?;
    Ok(Reply::rotated(rotated))
}
