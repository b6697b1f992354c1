//! `GET /api/apiKeys/authorize` and the paths below it, and by other methods

use shared::{Access, App, Call, Error, Operation, Reply};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::AuthorizeRequest;
/// The access that a caller needs.
pub const ACCESS: Access = Access::Service;

/// Tells a proxy whether a request that it guards has a key that works, and whose it is. Counts one use.
///
/// # Errors
///
/// If there is no key or it does not work, or if DynamoDB fails.
pub async fn handle(app: App, call: Call) -> Result<Reply, Error> {
    let key = call.presented_key(&app).await?.check(&app.keys, call.timestamp()).await?;
    Ok(Reply::authorization(&key))
}
