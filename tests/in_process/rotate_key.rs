//! `POST /api/apiKeys/{id}/rotate`

use serde_json::{Value, json};
use shared::Operation;
use tests::{TestApp, TestCall};

fn rotation<'a>(test: &'a TestApp, body: &Value) -> TestCall<'a> {
    test.call(Operation::RotateKey).id(1).json(body)
}

/// Rotates key 1 without a grace period.
async fn rotate(test: &TestApp) -> Value {
    test.call(Operation::RotateKey).id(1).send().await.ok()
}

fn string(key: &Value) -> &str {
    key["key"].as_str().expect("a key")
}

#[tokio::test]
async fn a_rotated_key_is_the_same_but_for_its_string() {
    let test = TestApp::start().await;
    let key = test.key("Lab gateway").await;
    test.verify(string(&key)).await;
    let before = test.read(1).await;
    test.set_time("2026-03-01T13:00:00Z");
    let answer = rotation(&test, &json!({"grace_period_seconds": 60})).send().await;
    let rotated = answer.ok();
    let new = string(&rotated);
    assert_ne!(new, string(&before));
    // Prefix and locator stay the same; the secret differs.
    assert_eq!((&new[..27], new.len()), (&string(&before)[..27], 65));
    let mut expected = before.clone();
    expected["key"] = new.into();
    assert_eq!(rotated, expected);
    let names: Vec<&str> = answer.text.split('"').filter(|part| before.get(part).is_some()).collect();
    let documented = ["id", "key", "name", "type", "status", "is_default", "created_at", "expiry_at", "user_id"];
    assert_eq!(names[..9], documented, "{}", answer.text);
    assert_eq!(answer.header("location"), None);
    assert_eq!(answer.header("idempotent-replayed"), None);
    assert_eq!(test.read(1).await, rotated, "what it returned is what there is");
}

#[tokio::test]
async fn every_string_is_a_new_one() {
    let test = TestApp::start().await;
    let mut strings = vec![string(&test.key("a").await).to_owned()];
    for _ in 0..5 {
        strings.push(string(&rotate(&test).await).to_owned());
    }
    let last = strings.pop().expect("a string");
    for old in strings {
        assert_eq!(test.verify(&old).await["reason"], "unknown");
    }
    assert_eq!(test.verify(&last).await["valid"], true);
}

#[tokio::test]
async fn the_prefix_is_that_of_the_type_at_the_time() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    for (kind, prefix) in
        [("test", "nux_test_"), ("live", "nux_live_"), ("t2yd", "nux_live_"), ("ai-medical-note", "nux_live_")]
    {
        let before = test.read(1).await;
        let updated = test.call(Operation::UpdateKey).id(1).json(&json!({"type": kind})).send().await.ok();
        assert_eq!(updated["key"], before["key"], "a new type is no new string");
        let rotated = rotate(&test).await;
        assert!(string(&rotated).starts_with(prefix), "{kind}");
        assert_eq!(string(&rotated)[9..27], string(&key)[9..27]);
        assert_eq!(test.verify(string(&rotated)).await["type"], kind);
    }
}

#[tokio::test]
async fn the_grace_is_what_the_body_says_in_any_format() {
    let hl7 = |zak: &str| {
        format!("MSH|^~\\&|LABGW|HOSP|NUXERA|APIKEYS|20260301120000+0000||ZAK^Z11^ZAK_Z01|C00001|P|2.5.1\r{zak}\r")
    };
    let fhir = |parameters: Value| json!({"resourceType": "Parameters", "parameter": parameters}).to_string();
    let grace = json!([{"name": "grace_period_seconds", "valueInteger": 60}]);
    for (format, body, seconds) in [
        ("json", String::new(), 0),
        ("json", "{}".to_owned(), 0),
        ("json", json!({"grace_period_seconds": 0}).to_string(), 0),
        ("json", json!({"grace_period_seconds": 60}).to_string(), 60),
        ("json", json!({"grace_period_seconds": 2_592_000}).to_string(), 2_592_000),
        ("hl7", String::new(), 0),
        ("hl7", hl7("ZAK|1|1"), 0),
        ("hl7", hl7("ZAK|1|1||||||||||||60"), 60),
        ("fhir", String::new(), 0),
        ("fhir", json!({"resourceType": "Parameters"}).to_string(), 0),
        ("fhir", fhir(grace), 60),
    ] {
        let test = TestApp::start().await;
        let old = test.key("a").await;
        let mut call = test.call(Operation::RotateKey).id(1).format(format);
        if !body.is_empty() {
            call = call.body(&body);
        }
        let answer = call.send().await;
        assert_eq!(answer.status, 200, "{body} {}", answer.text);
        let new = test.read(1).await;
        assert!(answer.text.contains(string(&new)), "{body} {}", answer.text);
        if seconds > 0 {
            test.advance(chrono::TimeDelta::seconds(seconds - 1));
            assert_eq!(test.verify(string(&old)).await["valid"], true, "{body}");
            test.advance(chrono::TimeDelta::seconds(1));
        }
        assert_eq!(test.verify(string(&old)).await["reason"], "unknown", "{body}");
        assert_eq!(test.verify(string(&new)).await["valid"], true, "{body}");
    }
}

