//! `POST /api/apiKeys/lookup`

use shared::{Access, App, Call, Error, Operation, Reply};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::LookupKey;
/// The access that a caller needs.
pub const ACCESS: Access = Access::Admin;

/// Returns the key of a string, whoever's it is, masked. 404 for a string that opens nothing, whatever its form.
///
/// # Errors
///
/// As above, if `key` is missing or no string, or if DynamoDB fails.
pub async fn handle(app: App, mut call: Call) -> Result<Reply, Error> {
    let presented: String = call.read(|fields| fields.required("key"))?;
    let key = app.keys.lookup(&call.author, &presented).await?;
    Ok(Reply::key(key))
}
