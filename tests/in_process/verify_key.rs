//! `POST /api/apiKeys/verify`, and with it the check of presented keys.
//!
//! One file, because each case is a reason to refuse a key, or none.

use serde_json::{Value, json};
use shared::Operation;
use shared::clock::Random;
use shared::ids::{KeyId, Locator, UserId};
use shared::keys::{PlainKey, Prefix};
use tests::engine::Engine;
use tests::fault_proxy::{Fault, FaultProxy};
use tests::key_strings::checksums;
use tests::{TestApp, TestCall, tokens};

fn verification<'a>(test: &'a TestApp, key: &str) -> TestCall<'a> {
    let call = test.call(Operation::VerifyKey).bearer(&tokens::with_role(900, "service"));
    call.json(&json!({"key": key}))
}

fn refused(reason: &str) -> Value {
    json!({"valid": false, "reason": reason})
}

fn valid(kind: &str) -> Value {
    json!({"valid": true, "user_id": 7, "id": 1, "type": kind, "status": "active"})
}

fn string(key: &Value) -> String {
    key["key"].as_str().expect("a key").to_owned()
}

async fn done(call: TestCall<'_>) {
    let answer = call.send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Creates a key of user 7 from a whole request body.
async fn make(test: &TestApp, body: Value) -> String {
    let answer = test.call(Operation::CreateKey).json(&body).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    string(&answer.json())
}

async fn rotate(test: &TestApp, grace: u32) -> String {
    let call = test.call(Operation::RotateKey).id(1).json(&json!({"grace_period_seconds": grace}));
    string(&call.send().await.ok())
}

/// A well-formed string that was never issued.
fn invented(user_id: u64, key_id: u64) -> String {
    let user_id = UserId::new(user_id).expect("an id");
    let locator = Locator { user_id, key_id: KeyId::new(key_id).expect("an id") };
    PlainKey::generate(Prefix::Live, locator, &Random::system(), &checksums()).reveal().to_owned()
}

#[tokio::test]
async fn a_service_learns_the_owner_of_a_key() {
    let test = TestApp::start().await;
    for (index, kind) in ["live", "test", "ai-medical-note", "t2yd"].into_iter().enumerate() {
        let key = make(&test, json!({"name": "a", "type": kind, "status": "active"})).await;
        let answer = verification(&test, &key).send().await;
        let id = index + 1;
        let expected = format!(r#"{{"valid":true,"user_id":7,"id":{id},"type":"{kind}","status":"active"}}"#);
        assert_eq!((answer.status, answer.text), (200, expected));
    }
    let answer = verification(&test, &invented(7, 1)).send().await;
    assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"valid":false,"reason":"unknown"}"#));
}

#[tokio::test]
async fn a_valid_check_counts_one_use() {
    let test = TestApp::start().await;
    let key = string(&test.key("a").await);
    test.set_time("2026-03-01T15:30:59.999Z");
    assert_eq!(test.verify(&key).await, valid("live"));
    let read = test.read(1).await;
    assert_eq!((&read["usage_count"], &read["last_used_at"]), (&json!(1), &json!("2026-03-01T15:30:59Z")));
    assert_eq!(test.audit(1).await.len(), 1, "a use is no change of the key");
}

#[tokio::test]
async fn only_a_service_may_ask() {
    let test = TestApp::start().await;
    let key = string(&test.key("a").await);
    let before = test.contents().await;
    for token in [tokens::user(7), tokens::with_role(7, "user"), tokens::with_role(1, "admin")] {
        let answer = verification(&test, &key).bearer(&token).send().await;
        answer.assert_refused(403, "Access denied");
        assert_eq!(answer.header("ratelimit"), None);
        let answer = verification(&test, &key).bearer(&token).body("{").send().await;
        answer.assert_refused(403, "Access denied");
    }
    let answer = verification(&test, &key).without_header("Authorization").send().await;
    answer.assert_refused(401, "JWT token required");
    let answer = verification(&test, &key).bearer("x.y.z").send().await;
    answer.assert_refused(401, "Invalid or expired JWT token");
    assert_eq!(test.contents().await, before);
    for roles in [json!(["service"]), json!(["service", "admin"]), json!(["auditor", "service"])] {
        let token = tokens::sign(&json!({"user_id": 900, "roles": roles, "exp": 4_102_444_800_u64}));
        assert_eq!(verification(&test, &key).bearer(&token).send().await.ok(), valid("live"), "{roles}");
    }
}

#[tokio::test]
async fn malformed_keys_are_refused_without_a_call_to_the_table() {
    let test = TestApp::start().await;
    let key = string(&test.key("a").await);
    let mut bad = vec![
        String::new(),
        " ".to_owned(),
        "nux_live_".to_owned(),
        "Bearer".to_owned(),
        "ключ".to_owned(),
        "\u{0}".to_owned(),
        format!(" {key}"),
        format!("{key}\n"),
        format!("{key}0"),
        key[..64].to_owned(),
        key[1..].to_owned(),
        key.replace("nux_live_", "nux_test_"),
        key.replace("nux_live_", "NUX_live_"),
        key.replace("nux_live_", "nux_liveX"),
        key.to_uppercase(),
        key.repeat(200),
        format!("{}é{}", &key[..30], &key[32..]),
        format!("{}-{}", &key[..30], &key[31..]),
    ];
    // A typo in any place: each digit replaced by the next one.
    bad.extend((9..65).map(|place| {
        let typo = if &key[place..=place] == "x" { "y" } else { "x" };
        format!("{}{typo}{}", &key[..place], &key[place + 1..])
    }));
    test.calls.clear();
    for bad in bad {
        assert_eq!(test.verify(&bad).await, refused("unknown"), "{bad:?}");
    }
    assert!(test.calls.rounds().is_empty(), "{:?}", test.calls.rounds());
}

#[tokio::test]
async fn well_formed_strings_that_were_never_issued_are_unknown() {
    let test = TestApp::start().await;
    test.key("a").await;
    let before = test.contents().await;
    // Another secret for an existing key; no such key; no such user; each other's ids; the largest ids.
    for (user_id, key_id) in [(7, 1), (7, 2), (8, 1), (1, 7), ((1 << 53) - 1, (1 << 53) - 1)] {
        assert_eq!(test.verify(&invented(user_id, key_id)).await, refused("unknown"), "{user_id} {key_id}");
    }
    assert_eq!(test.contents().await, before);
}

#[tokio::test]
async fn a_check_is_one_update_whatever_it_finds() {
    let test = TestApp::with(&[("TEST_KEY_DAILY_LIMIT", "1")]).await;
    let live = string(&test.key("a").await);
    let limited = make(&test, json!({"name": "b", "type": "test", "status": "active"})).await;
    let paused = make(&test, json!({"name": "c", "type": "live", "status": "paused"})).await;
    let expired = make(&test, json!({"name": "d", "type": "live", "status": "expired"})).await;
    test.verify(&limited).await;
    let one_update = [["UpdateItem"]];
    for (key, reason) in [
        (live, None),
        (invented(7, 1), Some("unknown")),
        (invented(7, 9), Some("unknown")),
        (paused, Some("paused")),
        (expired, Some("expired")),
        (limited, Some("limit")),
    ] {
        let before = test.contents().await;
        test.calls.clear();
        let answer = test.verify(&key).await;
        assert_eq!(test.calls.rounds(), one_update, "{answer}");
        assert_eq!(answer["reason"].as_str(), reason, "{answer}");
        assert_eq!(test.contents().await == before, reason.is_some(), "a refused check counts nothing: {answer}");
    }
}

#[tokio::test]
async fn a_paused_key_is_refused_on_the_next_call_and_works_again_after_resuming() {
    let test = TestApp::start().await;
    let key = string(&test.key("a").await);
    for _ in 0..2 {
        assert_eq!(test.verify(&key).await, valid("live"));
        done(test.call(Operation::PauseKey).id(1)).await;
        assert_eq!(test.verify(&key).await, refused("paused"));
        done(test.call(Operation::ResumeKey).id(1)).await;
    }
    assert_eq!(test.verify(&key).await, valid("live"));
    assert_eq!(test.read(1).await["usage_count"], 3);
}

#[tokio::test]
async fn a_deleted_key_is_unknown_on_the_next_call() {
    let test = TestApp::start().await;
    let key = string(&test.key("a").await);
    assert_eq!(test.verify(&key).await, valid("live"));
    done(test.call(Operation::DeleteKey).id(1)).await;
    let before = test.contents().await;
    assert_eq!(test.verify(&key).await, refused("unknown"));
    assert_eq!(test.contents().await, before, "a check makes no record");
}

#[tokio::test]
async fn a_key_is_expired_at_the_very_second() {
    let test = TestApp::start().await;
    for (status, before) in [("active", valid("live")), ("paused", refused("paused"))] {
        test.set_time("2026-03-01T12:00:00Z");
        let body = json!({"name": "a", "type": "live", "status": status, "expiry_at": "2026-03-01T12:00:10Z"});
        let key = make(&test, body).await;
        test.set_time("2026-03-01T12:00:09.999Z");
        assert_eq!(test.verify(&key).await["valid"], before["valid"]);
        assert_eq!(test.verify(&key).await["reason"], before["reason"]);
        test.set_time("2026-03-01T12:00:10Z");
        assert_eq!(test.verify(&key).await, refused("expired"));
    }
    let key = make(&test, json!({"name": "a", "type": "live", "status": "active", "expiry_at": null})).await;
    let ended = make(&test, json!({"name": "a", "type": "live", "status": "expired", "expiry_at": null})).await;
    assert_eq!(test.verify(&ended).await, refused("expired"));
    test.set_time("2099-12-31T23:59:59Z");
    assert_eq!(test.verify(&key).await["valid"], true, "never is never");
}

#[tokio::test]
async fn an_updated_expiry_counts_from_the_next_call_on() {
    let test = TestApp::start().await;
    let key = string(&test.key("a").await);
    let update = test.call(Operation::UpdateKey).id(1).json(&json!({"expiry_at": "2026-03-01T12:00:01Z"}));
    done(update).await;
    assert_eq!(test.verify(&key).await, valid("live"));
    test.set_time("2026-03-01T12:00:01Z");
    assert_eq!(test.verify(&key).await, refused("expired"));
}

#[tokio::test]
async fn a_rotated_key_works_by_its_new_string_only() {
    let test = TestApp::start().await;
    let old = string(&test.key("a").await);
    let new = rotate(&test, 0).await;
    assert_eq!(test.verify(&old).await, refused("unknown"));
    assert_eq!(test.verify(&new).await, valid("live"));
}

#[tokio::test]
async fn an_old_string_works_until_the_very_second_its_grace_ends() {
    let test = TestApp::start().await;
    let old = string(&test.key("a").await);
    let new = rotate(&test, 60).await;
    test.set_time("2026-03-01T12:00:59.999Z");
    assert_eq!(test.verify(&old).await, valid("live"));
    assert_eq!(test.verify(&new).await, valid("live"));
    assert_eq!(test.read(1).await["usage_count"], 2, "both are uses of the key");
    test.set_time("2026-03-01T12:01:00Z");
    assert_eq!(test.verify(&old).await, refused("unknown"));
    assert_eq!(test.verify(&new).await, valid("live"));
}

#[tokio::test]
async fn a_grace_ends_with_the_key() {
    let test = TestApp::start().await;
    let body = json!({"name": "a", "type": "live", "status": "active", "expiry_at": "2026-03-01T12:00:30Z"});
    let old = make(&test, body).await;
    let new = rotate(&test, 60).await;
    test.set_time("2026-03-01T12:00:29Z");
    assert_eq!(test.verify(&old).await, valid("live"));
    // A later expiry of the key does not extend the old string's grace.
    let update = test.call(Operation::UpdateKey).id(1).json(&json!({"expiry_at": "2026-03-01T13:00:00Z"}));
    done(update).await;
    test.set_time("2026-03-01T12:00:30Z");
    assert_eq!(test.verify(&old).await, refused("unknown"));
    assert_eq!(test.verify(&new).await, valid("live"));

    let shorter = test.call(Operation::UpdateKey).id(1).json(&json!({"expiry_at": "2026-03-01T12:00:40Z"}));
    rotate(&test, 60).await;
    done(shorter).await;
    test.set_time("2026-03-01T12:00:40Z");
    assert_eq!(test.verify(&new).await, refused("expired"));
}

#[tokio::test]
async fn the_strings_of_a_paused_key_are_paused_both() {
    let test = TestApp::start().await;
    let old = string(&test.key("a").await);
    done(test.call(Operation::PauseKey).id(1)).await;
    let new = rotate(&test, 60).await;
    assert_eq!(test.verify(&old).await, refused("paused"));
    assert_eq!(test.verify(&new).await, refused("paused"));
    done(test.call(Operation::ResumeKey).id(1)).await;
    assert_eq!(test.verify(&old).await, valid("live"));
    done(test.call(Operation::PauseKey).id(1)).await;
    test.set_time("2026-03-01T12:01:00Z");
    assert_eq!(test.verify(&old).await, refused("unknown"), "no longer a string of the key");
    assert_eq!(test.verify(&new).await, refused("paused"));
}

#[tokio::test]
async fn a_key_of_type_test_has_a_daily_limit() {
    let test = TestApp::with(&[("TEST_KEY_DAILY_LIMIT", "3")]).await;
    let key = make(&test, json!({"name": "a", "type": "test", "status": "active"})).await;
    let other = string(&test.key("b").await);
    let third_then_none = async || {
        for _ in 0..3 {
            assert_eq!(test.verify(&key).await, valid("test"));
        }
        for _ in 0..2 {
            assert_eq!(test.verify(&key).await, refused("limit"));
        }
    };
    third_then_none().await;
    assert_eq!(test.read(1).await["usage_count"], 3);
    for _ in 0..5 {
        assert_eq!(test.verify(&other).await["valid"], true, "other types have none");
    }
    // A new string has no new allowance, and `paused` comes before `limit`.
    let new = rotate(&test, 60).await;
    assert_eq!((test.verify(&key).await, test.verify(&new).await), (refused("limit"), refused("limit")));
    done(test.call(Operation::PauseKey).id(1)).await;
    assert_eq!(test.verify(&new).await, refused("paused"));
    done(test.call(Operation::ResumeKey).id(1)).await;
    let key = new;
    test.set_time("2026-03-01T23:59:59.999Z");
    assert_eq!(test.verify(&key).await, refused("limit"), "the day is that of UTC");
    test.set_time("2026-03-02T00:00:00Z");
    for _ in 0..3 {
        assert_eq!(test.verify(&key).await, valid("test"));
    }
    assert_eq!(test.verify(&key).await, refused("limit"));
    // The current type counts, whatever the prefix says.
    done(test.call(Operation::UpdateKey).id(1).json(&json!({"type": "live"}))).await;
    assert_eq!(test.verify(&key).await, valid("live"));
    done(test.call(Operation::UpdateKey).id(1).json(&json!({"type": "test"}))).await;
    assert_eq!(test.verify(&key).await, refused("limit"));
}

#[tokio::test]
async fn the_daily_limit_is_100_and_a_deployment_can_set_another() {
    let test = TestApp::start().await;
    let key = make(&test, json!({"name": "a", "type": "test", "status": "active"})).await;
    let answers = verification(&test, &key).send_in_parallel(150).await;
    assert_eq!(answers.iter().filter(|answer| answer.json()["valid"] == true).count(), 100);
    assert_eq!(answers.iter().filter(|answer| answer.json() == refused("limit")).count(), 50);
    assert_eq!(test.read(1).await["usage_count"], 100);
}

#[tokio::test]
async fn parallel_checks_are_counted_exactly() {
    let test = TestApp::start().await;
    let old = string(&test.key("a").await);
    let new = rotate(&test, 60).await;
    let (by_old, by_new) = (verification(&test, &old), verification(&test, &new));
    let (by_old, by_new) = tokio::join!(by_old.send_in_parallel(100), by_new.send_in_parallel(100));
    for answer in by_old.iter().chain(&by_new) {
        assert_eq!(answer.ok(), valid("live"));
    }
    assert_eq!(test.read(1).await["usage_count"], 200);
    let usage = test.call(Operation::GetUsage).id(1).send().await.ok();
    assert_eq!(usage["daily"], json!([{"date": "2026-03-01", "count": 200}]));
}

#[tokio::test]
async fn checks_beside_changes_are_counted_exactly() {
    let test = TestApp::start().await;
    let key = string(&test.key("a").await);
    let changes = async {
        for index in 0..20 {
            let body = json!({"name": format!("name {index}")});
            done(test.call(Operation::UpdateKey).id(1).json(&body)).await;
        }
    };
    let (answers, ()) = tokio::join!(verification(&test, &key).send_in_parallel(100), changes);
    assert!(answers.iter().all(|answer| answer.ok() == valid("live")));
    let read = test.read(1).await;
    assert_eq!((&read["usage_count"], &read["name"]), (&json!(100), &json!("name 19")));
}

#[tokio::test]
async fn a_check_waits_for_a_change_that_is_under_way() {
    let engine = FaultProxy::patient(&Engine::Embedded.start().await).await;
    let test = TestApp::on(&engine.url, &[]).await;
    let key = string(&test.key("a").await);
    engine.clear();
    engine.inject("UpdateItem", 3, Fault::error(400, "TransactionConflictException"));
    assert_eq!(test.verify(&key).await, valid("live"));
    assert_eq!(engine.count("UpdateItem"), 4);
    assert_eq!(test.read(1).await["usage_count"], 1);

    engine.clear();
    engine.inject("UpdateItem", usize::MAX, Fault::error(400, "TransactionConflictException"));
    let hurried = test.without_back_off(&engine.url);
    let answer = verification(&hurried, &key).send().await;
    answer.assert_refused(503, "Service temporarily unavailable");
    assert_eq!(engine.count("UpdateItem"), 20);
    assert!(answer.header("retry-after").is_some());
    engine.clear();
    assert_eq!(test.read(1).await["usage_count"], 1);
}

#[tokio::test]
async fn a_check_fails_when_the_table_does() {
    let engine = FaultProxy::patient(&Engine::Embedded.start().await).await;
    let test = TestApp::on(&engine.url, &[]).await;
    let key = string(&test.key("a").await);
    for (fault, status, error) in [
        (Fault::error(400, "ThrottlingException"), 503, "Service temporarily unavailable"),
        (Fault::error(400, "AccessDeniedException"), 500, "Failed to verify API Key"),
    ] {
        engine.inject("UpdateItem", 3, fault);
        verification(&test, &key).send().await.assert_refused(status, error);
        engine.clear();
    }
    assert_eq!(test.read(1).await["usage_count"], 0);
}

#[tokio::test]
async fn checks_are_outside_the_rate_limits() {
    let test = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "2"), ("RATE_LIMIT_PER_HOUR", "3")]).await;
    let key = string(&test.key("a").await);
    for uses in 1..=10 {
        // The owner may be a service as well.
        let answer = verification(&test, &key).bearer(&tokens::with_role(7, "service")).send().await;
        assert_eq!(answer.ok(), valid("live"), "{uses}");
        assert_eq!((answer.header("ratelimit"), answer.header("ratelimit-policy")), (None, None));
    }
    let read = test.call(Operation::GetKey).id(1).send().await;
    assert_eq!(read.header("ratelimit"), Some("\"minute\";r=0;t=60, \"hour\";r=1;t=3600"));
}

