//! The header `Idempotency-Key` on create and rotate.
//!
//! One file, because create and rotate have the same rules.

use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::Operation;
use tests::consistency::text;
use tests::engine::Engine;
use tests::fault_proxy::{Fault, FaultProxy};
use tests::{Answer, Contents, TestApp, TestCall};

fn creation(test: &TestApp) -> TestCall<'_> {
    let body = json!({"name": "Lab gateway", "type": "live", "status": "active"});
    test.call(Operation::CreateKey).json(&body).header("Idempotency-Key", "k1")
}

fn rotation(test: &TestApp) -> TestCall<'_> {
    let body = json!({"grace_period_seconds": 60});
    test.call(Operation::RotateKey).id(1).json(&body).header("Idempotency-Key", "k2")
}

/// Checks that an answer repeats the first one.
#[track_caller]
fn assert_replayed(answer: &Answer, first: &Answer) {
    assert_eq!((answer.status, answer.text.as_str()), (first.status, first.text.as_str()));
    assert_eq!(answer.header("idempotent-replayed"), Some("true"));
    let mut headers = answer.headers.clone();
    headers.remove("idempotent-replayed");
    // The remaining calls of the limits fall with each call.
    headers.remove("ratelimit");
    let mut expected = first.headers.clone();
    expected.remove("idempotent-replayed");
    expected.remove("ratelimit");
    assert_eq!(headers, expected);
}

/// Checks that an answer repeats the first one with a masked string, because the key has another one since, or is gone.
#[track_caller]
fn assert_masked(answer: &Answer, first: &Answer) {
    let mut expected = first.json();
    let string = expected["key"].as_str().expect("a string");
    expected["key"] = format!("{}…{}", &string[..9], &string[61..]).into();
    assert_eq!((answer.status, answer.json()), (first.status, expected));
    assert_eq!(answer.header("idempotent-replayed"), Some("true"));
}

#[track_caller]
fn assert_first(answer: &Answer, status: u16) {
    assert_eq!((answer.status, answer.header("idempotent-replayed")), (status, None), "{}", answer.text);
}

#[track_caller]
fn assert_mismatch(answer: &Answer) {
    answer.assert_refused(409, "Idempotency-Key was used with a different request");
    assert_eq!(answer.header("idempotent-replayed"), None);
}

async fn done(call: TestCall<'_>) {
    let answer = call.send().await;
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
}

#[tokio::test]
async fn a_repeated_creation_returns_the_first_key() {
    let test = TestApp::start().await;
    let first = creation(&test).send().await;
    assert_first(&first, 201);
    for _ in 0..3 {
        // The default expiry is counted from the first request on.
        test.advance(TimeDelta::seconds(77));
        let repeat = creation(&test).send().await;
        assert_replayed(&repeat, &first);
        assert_eq!(repeat.header("location"), Some("/v1/api/apiKeys/1"));
    }
    assert_eq!(test.call(Operation::ListKeys).send().await.json(), json!([first.created_key()]));
    assert_eq!(test.audit(1).await.len(), 1);
    assert_eq!(Contents::of(&test.app.table).await.key_count(7), 1);
}

#[tokio::test]
async fn a_repeated_rotation_returns_the_first_string() {
    let test = TestApp::start().await;
    test.key("Lab gateway").await;
    done(test.call(Operation::SetDefault).json(&json!({"id": 1}))).await;
    test.advance(TimeDelta::seconds(1));
    let first = rotation(&test).send().await;
    assert_first(&first, 200);
    for _ in 0..3 {
        test.advance(TimeDelta::seconds(77));
        assert_replayed(&rotation(&test).send().await, &first);
    }
    assert_eq!(test.read(1).await, first.json());
    assert_eq!(test.audit(1).await.len(), 3);
}

