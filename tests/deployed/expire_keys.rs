//! The schedule, its sweep and the subscribers to its events.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_types::SdkConfig;
use reqwest::Method;
use serde_json::{Value, json};
use tests::calls::CallLog;
use tests::deployed::Deployed;
use tests::engine;

/// The schedule fires every minute, and an emulator on a busy machine may be late.
const PATIENCE: Duration = Duration::from_mins(5);

#[tokio::test]
async fn the_schedule_sweeps_an_expired_key_and_subscribers_hear_of_it() {
    const USER_ID: u64 = 5_407;
    let deployed = Deployed::from_env();
    let subscription = Subscription::begin(&deployed.sdk_config()).await;
    let body = json!({"name": "Short", "type": "live", "status": "active"});
    let (key, ()) = deployed.before_expiry(USER_ID, &body, async |_| ()).await;

    let event = subscription.event(&key["id"]).await;
    assert_eq!((&event["source"], &event["detail-type"]), (&"nuxera.api-keys".into(), &"API Key Expired".into()));
    let expected = json!({"service": "nuxera-api-keys-local", "id": key["id"], "name": "Short", "type": "live", "expiry_at": key["expiry_at"], "user_id": USER_ID});
    assert_eq!(event["detail"], expected);
    subscription.end().await;

    let path = format!("/api/apiKeys/{}", key["id"]);
    assert_eq!(deployed.manage(USER_ID, Method::GET, &path, None).await["status"], "expired");
    let trail = deployed.manage(USER_ID, Method::GET, &format!("{path}/audit"), None).await;
    let entry = &trail[0];
    assert_eq!((&entry["action"], &entry["actor"]), (&"expire".into(), &json!({"user_id": null, "role": "system"})));
    assert_eq!(entry["changes"], json!({"status": {"from": "active", "to": "expired"}}));
    assert_eq!((&entry["source_ip"], trail.as_array().map(Vec::len)), (&Value::Null, Some(2)));
}

#[tokio::test]
async fn a_later_run_closes_the_journal_of_an_interrupted_one() {
    let deployed = Deployed::from_env();
    let new = json!({"name": "Spoken of", "type": "live", "status": "active"});
    let key = deployed.new_key(5_408, new).await;
    let client = engine::client(&deployed.sdk_config(), &CallLog::default());
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |number: &Value| AttributeValue::N(number.to_string());
    // A run that ended before the one step of its journal, so there is nothing to publish.
    let step =
        HashMap::from([("user_id".to_owned(), number(&json!(5_408))), ("key_id".to_owned(), number(&key["id"]))]);
    let place = [("PK", text("SWEEP")), ("SK", text("01a20fed-6912-789a-9625-c93efd96f036"))];
    let journal = place.clone().into_iter().fold(client.put_item(), |put, (name, value)| put.item(name, value));
    let journal =
        journal.item("until", number(&json!(0))).item("steps", AttributeValue::L(vec![AttributeValue::M(step)]));
    journal.table_name(&deployed.table_name).send().await.expect("a journal");
    let closed = async {
        loop {
            let get = place.clone().into_iter().fold(client.get_item(), |get, (name, value)| get.key(name, value));
            if get.table_name(&deployed.table_name).send().await.expect("the table works").item.is_none() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.expect("the schedule comes by");
    let read = deployed.manage(5_408, Method::GET, &format!("/api/apiKeys/{}", key["id"]), None).await;
    assert_eq!(read, key);
}

/// A rule with a queue as its target.
struct Subscription {
    events: aws_sdk_eventbridge::Client,
    queues: aws_sdk_sqs::Client,
    queue_url: String,
    bus_name: String,
}

impl Subscription {
    const NAME: &str = "tests-of-expiry";

    async fn begin(sdk: &SdkConfig) -> Self {
        let (events, queues) = (aws_sdk_eventbridge::Client::new(sdk), aws_sdk_sqs::Client::new(sdk));
        let bus_name = variable("EVENT_BUS_NAME");
        let queue = queues.create_queue().queue_name(Self::NAME).send().await.expect("a queue");
        let queue_url = queue.queue_url.expect("a URL");
        let attribute = QueueAttributeName::QueueArn;
        let attributes = queues.get_queue_attributes().queue_url(&queue_url).attribute_names(attribute.clone());
        let attributes = attributes.send().await.expect("attributes").attributes.expect("attributes");
        let pattern = json!({"source": ["nuxera.api-keys"], "detail-type": ["API Key Expired"]}).to_string();
        let rule = events.put_rule().name(Self::NAME).event_bus_name(&bus_name).event_pattern(pattern);
        rule.send().await.expect("a rule");
        let target = Target::builder().id("queue").arn(&attributes[&attribute]).build().expect("complete");
        let targets = events.put_targets().rule(Self::NAME).event_bus_name(&bus_name).targets(target);
        targets.send().await.expect("a target");
        Self { events, queues, queue_url, bus_name }
    }

    /// The event of a key.
    async fn event(&self, id: &Value) -> Value {
        let receive = async {
            loop {
                let messages = self.queues.receive_message().queue_url(&self.queue_url).wait_time_seconds(1);
                for message in messages.send().await.expect("the queue works").messages.unwrap_or_default() {
                    let event: Value = serde_json::from_str(&message.body.expect("a body")).expect("JSON");
                    let handle = message.receipt_handle.expect("a handle");
                    let delete = self.queues.delete_message().queue_url(&self.queue_url).receipt_handle(handle);
                    delete.send().await.expect("the queue works");
                    if event["detail"]["id"] == *id {
                        return event;
                    }
                }
            }
        };
        tokio::time::timeout(PATIENCE, receive).await.expect("the schedule comes by")
    }

    async fn end(self) {
        let targets = self.events.remove_targets().rule(Self::NAME).event_bus_name(&self.bus_name).ids("queue");
        targets.send().await.expect("no target");
        let rule = self.events.delete_rule().name(Self::NAME).event_bus_name(&self.bus_name);
        rule.send().await.expect("no rule");
        self.queues.delete_queue().queue_url(&self.queue_url).send().await.expect("no queue");
    }
}

#[expect(clippy::disallowed_methods, reason = "tests learn from the environment where the deployment is")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: `make test-deployed` sets it"))
}
