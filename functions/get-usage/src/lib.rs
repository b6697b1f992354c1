//! `GET /api/apiKeys/{id}/usage`

use shared::{Access, App, Call, Error, Operation, Reply};

/// What this endpoint does.
pub const OPERATION: Operation = Operation::GetUsage;
/// Who may call it.
pub const ACCESS: Access = Access::User;

/// Returns how often a key was used, in all and on each of the last 31 days. 404 unknown.
///
/// # Errors
///
/// As above, or when the table fails.
pub async fn handle(app: App, call: Call) -> Result<Reply, Error> {
    let usage = app.keys.usage(call.key()?, call.timestamp()).await?;
    Ok(Reply::usage(usage))
}