#[tokio::test]
async fn a_repeat_returns_what_was_whatever_became_of_the_key() {
    let test = TestApp::start().await;
    let created = creation(&test).send().await;
    let rotated = rotation(&test).send().await;
    let update = json!({"name": "b", "type": "test", "expiry_at": "2026-03-01T12:00:10Z"});
    test.verify(rotated.json()["key"].as_str().expect("a key")).await;
    for change in [
        test.call(Operation::UpdateKey).id(1).json(&update),
        test.call(Operation::PauseKey).id(1),
        test.call(Operation::SetDefault).json(&json!({"id": 1})),
    ] {
        done(change).await;
        assert_masked(&creation(&test).send().await, &created);
        assert_replayed(&rotation(&test).send().await, &rotated);
    }
    done(test.call(Operation::RotateKey).id(1)).await;
    assert_masked(&rotation(&test).send().await, &rotated);
    test.advance(TimeDelta::seconds(10));
    assert_eq!(test.read(1).await["status"], "expired");
    assert_masked(&creation(&test).send().await, &created);
    assert_masked(&rotation(&test).send().await, &rotated);
    done(test.call(Operation::DeleteKey).id(1)).await;
    assert_masked(&creation(&test).send().await, &created);
    assert_masked(&rotation(&test).send().await, &rotated);
    let gone = rotation(&test).header("Idempotency-Key", "another").send().await;
    gone.assert_refused(404, "API Key not found");
}

#[tokio::test]
async fn a_repeat_may_come_when_the_expiry_is_no_longer_in_the_future() {
    let test = TestApp::start().await;
    let body = json!({"name": "a", "type": "live", "status": "active", "expiry_at": "2026-03-01T12:00:02Z"});
    let call = || test.call(Operation::CreateKey).json(&body);
    let first = call().header("Idempotency-Key", "k").send().await;
    assert_first(&first, 201);
    test.advance(TimeDelta::seconds(2));
    assert_replayed(&call().header("Idempotency-Key", "k").send().await, &first);
    call().header("Idempotency-Key", "another").send().await.assert_invalid(&["expiry_at"]);
    call().send().await.assert_invalid(&["expiry_at"]);
}

#[tokio::test]
async fn where_keys_are_revealed_once_a_repeat_reveals_the_same_once_more() {
    let test = TestApp::with(&[("KEY_REVEAL", "once")]).await;
    let first = creation(&test).send().await;
    assert_eq!(first.json()["key"].as_str().map(str::len), Some(65));
    assert_replayed(&creation(&test).send().await, &first);
}

#[tokio::test]
async fn requests_without_the_header_are_independent() {
    let test = TestApp::start().await;
    for id in 1..=2 {
        let answer = creation(&test).without_header("Idempotency-Key").send().await;
        assert_first(&answer, 201);
        assert_eq!(answer.json()["id"], id);
    }
    for key in ["a", "A", "b", "a~"] {
        assert_first(&creation(&test).header("Idempotency-Key", key).send().await, 201);
    }
    assert_eq!(Contents::of(&test.app.table).await.key_count(7), 6);
}

#[tokio::test]
async fn a_different_request_with_the_same_key_is_refused() {
    let test = TestApp::start().await;
    let created = creation(&test).send().await;
    for (field, value) in [
        ("name", json!("Lab gateway 2")),
        ("type", json!("test")),
        ("status", json!("paused")),
        ("expiry_at", json!(null)),
        ("expiry_at", json!("2027-03-01T12:00:00Z")),
    ] {
        let mut body = json!({"name": "Lab gateway", "type": "live", "status": "active"});
        body[field] = value;
        assert_mismatch(&creation(&test).json(&body).send().await);
    }
    // The same with the fields in another order is the same request.
    let reordered = r#" {"status":"active", "type":"live","name":"Lab\u0020gateway"}"#;
    assert_replayed(&creation(&test).body(reordered).send().await, &created);

    let other = creation(&test).header("Idempotency-Key", "other").send().await.json();
    let other = other["id"].as_u64().expect("an id");
    let rotated = rotation(&test).send().await;
    for different in [
        rotation(&test).json(&json!({"grace_period_seconds": 61})),
        rotation(&test).json(&json!({})),
        rotation(&test).id(other),
        creation(&test).header("Idempotency-Key", "k2"),
        rotation(&test).header("Idempotency-Key", "k1"),
    ] {
        assert_mismatch(&different.send().await);
    }
    assert_replayed(&rotation(&test).send().await, &rotated);
    assert_eq!((test.audit(1).await.len(), test.audit(other).await.len()), (2, 1));
}

