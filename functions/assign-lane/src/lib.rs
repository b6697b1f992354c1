//! The gateway's authorizer: assigns each request to a lane of the usage plans.
//!
//! It refuses nobody. The endpoints authenticate for themselves and answer in the caller's format; a lane only bounds how
//! much one caller can slow others.

use std::sync::Arc;

use shared::edge::authorizer::{Gate, Pass, Request};
use shared::keys::PlainKey;

/// Counts a request in the lane of services, in that of its user, in that of strings from before this service, or in that of
/// unauthenticated callers.
///
/// A user is known by a JWT of the issuer, which may have expired, or else by an API key whose checksum shows that it was
/// issued. Whether the key still works is for the endpoint to find out: here it would cost a read for each request.
pub async fn handle(gate: Arc<Gate>, request: Request) -> Pass {
    let token = request.header("Authorization");
    if let Some(caller) = gate.authenticator.recognize(token, gate.clock.now()).await {
        let lane = if caller.is_service { gate.lanes.services() } else { gate.lanes.of_user(caller.user_id) };
        return Pass::new(caller.user_id.to_string(), lane);
    }
    let presented = request.header("x-api-key").unwrap_or_default();
    match PlainKey::parse(presented, &gate.checksums) {
        Some((_, locator)) => Pass::new(locator.user_id.to_string(), gate.lanes.of_user(locator.user_id)),
        // Anybody can write such a string, so it counts apart from strings that were issued.
        None if PlainKey::existing(presented).is_some() => Pass::new("existing", gate.lanes.existing()),
        None => Pass::new("unauthenticated", gate.lanes.unauthenticated()),
    }
}
