//! The service in one process, on a real DynamoDB engine.

mod create_key;
mod faults;
mod get_conformance;
mod races;
mod round_trips;
mod store;
