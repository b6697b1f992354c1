//! The library that every endpoint of the API-key service shares.
//!
//! A call enters by [`edge`] (request → format, caller, limits), reaches its endpoint (a crate under `functions/`), which
//! asks the [`store`] to read, decide by the rules of [`keys`], and commit, and leaves as a [`Reply`] in its [`format`].
//!
//! | room | contents | may use |
//! |---|---|---|
//! | ground | [`ids`], [`clock`], [`config`], [`lanes`], [`operation`], [`fields`], [`allowance`], [`checksum`], [`damage`], [`error`], [`admission`], `names` | nothing else |
//! | [`keys`] | the rules of keys: pure, given the time | ground |
//! | [`format`] | JSON, HL7 v2 and FHIR | ground, keys |
//! | [`store`] | DynamoDB and KMS | ground, keys |
//! | [`telemetry`] | log lines, CloudWatch metrics, the count of calls to AWS | ground |
//! | [`edge`] | Lambda, API Gateway, JWTs, EventBridge | all |

pub mod admission;
pub mod allowance;
pub mod checksum;
pub mod claim_path;
pub mod clock;
pub mod config;
pub mod damage;
pub mod edge;
pub mod error;
pub mod fields;
pub mod format;
pub mod ids;
pub mod keys;
pub mod lanes;
mod names;
pub mod operation;
pub mod store;
pub mod telemetry;

pub use self::edge::app::App;
pub use self::edge::call::{Access, Call};
pub use self::edge::key_call::KeyCall;
pub use self::edge::messages::{run_messages, serve_message};
pub use self::edge::reply::Reply;
pub use self::edge::serve::{Endpoint, run, run_with_key, serve, serve_with_key};
pub use self::error::Error;
pub use self::operation::Operation;
pub use lambda_http::Error as LambdaError;
