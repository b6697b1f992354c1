//! The deployed service, through its gateway.

mod expire_keys;
mod formats;
mod gateway;
mod isolation;
mod lifecycle;
mod readme;
mod storage;
mod transcribe;
