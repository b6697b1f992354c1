//! The service in one process, on a real DynamoDB engine: one module per route, then what holds for all of them.

mod create_key;
mod delete_key;
mod get_conformance;
mod get_key;
mod list_audit;
mod list_keys;
mod list_user_keys;
mod pause_key;
mod remove_default;
mod resume_key;
mod set_default;
mod update_key;

mod auth;
mod bad_input;
mod expired_keys;
mod headers;
mod isolation;
mod key_reveal;
mod rate_limits;
mod repository;
mod store;
