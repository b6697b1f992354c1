//! The deployed service, through its gateway.

mod expire_keys;
mod transcribe;
