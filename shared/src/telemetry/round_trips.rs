//! Counts of a call's requests to AWS and of its round trips, on which its latency mostly depends.
//!
//! HTTP requests are counted, so retries as well. Parallel requests are one round trip; a request sent after an answer
//! begins another. The count belongs to the task that handles the call, for calls may share an app.

use std::cell::Cell;

use aws_sdk_dynamodb::config::{ConfigBag, RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

/// Requests sent to AWS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundTrips {
    /// The requests.
    pub aws_calls: u32,
    /// The number of round trips, one after the other.
    pub round_trips: u32,
}

#[derive(Default)]
struct Counter {
    sent: Cell<RoundTrips>,
    /// Whether the requests of the current round trip are all under way still.
    none_answered: Cell<bool>,
}

tokio::task_local! {
    static COUNTER: Counter;
}

/// Counts the requests of a future to AWS, but not those of tasks that it spawns.
pub async fn counted<F: Future>(future: F) -> (F::Output, RoundTrips) {
    // Boxed: this large future would be copied through every wrapper around it.
    let future = Box::pin(future);
    let counted = async {
        let output = future.await;
        (output, COUNTER.with(|counter| counter.sent.get()))
    };
    COUNTER.scope(Counter::default(), counted).await
}

/// A request that is under way until it is dropped, answered or given up. Outside of [`counted`] it counts nowhere.
struct UnderWay;

impl UnderWay {
    fn begin() -> Self {
        let _ = COUNTER.try_with(|counter| {
            let RoundTrips { aws_calls, round_trips } = counter.sent.get();
            let is_beside_others = counter.none_answered.replace(true);
            let round_trips = if is_beside_others { round_trips } else { round_trips + 1 };
            counter.sent.set(RoundTrips { aws_calls: aws_calls + 1, round_trips });
        });
        Self
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let _ = COUNTER.try_with(|counter| counter.none_answered.set(false));
    }
}

/// An HTTP client whose requests are counted.
#[derive(Debug)]
pub(crate) struct Counted(SharedHttpClient);

impl Counted {
    pub(crate) fn new(client: SharedHttpClient) -> Self {
        Self(client)
    }
}

impl HttpClient for Counted {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(CountedConnector(self.0.http_connector(settings, components)))
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        HttpClient::validate_base_client_config(&self.0, components, config)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, config: &ConfigBag) -> Result<(), BoxError> {
        HttpClient::validate_final_config(&self.0, components, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

#[derive(Debug)]
struct CountedConnector(SharedHttpConnector);

impl HttpConnector for CountedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let _under_way = UnderWay::begin();
            answer.await
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join;
    use tokio::task::yield_now;

    use super::*;

    async fn request() {
        let _under_way = UnderWay::begin();
        yield_now().await;
    }

    fn sent(aws_calls: u32, round_trips: u32) -> RoundTrips {
        RoundTrips { aws_calls, round_trips }
    }

    #[tokio::test]
    async fn what_is_under_way_together_is_one_round_trip() {
        assert_eq!(counted(async {}).await.1, sent(0, 0));
        assert_eq!(counted(request()).await.1, sent(1, 1));
        assert_eq!(counted(join(request(), request())).await.1, sent(2, 1));
        let one_after_another = async {
            request().await;
            join(request(), request()).await;
            request().await;
        };
        assert_eq!(counted(one_after_another).await.1, sent(4, 3));
    }

    #[tokio::test]
    async fn what_is_given_up_is_answered() {
        let given_up = async {
            let mut first = Box::pin(request());
            assert!(futures_util::poll!(&mut first).is_pending());
            drop(first);
            request().await;
        };
        assert_eq!(counted(given_up).await.1, sent(2, 2));
    }

    #[tokio::test]
    async fn calls_in_one_task_do_not_count_for_each_other() {
        let twice = async {
            request().await;
            request().await;
        };
        let (((), one), ((), other)) = join(counted(request()), counted(twice)).await;
        assert_eq!((one, other), (sent(1, 1), sent(2, 2)));
        request().await;
    }
}
