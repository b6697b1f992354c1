//! The authorizer that guards other APIs of API Gateway: it is asked about the key of each of their requests.
//!
//! REST APIs ask by events of type `TOKEN` or `REQUEST`, HTTP APIs in the payload format 1.0 or 2.0. Format 2.0 is answered
//! by a simple response, everything else by a policy (API Gateway developer guide, "Input to an API Gateway Lambda
//! authorizer" and "Control access to HTTP APIs with AWS Lambda authorizers").

use std::borrow::Cow;
use std::time::Duration;

use chrono::{DateTime, Utc};
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::app::App;
use super::authorizer::Request;
use super::presented_key::{API_KEY, PresentedKey};
use crate::clock::Timestamp;
use crate::damage::noted;
use crate::error::Error;
use crate::ids::KeyId;
use crate::keys::{Key, PlainKey};
use crate::operation::Operation;
use crate::telemetry::log::{CallFacts, Cause, LeftOut};
use crate::telemetry::metrics::LATENCY;
use crate::telemetry::round_trips::counted;

/// The name in logs and metrics.
const NAME: &str = "authorize-key";
/// HTTP APIs wait for an authorizer for 10 s.
const DEADLINE: Duration = Duration::from_secs(9);
/// The text that makes a 401 of an authorizer's failure; after any other text, API Gateway answers 500.
const UNAUTHORIZED: &str = "Unauthorized";

/// An event of API Gateway.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    version: Option<String>,
    /// The header that an authorizer of type `TOKEN` is set up with.
    authorization_token: Option<String>,
    #[serde(flatten)]
    request: Request,
}

/// One check of a request's key.
pub struct Check {
    now: DateTime<Utc>,
    key: Option<String>,
}

impl Check {
    /// The time of the request, in whole seconds.
    ///
    /// # Panics
    ///
    /// After the year 9999.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        Timestamp::from_time(self.now).expect("the clock is before the year 10000")
    }

    /// The key of the request.
    ///
    /// # Errors
    ///
    /// If there is none, or the deployment neither issued nor imported it; or when the table fails.
    pub async fn presented_key(&self, app: &App) -> Result<PresentedKey, Error> {
        PresentedKey::read(self.key.as_deref(), &app.keys).await
    }
}

/// The answer to API Gateway.
#[derive(Debug, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Answer {
    /// A policy, which is asked for this request alone, unless the API keeps it (`ResultTtl`).
    Policy {
        /// The user.
        principal_id: String,
        /// The policy.
        policy_document: Value,
        /// What the API may pass on.
        context: Value,
    },
    /// The answer of payload format 2.0.
    Simple {
        /// Whether the request may pass.
        is_authorized: bool,
        /// What the API may pass on.
        context: Value,
    },
}

/// Runs the authorizer as a Lambda function.
///
/// # Errors
///
/// If the environment's settings cannot be used, or the Lambda runtime fails.
pub async fn run<F>(handle: fn(App, Check) -> F) -> Result<(), lambda_http::Error>
where
    F: Future<Output = Result<Key, Error>>,
{
    crate::telemetry::log::init();
    let app = App::from_env()?;
    // Without them the function does not start.
    app.checksums()?;
    let service = service_fn(|event: LambdaEvent<Event>| {
        let app = app.clone();
        async move { answer(&app, event.payload, &event.context.request_id, handle).await }
    });
    Runtime::new(service).run().await
}

/// Answers one event.
///
/// # Errors
///
/// With the text by which API Gateway chooses the status: 401 or 500.
pub async fn answer<F>(
    app: &App,
    event: Event,
    request_id: &str,
    handle: impl FnOnce(App, Check) -> F,
) -> Result<Answer, &'static str>
where
    F: Future<Output = Result<Key, Error>>,
{
    let now = app.clock.now();
    let Event { version, authorization_token, request } = event;
    let key = authorization_token.or_else(|| request.header(API_KEY).map(str::to_owned));
    let checked = async {
        let checked = tokio::time::timeout(DEADLINE, handle(app.clone(), Check { now, key: key.clone() })).await;
        checked.unwrap_or(Err(Error::Unavailable(Cow::Borrowed("out of time"))))
    };
    let ((result, damaged), round_trips) = counted(noted(Box::pin(checked))).await;
    let ended = app.clock.now();
    let checksums = app.checksums().map_err(|_| "no checksums")?;
    let claimed = key.and_then(|key| PlainKey::parse(key.trim(), checksums)).map(|(_, claimed)| claimed);
    let status = result.as_ref().map_or_else(|error| error.kind().status(), |_| 200);
    let facts = CallFacts {
        user_id: result.as_ref().ok().map(|key| key.user_id.get()),
        claimed_user_id: claimed.filter(|_| result.is_err()).map(|claimed| claimed.user_id.get()),
        key_id: claimed.map(|claimed| claimed.key_id).or(result.as_ref().ok().map(|key| key.id)).map(KeyId::get),
        damaged: LeftOut(&damaged),
        ..CallFacts::new(NAME, request_id, status, (ended - now).num_milliseconds())
    };
    let facts = facts.with_round_trips(round_trips);
    let facts = match &result {
        Ok(_) => facts,
        Err(error) => CallFacts { cause: Some(Cause(error)), ..facts.with_error(error) },
    };
    facts.write(&app.log, ended, &LATENCY);
    let is_simple = version.as_deref() == Some("2.0");
    match result {
        Ok(key) => Ok(allowed(is_simple, &key)),
        Err(error) => refused(is_simple, &error),
    }
}

fn allowed(is_simple: bool, key: &Key) -> Answer {
    // API Gateway makes texts of all values anyway, though not everywhere.
    let (user_id, key_id) = (key.user_id.to_string(), key.id.to_string());
    let context = json!({"user_id": user_id, "key_id": key_id, "type": key.kind.as_str()});
    if is_simple { Answer::Simple { is_authorized: true, context } } else { policy("Allow", user_id, context) }
}

fn refused(is_simple: bool, error: &Error) -> Result<Answer, &'static str> {
    let kind = error.kind();
    let text = kind.text(Operation::AuthorizeRequest);
    let context = json!({"error": text, "reason": kind.as_str()});
    match kind.status() {
        500.. => Err(text),
        _ if is_simple => Ok(Answer::Simple { is_authorized: false, context }),
        401 => Err(UNAUTHORIZED),
        _ => Ok(policy("Deny", "unauthenticated".to_owned(), context)),
    }
}

/// For any resource: a key is one of the whole API, and a policy that is kept must hold for the next request, too.
fn policy(effect: &str, principal_id: String, context: Value) -> Answer {
    let statement = json!({"Effect": effect, "Action": "execute-api:Invoke", "Resource": "*"});
    Answer::Policy {
        principal_id,
        policy_document: json!({"Version": "2012-10-17", "Statement": [statement]}),
        context,
    }
}
