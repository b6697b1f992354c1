//! The round trips of each operation to DynamoDB. Requests of one round are sent together; each round waits for the
//! previous one.

use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::Operation;
use tests::engine::Engine;
use tests::fault_proxy::{Fault, FaultProxy, Gate};
use tests::test_app::{EXISTING, TestCall, message};
use tests::{TestApp, tokens};

/// The write that counts a call against its user's limits; other writes of single items have the same name.
const LIMIT: &str = "UpdateItem";
const NEXT_ID: &str = "UpdateItem";
const USE: &str = "UpdateItem";

/// An app with keys 1, the default, 2, which is paused, and 3, which is expired.
async fn start(settings: &[(&str, &str)]) -> TestApp {
    start_on(&Engine::Embedded.start().await, settings).await
}

async fn start_on(engine: &str, settings: &[(&str, &str)]) -> TestApp {
    let test = TestApp::on(engine, settings).await;
    for status in ["active", "paused", "expired"] {
        let body = json!({"name": "k", "type": "live", "status": status});
        assert_eq!(test.call(Operation::CreateKey).json(&body).send().await.status, 201);
    }
    assert_eq!(default(&test, Operation::SetDefault, 1).send().await.status, 200);
    test
}

fn create(test: &TestApp) -> TestCall<'_> {
    test.call(Operation::CreateKey).json(&json!({"name": "k", "type": "live", "status": "active"}))
}

fn update(test: &TestApp, id: u64) -> TestCall<'_> {
    test.call(Operation::UpdateKey).id(id).json(&json!({"name": "renamed", "type": "t2yd"}))
}

fn default(test: &TestApp, operation: Operation, id: u64) -> TestCall<'_> {
    test.call(operation).json(&json!({"id": id}))
}

fn verify<'a>(test: &'a TestApp, key: &str) -> TestCall<'a> {
    test.call(Operation::VerifyKey).bearer(&tokens::with_role(1, "service")).json(&json!({"key": key}))
}

/// Sends a call and checks its rounds.
#[track_caller]
fn expect<'a>(test: &TestApp, call: TestCall<'a>, status: u16, rounds: &[&[&str]]) -> impl Future<Output = ()> + 'a {
    expect_with_kms(test, call, status, rounds, 0)
}

/// Checks the rounds with the calls to KMS among them.
#[track_caller]
fn expect_with_kms<'a>(
    test: &TestApp,
    call: TestCall<'a>,
    status: u16,
    rounds: &[&[&str]],
    kms_calls: usize,
) -> impl Future<Output = ()> + 'a {
    let caller = std::panic::Location::caller();
    let (calls, log) = (test.calls.clone(), test.log.clone());
    let rounds: Vec<Vec<String>> = rounds.iter().map(|round| sorted(round)).collect();
    async move {
        calls.clear();
        log.forget();
        let answer = call.send().await;
        assert_eq!(answer.status, status, "{caller}: {}", answer.text);
        assert_eq!(calls.rounds(), rounds, "{caller}");
        let (line, _) = log.take_one();
        let logged = (&line["round_trips"], &line["aws_calls"]);
        let expected = (rounds.len() + kms_calls, rounds.iter().flatten().count() + kms_calls);
        assert_eq!(logged, (&expected.0.into(), &expected.1.into()), "{caller}: {line}");
    }
}

fn sorted(round: &[&str]) -> Vec<String> {
    let mut round: Vec<String> = round.iter().map(|&operation| operation.to_owned()).collect();
    round.sort();
    round
}

#[tokio::test]
async fn reads_are_one_round() {
    let test = start(&[]).await;
    let list = &[&["Query", "GetItem", LIMIT][..]];
    expect(&test, test.call(Operation::GetKey).id(1), 200, &[&["BatchGetItem", LIMIT]]).await;
    expect(&test, test.call(Operation::ListKeys), 200, list).await;
    expect(&test, test.call(Operation::ListKeys).query("limit", "2"), 200, list).await;
    expect(&test, test.call(Operation::ListUserKeys).path_parameter("user_id", "7"), 200, list).await;
    expect(&test, test.call(Operation::ListAudit).id(1), 200, &[&["Query", LIMIT]]).await;
    expect(&test, test.call(Operation::GetUsage).id(1), 200, &[&["GetItem", LIMIT]]).await;
}

