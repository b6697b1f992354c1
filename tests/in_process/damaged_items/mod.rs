//! Damaged items: every attribute of every item, against every endpoint. A damaged item is left out of lists or answered
//! with 500, is named in the log and counted, can be deleted, and affects nothing else.

/// Each test on both engines, which differ most in comparisons and sums of values of the wrong type.
macro_rules! on_both_engines {
    ($($test:ident)*) => {
        mod embedded {
            $(#[tokio::test] async fn $test() { super::$test(super::Engine::Embedded).await; })*
        }
        mod dynamodb_local {
            $(#[tokio::test] async fn $test() { super::$test(super::Engine::DynamoDbLocal).await; })*
        }
    };
}

mod keys;
mod system_items;
mod user_items;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::Operation;
use shared::ids::{KeyId, UserId};
use shared::store::{Item, PrimaryKey};
use tests::consistency::integer;
use tests::embedded_metrics;
use tests::engine::Engine;
use tests::test_app::TestCall;
use tests::{Answer, TestApp, tokens};

const SETTINGS: [(&str, &str); 3] = [
    ("RATE_LIMIT_PER_MINUTE", "1000000"),
    ("RATE_LIMIT_PER_HOUR", "1000000"),
    ("TRANSCRIPTION_URL", "http://127.0.0.1:1"),
];

/// Part of every damaged text, which no log line repeats.
const MARK: &str = "damaged-value";

/// The damage to an attribute: removed or replaced.
#[derive(Clone)]
struct Damage {
    kind: &'static str,
    value: Option<AttributeValue>,
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn n(number: &str) -> AttributeValue {
    AttributeValue::N(number.to_owned())
}

/// The damages of an attribute: missing, of other types, out of range, and absurdly long.
#[expect(clippy::wildcard_enum_match_arm, reason = "the SDK's enum has a variant for types to come")]
fn damages(value: &AttributeValue) -> Vec<Damage> {
    let damage = |kind, value| Damage { kind, value: Some(value) };
    let mut damages = vec![
        Damage { kind: "missing", value: None },
        damage("null", AttributeValue::Null(true)),
        damage("list", AttributeValue::L(vec![n("1")])),
    ];
    damages.extend(match value {
        AttributeValue::N(_) => vec![
            damage("text", text(MARK)),
            damage("negative", n("-99999999999999999")),
            damage("fraction", n("1.5")),
            damage("huge", n("1e30")),
            damage("long", n(&"9".repeat(38))),
        ],
        AttributeValue::S(_) => {
            vec![damage("number", n("5")), damage("empty", text("")), damage("long", text(&MARK.repeat(20_000)))]
        }
        AttributeValue::B(_) => vec![
            damage("text", text(MARK)),
            damage("empty", AttributeValue::B(Blob::new([]))),
            damage("long", AttributeValue::B(Blob::new(vec![7; 300_000]))),
        ],
        AttributeValue::M(map) => vec![
            damage("text", text(MARK)),
            damage("strange", AttributeValue::M([(MARK.to_owned(), n("1"))].into())),
            damage("wrong within", AttributeValue::M(map.keys().map(|name| (name.clone(), text(MARK))).collect())),
            damage("negative within", AttributeValue::M(map.keys().map(|name| (name.clone(), n("-9"))).collect())),
            damage("long", AttributeValue::M((0..9_000).map(|index| (format!("zzz{index}zz"), n("1"))).collect())),
        ],
        AttributeValue::L(_) => vec![
            damage("text", text(MARK)),
            damage("empty", AttributeValue::L(Vec::new())),
            damage("wrong within", AttributeValue::L(vec![text(MARK)])),
            damage("long", AttributeValue::L(vec![n("1"); 9_000])),
        ],
        AttributeValue::Bool(_) => vec![damage("text", text(MARK)), damage("number", n("1"))],
        other => panic!("no item has {other:?}"),
    });
    if matches!(value, AttributeValue::L(_)) {
        damages.retain(|damage| damage.kind != "list");
    }
    damages
}

async fn start(engine: Engine) -> TestApp {
    TestApp::on(&engine.start().await, &SETTINGS).await
}

fn place(partition: &str, sort: &str) -> Item {
    Item::from([("PK".to_owned(), text(partition)), ("SK".to_owned(), text(sort))])
}

fn key_place(user: u64, id: u64) -> Item {
    PrimaryKey::key(UserId::new(user).expect("an id"), KeyId::new(id).expect("an id")).into()
}

async fn stored(test: &TestApp, place: &Item) -> Item {
    let table = &test.app.table;
    let get = table.client().get_item().table_name(table.name()).set_key(Some(place.clone())).consistent_read(true);
    get.send().await.expect("the engine works").item.expect("an item")
}

/// The items of a partition, because a scan of the whole table would take long.
async fn partition(test: &TestApp, partition: &str) -> Vec<Item> {
    let table = &test.app.table;
    let query = table.query().consistent_read(true).key_condition_expression("PK = :partition");
    let pages = query.expression_attribute_values(":partition", text(partition)).into_paginator().items().send();
    pages.collect::<Result<_, _>>().await.expect("the engine works")
}

/// A user's default, the count of their keys, and their number.
async fn keys_of_user(test: &TestApp, user: u64) -> (Option<u64>, Option<u64>, u64) {
    let mut items = partition(test, &format!("USER#{user}")).await;
    let meta = items.pop().expect("META sorts behind keys");
    (integer(&meta, "default_id"), integer(&meta, "key_count"), items.len() as u64)
}

/// Stores an item past the service; false if the engine takes no such item, as of a wrong type in the key of an index.
async fn store(test: &TestApp, item: Item) -> bool {
    let table = &test.app.table;
    table.client().put_item().table_name(table.name()).set_item(Some(item)).send().await.is_ok()
}

async fn damage(test: &TestApp, place: &Item, attribute: &str, Damage { value, .. }: &Damage) -> bool {
    let mut item = stored(test, place).await;
    match value {
        Some(value) => item.insert(attribute.to_owned(), value.clone()),
        None => item.remove(attribute),
    };
    store(test, item).await
}

/// Every attribute of an item but its primary key, with every damage.
fn cases(item: &Item) -> Vec<(String, Damage)> {
    let mut names: Vec<&String> = item.keys().filter(|name| !matches!(name.as_str(), "PK" | "SK")).collect();
    names.sort();
    let cases =
        names.into_iter().flat_map(|name| damages(&item[name]).into_iter().map(|damage| (name.clone(), damage)));
    cases.collect()
}

async fn create(test: &TestApp, user: u64, body: Value) -> (u64, String) {
    let answer = test.call(Operation::CreateKey).user(user).json(&body).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let key = answer.json();
    (key["id"].as_u64().expect("an id"), key["key"].as_str().expect("a key").to_owned())
}

/// A key that has every attribute: its id, its replaced string, which has an hour left, and its current one.
async fn full_key(test: &TestApp, user: u64) -> (u64, String, String) {
    let expiry = (test.now() + TimeDelta::days(60)).to_rfc3339();
    let (id, old) =
        create(test, user, json!({"name": "victim", "type": "test", "status": "active", "expiry_at": expiry})).await;
    let rotate = test.call(Operation::RotateKey).user(user).id(id).json(&json!({"grace_period_seconds": 3_600}));
    let new = rotate.send().await.ok()["key"].as_str().expect("a key").to_owned();
    assert_eq!(test.verify(&new).await["valid"], true);
    assert_eq!(test.verify(&old).await["valid"], true);
    (id, old, new)
}

fn verify<'a>(test: &'a TestApp, key: &str) -> TestCall<'a> {
    test.call(Operation::VerifyKey).bearer(&tokens::with_role(900, "service")).json(&json!({"key": key}))
}

fn transcribe(test: &TestApp, user: u64) -> TestCall<'_> {
    let part = |name: &str, text: &str| format!("--form\r\nContent-Disposition: form-data; {name}\r\n\r\n{text}\r\n");
    let audio = part("name=\"audio\"; filename=\"a.wav\"", "RIFF");
    let user = part("name=\"userId\"", &user.to_string());
    let form = audio + &user + &part("name=\"speciality\"", "any") + "--form--\r\n";
    test.call(Operation::Transcribe).without_header("x-api-key").form(form.as_bytes())
}

