//! Telemetry: log lines, CloudWatch metrics, and the count of calls to AWS.

pub mod log;
pub mod metrics;
pub mod round_trips;