#[tokio::test]
async fn changes_are_two_rounds() {
    let test = start(&[]).await;
    let change: &[&[&str]] = &[&["BatchGetItem", LIMIT], &["TransactWriteItems"]];
    expect(&test, create(&test), 201, &[&["GetItem", NEXT_ID, LIMIT], &["TransactWriteItems"]]).await;
    expect(&test, update(&test, 1), 200, change).await;
    expect(&test, test.call(Operation::PauseKey).id(1), 200, change).await;
    expect(&test, test.call(Operation::ResumeKey).id(1), 200, change).await;
    expect(&test, test.call(Operation::RotateKey).id(1), 200, change).await;
    // A stopped clock would be behind the entries of the five changes, each a millisecond after the previous one.
    test.advance(TimeDelta::seconds(1));
    expect(&test, default(&test, Operation::SetDefault, 2), 200, change).await;
    let both = test.call(Operation::SetDefault).json(&json!({"id": 1, "old_id": 2}));
    expect(&test, both, 200, change).await;
    expect(&test, default(&test, Operation::RemoveDefault, 1), 200, change).await;
    expect(&test, test.call(Operation::DeleteKey).id(1), 200, change).await;
}

#[tokio::test]
async fn idempotency_adds_no_round_and_a_repeat_reads_its_string() {
    let test = start(&[]).await;
    let create = || create(&test).header("Idempotency-Key", "create");
    expect(&test, create(), 201, &[&["GetItem", "GetItem", NEXT_ID, LIMIT], &["TransactWriteItems"]]).await;
    expect(&test, create(), 201, &[&["GetItem", "GetItem", NEXT_ID, LIMIT], &["GetItem"]]).await;
    let rotate = || test.call(Operation::RotateKey).id(1).header("Idempotency-Key", "rotate");
    expect(&test, rotate(), 200, &[&["GetItem", "BatchGetItem", LIMIT], &["TransactWriteItems"]]).await;
    expect(&test, rotate(), 200, &[&["GetItem", "BatchGetItem", LIMIT], &["GetItem"]]).await;
}

/// A creation or rotation is remembered under the identity of its message.
#[tokio::test]
async fn messages_take_the_rounds_of_their_operations() {
    let test = start(&[]).await;
    let send = |event, zak: &str| test.call(Operation::ReceiveMessage).body(&message(event, zak));
    let list = &[&["Query", "GetItem", LIMIT][..]];
    let change: &[&[&str]] = &[&["BatchGetItem", LIMIT], &["TransactWriteItems"]];
    expect(&test, send("Z02", "1"), 200, list).await;
    expect(&test, send("Z03", "1|1"), 200, &[&["BatchGetItem", LIMIT]]).await;
    let creation: &[&[&str]] = &[&["GetItem", "GetItem", NEXT_ID, LIMIT], &["TransactWriteItems"]];
    expect(&test, send("Z01", "1|||k|live|active"), 200, creation).await;
    expect(&test, send("Z04", "1|1||renamed"), 200, change).await;
    expect(&test, send("Z06", "1|1"), 200, change).await;
    expect(&test, send("Z07", "1|1"), 200, change).await;
    expect(&test, send("Z10", "1|||||||||7"), 200, list).await;
    expect(&test, send("Z11", "1|1"), 200, &[&["GetItem", "BatchGetItem", LIMIT], &["TransactWriteItems"]]).await;
    expect(&test, send("Z12", "1|1"), 200, &[&["GetItem", LIMIT]]).await;
    expect(&test, send("Z13", "1|1"), 200, &[&["Query", LIMIT]]).await;
    test.advance(TimeDelta::seconds(1));
    expect(&test, send("Z08", "1|2"), 200, change).await;
    expect(&test, send("Z09", "1|2"), 200, change).await;
    expect(&test, send("Z05", "1|1"), 200, change).await;
    expect(&test, send("Z99", "1|1"), 200, &[&[LIMIT]]).await;
    expect(&test, send("Z06", "1"), 200, &[&[LIMIT]]).await;
    expect(&test, send("Z06", "1|1").without_header("Authorization"), 401, &[]).await;
}

