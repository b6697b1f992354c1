//! The deployed service, through its gateway.

mod data_keys;
mod expire_keys;
mod formats;
mod gateway;
mod hostile;
mod isolation;
mod lifecycle;
mod readme;
mod storage;
mod transcribe;
