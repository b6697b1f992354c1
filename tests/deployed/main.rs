//! The deployed service, through its gateway.

mod command_line;
mod data_keys;
mod documented_calls;
mod existing_keys;
mod expire_keys;
mod formats;
mod gateway;
mod guarding;
mod hostile;
mod isolation;
mod lifecycle;
mod receive_message;
mod storage;
mod transcribe;
mod web_client;
mod web_pages;