#[tokio::test]
async fn a_change_without_effect_is_one_round() {
    let test = start(&[]).await;
    let read: &[&[&str]] = &[&["BatchGetItem", LIMIT]];
    let same = test.call(Operation::UpdateKey).id(1).json(&json!({"name": "k"}));
    expect(&test, same, 200, read).await;
    expect(&test, test.call(Operation::PauseKey).id(2), 200, read).await;
    expect(&test, test.call(Operation::ResumeKey).id(1), 200, read).await;
    expect(&test, default(&test, Operation::SetDefault, 1), 200, read).await;
    expect(&test, default(&test, Operation::RemoveDefault, 2), 200, read).await;
}

#[tokio::test]
async fn a_refusal_is_one_round() {
    let test = start(&[]).await;
    let read: &[&[&str]] = &[&["BatchGetItem", LIMIT]];
    for operation in [Operation::GetKey, Operation::PauseKey, Operation::ResumeKey, Operation::DeleteKey] {
        expect(&test, test.call(operation).id(9), 404, read).await;
        expect(&test, test.call(operation).id(1).user(8), 404, read).await;
    }
    expect(&test, update(&test, 9), 404, read).await;
    expect(&test, default(&test, Operation::SetDefault, 9), 404, read).await;
    expect(&test, default(&test, Operation::RemoveDefault, 9), 404, read).await;
    expect(&test, test.call(Operation::ListAudit).id(9), 404, &[&["Query", LIMIT]]).await;
    expect(&test, test.call(Operation::GetUsage).id(9), 404, &[&["GetItem", LIMIT]]).await;

    for operation in [Operation::PauseKey, Operation::ResumeKey, Operation::RotateKey] {
        expect(&test, test.call(operation).id(3), 409, read).await;
    }
    expect(&test, update(&test, 3), 409, read).await;
    expect(&test, default(&test, Operation::SetDefault, 3), 409, read).await;
}

#[tokio::test]
async fn invalid_requests_are_not_looked_up() {
    let test = start(&[]).await;
    let counted: &[&[&str]] = &[&[LIMIT]];
    expect(&test, test.call(Operation::GetKey).id("x"), 400, counted).await;
    expect(&test, test.call(Operation::CreateKey).json(&json!({"name": ""})), 400, counted).await;
    expect(&test, test.call(Operation::ListKeys).query("limit", "0"), 400, counted).await;
    expect(&test, test.call(Operation::ListUserKeys).path_parameter("user_id", "8"), 403, counted).await;
    expect(&test, test.call(Operation::GetKey).id(1).without_header("Authorization"), 401, &[]).await;
    expect(&test, test.call(Operation::GetKey).id(1).bearer("x"), 401, &[]).await;
    expect(&test, test.call(Operation::GetKey).id(1).header("x-response-format", "xml"), 400, &[]).await;
}

#[tokio::test]
async fn a_call_over_the_limit_is_one_round() {
    let engine = Engine::Embedded.start().await;
    let deployment = start_on(&engine, &[("RATE_LIMIT_PER_MINUTE", "4")]).await;
    // A container that has refused a user makes no more requests, so each call gets a new one.
    let test = deployment.second(&engine);
    expect(&test, create(&test), 429, &[&["GetItem", NEXT_ID, LIMIT]]).await;
    let test = deployment.second(&engine);
    expect(&test, test.call(Operation::PauseKey).id(1), 429, &[&["BatchGetItem", LIMIT]]).await;
    let test = deployment.second(&engine);
    expect(&test, test.call(Operation::GetKey).id(1), 429, &[&["BatchGetItem", LIMIT]]).await;
    expect(&test, test.call(Operation::GetKey).id(1), 429, &[]).await;
}

