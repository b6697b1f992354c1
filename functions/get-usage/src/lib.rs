//! `GET /api/apiKeys/{id}/usage`

use shared::{Access, App, Call, Error, Operation, Reply};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::GetUsage;
/// The access that a caller needs.
pub const ACCESS: Access = Access::User;

/// Returns the use counts of a key: the total and one per day of the last 31. 404 unknown.
///
/// # Errors
///
/// As above, or if DynamoDB fails.
pub async fn handle(app: App, call: Call) -> Result<Reply, Error> {
    let usage = app.keys.usage(call.key()?, call.timestamp()).await?;
    Ok(Reply::usage(usage))
}
