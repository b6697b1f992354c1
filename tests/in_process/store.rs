//! The storage of keys: each access pattern, on the embedded engine and on AWS's DynamoDB Local.
//!
//! One file, because one macro runs each case on both engines.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, PutRequest, ReturnValuesOnConditionCheckFailure, TransactWriteItem, WriteRequest,
};
use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::Operation;
use shared::clock::Random;
use shared::ids::{KeyId, Locator, UserId};
use shared::keys::{PlainKey, Prefix};
use shared::store::{Cancelled, Conflict, Item, PrimaryKey};
use shared::store::{DataKey, Vault};
use tests::consistency::{integer, text};
use tests::engine::Engine;
use tests::fault_proxy::{Fault, FaultProxy, Gate};
use tests::key_strings::checksums;
use tests::test_app::START;
use tests::{Answer, Contents, TestApp, engine};

/// Each test on both engines.
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

on_both_engines! {
    a_new_key_is_a_record_a_count_and_an_entry
    ids_are_counted_over_all_users
    the_count_is_right_after_everything_and_limits_creation
    a_list_without_a_limit_ends_at_1000_and_leads_on
    a_page_goes_on_after_a_key_that_is_gone
    a_change_that_comes_second_is_made_upon_the_first
    a_change_of_a_key_that_is_deleted_meanwhile_leaves_nothing
    a_default_that_is_deleted_meanwhile_is_not_set
    defaults_that_are_set_at_once_are_both_in_the_trail
    deleting_the_default_leaves_none
    there_is_one_default_at_most
    changes_that_change_nothing_write_nothing
    only_keys_that_will_expire_are_in_the_index
    trails_are_paged_from_the_newest
    limits_are_exact_and_refused_calls_count_nothing
    a_cancelled_transaction_says_why_and_writes_nothing
}

const NO_LIMITS: [(&str, &str); 2] = [("RATE_LIMIT_PER_MINUTE", "1000000"), ("RATE_LIMIT_PER_HOUR", "1000000")];

async fn start(engine: Engine, settings: &[(&str, &str)]) -> TestApp {
    TestApp::on(&engine.start().await, settings).await
}

async fn contents(test: &TestApp) -> Contents {
    let contents = Contents::of(&test.app.table).await;
    contents.assert_consistent();
    contents
}

async fn a_new_key_is_a_record_a_count_and_an_entry(engine: Engine) {
    let test = start(engine, &[]).await;
    let key = test.key("Lab gateway").await;
    let (plain, _) = PlainKey::parse(key["key"].as_str().expect("a key"), &checksums()).expect("one of ours");

    let contents = contents(&test).await.records();
    assert_eq!((contents.items().count(), contents.key_count(7), contents.default_id(7)), (3, 1, None));
    assert_eq!(contents.actions(7), ["create"]);
    let record = contents.key(7, 1).expect("a record");
    assert_eq!(record["hash"], AttributeValue::B(Blob::new(plain.hash())));
    assert_eq!((text(record, "name"), text(record, "status")), ("Lab gateway".to_owned(), "active".to_owned()));
    let in_the_clear = format!("{:?}", contents.items().collect::<Vec<_>>());
    assert!(!in_the_clear.contains(plain.reveal()));
    assert_eq!(get(&test, 1).await, key);
}

async fn ids_are_counted_over_all_users(engine: Engine) {
    let test = start(engine, &[("MAX_KEYS_PER_USER", "2")]).await;
    for (user_id, id) in [(7, 1), (8, 2), (7, 3)] {
        assert_eq!(test.key_of(user_id, "k").await["id"], id);
    }
    assert_eq!(create(&test).await.status, 409);
    assert_eq!(test.key_of(8, "k").await["id"], 5, "an id that was taken in vain is not used again");
    assert_eq!(delete(&test, 3).await.status, 200);
    assert_eq!(test.key("k").await["id"], 6, "nor is one that was deleted");
    contents(&test).await;
}

