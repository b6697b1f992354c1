//! The edge: AWS Lambda, API Gateway and EventBridge. Everything that knows HTTP is here.

pub mod app;
pub mod auth;
pub mod authorizer;
pub mod aws_clients;
mod browser_headers;
pub mod call;
mod entity_tag;
pub mod event_bus;
mod exchange;
pub mod fhir_query;
pub mod gateway;
pub mod key_authorizer;
pub mod key_call;
pub mod messages;
mod negotiation;
pub mod presented_key;
pub mod publish;
mod query;
pub mod reply;
mod request_body;
pub mod schedule;
pub mod serve;
pub mod subpath;
pub mod upstream;