#[tokio::test]
async fn the_body_has_one_string() {
    let test = TestApp::start().await;
    let key = string(&test.key("a").await);
    let before = test.contents().await;
    for (body, field) in [
        (json!({}), "key"),
        (json!({"key": null}), "key"),
        (json!({"key": 7}), "key"),
        (json!({"key": [key]}), "key"),
        (json!({"key": key, "id": 1}), "id"),
        (json!(key), "body"),
    ] {
        verification(&test, "").json(&body).send().await.assert_invalid(&[field]);
    }
    verification(&test, "").body("").send().await.assert_invalid(&["body"]);
    let answer = verification(&test, &key.repeat(300)).send().await;
    assert_eq!((answer.status, answer.json()["details"][0]["field"].as_str()), (413, Some("body")));
    assert_eq!(test.contents().await, before);
}

#[tokio::test]
async fn hl7_and_fhir_say_the_same() {
    let test = TestApp::start().await;
    let key = string(&test.key("a").await);
    let hl7 = |key: &str| {
        let body = format!(
            "MSH|^~\\&|LABGW|HOSP|NUXERA|APIKEYS|20260301120000+0000||ZAK^Z14^ZAK_Z01|C00001|P|2.5.1\rZAK|1||{key}\r"
        );
        verification(&test, "").format("hl7").body(&body)
    };
    let fhir = |key: &str| {
        let body =
            json!({"resourceType": "Parameters", "parameter": [{"name": "key", "valueString": key}]}).to_string();
        verification(&test, "").format("fhir").body(&body)
    };
    let answer = hl7(&key).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.text.contains("|ACK^Z14^ACK_Z01|"), "{}", answer.text);
    assert!(answer.text.ends_with("\rMSA|AA|C00001\rZVF|1|Y||1|7|live|active\r"), "{}", answer.text);
    let answer = hl7(&invented(7, 1)).send().await;
    assert!(answer.text.ends_with("\rMSA|AA|C00001\rZVF|1|N|unknown\r"), "{}", answer.text);

    let answer = fhir(&key).send().await;
    let expected = json!({"resourceType": "Parameters", "parameter": [
        {"name": "valid", "valueBoolean": true},
        {"name": "user_id", "valueString": "7"},
        {"name": "id", "valueString": "1"},
        {"name": "type", "valueCode": "live"},
        {"name": "status", "valueCode": "active"},
    ]});
    assert_eq!(answer.ok(), expected);
    let expected = json!({"resourceType": "Parameters", "parameter": [
        {"name": "valid", "valueBoolean": false},
        {"name": "reason", "valueCode": "unknown"},
    ]});
    assert_eq!(fhir(&invented(7, 1)).send().await.ok(), expected);
    assert_eq!(test.read(1).await["usage_count"], 2);
}
