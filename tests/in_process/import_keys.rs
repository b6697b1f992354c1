//! `POST /api/apiKeys/import`, and the strings from before this service that it brings.

use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::Operation;
use shared::checksum::Checksums;
use tests::engine::Engine;
use tests::fault_proxy::{Fault, FaultProxy, Gate};
use tests::key_strings::CHECKSUM_SECRETS;
use tests::test_app::EXISTING;
use tests::{Answer, TestApp, TestCall, tokens};

const PREFIXED: &str = "nux_test_0123456789abcdef";

fn import<'a>(test: &'a TestApp, keys: &[Value]) -> TestCall<'a> {
    test.call(Operation::ImportKeys).bearer(&tokens::with_role(901, "admin")).json(&json!({"keys": keys}))
}

/// A key of user 7 with a string, and what differs.
fn existing(string: &str, other: Value) -> Value {
    let mut key = json!({"user_id": 7, "key": string, "name": "Ward 3", "type": "live", "status": "active"});
    let Value::Object(other) = other else { panic!("{other} is no object") };
    key.as_object_mut().expect("an object").extend(other);
    key
}

/// The same, of which the hash of its string alone is known.
fn hashed(string: &str, other: Value) -> Value {
    let mut key = existing(string, other);
    key.as_object_mut().expect("an object").remove("key");
    key["key_sha256"] = hex(digest(&SHA256, string.as_bytes()).as_ref()).into();
    key
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// So many strings, which differ.
fn strings(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("nux_live_{number:016x}")).collect()
}

#[track_caller]
fn results(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["results"].as_array().expect("results").clone()
}

async fn imported(test: &TestApp, keys: &[Value]) -> Vec<Value> {
    results(&import(test, keys).send().await)
}

fn outcome(outcome: &str, id: u64) -> Value {
    json!({"outcome": outcome, "id": id})
}

fn invalid(field: &str, rule: &str) -> Value {
    json!({"outcome": "invalid", "details": [{"field": field, "message": format!("{field} {rule}")}]})
}

const ENDED: &str = "was rotated or its key was deleted, after which a string never works again";

#[tokio::test]
async fn imported_keys_are_keys() {
    let test = TestApp::start().await;
    let created_at = json!({"id": 4711, "created_at": "2024-05-17T11:30:00+02:00"});
    let answer =
        import(&test, &[existing(EXISTING, created_at), existing(PREFIXED, json!({"type": "test"}))]).send().await;
    assert_eq!(results(&answer), [outcome("imported", 4711), outcome("imported", 4712)]);
    assert_eq!(answer.header("ratelimit"), None, "it counts towards no limit");
    let key = json!({
        "id": 4711, "key": EXISTING, "name": "Ward 3", "type": "live", "status": "active", "is_default": false,
        "created_at": "2024-05-17T09:30:00Z", "expiry_at": null, "user_id": 7, "last_used_at": null, "usage_count": 0,
    });
    assert_eq!(test.read(4711).await, key);
    let trail = test.audit(4711).await;
    assert_eq!((trail.len(), &trail[0]["action"]), (1, &json!("import")));
    assert_eq!(trail[0]["actor"], json!({"user_id": 901, "role": "admin"}));
    assert_eq!(trail[0]["request_id"], json!(answer.header("x-request-id")));
    let changes = json!({
        "name": {"from": null, "to": "Ward 3"}, "type": {"from": null, "to": "live"}, "status": {"from": null, "to": "active"},
    });
    assert_eq!(trail[0]["changes"], changes);
    for (string, id, kind) in [(EXISTING, 4711, "live"), (PREFIXED, 4712, "test")] {
        let valid = json!({"valid": true, "user_id": 7, "id": id, "type": kind, "status": "active"});
        assert_eq!(test.verify(string).await, valid);
        assert_eq!(test.read(id).await["usage_count"], 1);
    }
    let of_admin = test.call(Operation::ListUserKeys).path_parameter("user_id", "7");
    let list = of_admin.bearer(&tokens::with_role(901, "admin")).send().await.ok();
    assert_eq!((&list[0]["key"], &list[1]["key"]), (&json!("…4a5b"), &json!("…cdef")), "masked");
    let lookup = test.call(Operation::LookupKey).bearer(&tokens::with_role(901, "admin"));
    assert_eq!(lookup.json(&json!({"key": EXISTING})).send().await.ok()["key"], "…4a5b");
    assert_eq!(test.key("new").await["id"], 4713, "new ids come after the highest");
    test.contents().await.assert_consistent();
}

