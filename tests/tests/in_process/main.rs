//! The service in one process, on a real DynamoDB engine.

mod cost_of_use;
mod create_key;
mod get_conformance;
mod get_usage;
mod idempotency;
mod parallel_calls;
mod rotate_key;
mod verify_key;
