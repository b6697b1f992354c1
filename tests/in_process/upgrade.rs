//! Old and new functions run side by side during a deployment, on one table.
//!
//! `tests/corpus/release.json` holds items of every kind as the last release writes them. The present code must read and
//! change them, and must write all attributes that the last release reads, with their types. `UPDATE_RELEASE=1` rewrites the
//! file, for a release. The data key is wrapped by the stand-in for KMS.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::Operation;
use shared::store::Item;
use tests::consistency::text;
use tests::event_bus::{BusAnswer, EventBus};
use tests::fault_proxy::FaultProxy;
use tests::{TestApp, TestCall, engine, repository};

use crate::expire_keys::sweep;

const FILE: &str = "tests/corpus/release.json";
/// The string of key 2 and its replaced one, in the file.
const STRINGS: [&str; 2] = ["string", "old_string"];

fn create<'a>(test: &'a TestApp, name: &str) -> TestCall<'a> {
    let body = json!({"name": name, "type": "test", "status": "active", "expiry_at": "2026-06-01T00:00:00Z"});
    test.call(Operation::CreateKey).json(&body)
}

/// A deployment whose data keys are in its table, as on AWS.
async fn start() -> TestApp {
    let proxy = FaultProxy::patient(&engine::Engine::Embedded.start().await).await;
    TestApp::on(&proxy.url, &[("VAULT_NAME", "release")]).await.cold(&proxy.url)
}

/// Brings about an item of every kind, with every attribute: its strings and its items.
async fn write_everything() -> (Value, Vec<Item>) {
    let test = start().await;
    test.key("other").await;
    let old = create(&test, "first").header("Idempotency-Key", "create").send().await.json();
    test.verify(old["key"].as_str().expect("a string")).await;
    test.call(Operation::SetDefault).json(&json!({"id": 2})).send().await.ok();
    let rotate = test.call(Operation::RotateKey).id(2).header("Idempotency-Key", "rotate");
    let new = rotate.json(&json!({"grace_period_seconds": 2_592_000})).send().await.ok();
    for operation in [Operation::PauseKey, Operation::ResumeKey] {
        test.call(operation).id(2).send().await.ok();
    }
    test.call(Operation::UpdateKey).id(2).json(&json!({"name": "renamed"})).send().await.ok();
    // A run that could not publish leaves its journal.
    let soon = json!({"name": "ends", "type": "live", "status": "active", "expiry_at": "2026-03-01T12:00:05Z"});
    test.call(Operation::CreateKey).json(&soon).send().await;
    test.advance(TimeDelta::seconds(10));
    let bus = EventBus::default();
    bus.answer(BusAnswer::Fails);
    sweep(&test, &bus).await.expect_err("nothing is published");
    let items = test.contents().await.items().cloned().collect();
    (json!({STRINGS[0]: new["key"], STRINGS[1]: old["key"]}), items)
}

/// The kind of an item: its keys without what differs between items of a kind.
fn kind(item: &Item) -> String {
    let first = |name: &str| text(item, name).split('#').next().expect("a word").to_owned();
    let sort = first("SK");
    let is_name = sort.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    format!("{} {}", first("PK"), if is_name { &sort } else { "" })
}

fn to_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(digits) => json!({"N": digits}),
        AttributeValue::B(bytes) => json!({"B": STANDARD.encode(bytes)}),
        AttributeValue::Bool(flag) => json!({"BOOL": flag}),
        AttributeValue::Null(_) => json!({"NULL": true}),
        AttributeValue::M(members) => json!({"M": item_to_json(members)}),
        AttributeValue::L(elements) => json!({"L": elements.iter().map(to_json).collect::<Vec<_>>()}),
        AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_) | _ => panic!("no item has {value:?}"),
    }
}

fn item_to_json(item: &Item) -> BTreeMap<&String, Value> {
    item.iter().map(|(name, value)| (name, to_json(value))).collect()
}

fn from_json(value: &Value) -> AttributeValue {
    let (kind, value) = value.as_object().and_then(|object| object.iter().next()).expect("a typed value");
    let text = || value.as_str().expect("a string").to_owned();
    match kind.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "B" => AttributeValue::B(Blob::new(STANDARD.decode(text()).expect("base64"))),
        "BOOL" => AttributeValue::Bool(value.as_bool().expect("a boolean")),
        "NULL" => AttributeValue::Null(true),
        "M" => AttributeValue::M(item_from_json(value)),
        "L" => AttributeValue::L(value.as_array().expect("a list").iter().map(from_json).collect()),
        other => panic!("{other}"),
    }
}

fn item_from_json(value: &Value) -> Item {
    value.as_object().expect("an object").iter().map(|(name, value)| (name.clone(), from_json(value))).collect()
}

fn release() -> Value {
    serde_json::from_str(&repository::read(FILE)).expect("JSON")
}