#[tokio::test]
async fn a_key_whose_hash_alone_is_known_works_and_is_shown_as_an_ellipsis() {
    let test = TestApp::start().await;
    assert_eq!(imported(&test, &[hashed(EXISTING, json!({}))]).await, [outcome("imported", 1)]);
    assert_eq!(test.verify(EXISTING).await["valid"], true);
    assert_eq!(test.read(1).await["key"], "…");
    for format in ["hl7", "fhir"] {
        let answer = test.call(Operation::GetKey).id(1).header("x-response-format", format).send().await;
        assert!(answer.status == 200 && answer.text.contains('…'), "{}", answer.text);
    }
    assert_eq!(imported(&test, &[existing(EXISTING, json!({}))]).await, [outcome("exists", 1)], "the same string");
}

#[tokio::test]
async fn a_repeat_changes_nothing() {
    let test = TestApp::start().await;
    let keys = [
        existing(EXISTING, json!({"id": 5, "is_default": true})),
        existing(PREFIXED, json!({})),
        hashed(&strings(1)[0], json!({"user_id": 8})),
    ];
    assert_eq!(imported(&test, &keys).await, [outcome("imported", 5), outcome("imported", 6), outcome("imported", 7)]);
    test.call(Operation::PauseKey).id(5).send().await.ok();
    let before = test.contents().await.records();
    assert_eq!(imported(&test, &keys).await, [outcome("exists", 5), outcome("exists", 6), outcome("exists", 7)]);
    let renamed = [existing(EXISTING, json!({"id": 99, "name": "Other", "status": "expired"}))];
    assert_eq!(imported(&test, &renamed).await, [outcome("exists", 5)]);
    assert_eq!(test.contents().await.records(), before);
}

#[tokio::test]
async fn an_element_is_judged_by_itself() {
    let test = TestApp::start().await;
    let mut cases = vec![(
        json!(5),
        json!([{"field": "keys", "message": "each element of keys must be an object"},
            {"field": "key", "message": "key or key_sha256 is required"},
            {"field": "user_id", "message": "user_id is required"}, {"field": "name", "message": "name is required"},
            {"field": "type", "message": "type is required"}, {"field": "status", "message": "status is required"}]),
    )];
    let form = "must be a UUID, or nux_live_ or nux_test_ and 16 hexadecimal digits, in lower case";
    let issued = test.key("issued").await["key"].as_str().expect("a string").to_owned();
    for string in ["", "x", &EXISTING.to_uppercase(), "nux_live_0123456789ABCDEF", &PREFIXED[..24], &issued] {
        cases.push((existing(string, json!({})), json!([{"field": "key", "message": format!("key {form}")}])));
    }
    let integer = "must be an integer from 1 to 9007199254740991";
    for (field, value, rule) in [
        ("user_id", json!(0), integer),
        ("user_id", json!("7"), integer),
        ("id", json!(0), integer),
        ("id", json!(281_474_976_710_657_u64), "must be an integer from 1 to 281474976710656"),
        ("name", json!(""), "must not be empty"),
        ("name", json!(format!("old {PREFIXED}")), "must not contain an API key"),
        ("type", json!("gold"), "must be one of \"live\", \"test\", \"ai-medical-note\", \"t2yd\""),
        ("status", json!("on"), "must be one of \"active\", \"paused\", \"expired\""),
        ("is_default", json!("yes"), "must be true or false"),
        ("created_at", json!("2026-03-01T12:00:01Z"), "must not be in the future"),
        ("created_at", json!("today"), "must be an RFC 3339 timestamp, such as 2027-03-01T12:00:00Z"),
        ("expiry_at", json!("never"), "must be an RFC 3339 timestamp, such as 2027-03-01T12:00:00Z"),
        ("note", json!(1), "is not a field of this request"),
        ("key_sha256", json!("0".repeat(64)), "must be absent where there is key"),
    ] {
        let details = json!([{"field": field, "message": format!("{field} {rule}")}]);
        cases.push((existing(EXISTING, json!({field: value})), details));
    }
    for hash in ["", &"0".repeat(63), &"A".repeat(64), &"0".repeat(65), &"é".repeat(32)] {
        let mut key = hashed(EXISTING, json!({}));
        key["key_sha256"] = hash.into();
        let message = "key_sha256 must be 64 hexadecimal digits in lower case";
        cases.push((key, json!([{"field": "key_sha256", "message": message}])));
    }
    let good = existing(&strings(1)[0], json!({"type": "ai-medicial-note"}));
    let keys: Vec<Value> = cases.iter().map(|(key, _)| key.clone()).chain([good]).collect();
    let results = imported(&test, &keys).await;
    for ((key, details), result) in cases.iter().zip(&results) {
        assert_eq!(*result, json!({"outcome": "invalid", "details": details}), "{key}");
    }
    assert_eq!(results.last(), Some(&outcome("imported", 2)), "the others are imported all the same");
    assert_eq!(test.read(2).await["type"], "ai-medical-note");
}