#[tokio::test]
async fn hl7_and_fhir_show_the_key() {
    let test = TestApp::start().await;
    test.key("Lab gateway").await;
    let answer = test.call(Operation::RotateKey).id(1).header("x-response-format", "hl7").send().await;
    let string_now = string(&test.read(1).await).to_owned();
    assert!(answer.text.contains("|ACK^Z11^ACK_Z01|"), "{}", answer.text);
    let zak = format!("\rZAK|1|1|{string_now}|Lab gateway|live|active|N|20260301120000.000+0000|");
    assert!(answer.text.contains(&zak), "{}", answer.text);
    let answer = test.call(Operation::RotateKey).id(1).header("x-response-format", "fhir").send().await;
    let basic = answer.ok();
    assert_eq!((&basic["resourceType"], &basic["id"]), (&json!("Basic"), &json!("1")));
    assert_eq!(basic["extension"][0]["valueString"], test.read(1).await["key"]);
}

#[tokio::test]
async fn a_grace_is_a_whole_number_of_seconds_up_to_30_days() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    let before = test.contents().await.without_limits();
    for bad in
        [json!(-1), json!(2_592_001), json!(1.5), json!(60.0), json!("60"), json!(null), json!(true), json!(u64::MAX)]
    {
        let answer = rotation(&test, &json!({"grace_period_seconds": bad})).send().await;
        answer.assert_invalid(&["grace_period_seconds"]);
    }
    rotation(&test, &json!({"grace": 60})).send().await.assert_invalid(&["grace"]);
    rotation(&test, &json!({"grace_period_seconds": -1, "id": 1}))
        .send()
        .await
        .assert_invalid(&["grace_period_seconds", "id"]);
    rotation(&test, &json!([])).send().await.assert_invalid(&["body"]);
    for bad in ["0", "-1", "x", "1.0", "9007199254740992"] {
        test.call(Operation::RotateKey).id(bad).send().await.assert_invalid(&["id"]);
    }
    for zak in ["ZAK|1|2", "ZAK|1|1||||||||||||2592001", "ZAK|1|1||||||||||||x", "ZAK|1|1||x"] {
        let head = "MSH|^~\\&|LABGW|HOSP|NUXERA|APIKEYS|20260301120000+0000||ZAK^Z11^ZAK_Z01|C00001|P|2.5.1";
        let answer = test.call(Operation::RotateKey).id(1).format("hl7").body(&format!("{head}\r{zak}\r")).send().await;
        assert_eq!(answer.status, 400, "{zak} {}", answer.text);
    }
    assert_eq!(test.contents().await.without_limits(), before);
    assert_eq!(test.read(1).await["key"], key["key"]);
}

#[tokio::test]
async fn the_trail_says_until_when_the_old_string_works_and_holds_no_string() {
    let test = TestApp::start().await;
    let old = test.key("a").await;
    test.set_time("2026-03-01T12:00:00.500Z");
    let answer = rotation(&test, &json!({"grace_period_seconds": 3_600})).send().await;
    let trail = test.audit(1).await;
    assert_eq!(trail.len(), 2);
    assert_eq!((&trail[0]["action"], &trail[0]["key_id"]), (&json!("rotate"), &json!(1)));
    assert_eq!(trail[0]["actor"], json!({"user_id": 7, "role": "user"}));
    assert_eq!(trail[0]["request_id"].as_str(), answer.header("x-request-id"));
    assert_eq!(trail[0]["changes"], json!({"previous_key_until": {"from": null, "to": "2026-03-01T13:00:00Z"}}));
    // A further rotation ends an earlier grace.
    test.set_time("2026-03-01T12:10:00Z");
    let last = rotate(&test).await;
    let trail = test.audit(1).await;
    assert_eq!(
        trail[0]["changes"],
        json!({"previous_key_until": {"from": "2026-03-01T13:00:00Z", "to": "2026-03-01T12:10:00Z"}})
    );
    for string_before in [string(&old), string(&answer.ok())] {
        assert_eq!(test.verify(string_before).await["reason"], "unknown");
    }
    let trail = json!(trail).to_string();
    for secret in [string(&old), string(&answer.ok()), string(&last)] {
        assert!(!trail.contains(&secret[27..59]) && !trail.contains("nux_"), "{trail}");
    }
}