/// Only the body of the first request itself is right, which its expiry may have been when it was sent.
#[tokio::test]
async fn a_wrong_request_with_a_known_key_is_a_bad_request() {
    let test = TestApp::start().await;
    let first = creation(&test).send().await;
    rotation(&test).send().await;
    let before = test.contents().await.without_limits();
    let body = |field: &str, value: Value| {
        let mut body = json!({"name": "Lab gateway", "type": "live", "status": "active"});
        body[field] = value;
        body
    };
    for (field, value) in [
        ("name", json!("")),
        ("name", json!(first.json()["key"])),
        ("type", json!("other")),
        ("status", json!("gone")),
        ("expiry_at", json!("2026-02-28T12:00:00Z")),
        ("expiry_at", json!("soon")),
        ("note", json!("?")),
    ] {
        creation(&test).json(&body(field, value)).send().await.assert_invalid(&[field]);
    }
    creation(&test).body("{").send().await.assert_invalid(&["body"]);
    let grace = json!({"grace_period_seconds": -1});
    rotation(&test).json(&grace).send().await.assert_invalid(&["grace_period_seconds"]);
    assert_eq!(test.contents().await.without_limits(), before);
}

#[tokio::test]
async fn idempotency_keys_belong_to_one_user() {
    let test = TestApp::start().await;
    let mine = creation(&test).send().await;
    let theirs = creation(&test).user(8).send().await;
    assert_first(&theirs, 201);
    assert_ne!(theirs.json()["id"], mine.json()["id"]);
    assert_replayed(&creation(&test).user(8).send().await, &theirs);
    assert_replayed(&creation(&test).send().await, &mine);
}

#[tokio::test]
async fn an_outcome_is_remembered_for_24_hours() {
    let test = TestApp::start().await;
    let first = creation(&test).send().await;
    test.set_time("2026-03-02T11:59:59.999Z");
    assert_replayed(&creation(&test).send().await, &first);
    test.set_time("2026-03-02T12:00:00Z");
    let second = creation(&test).send().await;
    assert_first(&second, 201);
    assert!(second.json()["id"].as_u64() > first.json()["id"].as_u64());
    assert_replayed(&creation(&test).send().await, &second);

    let rotated = rotation(&test).send().await;
    test.set_time("2026-03-03T11:59:59.999Z");
    assert_replayed(&rotation(&test).send().await, &rotated);
    test.set_time("2026-03-03T12:00:00Z");
    let again = rotation(&test).send().await;
    assert_first(&again, 200);
    assert_ne!(again.json()["key"], rotated.json()["key"]);
}

#[tokio::test]
async fn parallel_repeats_make_one_key() {
    let test = TestApp::start().await;
    let answers = creation(&test).send_in_parallel(50).await;
    let firsts = answers.iter().filter(|answer| answer.header("idempotent-replayed").is_none());
    let first = firsts.clone().next().expect("a first one");
    assert_eq!(firsts.count(), 1);
    for answer in &answers {
        assert_eq!((answer.status, &answer.text), (201, &first.text));
        assert_eq!(answer.header("location"), first.header("location"));
    }
    let id = first.json()["id"].as_u64().expect("an id");
    assert_eq!(test.call(Operation::ListKeys).send().await.json(), json!([first.created_key()]));
    assert_eq!(test.audit(id).await.len(), 1);
    let contents = Contents::of(&test.app.table).await;
    assert_eq!(contents.key_count(7), 1);
    contents.assert_consistent();
}

#[tokio::test]
async fn parallel_repeats_make_one_string() {
    let test = TestApp::start().await;
    let old = test.key("Lab gateway").await;
    let answers = rotation(&test).send_in_parallel(50).await;
    let now = test.read(1).await;
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotent-replayed").is_none()).count(), 1);
    for answer in &answers {
        assert_eq!(answer.ok(), now);
    }
    assert_eq!(test.audit(1).await.len(), 2);
    assert_eq!(test.verify(old["key"].as_str().expect("a key")).await["valid"], true, "in its grace");
}

#[tokio::test]
async fn a_repeat_counts_once_against_the_number_of_keys() {
    let test = TestApp::with(&[("MAX_KEYS_PER_USER", "1")]).await;
    let answers = creation(&test).send_in_parallel(20).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.text), (201, &answers[0].text));
    }
    assert_eq!(creation(&test).send().await.text, answers[0].text);
    let other = creation(&test).header("Idempotency-Key", "other").send().await;
    other.assert_refused(409, "API Key limit reached");
}

