//! The service in one process, on a real DynamoDB engine.

mod create_key;
mod get_conformance;
mod transcribe;