async fn the_count_is_right_after_everything_and_limits_creation(engine: Engine) {
    let test = start(engine, &[("MAX_KEYS_PER_USER", "2")]).await;
    test.key("a").await;
    test.key("b").await;
    let full = contents(&test).await.records();
    assert_eq!(full.key_count(7), 2);
    let refused = create(&test).await;
    assert_eq!((refused.status, &*refused.text), (409, r#"{"error":"API Key limit reached"}"#));
    assert_eq!(contents(&test).await.records(), full, "a refused creation writes nothing");

    assert_eq!(delete(&test, 1).await.status, 200);
    assert_eq!(contents(&test).await.key_count(7), 1);
    assert_eq!(delete(&test, 1).await.status, 404);
    assert_eq!(contents(&test).await.key_count(7), 1, "a key is discounted once");
    assert_eq!(create(&test).await.status, 201);
    for operation in [Operation::PauseKey, Operation::ResumeKey] {
        assert_eq!(test.call(operation).id(2).send().await.status, 200);
    }
    assert_eq!(set_default(&test, 2, None).await.status, 200);
    assert_eq!(contents(&test).await.key_count(7), 2);
    assert_eq!(create(&test).await.status, 409);
}

async fn a_list_without_a_limit_ends_at_1000_and_leads_on(engine: Engine) {
    const KEYS: usize = 2_000;
    let test = start(engine, &NO_LIMITS).await;
    test.key("first").await;
    copy_key(&test, KEYS).await;

    for limit in [None, Some("1000")] {
        let list = || {
            let call = test.call(Operation::ListKeys);
            if let Some(limit) = limit { call.query("limit", limit) } else { call }
        };
        let first = list().send().await;
        let link = first.header("link").expect("a second page");
        assert_eq!(link.contains("limit="), limit.is_some(), "{link}");
        let second = list().query("cursor", first.next_cursor().expect("a cursor")).send().await;
        assert_eq!([ids(&first), ids(&second)].concat(), (1..=KEYS as u64).collect::<Vec<_>>());
        assert_eq!((ids(&first).len(), second.next_cursor()), (1_000, None), "a full last page has no next one");
    }
}

/// Copies user 7's first key until there are `count`, each with its own string and the longest name.
async fn copy_key(test: &TestApp, count: usize) {
    let table = &test.app.table;
    let data_key = DataKey::new(&[7; 32], START.parse().expect("a time")).expect("256 bits");
    let sdk = engine::sdk_config("http://127.0.0.1:1");
    let vault = Vault::new(table.clone(), sdk, "not used".to_owned(), String::new()).holding(1, data_key);
    let first = Contents::of(table).await.key(7, 1).expect("the first key").clone();
    let mut puts = Vec::new();
    for id in 2..=count as u64 {
        let (user_id, key_id) = (UserId::new(7).expect("an id"), KeyId::new(id).expect("an id"));
        let locator = Locator { user_id, key_id };
        let plain = PlainKey::generate(Prefix::Live, locator, &Random::system(), &checksums());
        let now = START.parse().expect("a time");
        let sealed = vault.seal(&plain, locator, &Random::system(), now).await.expect("a data key");
        let mut item = first.clone();
        item.extend(Item::from(PrimaryKey::key(user_id, key_id)));
        item.extend([
            ("name".to_owned(), AttributeValue::S("🔑".repeat(100))),
            ("hash".to_owned(), AttributeValue::B(Blob::new(plain.hash()))),
            ("ciphertext".to_owned(), AttributeValue::B(Blob::new(sealed.ciphertext))),
        ]);
        let put = PutRequest::builder().set_item(Some(item)).build().expect("an item");
        puts.push(WriteRequest::builder().put_request(put).build());
    }
    for puts in puts.chunks(25) {
        let output = table.client().batch_write_item().request_items(table.name(), puts.to_vec()).send().await;
        assert_eq!(output.expect("written").unprocessed_items, Some(HashMap::new()));
    }
}

async fn a_page_goes_on_after_a_key_that_is_gone(engine: Engine) {
    let test = start(engine, &[]).await;
    for name in ["a", "b", "c", "d"] {
        test.key(name).await;
    }
    let first = test.call(Operation::ListKeys).query("limit", "2").send().await;
    assert_eq!(ids(&first), [1, 2]);
    let cursor = first.next_cursor().expect("there is more").to_owned();
    assert_eq!(delete(&test, 2).await.status, 200);
    let second = test.call(Operation::ListKeys).query("limit", "2").query("cursor", &cursor).send().await;
    assert_eq!((ids(&second), second.next_cursor()), (vec![3, 4], None));
}

/// Starts a call in a second container, holds it before its commit, runs `meanwhile`, and returns the call's answer.
async fn overtaken(
    test: &TestApp,
    engine_url: &str,
    late: impl AsyncFnOnce(&TestApp) -> Answer,
    meanwhile: impl AsyncFnOnce(),
) -> (Answer, TestApp) {
    let proxy = FaultProxy::patient(engine_url).await;
    let second = test.second(&proxy.url);
    let gate = Gate::default();
    proxy.inject("TransactWriteItems", 1, Fault::Hold(gate.clone()));
    let (answer, ()) = tokio::join!(late(&second), async {
        gate.reached().await;
        meanwhile().await;
        gate.open();
    });
    (answer, second)
}

async fn a_change_that_comes_second_is_made_upon_the_first(engine: Engine) {
    let url = engine.start().await;
    let test = TestApp::on(&url, &[]).await;
    test.key("a").await;
    let pause = async |second: &TestApp| second.call(Operation::PauseKey).id(1).send().await;
    let (answer, second) = overtaken(&test, &url, pause, async || {
        let body = json!({"name": "b", "type": "t2yd"});
        assert_eq!(test.call(Operation::UpdateKey).id(1).json(&body).send().await.status, 200);
    })
    .await;
    let key = answer.json();
    assert_eq!((&key["name"], &key["type"], &key["status"]), (&json!("b"), &json!("t2yd"), &json!("paused")));
    let again = [vec!["BatchGetItem", "UpdateItem"], vec!["TransactWriteItems"]];
    assert_eq!(second.calls.rounds()[..2], again);
    assert_eq!(second.calls.rounds()[2..], [["BatchGetItem"], ["TransactWriteItems"]]);
    let contents = contents(&test).await;
    assert_eq!(contents.actions(7), ["create", "pause", "update"]);
    assert_eq!(contents.key(7, 1).and_then(|key| integer(key, "version")), Some(3));
    assert_eq!(get(&test, 1).await, key);
}

async fn a_change_of_a_key_that_is_deleted_meanwhile_leaves_nothing(engine: Engine) {
    let url = engine.start().await;
    let test = TestApp::on(&url, &[]).await;
    for late in [Operation::PauseKey, Operation::UpdateKey, Operation::DeleteKey] {
        let id = test.key("a").await["id"].as_u64().expect("an id");
        let call = async |second: &TestApp| {
            let call = second.call(late).id(id);
            let body = json!({"name": "b"});
            if late == Operation::UpdateKey { call.json(&body).send().await } else { call.send().await }
        };
        let (answer, _) = overtaken(&test, &url, call, async || {
            assert_eq!(delete(&test, id).await.status, 200);
        })
        .await;
        assert_eq!((answer.status, &*answer.text), (404, r#"{"error":"API Key not found"}"#), "{late:?}");
    }
    let contents = contents(&test).await;
    assert_eq!(contents.actions(7), ["create", "create", "create", "delete", "delete", "delete"]);
    assert_eq!(contents.key_count(7), 0);
}

async fn a_default_that_is_deleted_meanwhile_is_not_set(engine: Engine) {
    let url = engine.start().await;
    let test = TestApp::on(&url, &[]).await;
    test.key("a").await;
    let call = async |second: &TestApp| set_default(second, 1, None).await;
    let (answer, _) = overtaken(&test, &url, call, async || {
        assert_eq!(delete(&test, 1).await.status, 200);
    })
    .await;
    assert_eq!(answer.status, 404);
    let after = contents(&test).await;
    assert_eq!((after.default_id(7), after.actions(7)), (None, vec!["create".to_owned(), "delete".to_owned()]));

    // In reverse: the deletion has read that the key was not the default.
    test.key("b").await;
    let call = async |second: &TestApp| delete(second, 2).await;
    let (answer, _) = overtaken(&test, &url, call, async || {
        assert_eq!(set_default(&test, 2, None).await.status, 200);
    })
    .await;
    assert_eq!(answer.status, 200);
    let contents = contents(&test).await;
    assert_eq!((contents.default_id(7), contents.key_count(7)), (None, 0));
}

async fn defaults_that_are_set_at_once_are_both_in_the_trail(engine: Engine) {
    let url = engine.start().await;
    let test = TestApp::on(&url, &[]).await;
    for name in ["a", "b", "c"] {
        test.key(name).await;
    }
    // First without a default, then with one that both replace.
    for (late, early) in [(1, 2), (2, 3)] {
        let call = async |second: &TestApp| set_default(second, late, None).await;
        let (answer, _) = overtaken(&test, &url, call, async || {
            assert_eq!(set_default(&test, early, None).await.status, 200);
        })
        .await;
        assert_eq!((answer.status, &answer.json()["is_default"]), (200, &json!(true)));
        assert_eq!(contents(&test).await.default_id(7), Some(late));
    }
    let actions = contents(&test).await.actions(7);
    let count = |action: &str| actions.iter().filter(|known| *known == action).count();
    assert_eq!((count("set_default"), count("remove_default")), (4, 3));
}

async fn deleting_the_default_leaves_none(engine: Engine) {
    let test = start(engine, &[]).await;
    test.key("a").await;
    test.key("b").await;
    assert_eq!(set_default(&test, 1, None).await.status, 200);
    assert_eq!(delete(&test, 2).await.status, 200);
    assert_eq!(contents(&test).await.default_id(7), Some(1), "deleting another one does not touch it");
    assert_eq!(delete(&test, 1).await.status, 200);
    let contents = contents(&test).await;
    assert_eq!((contents.default_id(7), contents.key_count(7)), (None, 0));
}

async fn there_is_one_default_at_most(engine: Engine) {
    let test = start(engine, &[]).await;
    for name in ["a", "b", "c"] {
        test.key(name).await;
    }
    // Whatever `old_id` says: nothing, the default, another key, the key itself.
    for (id, old_id) in [(1, None), (2, Some(1)), (3, Some(1)), (1, Some(1)), (2, None)] {
        let answer = set_default(&test, id, old_id).await;
        assert_eq!((answer.status, &answer.json()["is_default"]), (200, &json!(true)));
        assert_eq!(defaults(&test).await, [id]);
        assert_eq!(contents(&test).await.default_id(7), Some(id));
    }
    let removed = remove_default(&test, 3).await;
    assert_eq!((removed.status, defaults(&test).await), (200, vec![2]), "it was not the default");
    let removed = remove_default(&test, 2).await;
    assert_eq!((removed.status, &removed.json()["is_default"]), (200, &json!(false)));
    assert_eq!(defaults(&test).await, Vec::<u64>::new());
    let contents = contents(&test).await;
    let count = |action: &str| contents.actions(7).iter().filter(|known| *known == action).count();
    assert_eq!((count("set_default"), count("remove_default")), (5, 5));
}

async fn changes_that_change_nothing_write_nothing(engine: Engine) {
    let test = start(engine, &[]).await;
    test.key("a").await;
    test.key("b").await;
    assert_eq!(set_default(&test, 1, None).await.status, 200);
    assert_eq!(test.call(Operation::PauseKey).id(2).send().await.status, 200);
    let before = contents(&test).await.records();
    let same_name = json!({"name": " a ", "type": "live"});
    let answers = [
        set_default(&test, 1, Some(2)).await,
        remove_default(&test, 2).await,
        test.call(Operation::PauseKey).id(2).send().await,
        test.call(Operation::ResumeKey).id(1).send().await,
        test.call(Operation::UpdateKey).id(1).json(&same_name).send().await,
    ];
    assert_eq!(answers.map(|answer| answer.status), [200; 5]);
    let refused = [
        set_default(&test, 3, None).await,
        set_default(&test, 2, Some(3)).await,
        remove_default(&test, 3).await,
        test.call(Operation::PauseKey).id(1).user(8).send().await,
        delete(&test, 3).await,
    ];
    assert_eq!(refused.map(|answer| answer.status), [404; 5]);
    assert_eq!(contents(&test).await.records(), before);
}

async fn only_keys_that_will_expire_are_in_the_index(engine: Engine) {
    let test = start(engine, &[]).await;
    let create = async |status: &str, expiry_at: Value| {
        let body = json!({"name": "k", "type": "live", "status": status, "expiry_at": expiry_at});
        assert_eq!(test.call(Operation::CreateKey).json(&body).send().await.status, 201);
    };
    create("active", json!("2026-04-01T00:00:00Z")).await;
    create("active", Value::Null).await;
    create("expired", json!("2026-04-01T00:00:00Z")).await;
    create("paused", json!("2026-05-01T00:00:00Z")).await;
    assert_eq!(indexed(&test).await, [1, 4]);

    let update = async |id: u64, expiry_at: Value| {
        let body = json!({"expiry_at": expiry_at});
        assert_eq!(test.call(Operation::UpdateKey).id(id).json(&body).send().await.status, 200);
    };
    update(1, Value::Null).await;
    update(2, json!("2026-06-01T00:00:00Z")).await;
    assert_eq!(indexed(&test).await, [2, 4]);
    assert_eq!(delete(&test, 4).await.status, 200);
    assert_eq!(indexed(&test).await, [2]);
    contents(&test).await;
}

/// The ids of the keys in the index of expiries.
async fn indexed(test: &TestApp) -> Vec<u64> {
    let scan = test.app.table.client().scan().table_name(test.app.table.name()).index_name("ExpiryIndex");
    let items = scan.send().await.expect("the index is there").items.unwrap_or_default();
    let id = |item: &Item| text(item, "SK").trim_start_matches("KEY#").parse().expect("an id");
    let mut ids: Vec<u64> = items.iter().map(id).collect();
    ids.sort_unstable();
    ids
}

async fn trails_are_paged_from_the_newest(engine: Engine) {
    let test = start(engine, &[]).await;
    test.key("0").await;
    for name in ["1", "2", "3", "4"] {
        test.advance(TimeDelta::milliseconds(1));
        let body = json!({"name": name});
        assert_eq!(test.call(Operation::UpdateKey).id(1).json(&body).send().await.status, 200);
    }
    let page = async |cursor: Option<&str>| {
        let mut call = test.call(Operation::ListAudit).id(1).query("limit", "2");
        if let Some(cursor) = cursor {
            call = call.query("cursor", cursor);
        }
        let answer = call.send().await;
        let names = answer.json().as_array().expect("an array").clone();
        let names = names.iter().map(|entry| entry["changes"]["name"]["to"].as_str().expect("a name").to_owned());
        (names.collect::<Vec<_>>().concat(), answer.next_cursor().map(str::to_owned))
    };
    let (names, first) = page(None).await;
    assert_eq!(names, "43");
    let (names, second) = page(first.as_deref()).await;
    assert_eq!(names, "21");
    // A newer entry does not move the pages, and the deletion does not end the trail.
    assert_eq!(delete(&test, 1).await.status, 200);
    assert_eq!(page(second.as_deref()).await, ("0".to_owned(), None));
    assert_eq!(test.call(Operation::ListAudit).id(1).user(8).send().await.status, 404);
    assert_eq!(test.call(Operation::ListAudit).id(2).send().await.status, 404);
    contents(&test).await;
}

async fn limits_are_exact_and_refused_calls_count_nothing(engine: Engine) {
    let test = start(engine, &[("RATE_LIMIT_PER_MINUTE", "3"), ("RATE_LIMIT_PER_HOUR", "5")]).await;
    let list = async || test.call(Operation::ListKeys).send().await.status;
    let used = async || {
        let contents = Contents::of(&test.app.table).await;
        let [hour] = contents.partition("LIMIT#7")[..] else { panic!("one item an hour") };
        (integer(hour, "hour"), integer(hour, "m0"), integer(hour, "m1"), integer(hour, "ttl"))
    };
    let at_once = tokio::join!(list(), list(), list(), list(), list());
    let mut at_once = <[u16; 5]>::from(at_once);
    at_once.sort_unstable();
    assert_eq!(at_once, [200, 200, 200, 429, 429]);
    // The end of the next hour: the counters are needed until their hour ends.
    let ttl = Some(1_772_373_600);
    assert_eq!(used().await, (Some(3), Some(3), None, ttl));
    assert_eq!(test.call(Operation::ListKeys).user(8).send().await.status, 200, "each user has limits of their own");

    test.advance(TimeDelta::minutes(1));
    assert_eq!([list().await, list().await, list().await], [200, 200, 429], "the hour is used up");
    assert_eq!(used().await, (Some(5), Some(3), Some(2), ttl));
    let before = contents(&test).await.records();
    assert_eq!(create(&test).await.status, 429);
    assert_eq!(contents(&test).await.records(), before, "a refused call writes nothing");

    test.advance(TimeDelta::minutes(59));
    assert_eq!(list().await, 200);
}

async fn a_cancelled_transaction_says_why_and_writes_nothing(engine: Engine) {
    let test = start(engine, &[]).await;
    test.key("a").await;
    let before = contents(&test).await;
    let there = before.key(7, 1).expect("a record");
    let put = |item: Item| {
        let put = Put::builder()
            .table_name(test.app.table.name())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(PK)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        TransactWriteItem::builder().put(put.expect("complete")).build()
    };
    let (user_id, id) = (UserId::new(7).expect("an id"), KeyId::new(1).expect("an id"));
    let absent = Item::from(PrimaryKey::idempotency(user_id, "absent"));
    let writes = vec![put(absent), put(PrimaryKey::key(user_id, id).into())];
    let cancelled = test.app.table.commit(writes).await.expect_err("the second condition does not hold");
    let Cancelled::Conflict(conflicts) = cancelled else { panic!("{cancelled:?}") };
    assert_eq!(conflicts, [Conflict::None, Conflict::Condition(Some(there.clone()))]);
    assert_eq!(contents(&test).await, before);
}

async fn create(test: &TestApp) -> Answer {
    let body = json!({"name": "k", "type": "live", "status": "active"});
    test.call(Operation::CreateKey).json(&body).send().await
}

async fn get(test: &TestApp, id: u64) -> Value {
    test.call(Operation::GetKey).id(id).send().await.json()
}

async fn delete(test: &TestApp, id: u64) -> Answer {
    test.call(Operation::DeleteKey).id(id).send().await
}

async fn set_default(test: &TestApp, id: u64, old_id: Option<u64>) -> Answer {
    test.call(Operation::SetDefault).json(&json!({"id": id, "old_id": old_id})).send().await
}

async fn remove_default(test: &TestApp, id: u64) -> Answer {
    test.call(Operation::RemoveDefault).json(&json!({"id": id})).send().await
}

/// The ids of the keys that are shown as the default.
async fn defaults(test: &TestApp) -> Vec<u64> {
    let list = test.call(Operation::ListKeys).send().await.json();
    let defaults = list.as_array().expect("an array").iter().filter(|key| key["is_default"] == true);
    defaults.map(|key| key["id"].as_u64().expect("an id")).collect()
}

fn ids(list: &Answer) -> Vec<u64> {
    assert_eq!(list.status, 200, "{}", list.text);
    let list = list.json();
    list.as_array().expect("an array").iter().map(|key| key["id"].as_u64().expect("an id")).collect()
}
