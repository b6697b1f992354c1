//! The gateway's authorizer: puts each request into a lane of the usage plans.
//!
//! It refuses nobody. The endpoints authenticate for themselves and answer in the caller's format; a lane only bounds how
//! much noise a caller can make for others.

use std::sync::Arc;

use shared::edge::authorizer::{Gate, Pass, Request};
use shared::ids::UserId;
use shared::keys::PlainKey;

/// Counts a request in the lane of its user, or in the one of all who do not say who they are.
pub async fn handle(gate: Arc<Gate>, request: Request) -> Pass {
    match user(&gate, &request).await {
        Some(user_id) => Pass::new(user_id.to_string(), gate.lanes.of_user(user_id)),
        None => Pass::new("unauthenticated", gate.lanes.unauthenticated()),
    }
}

/// Whose request it is: by a valid JWT, else by what a well-formed API key says. Whether such a key was ever issued is
/// for the endpoint to find out; here it would cost a read of the table for each request.
async fn user(gate: &Gate, request: &Request) -> Option<UserId> {
    let caller = gate.authenticator.authenticate(request.header("Authorization"), gate.clock.now()).await;
    match caller {
        Ok(caller) => Some(caller.user_id),
        Err(_) => request.header("x-api-key").and_then(PlainKey::parse).map(|(_, locator)| locator.user_id),
    }
}
