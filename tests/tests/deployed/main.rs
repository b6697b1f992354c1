//! The deployed service, through its gateway. What it logs meanwhile is judged in `deployed_logs.rs`.

mod expire_keys;
mod formats;
mod gateway;
mod isolation;
mod lifecycle;
mod races;
mod readme;
mod secrets;
mod transcribe;