#[tokio::test]
async fn a_list_has_1_to_100_elements_and_a_body_256_kib() {
    let test = TestApp::start().await;
    for body in
        [json!({}), json!({"keys": null}), json!({"keys": {}}), json!({"keys": []}), json!({"keys": vec![1; 101]})]
    {
        import(&test, &[]).json(&body).send().await.assert_invalid(&["keys"]);
    }
    import(&test, &[]).json(&json!({"keys": [1], "more": 1})).send().await.assert_invalid(&["more"]);
    let name = "é".repeat(100);
    let keys: Vec<Value> = strings(100).iter().map(|string| existing(string, json!({"name": name}))).collect();
    let body = json!({"keys": keys}).to_string();
    let padded = |length: usize| format!("{body}{}", " ".repeat(length - body.len()));
    let outcomes = results(&import(&test, &[]).body(&padded(256 * 1024)).send().await);
    assert_eq!(outcomes, (1..=100).map(|id| outcome("imported", id)).collect::<Vec<_>>());
    let answer = import(&test, &[]).body(&padded(256 * 1024 + 1)).send().await;
    assert_eq!((answer.status, answer.json()["error"].as_str()), (413, Some("Request body too large")));
    test.contents().await.assert_consistent();
}

#[tokio::test]
async fn a_string_and_an_id_belong_to_one_key() {
    let test = TestApp::start().await;
    let issued = test.key("issued").await["id"].as_u64().expect("an id");
    let [first, second, third] = &strings(3)[..] else { panic!("three") };
    let keys = [
        existing(first, json!({"id": 9})),
        existing(first, json!({"id": 8})),
        existing(first, json!({"user_id": 8})),
        existing(second, json!({"id": 9})),
        existing(second, json!({"id": issued})),
        existing(third, json!({"id": 5, "user_id": 8})),
    ];
    let taken = invalid("id", "is taken");
    let expected = [
        outcome("imported", 9),
        outcome("exists", 9),
        invalid("key", "belongs to another user"),
        taken.clone(),
        taken.clone(),
        outcome("imported", 5),
    ];
    assert_eq!(imported(&test, &keys[..2]).await, expected[..2]);
    assert_eq!(imported(&test, &keys[2..]).await, expected[2..]);
    let hash = hashed(first, json!({"user_id": 8}));
    assert_eq!(imported(&test, &[hash]).await, [invalid("key_sha256", "belongs to another user")]);
    // An id between those of this service: given by it, or by another import.
    assert_eq!(test.key("new").await["id"], 10);
    assert_eq!(imported(&test, &[existing(second, json!({"id": 10}))]).await, [taken]);
    assert_eq!(imported(&test, &[existing(second, json!({"id": 8}))]).await, [outcome("imported", 8)]);
    assert_eq!(test.verify(first).await["id"], 9);
    test.contents().await.assert_consistent();
}

#[tokio::test]
async fn the_highest_id_leaves_room_for_new_ones() {
    let test = TestApp::start().await;
    let highest = 1_u64 << 48;
    assert_eq!(imported(&test, &[existing(EXISTING, json!({"id": highest}))]).await, [outcome("imported", highest)]);
    assert_eq!(test.key("new").await["id"], highest + 1);
    assert_eq!(test.verify(EXISTING).await["id"], highest);
}

