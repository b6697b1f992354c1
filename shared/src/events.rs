//! What subscribers are told: events on EventBridge, published after the write that they speak of.

use std::borrow::Cow;
use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::keys::{Key, KeyId, KeyName, KeyType, Step, UserId};
use crate::requests::Request as _;
use crate::table::failure;

/// The `source` of all events.
pub const SOURCE: &str = "nuxera.api-keys";

/// The most that one `PutEvents` takes.
const BATCH: usize = 10;
/// How often an event is offered that EventBridge did not take for the moment.
const MAX_ATTEMPTS: u32 = 4;

/// One event. It never holds a key string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    detail_type: &'static str,
    detail: String,
}

#[derive(Serialize)]
struct Detail<'a> {
    id: KeyId,
    name: &'a KeyName,
    #[serde(rename = "type")]
    kind: KeyType,
    expiry_at: Option<Timestamp>,
    user_id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    days_left: Option<u32>,
}

impl Event {
    /// What is told of a step that a key has taken.
    ///
    /// # Panics
    ///
    /// Never: a detail has nothing that JSON cannot hold.
    #[must_use]
    pub fn new(key: &Key, step: Step) -> Self {
        let (detail_type, days_left) = match step {
            Step::Notice { days_left } => ("API Key Expiring", Some(days_left)),
            Step::Expire => ("API Key Expired", None),
        };
        let Key { id, name, kind, expires_at, user_id, .. } = key;
        let detail = Detail { id: *id, name, kind: *kind, expiry_at: *expires_at, user_id: *user_id, days_left };
        Self { detail_type, detail: serde_json::to_string(&detail).expect("a detail is JSON") }
    }
}

/// Puts events on the deployment's bus.
#[derive(Clone, Debug)]
pub struct Publisher {
    client: Client,
    bus_name: String,
}

impl Publisher {
    /// A publisher to a bus by its name or ARN.
    #[must_use]
    pub fn new(client: Client, bus_name: impl Into<String>) -> Self {
        Self { client, bus_name: bus_name.into() }
    }

    /// Publishes all events, or fails; then some may have been published all the same.
    ///
    /// # Errors
    ///
    /// When EventBridge cannot be reached or does not take an event.
    pub async fn publish(&self, events: &[Event]) -> Result<(), Error> {
        for batch in events.chunks(BATCH) {
            self.put(batch.iter().map(|event| self.entry(event)).collect()).await?;
        }
        Ok(())
    }

    async fn put(&self, mut entries: Vec<PutEventsRequestEntry>) -> Result<(), Error> {
        let mut code = String::new();
        for attempt in 0..MAX_ATTEMPTS {
            // A refused entry does not fail the call, so the SDK does not retry it.
            tokio::time::sleep(Duration::from_millis(if attempt == 0 { 0 } else { 50 << attempt })).await;
            let put = self.client.put_events().set_entries(Some(entries.clone()));
            let results = put.sent().await.map_err(|error| failure(&error))?.entries.unwrap_or_default();
            let mut results = results.into_iter();
            entries.retain(|_| match results.next().and_then(|result| result.error_code) {
                None => false,
                Some(refused) => {
                    code = refused;
                    true
                }
            });
            if entries.is_empty() {
                return Ok(());
            }
        }
        Err(Error::Unavailable(Cow::Owned(format!("EventBridge refuses events: {code}"))))
    }

    fn entry(&self, event: &Event) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus_name)
            .source(SOURCE)
            .detail_type(event.detail_type)
            .detail(&event.detail)
            .build()
    }
}