#[tokio::test]
async fn a_presented_key_is_checked_and_counted_in_one_call() {
    let test = start(&[]).await;
    let key = test.call(Operation::GetKey).id(1).send().await.json();
    let key = key["key"].as_str().expect("a key");
    expect(&test, verify(&test, key), 200, &[&[USE]]).await;
    assert_eq!(test.call(Operation::PauseKey).id(1).send().await.status, 200);
    expect(&test, verify(&test, key), 200, &[&[USE]]).await;
    // A string that cannot be a key is refused without a request.
    let typo = format!("{}{}", &key[..64], if key.ends_with('0') { "1" } else { "0" });
    expect(&test, verify(&test, &typo), 200, &[]).await;
}

#[tokio::test]
async fn an_imported_string_costs_one_read_more_and_a_lookup_no_more_than_a_read() {
    const TURN: &str = "UpdateItem";
    let test = start(&[]).await;
    let admin = |operation| test.call(operation).bearer(&tokens::with_role(901, "admin"));
    let key = |string: &str, id: Option<u64>| json!({"user_id": 7, "key": string, "id": id, "name": "k", "type": "live", "status": "active"});
    let import = |keys: &[Value]| {
        let mut keys = keys.to_vec();
        for key in keys.iter_mut().filter(|key| key["id"].is_null()) {
            key.as_object_mut().expect("an object").remove("id");
        }
        admin(Operation::ImportKeys).json(&json!({"keys": keys}))
    };
    let first: &[&[&str]] = &[&[TURN, "BatchGetItem"], &[NEXT_ID], &["TransactWriteItems"], &[TURN]];
    expect(&test, import(&[key(EXISTING, None)]), 200, first).await;
    // Its record tells whether the string still is the key's.
    expect(&test, import(&[key(EXISTING, None)]), 200, &[&[TURN, "BatchGetItem"], &["BatchGetItem"], &[TURN]]).await;
    // The counter is raised, and the ids that it skips are noted.
    let kept: &[&[&str]] =
        &[&[TURN, "BatchGetItem"], &["GetItem"], &["TransactWriteItems"], &["Query"], &["TransactWriteItems"], &[TURN]];
    expect(&test, import(&[key("nux_live_0123456789abcdef", Some(99))]), 200, kept).await;

    expect(&test, verify(&test, EXISTING), 200, &[&["GetItem"], &[USE]]).await;
    expect(&test, verify(&test, "nux_live_ffffffffffffffff"), 200, &[&["GetItem"]]).await;
    let lookup = |key: &str| admin(Operation::LookupKey).json(&json!({"key": key}));
    expect(&test, lookup(EXISTING), 200, &[&["GetItem", LIMIT], &["BatchGetItem"]]).await;
    let issued = test.call(Operation::GetKey).id(1).send().await.json();
    expect(&test, lookup(issued["key"].as_str().expect("a key")), 200, &[&["BatchGetItem", LIMIT]]).await;
    expect(&test, lookup("x"), 404, &[&[LIMIT]]).await;
}

