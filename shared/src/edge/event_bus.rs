//! Events on EventBridge, published after the write that they report.

use std::borrow::Cow;
use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

use crate::error::Error;
use crate::keys::Event;
use crate::store::{Request as _, failure};

/// The `source` of all events.
pub const SOURCE: &str = "nuxera.api-keys";

/// The most entries of one `PutEvents`.
const BATCH: usize = 10;
/// The most attempts for an event that EventBridge throttles.
const MAX_ATTEMPTS: u32 = 4;

/// Puts events on the deployment's bus.
#[derive(Clone, Debug)]
pub struct Publisher {
    client: Client,
    bus_name: String,
    /// The ARN of the deployment's stack, as the resource that events are about.
    stack: Option<String>,
}

impl Publisher {
    /// A publisher to a bus by its name or ARN.
    #[must_use]
    pub fn new(client: Client, bus_name: impl Into<String>, stack: Option<String>) -> Self {
        Self { client, bus_name: bus_name.into(), stack }
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
            let results = put.send_boxed().await.map_err(|error| failure(&error))?.entries.unwrap_or_default();
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
            .set_resources(self.stack.clone().map(|stack| vec![stack]))
            .detail(&event.detail)
            .build()
    }
}
