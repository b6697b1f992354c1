//! Checking and metering a presented key, relative to a bare `UpdateItem` of the same client.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use serde_json::json;
use shared::clock::Timestamp;
use shared::ids::{KeyId, UserId};
use shared::keys::Checked;
use shared::keys::Day;
use shared::store::{Item, PrimaryKey};
use tests::TestApp;

use crate::report::{Comparison, Report, table};
use crate::stopwatch::{median, milliseconds, start};

const ROUNDS: usize = 2_000;
const WARM_UP: usize = 200;
/// The bound relative to an unconditional update that meters the key's record and returns it.
const AT_MOST: f64 = 1.2;

/// Takes turns, so that all see the same machine.
pub async fn measure(report: &mut Report) {
    let test = TestApp::start().await;
    let key = test.key("Lab gateway").await;
    let key = key["key"].as_str().expect("a key").to_owned();
    let now = Timestamp::from_time(test.now()).expect("a time");
    let mut times = [const { Vec::new() }; 3];
    for round in 0..WARM_UP + ROUNDS {
        let took = [check(&test, &key, now).await, meter(&test, now).await, count(&test).await];
        if round >= WARM_UP {
            times.iter_mut().zip(took).for_each(|(times, took)| times.push(took));
        }
    }
    let [check, metering, counting] = times.map(|times| milliseconds(median(&times)));
    let metered = Comparison { ours: check, floor: metering, at_most: Some(AT_MOST) };
    let counted = Comparison { ours: check, floor: counting, at_most: None };
    report.judge("a check of a key", &metered);
    let row = |floor: &str, comparison: &Comparison| {
        vec![floor.to_owned(), format!("{:.3}", comparison.floor), format!("{:.2}", comparison.ratio())]
    };
    let rows = [
        row(&format!("meters the key, without a condition ≤{AT_MOST}"), &metered),
        row("counts, and returns nothing", &counted),
    ];
    let headings = ["an UpdateItem that ...", "ms", "ratio"].map(str::to_owned);
    table(&format!("Check of a key: {check:.3} ms, medians"), &headings, &rows);
    report.keep("check", json!({"by_metering": metered.json(), "by_counting": counted.json()}));
}

async fn check(test: &TestApp, key: &str, now: Timestamp) -> Duration {
    let started = start();
    let checked = test.app.keys.check(key, now).await.expect("an answer");
    let took = started.elapsed();
    assert!(matches!(checked, Checked::Accepted(_)), "{checked:?}");
    took
}

/// The same update of the same record, without a condition.
async fn meter(test: &TestApp, now: Timestamp) -> Duration {
    let number = |number: i64| AttributeValue::N(number.to_string());
    let table = &test.app.table;
    let started = start();
    let update = table
        .client()
        .update_item()
        .table_name(table.name())
        .set_key(Some(PrimaryKey::key(UserId::new(7).expect("an id"), KeyId::new(1).expect("an id")).into()))
        .update_expression("SET uses = uses + :1, used_at = :now, #days.#today = if_not_exists(#days.#today, :0) + :1")
        .expression_attribute_names("#days", "days")
        .expression_attribute_names("#today", Day::of(now).attribute())
        .expression_attribute_values(":0", number(0))
        .expression_attribute_values(":1", number(1))
        .expression_attribute_values(":now", number(now.seconds()))
        .return_values(ReturnValue::AllNew);
    update.send().await.expect("an answer");
    started.elapsed()
}

/// The cheapest update: a counter on its own item.
async fn count(test: &TestApp) -> Duration {
    let counter = [("PK", "COUNTER"), ("SK", "COUNTER")];
    let counter: Item = counter.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned()))).into();
    let table = &test.app.table;
    let started = start();
    let update = table.client().update_item().table_name(table.name()).set_key(Some(counter));
    let update = update.update_expression("ADD uses :1");
    update.expression_attribute_values(":1", AttributeValue::N("1".to_owned())).send().await.expect("an answer");
    started.elapsed()
}
