//! Scheduled functions, invoked by EventBridge.

use chrono::{DateTime, Utc};
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use serde::de::IgnoredAny;

use super::app::App;
use super::event_bus::Publisher;
use crate::error::Error;

/// One run of a scheduled function.
#[derive(Clone, Debug)]
pub struct Run {
    /// The id of the invocation, as in Lambda's own log lines.
    pub id: String,
    /// The time at which Lambda ends the run.
    pub deadline: DateTime<Utc>,
}

/// Runs a scheduled function on Lambda.
///
/// # Errors
///
/// If the environment's settings cannot be used, or the Lambda runtime fails.
pub async fn run<F, T>(handle: fn(App, Publisher, Run) -> F) -> Result<(), lambda_http::Error>
where
    F: Future<Output = Result<T, Error>>,
    T: Serialize,
{
    crate::telemetry::log::init();
    let (app, sdk) = App::with_sdk_from_env()?;
    let publisher = Publisher::new(
        aws_sdk_eventbridge::Client::new(&sdk),
        &app.config.event_bus_name,
        app.config.stack_arn.clone(),
    );
    // The content of the schedule's event does not matter.
    let service = service_fn(|event: LambdaEvent<IgnoredAny>| {
        let deadline = i64::try_from(event.context.deadline).ok().and_then(DateTime::from_timestamp_millis);
        let run = Run { id: event.context.request_id, deadline: deadline.unwrap_or(DateTime::UNIX_EPOCH) };
        let handled = handle(app.clone(), publisher.clone(), run);
        async { handled.await.map_err(|error| error.to_string()) }
    });
    Runtime::new(service).run().await
}