#[tokio::test]
async fn a_user_has_one_default_and_no_more_keys_than_the_deployment_allows() {
    let test = TestApp::with(&[("MAX_KEYS_PER_USER", "3")]).await;
    let strings = strings(6);
    let default = |string: &str, other: Value| {
        let mut key = existing(string, other);
        key["is_default"] = true.into();
        key
    };
    let left_out = |id: u64, reason: &str| {
        let details = json!([{"field": "is_default", "message": format!("is_default was left out: {reason}")}]);
        json!({"outcome": "imported", "id": id, "details": details})
    };
    let keys = [
        default(&strings[0], json!({"expiry_at": "2026-03-01T12:00:00Z"})),
        default(&strings[1], json!({})),
        default(&strings[2], json!({})),
        existing(&strings[3], json!({})),
        default(&strings[4], json!({"user_id": 8, "status": "paused"})),
    ];
    let expected = [
        left_out(1, "an expired key cannot be the default"),
        outcome("imported", 2),
        left_out(3, "the user has another default, which stays"),
        invalid("user_id", "has as many keys as a user may have"),
        outcome("imported", 5),
    ];
    assert_eq!(imported(&test, &keys).await, expected);
    let changes = test.audit(2).await[0]["changes"].clone();
    assert_eq!(changes["is_default"], json!({"from": false, "to": true}));
    assert!(test.read(2).await["is_default"] == true && test.read(3).await["is_default"] == false);
    let contents = test.contents().await;
    assert_eq!((contents.default_id(7), contents.default_id(8), contents.key_count(7)), (Some(2), Some(5), 3));
    contents.assert_consistent();
}

#[tokio::test]
async fn an_expiry_that_has_passed_makes_an_expired_key_and_one_ahead_is_kept() {
    let test = TestApp::start().await;
    let [past, ended, ahead] = &strings(3)[..] else { panic!("three") };
    let keys = [
        existing(past, json!({"expiry_at": "2025-01-01T00:00:00Z"})),
        existing(ended, json!({"status": "expired"})),
        existing(ahead, json!({"expiry_at": "2026-03-01T12:00:10Z"})),
    ];
    imported(&test, &keys).await;
    for string in [past, ended] {
        assert_eq!(test.verify(string).await, json!({"valid": false, "reason": "expired"}));
    }
    assert_eq!(test.verify(ahead).await["valid"], true);
    test.advance(TimeDelta::seconds(10));
    assert_eq!(test.verify(ahead).await["reason"], "expired");
    assert_eq!(test.read(1).await["expiry_at"], "2025-01-01T00:00:00Z");
}

#[tokio::test]
async fn a_rotation_gives_a_string_of_this_service_and_the_old_one_is_never_revived() {
    let test = TestApp::start().await;
    let key = existing(EXISTING, json!({"id": 4711}));
    imported(&test, std::slice::from_ref(&key)).await;
    let rotate = test.call(Operation::RotateKey).id(4711).json(&json!({"grace_period_seconds": 60}));
    let new = rotate.send().await.ok()["key"].as_str().expect("a string").to_owned();
    assert_eq!(new.len(), 65);
    for string in [EXISTING, &new] {
        assert_eq!(test.verify(string).await["id"], 4711, "the old one in its grace");
    }
    assert_eq!(imported(&test, std::slice::from_ref(&key)).await, [invalid("key", ENDED)]);
    test.advance(TimeDelta::seconds(61));
    assert_eq!(test.verify(EXISTING).await, json!({"valid": false, "reason": "unknown"}));
    assert_eq!(imported(&test, std::slice::from_ref(&key)).await, [invalid("key", ENDED)]);
    assert_eq!(test.verify(&new).await["valid"], true);
}

#[tokio::test]
async fn a_deleted_key_stays_deleted() {
    let test = TestApp::start().await;
    let keys = [existing(EXISTING, json!({"id": 4711})), hashed(PREFIXED, json!({}))];
    imported(&test, &keys).await;
    for id in [4711, 4712] {
        test.call(Operation::DeleteKey).id(id).send().await.ok();
    }
    assert_eq!(imported(&test, &keys).await, [invalid("key", ENDED), invalid("key_sha256", ENDED)]);
    assert_eq!(test.verify(EXISTING).await["reason"], "unknown");
    let again = [existing(&strings(1)[0], json!({"id": 4711}))];
    assert_eq!(imported(&test, &again).await, [invalid("id", "is taken")], "its id too");
}

