//! The service in one process, on a real DynamoDB engine.

mod cost_of_use;
mod create_key;
mod get_conformance;
mod get_usage;
mod idempotency;
mod parallel_calls;
mod races;
mod rotate_key;
mod round_trips;
mod store;
mod verify_key;
