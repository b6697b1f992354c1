//! The gateway's authorizer, which admits every request and assigns it to a lane.
//!
//! Its events are not requests as endpoints get them, so they have types of their own here (API Gateway developer
//! guide, "Input to an API Gateway Lambda authorizer" and "Output from an API Gateway Lambda authorizer").

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::auth::Authenticator;
use crate::checksum::Checksums;
use crate::clock::Clock;
use crate::config::Config;
use crate::lanes::Lanes;

/// The state of the authorizer.
pub struct Gate {
    /// Checks JWTs.
    pub authenticator: Authenticator,
    /// The secrets of the checksum of key strings.
    pub checksums: Checksums,
    /// The lanes there are.
    pub lanes: Lanes,
    /// The time.
    pub clock: Clock,
}

impl Gate {
    /// A gate of given settings.
    ///
    /// # Errors
    ///
    /// If the settings of the JWTs or of the lanes cannot be used.
    pub fn new(config: &Config, clock: Clock) -> Result<Self, &'static str> {
        let lanes = config.lanes.clone().ok_or("LANE_KEY_PREFIX must be set")?;
        let checksums = config.checksums.clone().ok_or("KEY_CHECKSUM_SECRETS must be set")?;
        Ok(Self { authenticator: Authenticator::new(&config.jwt)?, checksums, lanes, clock })
    }
}

/// An authorizer's request.
#[derive(Clone, Debug, Deserialize)]
pub struct Request {
    headers: Option<HashMap<String, String>>,
}

impl Request {
    /// A header, by its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter().flatten();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Admission of a request, in a lane.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pass {
    principal_id: Cow<'static, str>,
    policy_document: Value,
    usage_identifier_key: String,
}

impl Pass {
    /// Admits a request for a principal, counted by the key of a lane.
    #[must_use]
    pub fn new(principal: impl Into<Cow<'static, str>>, lane_key: String) -> Self {
        // The answer is not kept for other requests. The method's own ARN would hold the path, in which a `$` or `*` of the
        // caller's means something.
        let statement = json!({"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"});
        Self {
            principal_id: principal.into(),
            policy_document: json!({"Version": "2012-10-17", "Statement": [statement]}),
            usage_identifier_key: lane_key,
        }
    }
}

/// Runs an authorizer as a Lambda function.
///
/// # Errors
///
/// If the environment's settings cannot be used, or the Lambda runtime fails.
pub async fn run<F>(handle: fn(Arc<Gate>, Request) -> F) -> Result<(), lambda_http::Error>
where
    F: Future<Output = Pass>,
{
    crate::telemetry::log::init();
    let gate = Arc::new(Gate::new(&Config::from_env()?, Clock::system())?);
    let service = service_fn(|event: LambdaEvent<Request>| {
        let pass = handle(gate.clone(), event.payload);
        async { Ok::<_, Infallible>(pass.await) }
    });
    Runtime::new(service).run().await
}
