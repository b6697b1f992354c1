//! The gateway's authorizer: assigns each request to a lane of the usage plans.
//!
//! It refuses nobody. The endpoints authenticate for themselves and answer in the caller's format; a lane only bounds how
//! much one caller can slow others.

use std::sync::Arc;

use shared::edge::authorizer::{Gate, Pass, Request};
use shared::ids::UserId;
use shared::keys::PlainKey;

/// Counts a request in the lane of its user, or in the one lane for unauthenticated callers.
pub async fn handle(gate: Arc<Gate>, request: Request) -> Pass {
    match user(&gate, &request).await {
        Some(user_id) => Pass::new(user_id.to_string(), gate.lanes.of_user(user_id)),
        None => Pass::new("unauthenticated", gate.lanes.unauthenticated()),
    }
}

/// The user of a valid JWT, else of an API key whose checksum shows that it was issued. Whether the key still works is for
/// the endpoint to find out: here it would cost a read of the table for each request.
async fn user(gate: &Gate, request: &Request) -> Option<UserId> {
    let caller = gate.authenticator.authenticate(request.header("Authorization"), gate.clock.now()).await;
    if let Ok(caller) = caller {
        return Some(caller.user_id);
    }
    let (_, locator) = PlainKey::parse(request.header("x-api-key")?, &gate.checksums)?;
    Some(locator.user_id)
}