/// The strings have 64 bits, so their plain hashes could be found by trying. A thief of the table who knows all but four bits
/// tries the rest, by each hash that needs no secret.
#[tokio::test]
async fn a_stolen_table_does_not_yield_strings() {
    for reveal in ["always", "once"] {
        let test = TestApp::with(&[("KEY_REVEAL", reveal)]).await;
        let keys = [existing(PREFIXED, json!({})), hashed(&strings(1)[0], json!({"user_id": 8}))];
        imported(&test, &keys).await;
        test.call(Operation::RotateKey).id(1).json(&json!({"grace_period_seconds": 60})).send().await.ok();
        let mut stolen = Vec::new();
        let contents = test.contents().await;
        contents.items().flat_map(std::collections::HashMap::values).for_each(|value| dump(&mut stolen, value));
        let holds = |part: &[u8]| stolen.windows(part.len()).any(|window| window == part);
        let forms = |bytes: &[u8]| {
            let texts = [hex(bytes), hex(bytes).to_uppercase(), STANDARD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)];
            texts.map(String::into_bytes).into_iter().chain([bytes.to_vec()]).collect::<Vec<_>>()
        };
        let secret = Checksums::parse(CHECKSUM_SECRETS).expect("a secret");
        let guessed = Checksums::parse(&"x".repeat(32)).expect("a secret");
        for string in [PREFIXED, &strings(1)[0]] {
            let mut found_with_secret = 0;
            for digit in "0123456789abcdef".chars() {
                let candidate = format!("{}{digit}", &string[..string.len() - 1]);
                let sha256: [u8; 32] = digest(&SHA256, candidate.as_bytes()).as_ref().try_into().expect("32 bytes");
                let twice: [u8; 32] = digest(&SHA256, &sha256).as_ref().try_into().expect("32 bytes");
                let wrong = guessed.keyed_hashes(&sha256)[0];
                for bytes in [candidate.as_bytes(), &sha256, &twice, &wrong] {
                    for form in forms(bytes) {
                        assert!(!holds(&form), "{reveal}: the table tells {candidate}");
                    }
                }
                found_with_secret += usize::from(holds(&secret.keyed_hashes(&sha256)[0]));
            }
            assert_eq!(found_with_secret, 1, "the dump is of this table, and only the secret opens it");
        }
    }
}

fn dump(bytes: &mut Vec<u8>, value: &AttributeValue) {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => bytes.extend(text.as_bytes()),
        AttributeValue::B(blob) => bytes.extend(blob.as_ref()),
        AttributeValue::M(map) => map.values().for_each(|value| dump(bytes, value)),
        AttributeValue::Bool(_) => {}
        other @ (AttributeValue::Bs(_)
        | AttributeValue::L(_)
        | AttributeValue::Ns(_)
        | AttributeValue::Null(_)
        | AttributeValue::Ss(_)
        | _) => panic!("{other:?}"),
    }
    bytes.push(b'\n');
}

#[tokio::test]
async fn a_stored_hash_is_no_key() {
    let test = TestApp::start().await;
    test.key("issued").await;
    imported(&test, &[existing(EXISTING, json!({}))]).await;
    let sha256: [u8; 32] = digest(&SHA256, EXISTING.as_bytes()).as_ref().try_into().expect("32 bytes");
    let keyed = Checksums::parse(CHECKSUM_SECRETS).expect("a secret").keyed_hashes(&sha256)[0];
    for bytes in [sha256, keyed] {
        for presented in [hex(&bytes), STANDARD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)] {
            assert_eq!(test.verify(&presented).await, json!({"valid": false, "reason": "unknown"}));
            let call = test.valid_call(Operation::Transcribe).header("x-api-key", &presented);
            call.without_header("Authorization").send().await.assert_refused(401, "Invalid API key");
        }
    }
}