/// Attributes and types of each kind of item: in all of its items, or in any.
fn attributes(items: &[Item], in_all: bool) -> BTreeMap<String, BTreeSet<String>> {
    let mut kinds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for item in items {
        let typed = item.iter().map(|(name, value)| {
            let kind = to_json(value);
            format!("{name} {}", kind.as_object().and_then(|object| object.keys().next()).expect("a type"))
        });
        let typed: BTreeSet<String> = typed.collect();
        let known = kinds.entry(kind(item)).or_insert_with(|| typed.clone());
        *known = if in_all { &*known & &typed } else { &*known | &typed };
    }
    kinds
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the environment says whether a release is made")]
async fn the_last_release_can_read_what_is_written_now() {
    let (strings, items) = write_everything().await;
    if std::env::var_os("UPDATE_RELEASE").is_some() {
        let items: Vec<_> = items.iter().map(item_to_json).collect();
        let file = serde_json::to_string_pretty(&json!({"strings": strings, "items": items})).expect("JSON");
        std::fs::write(repository::root().join(FILE), file + "\n").expect("it is written");
    }
    let last: Vec<Item> = release()["items"].as_array().expect("a list").iter().map(item_from_json).collect();
    let kinds: BTreeSet<String> = last.iter().map(kind).collect();
    let expected = [
        "AUDIT ",
        "IDEMPOTENCY ",
        "LIMIT ",
        "SWEEP ",
        "SYSTEM DATA_KEY",
        "SYSTEM NEXT_ID",
        "USER ISSUED",
        "USER KEY",
        "USER META",
    ];
    assert_eq!(kinds, expected.map(str::to_owned).into());
    for (in_all, what) in [(true, "every"), (false, "some")] {
        let (needed, written) = (attributes(&last, in_all), attributes(&items, in_all));
        for (kind, needed) in needed {
            let lacking: Vec<_> = needed.difference(&written[&kind]).collect();
            assert!(lacking.is_empty(), "{what} {kind} lacks {lacking:?}, which the last release writes");
        }
    }
}

#[tokio::test]
async fn what_the_last_release_wrote_is_read_and_changed() {
    let release = release();
    let test = start().await;
    for item in release["items"].as_array().expect("a list") {
        let put = test.app.table.client().put_item().table_name(test.app.table.name());
        put.set_item(Some(item_from_json(item))).send().await.expect("it is stored");
    }
    test.advance(TimeDelta::minutes(2));
    let string = |name: &str| release["strings"][name].as_str().expect("a string").to_owned();
    let [new, old] = STRINGS.map(string);

    let key = test.read(2).await;
    assert_eq!((&key["key"], &key["name"], &key["is_default"]), (&json!(new), &json!("renamed"), &json!(true)));
    assert_eq!((&key["usage_count"], &key["status"]), (&json!(1), &json!("active")));
    assert_eq!(test.call(Operation::ListKeys).send().await.ok().as_array().map(Vec::len), Some(3));
    let actions: Vec<Value> = test.audit(2).await.iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, ["update", "resume", "pause", "rotate", "set_default", "create"]);
    assert_eq!(test.call(Operation::GetUsage).id(2).send().await.ok()["daily"][0]["count"], 1);
    for string in [&new, &old] {
        assert_eq!(test.verify(string).await["valid"], true);
    }
    let repeated = create(&test, "first").header("Idempotency-Key", "create").send().await;
    assert_eq!((repeated.status, repeated.header("idempotent-replayed")), (201, Some("true")));
    let rotate = test.call(Operation::RotateKey).id(2).header("Idempotency-Key", "rotate");
    let repeated = rotate.json(&json!({"grace_period_seconds": 2_592_000})).send().await.ok();
    assert_eq!(repeated["key"], new);

    let bus = EventBus::default();
    sweep(&test, &bus).await.expect("no failure");
    assert_eq!(bus.take().len(), 1, "that of the run which could not publish");
    for operation in [Operation::PauseKey, Operation::ResumeKey] {
        test.call(operation).id(2).send().await.ok();
    }
    test.call(Operation::UpdateKey).id(2).json(&json!({"name": "again", "type": "live"})).send().await.ok();
    test.call(Operation::SetDefault).json(&json!({"id": 1})).send().await.ok();
    test.call(Operation::RemoveDefault).json(&json!({"id": 1})).send().await.ok();
    test.call(Operation::RotateKey).id(2).send().await.ok();
    assert_eq!(test.verify(&old).await["valid"], false);
    assert!(create(&test, "next").send().await.json()["id"].as_u64() > Some(3));
    test.call(Operation::DeleteKey).id(2).send().await.ok();
    let contents = test.contents().await;
    assert_eq!((contents.key_count(7), contents.keys(7).len(), contents.default_id(7)), (3, 3, None));
}