/// A cold container reads its data keys beside the first read and unwraps them once.
#[tokio::test]
async fn a_cold_start_adds_no_round_to_the_table() {
    let engine = Engine::Embedded.start().await;
    let proxy = FaultProxy::patient(&engine).await;
    let first = TestApp::on(&engine, &[]).await.cold(&proxy.url);
    // The first creation of a deployment makes the data key, stores it and reads it back.
    let rounds: &[&[&str]] =
        &[&["GetItem", "Query", NEXT_ID, LIMIT], &["PutItem"], &["Query"], &["TransactWriteItems"]];
    expect_with_kms(&first, create(&first), 201, rounds, 2).await;
    assert_eq!((proxy.count("GenerateDataKeyWithoutPlaintext"), proxy.count("Decrypt")), (1, 1));
    expect(&first, create(&first), 201, &[&["GetItem", NEXT_ID, LIMIT], &["TransactWriteItems"]]).await;

    let cold = async |rounds: &[&[&str]], status: u16, decrypts: usize, call: &dyn Fn(&TestApp) -> TestCall<'_>| {
        proxy.clear();
        let test = first.cold(&proxy.url);
        expect_with_kms(&test, call(&test), status, rounds, decrypts).await;
        (proxy.count("GenerateDataKeyWithoutPlaintext"), proxy.count("Decrypt"))
    };
    let create_rounds: &[&[&str]] = &[&["GetItem", "Query", NEXT_ID, LIMIT], &["TransactWriteItems"]];
    assert_eq!(cold(create_rounds, 201, 1, &create).await, (0, 1));
    let read: &[&[&str]] = &[&["Query", "BatchGetItem", LIMIT]];
    assert_eq!(cold(read, 200, 1, &|test| test.call(Operation::GetKey).id(1)).await, (0, 1));
    let list: &[&[&str]] = &[&["Query", "Query", "GetItem", LIMIT]];
    assert_eq!(cold(list, 200, 1, &|test| test.call(Operation::ListKeys)).await, (0, 1));
    let change: &[&[&str]] = &[&["Query", "BatchGetItem", LIMIT], &["TransactWriteItems"]];
    assert_eq!(cold(change, 200, 1, &|test| test.call(Operation::PauseKey).id(1)).await, (0, 1));
    assert_eq!(cold(change, 200, 1, &|test| update(test, 1)).await, (0, 1));
    assert_eq!(cold(change, 200, 1, &|test| default(test, Operation::SetDefault, 1)).await, (0, 1));
    assert_eq!(cold(change, 200, 1, &|test| test.call(Operation::RotateKey).id(1)).await, (0, 1));

    // Calls that show no key string need no data key.
    let trail: &[&[&str]] = &[&["Query", LIMIT]];
    assert_eq!(cold(trail, 200, 0, &|test| test.call(Operation::ListAudit).id(1)).await, (0, 0));
    assert_eq!(cold(&[&["GetItem", LIMIT]], 200, 0, &|test| test.call(Operation::GetUsage).id(1)).await, (0, 0));
    let delete: &[&[&str]] = &[&["BatchGetItem", LIMIT], &["TransactWriteItems"]];
    assert_eq!(cold(delete, 200, 0, &|test| test.call(Operation::DeleteKey).id(1)).await, (0, 0));
}

/// Two containers that make the first data key concurrently store one and can read each other's keys.
#[tokio::test]
async fn the_first_data_key_is_made_once() {
    let engine = Engine::Embedded.start().await;
    let proxy = FaultProxy::patient(&engine).await;
    let test = TestApp::on(&engine, &[]).await;
    let (a, b) = (test.cold(&proxy.url), test.cold(&proxy.url));
    let gate = Gate::default();
    proxy.inject("GenerateDataKeyWithoutPlaintext", 2, Fault::Hold(gate.clone()));
    let (from_a, from_b, ()) = tokio::join!(create(&a).send(), create(&b).send(), async {
        gate.reached().await;
        gate.reached().await;
        gate.open();
    });
    assert_eq!((from_a.status, from_b.status), (201, 201));
    let list = a.call(Operation::ListKeys).send().await.text;
    assert_eq!(b.call(Operation::ListKeys).send().await.text, list);
    let list: Vec<Value> = serde_json::from_str(&list).expect("a list");
    for created in [from_a, from_b] {
        assert!(list.contains(&created.created_key()), "{list:?}");
    }
}