#[tokio::test]
async fn strings_outlive_a_rotation_of_the_secret_while_it_is_listed() {
    let engine = Engine::Embedded.start().await;
    let before = TestApp::on(&engine, &[]).await;
    imported(&before, &[existing(EXISTING, json!({}))]).await;
    let with = |secrets: &str| {
        let checksums = Checksums::parse(secrets).expect("secrets");
        before.second_with(&engine, |config| config.checksums = Some(checksums))
    };
    let new = "n".repeat(32);
    let during = with(&format!("{new},{CHECKSUM_SECRETS}"));
    assert_eq!(during.verify(EXISTING).await["id"], 1);
    assert_eq!(imported(&during, &[existing(EXISTING, json!({}))]).await, [outcome("exists", 1)]);
    assert_eq!(imported(&during, &[existing(PREFIXED, json!({}))]).await, [outcome("imported", 2)]);
    let after = with(&new);
    assert_eq!(after.verify(EXISTING).await["reason"], "unknown");
    assert_eq!(after.verify(PREFIXED).await["id"], 2);
}

#[tokio::test]
async fn one_import_runs_at_a_time() {
    let proxy = FaultProxy::patient(&Engine::Embedded.start().await).await;
    let test = TestApp::on(&proxy.url, &[]).await;
    let other = test.second(&proxy.url);
    let gate = Gate::default();
    proxy.inject("TransactWriteItems", 1, Fault::Hold(gate.clone()));
    let first = import(&test, &[existing(EXISTING, json!({}))]).request_id("first");
    let second = import(&other, &[existing(PREFIXED, json!({}))]).request_id("second");
    let (first, refused) = tokio::join!(first.send(), async {
        gate.reached().await;
        let refused = second.clone().send().await;
        gate.open();
        refused
    });
    refused.assert_refused(503, "Service temporarily unavailable");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(results(&first), [outcome("imported", 1)]);
    assert_eq!(results(&second.clone().send().await), [outcome("imported", 2)]);

    // A turn that was not given back, because its container died, ends by itself.
    proxy.inject("TransactWriteItems", 1, Fault::Hold(Gate::default()));
    let lost = import(&test, &[existing(&strings(1)[0], json!({}))]).request_id("lost");
    let (_, ()) = tokio::join!(tokio::time::timeout(std::time::Duration::from_millis(300), lost.send()), async {});
    assert_eq!(second.clone().send().await.status, 503);
    test.advance(TimeDelta::seconds(31));
    assert_eq!(results(&second.send().await), [outcome("exists", 2)]);
}

#[tokio::test]
async fn it_is_for_admins_and_counts_towards_no_limit() {
    let test = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "1")]).await;
    for token in [tokens::user(7), tokens::with_role(900, "service")] {
        import(&test, &[existing(EXISTING, json!({}))])
            .bearer(&token)
            .send()
            .await
            .assert_refused(403, "Access denied");
    }
    for expected in ["imported", "exists", "exists"] {
        assert_eq!(imported(&test, &[existing(EXISTING, json!({}))]).await, [outcome(expected, 1)]);
    }
}

#[tokio::test]
async fn it_takes_and_gives_json_alone() {
    let test = TestApp::start().await;
    for header in ["x-request-format", "x-response-format"] {
        for format in ["hl7", "fhir"] {
            let call = || import(&test, &[existing(EXISTING, json!({}))]).header(header, format);
            let answer = call().send().await;
            assert_eq!(answer.status, 400, "{}", answer.text);
            assert!(answer.text.contains(header) && answer.text.contains("on this path"), "{}", answer.text);
            let written = if header == "x-response-format" { format } else { "json" };
            let content_type = answer.header("content-type").expect("a type").to_owned();
            assert!(content_type.contains(written), "{content_type}");
        }
    }
    assert_eq!(test.contents().await.records().items().count(), 0);
}

/// Fifty at once: of the same keys, each is imported once, and each call learns of all.
#[tokio::test]
async fn racing_imports_take_each_key_once() {
    let engine = Engine::Embedded.start().await;
    let test = TestApp::on(&engine, &[]).await;
    let keys: Vec<Value> = strings(10).iter().map(|string| existing(string, json!({}))).collect();
    let mut imported = 0;
    for _ in 0..3 {
        for answer in import(&test, &keys).send_in_parallel(20).await {
            if answer.status == 200 {
                imported += results(&answer).iter().filter(|result| result["outcome"] == "imported").count();
            } else {
                answer.assert_refused(503, "Service temporarily unavailable");
            }
        }
    }
    assert_eq!(imported, 10);
    let contents = test.contents().await;
    assert_eq!(contents.key_count(7), 10);
    contents.assert_consistent();
}
