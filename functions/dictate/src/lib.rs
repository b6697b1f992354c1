//! `POST /api/dictate`

use shared::edge::reply::MAX_BINARY_BYTES;
use shared::edge::upstream::{Target, Upstream, forward};
use shared::{App, Error, KeyCall, Operation, Reply};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::Dictate;

/// Forwards a request, unread, to the dictation service. Counts one use.
///
/// # Errors
///
/// If the body is too large, no service is configured, the key does not work, or the service fails or takes too long.
pub async fn handle(app: App, call: KeyCall) -> Result<Reply, Error> {
    let body = call.body(MAX_BINARY_BYTES)?.clone();
    let target = Target { upstream: Upstream::Dictation, subpath: None, query: call.query() };
    forward(&app, &call, target, body).await
}
