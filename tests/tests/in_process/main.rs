//! The service in one process, on a real DynamoDB engine: one module per route, then what holds for all of them.

mod assign_lane;
mod auth;
mod bad_input;
mod create_key;
mod delete_key;
mod expire_keys;
mod expired_keys;
mod get_conformance;
mod get_key;
mod headers;
mod isolation;
mod key_reveal;
mod list_audit;
mod list_keys;
mod list_user_keys;
mod pause_key;
mod races;
mod rate_limits;
mod remove_default;
mod repository;
mod resume_key;
mod round_trips;
mod set_default;
mod store;
mod template;
mod update_key;