#[tokio::test]
async fn refused_requests_are_not_remembered() {
    let test = TestApp::with(&[("MAX_KEYS_PER_USER", "1"), ("RATE_LIMIT_PER_MINUTE", "5")]).await;
    creation(&test).json(&json!({"name": "a"})).send().await.assert_invalid(&["type", "status"]);
    let key = test.key("first").await;
    creation(&test).send().await.assert_refused(409, "API Key limit reached");
    done(test.call(Operation::DeleteKey).id(key["id"].as_u64().expect("an id"))).await;
    let missing = rotation(&test).id(99).send().await;
    missing.assert_refused(404, "API Key not found");
    creation(&test).send().await.assert_refused(429, "Rate limit exceeded");
    test.advance(TimeDelta::minutes(1));
    let created = creation(&test).send().await;
    assert_first(&created, 201);
    // The key of a request that was not found stays free.
    let id = created.json()["id"].as_u64().expect("an id");
    let rotated = rotation(&test).id(id).send().await;
    assert_first(&rotated, 200);
    assert_replayed(&rotation(&test).id(id).send().await, &rotated);
    assert_masked(&creation(&test).send().await, &created);
}

#[tokio::test]
async fn a_repeat_counts_against_the_rate_limits() {
    let test = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "3")]).await;
    for left in [2, 1, 0] {
        let answer = creation(&test).send().await;
        assert_eq!(
            answer.header("ratelimit"),
            Some(format!("\"minute\";r={left};t=60, \"hour\";r={};t=3600", 997 + left).as_str())
        );
    }
    let refused = creation(&test).send().await;
    refused.assert_refused(429, "Rate limit exceeded");
    assert_eq!(refused.header("idempotent-replayed"), None);
}

#[tokio::test]
async fn a_key_is_1_to_255_visible_ascii_characters() {
    let test = TestApp::start().await;
    test.key("a").await;
    let before = test.contents().await.records();
    for bad in ["", "two words", "tab\there", "é", &"x".repeat(256)] {
        for call in [creation(&test), rotation(&test)] {
            call.header("Idempotency-Key", bad).send().await.assert_invalid(&["Idempotency-Key"]);
        }
    }
    assert_eq!(test.contents().await.records(), before);
    for good in ["!", "~", "#", "\"quoted\"", "8e03978e-40d5-43dd-bc93-6894a57f9324", &"x".repeat(255)] {
        let first = creation(&test).header("Idempotency-Key", good).send().await;
        assert_first(&first, 201);
        assert_replayed(&creation(&test).header("Idempotency-Key", good).send().await, &first);
    }
    // The name of a header has no case.
    let first = creation(&test).without_header("Idempotency-Key").header("idempotency-key", "low").send().await;
    let repeat = creation(&test).without_header("Idempotency-Key").header("IDEMPOTENCY-KEY", "low").send().await;
    assert_replayed(&repeat, &first);
}

#[tokio::test]
async fn other_operations_ignore_the_header() {
    let test = TestApp::start().await;
    done(creation(&test)).await;
    for _ in 0..2 {
        for key in ["k1", "two words"] {
            let pause = test.call(Operation::PauseKey).id(1).header("Idempotency-Key", key).send().await;
            assert_first(&pause, 200);
        }
    }
}

#[tokio::test]
async fn the_format_makes_no_difference_to_what_is_asked_for() {
    let test = TestApp::start().await;
    let expiry = "2026-06-01T12:00:00Z";
    let hl7 = |event: &str, zak: &str| {
        format!("MSH|^~\\&|LABGW|HOSP|NUXERA|APIKEYS|20260301||ZAK^{event}^ZAK_Z01|C00001|P|2.5.1\r{zak}\r")
    };
    let parameters = |list: Value| json!({"resourceType": "Parameters", "parameter": list}).to_string();
    let json_body = json!({"name": "Lab gateway", "type": "live", "status": "active", "expiry_at": expiry});
    let created = creation(&test).json(&json_body).send().await;
    assert_first(&created, 201);
    let fhir_body = parameters(json!([
        {"name": "status", "valueCode": "active"},
        {"name": "expiry_at", "valueInstant": "2026-06-01T14:00:00.000+02:00"},
        {"name": "type", "valueCode": "live"},
        {"name": "name", "valueString": "Lab gateway"},
    ]));
    let hl7_body = hl7("Z01", "ZAK|1|||Lab gateway|live|active|||20260601120000+0000");
    for (format, body) in [("fhir", fhir_body), ("hl7", hl7_body)] {
        let request = creation(&test).header("x-request-format", format).body(&body);
        assert_replayed(&request.send().await, &created);
    }
    let rotated = rotation(&test).send().await;
    let fhir_body = parameters(json!([{"name": "grace_period_seconds", "valueInteger": 60}]));
    for (format, body) in [("fhir", fhir_body), ("hl7", hl7("Z11", "ZAK|1|1||||||||||||60"))] {
        let request = rotation(&test).header("x-request-format", format).body(&body);
        assert_replayed(&request.send().await, &rotated);
    }
    // The answer has the format that the repeat requests.
    let body = json!({"grace_period_seconds": 60});
    let answer = rotation(&test).json(&body).header("x-response-format", "hl7").send().await;
    assert_eq!((answer.status, answer.header("idempotent-replayed")), (200, Some("true")));
    let string = rotated.json()["key"].as_str().expect("a key").to_owned();
    assert!(answer.text.contains(&format!("ZAK|1|1|{string}|Lab gateway|live|active|N|")), "{}", answer.text);
}

