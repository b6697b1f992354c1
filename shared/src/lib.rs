//! The library that every endpoint of the API-key service shares.
//!
//! A call goes through [`http`] (request → format, caller, limit), its endpoint (a crate under `functions/`), and
//! [`keys`] (read, decide, commit), and comes back as a [`Reply`].
//!
//! | module | what it is for |
//! |---|---|
//! | [`app`], [`config`], [`clock`] | the surroundings: built once per container; time, randomness, environment as values |
//! | [`http`], [`call`], [`format`] | the way in and out: HTTP, what endpoints see of it, and JSON, HL7 v2 and FHIR |
//! | [`gateway`] | what API Gateway hands over, made sound |
//! | [`publish`] | the way out for documents that anybody may read |
//! | [`auth`], [`limits`] | who is calling, and how often they may |
//! | `requests` | requests to AWS on their way |
//! | [`keys`], [`usage`], [`audit`], [`table`] | the keys, their use, their audit trail, and the one table all are in |
//! | [`authorizer`] | what stands in front of the endpoints: in whose name the gateway counts a request |
//! | [`schedule`], [`events`] | what runs by itself, and what subscribers are told |
//! | [`operation`], [`error`] | what a call does, what can go wrong |
//! | [`log`], [`metrics`], [`round_trips`] | what operators are told: lines, what CloudWatch counts, how often AWS is asked |

pub mod app;
pub mod audit;
pub mod auth;
pub mod authorizer;
pub mod call;
pub mod clock;
pub mod config;
pub mod error;
pub mod events;
pub mod format;
pub mod gateway;
pub mod http;
pub mod keys;
pub mod limits;
pub mod log;
pub mod metrics;
pub mod operation;
pub mod publish;
mod requests;
pub mod round_trips;
pub mod schedule;
pub mod table;
pub mod usage;

pub use self::app::App;
pub use self::call::{Access, Call, Reply};
pub use self::error::Error;
pub use self::http::{run, serve};
pub use self::operation::Operation;
pub use lambda_http::Error as LambdaError;
