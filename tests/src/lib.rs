//! What the tests share: an app on a real DynamoDB engine with a clock that stands still, and the events that drive it.

pub mod backlog;
pub mod calls;
pub mod engine;
pub mod event_bus;
pub mod repository;
pub mod test_app;
pub mod tokens;
pub mod validators;

pub use self::test_app::{Answer, TestApp};