async fn list(test: &TestApp, user: u64) -> Vec<Value> {
    let list = test.call(Operation::ListKeys).user(user).send().await.ok();
    let by_admin = test.call(Operation::ListUserKeys).bearer(&tokens::with_role(1, "admin"));
    let by_admin = by_admin.path_parameter("user_id", &user.to_string()).send().await.ok();
    let ids = |list: &Value| list.as_array().expect("an array").iter().map(|key| key["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&list), ids(&by_admin));
    list.as_array().expect("an array").clone()
}

fn keys_of(item: &Item) -> Item {
    item.iter()
        .filter(|(name, _)| matches!(name.as_str(), "PK" | "SK"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Takes the damage reported in the log: the value of the metric, and the texts.
#[track_caller]
fn damage_in_log(test: &TestApp) -> (f64, String) {
    let lines = test.log.take();
    let mut sum = 0.0;
    let mut texts = String::new();
    for line in &lines {
        let whole = line.to_string();
        assert!(!whole.contains(MARK) && whole.len() < 4_000, "{whole}");
        let measured = embedded_metrics::of(line).into_iter().find(|it| it.metric == "DamagedItems");
        let names_any = line.get("damaged").is_some() || line["reason"] == "damaged";
        assert_eq!(measured.is_some(), names_any, "{whole}");
        if let Some(measured) = measured {
            assert_eq!(line["level"], "ERROR");
            assert_eq!(measured.dimensions.keys().collect::<Vec<_>>(), ["service"]);
            sum += measured.value;
            texts.push_str(&line["damaged"].to_string());
            texts.push_str(&line["cause"].to_string());
        }
    }
    (sum, texts)
}

#[track_caller]
fn assert_failed(answer: &Answer, operation: Operation, case: &str) {
    let text = json!({"error": operation.failure()}).to_string();
    assert_eq!((answer.status, &*answer.text), (500, &*text), "{operation:?} {case}");
}
