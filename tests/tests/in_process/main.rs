//! The service in one process, on a real DynamoDB engine.

mod assign_lane;
mod create_key;
mod expire_keys;
mod get_conformance;
mod template;
