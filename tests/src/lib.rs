//! Shared by the tests: an app on a real DynamoDB engine with a manual clock, and the events that drive it.

#![expect(missing_docs, reason = "no other crate uses this one; a comment is for what a name leaves open")]
#![expect(clippy::missing_panics_doc, reason = "helpers of tests panic when anything is not as it should be")]

pub mod backlog;
pub mod calls;
pub mod consistency;
pub mod deployed;
pub mod documents;
pub mod embedded_metrics;
pub mod engine;
pub mod event_bus;
pub mod fault_proxy;
pub mod form;
mod http_message;
pub mod issuer;
pub mod key_strings;
pub mod kms;
pub mod log_lines;
pub mod nginx;
pub mod owner_of;
pub mod pages;
pub mod raw_http;
pub mod repository;
pub mod runtime_api;
pub mod signer;
pub mod stub;
pub mod test_app;
pub mod tokens;
pub mod validators;
pub mod web_client;

pub use self::consistency::Contents;
pub use self::log_lines::LogLines;
pub use self::signer::Signer;
pub use self::test_app::{Answer, TestApp, TestCall};