#[tokio::test]
async fn idempotency_costs_no_extra_round_but_for_the_string_of_a_repeat() {
    let test = TestApp::start().await;
    done(creation(&test)).await;
    let first_round = ["GetItem", "GetItem", "UpdateItem", "UpdateItem"].as_slice();
    assert_eq!(test.calls.rounds(), [first_round, &["TransactWriteItems"]]);
    test.calls.clear();
    done(creation(&test)).await;
    assert_eq!(test.calls.rounds(), [first_round, &["GetItem"]]);
    test.calls.clear();
    done(rotation(&test)).await;
    assert_eq!(test.calls.rounds(), [["BatchGetItem", "GetItem", "UpdateItem"].as_slice(), &["TransactWriteItems"]]);
}

#[tokio::test]
async fn a_request_whose_answer_was_lost_is_found_to_be_done() {
    let engine = FaultProxy::patient(&Engine::Embedded.start().await).await;
    let test = TestApp::on(&engine.url, &[]).await;
    // No attempt at the transaction is answered, though the first is committed.
    engine.inject("TransactWriteItems", 3, Fault::LoseAnswer);
    let created = creation(&test).send().await;
    assert_eq!((created.status, created.header("idempotent-replayed")), (201, Some("true")), "{}", created.text);
    assert_replayed(&creation(&test).send().await, &created);
    assert_eq!(test.call(Operation::ListKeys).send().await.json(), json!([created.created_key()]));
    engine.inject("TransactWriteItems", 3, Fault::LoseAnswer);
    let rotated = rotation(&test).send().await;
    assert_eq!((rotated.status, rotated.header("idempotent-replayed")), (200, Some("true")), "{}", rotated.text);
    assert_replayed(&rotation(&test).send().await, &rotated);
    assert_eq!(test.read(1).await, rotated.json());
    // Where nothing is done, that is said.
    engine.inject("TransactWriteItems", 6, Fault::error(400, "ThrottlingException"));
    let unavailable = [creation(&test), rotation(&test)].map(|call| call.header("Idempotency-Key", "other"));
    for call in unavailable {
        call.send().await.assert_refused(503, "Service temporarily unavailable");
    }
}

#[tokio::test]
async fn remembered_outcomes_hold_no_key_string_in_the_clear() {
    let test = TestApp::start().await;
    let created = creation(&test).send().await.json();
    let rotated = rotation(&test).send().await.json();
    let contents = Contents::of(&test.app.table).await;
    let remembered = contents.partition("IDEMPOTENCY#7");
    assert_eq!(remembered.len(), 2);
    let stored = format!("{:?}", contents.items().collect::<Vec<_>>());
    for key in [created, rotated] {
        let string = key["key"].as_str().expect("a key");
        assert!(!stored.contains(string) && !stored.contains(&string[27..59]));
    }
    // Nor the header's values, which clients choose.
    creation(&test).header("Idempotency-Key", "visit-of-2026-03-01").send().await;
    let stored = format!("{:?}", test.contents().await.items().collect::<Vec<_>>());
    assert!(!stored.contains("visit-of"));
}

/// The items from which the service could read a string.
fn sealed(contents: &Contents) -> Vec<String> {
    let sealed = contents.items().filter(|item| format!("{item:?}").contains("ciphertext"));
    sealed.map(|item| text(item, "SK")).collect()
}

