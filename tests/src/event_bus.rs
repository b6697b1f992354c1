//! A stand-in for EventBridge behind the real SDK client.

use std::sync::{Arc, Mutex};

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::retry::RetryConfig;
use aws_sdk_eventbridge::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use serde_json::{Value, json};
use shared::edge::event_bus::Publisher;

/// The name of the bus that test publishers publish to.
pub const BUS_NAME: &str = "subscribers";
/// The stack that their events name.
const STACK_ARN: &str = "arn:aws:cloudformation:eu-central-1:123456789012:stack/tests/8b7d4a4d";

/// The published events, and the bus's behavior.
#[derive(Clone, Debug, Default)]
pub struct EventBus(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    entries: Vec<Value>,
    answer: BusAnswer,
}

/// The behavior of the bus.
#[derive(Clone, Copy, Debug, Default)]
pub enum BusAnswer {
    /// Accepts everything.
    #[default]
    Takes,
    /// Accepts everything without recording it.
    TakesAndForgets,
    /// Rejects the first event of each call.
    RefusesOne,
    /// Fails.
    Fails,
}

impl EventBus {
    /// A publisher to this bus.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        let connector = SharedHttpConnector::new(self.clone());
        let config = aws_sdk_eventbridge::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .retry_config(RetryConfig::disabled())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        Publisher::new(Client::from_conf(config), BUS_NAME, Some(STACK_ARN.to_owned()))
    }

    /// Sets the behavior from now on.
    pub fn answer(&self, answer: BusAnswer) {
        self.0.lock().expect("not poisoned").answer = answer;
    }

    /// Takes the events published since the last call: detail type and detail, sorted.
    #[must_use]
    pub fn take(&self) -> Vec<(String, Value)> {
        let entries = std::mem::take(&mut self.0.lock().expect("not poisoned").entries);
        let mut events: Vec<(String, Value)> = entries
            .iter()
            .map(|entry| {
                assert_eq!((&entry["Source"], &entry["EventBusName"]), (&"nuxera.api-keys".into(), &BUS_NAME.into()));
                assert_eq!(entry["Resources"], json!([STACK_ARN]));
                let detail = serde_json::from_str(text(&entry["Detail"])).expect("a detail is JSON");
                (text(&entry["DetailType"]).to_owned(), detail)
            })
            .collect();
        events.sort_by_key(|(kind, detail)| (kind.clone(), detail["id"].as_u64()));
        events
    }
}

impl HttpConnector for EventBus {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        assert_eq!(request.headers().get("x-amz-target"), Some("AWSEvents.PutEvents"));
        let body: Value = serde_json::from_slice(request.body().bytes().expect("a body")).expect("JSON");
        let entries = body["Entries"].as_array().expect("entries");
        assert!((1..=10).contains(&entries.len()), "EventBridge takes 1 to 10 entries");
        let mut state = self.0.lock().expect("not poisoned");
        let refused = match state.answer {
            BusAnswer::Takes | BusAnswer::TakesAndForgets => 0,
            BusAnswer::RefusesOne => 1,
            BusAnswer::Fails => {
                let failure = json!({"__type": "InternalException", "message": "not now"});
                return HttpConnectorFuture::ready(Ok(response(500, &failure)));
            }
        };
        let refusal = json!({"ErrorCode": "ThrottlingException", "ErrorMessage": "not now"});
        let results = (0..entries.len()).map(|index| {
            if index < refused { refusal.clone() } else { json!({"EventId": "0b0e4c1d-8c5e-4a52-8b0e-1f4f6a0c9d11"}) }
        });
        let answer = json!({"FailedEntryCount": refused, "Entries": results.collect::<Vec<_>>()});
        if !matches!(state.answer, BusAnswer::TakesAndForgets) {
            state.entries.extend(entries.iter().skip(refused).cloned());
        }
        HttpConnectorFuture::ready(Ok(response(200, &answer)))
    }
}

fn response(status: u16, body: &Value) -> HttpResponse {
    HttpResponse::new(status.try_into().expect("a status"), body.to_string().into())
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