#[tokio::test]
async fn an_expired_key_cannot_be_rotated() {
    let test = TestApp::start().await;
    let body = json!({"name": "a", "type": "live", "status": "active", "expiry_at": "2026-03-01T12:00:10Z"});
    for (body, id) in [(body, 1), (json!({"name": "a", "type": "live", "status": "expired"}), 2)] {
        assert_eq!(test.call(Operation::CreateKey).json(&body).send().await.status, 201);
        let key = test.read(id).await;
        test.set_time("2026-03-01T12:00:10Z");
        test.call(Operation::RotateKey).id(id).send().await.assert_refused(409, "API Key is expired");
        assert_eq!((&test.read(id).await["key"], test.audit(id).await.len()), (&key["key"], 1));
    }
}

#[tokio::test]
async fn a_paused_key_stays_paused() {
    let test = TestApp::start().await;
    test.key("a").await;
    assert_eq!(test.call(Operation::PauseKey).id(1).send().await.status, 200);
    let rotated = rotate(&test).await;
    assert_eq!(rotated["status"], "paused");
    assert_eq!(test.verify(string(&rotated)).await["reason"], "paused");
}

#[tokio::test]
async fn the_default_stays_the_default() {
    let test = TestApp::start().await;
    test.key("a").await;
    assert_eq!(test.call(Operation::SetDefault).json(&json!({"id": 1})).send().await.status, 200);
    assert_eq!(rotate(&test).await["is_default"], true);
    assert_eq!(test.read(1).await["is_default"], true);
}

#[tokio::test]
async fn another_users_key_and_a_missing_one_are_not_found() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    let before = test.contents().await.without_limits();
    test.call(Operation::RotateKey).id(2).send().await.assert_refused(404, "API Key not found");
    for token in [tests::tokens::user(8), tests::tokens::with_role(1, "admin")] {
        let call = test.call(Operation::RotateKey).id(1).bearer(&token);
        call.send().await.assert_refused(404, "API Key not found");
    }
    assert_eq!(test.contents().await.without_limits(), before);
    assert_eq!(test.verify(string(&key)).await["valid"], true);
}

#[tokio::test]
async fn where_keys_are_revealed_once_a_rotation_reveals_the_new_one() {
    let test = TestApp::with(&[("KEY_REVEAL", "once")]).await;
    test.key("a").await;
    let rotated = rotate(&test).await;
    assert_eq!(string(&rotated).len(), 65);
    assert_eq!(test.verify(string(&rotated)).await["valid"], true);
    let masked = format!("nux_live_…{}", &string(&rotated)[61..]);
    assert_eq!(test.read(1).await["key"], masked);
}

#[tokio::test]
async fn a_rotation_is_a_read_beside_the_limit_and_a_transaction() {
    let test = TestApp::start().await;
    test.key("a").await;
    test.calls.clear();
    rotate(&test).await;
    assert_eq!(test.calls.rounds(), [vec!["BatchGetItem", "UpdateItem"], vec!["TransactWriteItems"]]);
}

#[tokio::test]
async fn parallel_rotations_leave_one_string_that_works_and_an_entry_for_each() {
    let test = TestApp::start().await;
    test.key("a").await;
    let answers = test.call(Operation::RotateKey).id(1).send_in_parallel(8).await;
    let mut working = 0;
    for answer in &answers {
        working += u32::from(test.verify(string(&answer.ok())).await["valid"] == true);
    }
    assert_eq!(working, 1);
    assert_eq!(test.verify(string(&test.read(1).await)).await["valid"], true);
    assert_eq!(test.audit(1).await.len(), 9);
}