#[tokio::test]
async fn no_stored_string_survives_its_rotation_or_its_key() {
    for reveal in ["always", "once"] {
        let test = TestApp::with(&[("KEY_REVEAL", reveal)]).await;
        let record = ["KEY#0000000000000001"].into_iter().filter(|_| reveal == "always");
        let with_outcome = || ["ISSUED#0000000000000001"].into_iter().chain(record.clone()).collect::<Vec<_>>();
        let (create, rotate) = (|| creation(&test), || rotation(&test));

        let created = create().send().await;
        assert_eq!(sealed(&test.contents().await), with_outcome());
        assert_replayed(&create().send().await, &created);
        let rotated = rotate().send().await;
        assert_eq!(sealed(&test.contents().await), with_outcome());
        assert_replayed(&rotate().send().await, &rotated);
        assert_masked(&create().send().await, &created);

        rotate().without_header("Idempotency-Key").send().await.ok();
        assert_eq!(sealed(&test.contents().await), record.clone().collect::<Vec<_>>(), "{reveal}");
        assert_masked(&create().send().await, &created);
        assert_masked(&rotate().send().await, &rotated);

        let last = rotate().header("Idempotency-Key", "last").send().await;
        assert_eq!(sealed(&test.contents().await), with_outcome());
        test.call(Operation::DeleteKey).id(1).send().await.ok();
        assert_eq!(sealed(&test.contents().await), Vec::<String>::new(), "{reveal}");
        for (call, first) in
            [(create(), &created), (rotate(), &rotated), (rotate().header("Idempotency-Key", "last"), &last)]
        {
            assert_masked(&call.send().await, first);
        }
        assert_eq!(test.contents().await.key_count(7), 0, "no repetition is a new request");
    }
}

#[tokio::test]
async fn a_masked_repetition_is_valid_in_every_format() {
    let test = TestApp::start().await;
    for format in ["hl7", "fhir"] {
        let create = || creation(&test).header("Idempotency-Key", format).header("x-response-format", format);
        assert_eq!(create().send().await.status, 201);
        let record = test.contents().await.keys(7).last().map(|record| text(record, "SK")).expect("a key");
        let id: u64 = record.trim_start_matches("KEY#").parse().expect("an id");
        test.call(Operation::RotateKey).id(id).without_header("Idempotency-Key").send().await.ok();
        let repeated = create().send().await;
        assert_eq!(repeated.header("idempotent-replayed"), Some("true"));
        assert!(repeated.text.contains('…'), "{}", repeated.text);
    }
}

#[tokio::test]
async fn an_idempotency_key_holds_no_key_string() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    let string = key["key"].as_str().expect("a string");
    let before = test.contents().await.records();
    for value in [string.to_owned(), format!("retry-{string}"), string.to_uppercase()] {
        for call in [creation(&test), rotation(&test)] {
            let answer = call.header("Idempotency-Key", &value).send().await;
            answer.assert_invalid(&["Idempotency-Key"]);
            assert!(!answer.text.contains(string), "{}", answer.text);
        }
    }
    assert_eq!(test.contents().await.records(), before);
}

fn by_message<'a>(test: &'a TestApp, control_id: &str, zak: &str) -> TestCall<'a> {
    let event = if zak.ends_with("|60") { "Z11" } else { "Z01" };
    let header = format!("MSH|^~\\&|LABGW|HOSP|NUXERA|APIKEYS|20260303||ZAK^{event}^ZAK_Z01|{control_id}|P|2.5.1");
    test.call(Operation::ReceiveMessage).request_id("1").body(&format!("{header}\rZAK|{zak}\r"))
}

const CREATION: &str = "1|||Ward 3|live|active";
const ROTATION: &str = "1|1||||||||||||60";

/// MSA-1, and the number in the first ERR-3 if there is one.
#[track_caller]
fn acknowledged(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let field = |segment: &str, number| {
        let segment = answer.text.split('\r').find(|line| line.starts_with(segment))?;
        segment.split('|').nth(number)?.split('^').next()
    };
    let (code, error) = (field("MSA|", 1).expect("an acknowledgment"), field("ERR|", 3));
    let error = error.map(|error| format!(" {error}"));
    format!("{code}{}", error.unwrap_or_default())
}

