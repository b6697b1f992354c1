//! A use of a key costs one write unit, DynamoDB's price for an item of up to 1 KB, even for the largest possible
//! record, according to AWS's DynamoDB Local.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextMut, FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemInput, UpdateItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use shared::clock::{Clock, Random, Timestamp};
use shared::keys::Checked;
use shared::keys::Day;
use shared::store::{DataKey, Vault};
use shared::store::{Item, PrimaryKey, Table};
use shared::{App, Operation};
use tests::engine::{self, Engine};
use tests::test_app::START;
use tests::{Contents, TestApp};

/// The largest id.
const MAX_ID: u64 = (1 << 53) - 1;

/// Requests the consumed capacity of every update.
#[derive(Clone, Debug, Default)]
struct Bill(Arc<Mutex<Vec<f64>>>);

impl Intercept for Bill {
    fn name(&self) -> &'static str {
        "Bill"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(update) = context.input_mut().downcast_mut::<UpdateItemInput>() {
            update.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let output = context.output_or_error().and_then(Result::ok);
        let output = output.and_then(|output| output.downcast_ref::<UpdateItemOutput>());
        let units = output.and_then(|output| output.consumed_capacity()?.capacity_units);
        self.0.lock().expect("not poisoned").extend(units);
        Ok(())
    }
}

/// The size of an item as DynamoDB counts it (developer guide, "Item sizes and formats"), in bytes.
fn size_of(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + size_of_value(value)).sum()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "records have no attributes of other types")]
fn size_of_value(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        // Two digits a byte, and one byte more.
        AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
        AttributeValue::M(map) => {
            3 + map.iter().map(|(name, value)| name.len() + 1 + size_of_value(value)).sum::<usize>()
        }
        other => panic!("{other:?} in a record"),
    }
}

/// Days before `now`, each with the same six-digit count.
fn days(now: DateTime<Utc>, ago: std::ops::RangeInclusive<i64>) -> AttributeValue {
    let day = |ago| Day::of(Timestamp::from_time(now - TimeDelta::days(ago)).expect("a time")).attribute();
    AttributeValue::M(ago.map(|ago| (day(ago), AttributeValue::N("999999".to_owned()))).collect())
}

#[tokio::test]
async fn a_use_of_the_largest_key_there_can_be_costs_one_write_unit() {
    let url = Engine::DynamoDbLocal.start().await;
    let test = TestApp::on(&url, &[]).await;
    let table = &test.app.table;
    let mut counter = Item::from(PrimaryKey::next_id());
    counter.insert("last_id".to_owned(), AttributeValue::N((MAX_ID - 1).to_string()));
    table.client().put_item().table_name(table.name()).set_item(Some(counter)).send().await.expect("it is put");
    let body = json!({"name": "\u{1d11e}".repeat(100), "type": "ai-medical-note", "status": "active"});
    let created = test.call(Operation::CreateKey).user(MAX_ID).json(&body).send().await;
    assert_eq!((created.status, &created.json()["id"]), (201, &json!(MAX_ID)), "{}", created.text);
    let rotation = test.call(Operation::RotateKey).user(MAX_ID).id(MAX_ID);
    let rotated = rotation.json(&json!({"grace_period_seconds": 2_592_000})).send().await.ok();

    let now: DateTime<Utc> = START.parse().expect("a time");
    let bill = Bill::default();
    let sdk = engine::sdk_config(&url);
    let client = aws_sdk_dynamodb::Client::from_conf(
        aws_sdk_dynamodb::config::Builder::from(&sdk).interceptor(bill.clone()).build(),
    );
    let billed = Table::new(client, table.name());
    let vault = Vault::new(billed.clone(), sdk, "not used".to_owned(), String::new())
        .holding(1, DataKey::new(&[7; 32], now).expect("256 bits"));
    let (clock, random) = (Clock::system(), Random::system());
    let app = App::with_log(test.app.config.clone(), billed, vault, clock, random, test.log.log());
    let at = Timestamp::from_time(now).expect("a time");
    // Used on each of the last 31 days, and on the first use of a day, while the oldest day is still there.
    for (ago, units) in [(0..=30, vec![1.0]), (1..=31, vec![1.0, 1.0])] {
        let usage = table
            .client()
            .update_item()
            .table_name(table.name())
            .set_key(Some(PrimaryKey::key(user(), key()).into()))
            .update_expression("SET #days = :days, uses = :uses, version = :version")
            .expression_attribute_names("#days", "days")
            .expression_attribute_values(":days", days(now, ago))
            .expression_attribute_values(":uses", AttributeValue::N("999999999999".to_owned()))
            .expression_attribute_values(":version", AttributeValue::N("999999".to_owned()));
        usage.send().await.expect("it is updated");
        bill.0.lock().expect("not poisoned").clear();
        let checked = app.keys.check(rotated["key"].as_str().expect("a key"), at).await.expect("an answer");
        assert!(matches!(checked, Checked::Accepted(_)), "{checked:?}");
        assert_eq!(*bill.0.lock().expect("not poisoned"), units);
        let contents = Contents::of(table).await;
        let record = contents.key(MAX_ID, MAX_ID).expect("a record");
        let size = size_of(record);
        assert!(size <= 1_024, "{size} bytes");
    }
}

fn user() -> shared::ids::UserId {
    shared::ids::UserId::new(MAX_ID).expect("an id")
}

fn key() -> shared::ids::KeyId {
    shared::ids::KeyId::new(MAX_ID).expect("an id")
}