#[tokio::test]
async fn a_repeated_message_is_answered_again() {
    let test = TestApp::start().await;
    let first = by_message(&test, "C1", CREATION).send().await;
    assert_eq!((acknowledged(&first), first.header("idempotent-replayed")), ("AA".to_owned(), None));
    let rotated = by_message(&test, "C2", ROTATION).send().await;
    assert_eq!((acknowledged(&rotated), rotated.header("idempotent-replayed")), ("AA".to_owned(), None));
    for (control_id, zak) in [("C2", ROTATION), ("C1", CREATION)] {
        let repeat = by_message(&test, control_id, zak).send().await;
        assert_eq!((acknowledged(&repeat), repeat.header("idempotent-replayed")), ("AA".to_owned(), Some("true")));
    }
    assert_eq!(by_message(&test, "C2", ROTATION).send().await.text, rotated.text);
    // The string of the creation has gone with the rotation.
    assert!(by_message(&test, "C1", CREATION).send().await.text.contains("|nux_live_…"));
    assert_eq!((test.audit(1).await.len(), test.contents().await.key_count(7)), (2, 1));

    // On the other routes, too.
    let message = by_message(&test, "C1", CREATION).event()["body"].as_str().expect("a message").to_owned();
    let by_route = test.call(Operation::CreateKey).header("x-request-format", "hl7").body(&message).send().await;
    assert_eq!((by_route.status, by_route.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(by_route.json()["id"], 1);
}

#[tokio::test]
async fn another_sender_user_or_day_makes_another_request_of_the_same_control_id() {
    let test = TestApp::start().await;
    let send = async |from: &str, to: &str, user: u64| {
        let call = by_message(&test, "C1", CREATION);
        let message = call.event()["body"].as_str().expect("a message").replacen(from, to, 1);
        let answer = call.user(user).body(&message).send().await;
        (acknowledged(&answer), answer.header("idempotent-replayed").is_some())
    };
    assert_eq!(send("", "", 7).await, ("AA".to_owned(), false));
    for (from, to, user) in [("LABGW", "LABGW2", 7), ("HOSP", "HOSP2", 7), ("LABGW|HOSP", "LABGW|", 7), ("", "", 8)] {
        assert_eq!(send(from, to, user).await, ("AA".to_owned(), false), "{to} {user}");
        assert_eq!(send(from, to, user).await, ("AA".to_owned(), true), "{to} {user}");
    }
    // The rest of the header does not matter, what is asked for does.
    assert_eq!(send("20260303", "20260304", 7).await, ("AA".to_owned(), true));
    assert_eq!(send("Ward 3", "Ward 4", 7).await, ("AE 205".to_owned(), false));
    assert_eq!(send("Ward 3", "A^B", 7).await, ("AE 102".to_owned(), false));
    test.advance(TimeDelta::hours(24));
    assert_eq!(send("", "", 7).await, ("AA".to_owned(), false));
}

#[tokio::test]
async fn an_idempotency_key_takes_the_place_of_the_control_id() {
    let test = TestApp::start().await;
    let send = async |control_id: &str, key: Option<&str>| {
        let call = by_message(&test, control_id, CREATION);
        let call = key.into_iter().fold(call, |call, key| call.header("Idempotency-Key", key));
        let answer = call.send().await;
        (acknowledged(&answer), answer.header("idempotent-replayed").is_some())
    };
    assert_eq!(send("C1", Some("k1")).await, ("AA".to_owned(), false));
    assert_eq!(send("C2", Some("k1")).await, ("AA".to_owned(), true));
    assert_eq!(send("C1", Some("k2")).await, ("AA".to_owned(), false));
    assert_eq!(send("C1", None).await, ("AA".to_owned(), false));
    assert_eq!(send("C1", None).await, ("AA".to_owned(), true));
    // No header is the identity of a message.
    assert_eq!(send("", Some("k3")).await, ("AE 101".to_owned(), false));
    assert_eq!(send("C9", Some("LABGW HOSP C1")).await, ("AE 102".to_owned(), false));
}

#[tokio::test]
async fn messages_that_are_sent_at_once_are_one() {
    let test = TestApp::start().await;
    let answers = by_message(&test, "C1", CREATION).send_in_parallel(20).await;
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotent-replayed").is_none()).count(), 1);
    assert_eq!(test.contents().await.key_count(7), 1);
}
