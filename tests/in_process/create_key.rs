//! `POST /api/apiKeys`

use serde_json::{Value, json};
use shared::Operation;
use tests::{TestApp, tokens};

fn body(kind: &str, status: &str) -> Value {
    json!({"name": "Lab gateway", "type": kind, "status": status})
}

#[tokio::test]
async fn a_created_key_is_the_documented_object() {
    let test = TestApp::start().await;
    let body = json!({"name": "  Lab gateway ", "type": "live", "status": "active"});
    let answer = test.call(Operation::CreateKey).json(&body).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let key = answer.json();
    let string = key["key"].as_str().expect("a key").to_owned();
    assert!(string.starts_with("nux_live_000000007000000001") && string.len() == 65, "{string}");
    assert_eq!(
        answer.text,
        format!(
            r#"{{"id":1,"key":"{string}","name":"Lab gateway","type":"live","status":"active","is_default":false,"created_at":"2026-03-01T12:00:00Z","expiry_at":"2027-03-01T12:00:00Z","user_id":7,"last_used_at":null,"usage_count":0,"message":"API Key created"}}"#
        )
    );
    assert_eq!(answer.header("location"), Some("/v1/api/apiKeys/1"));
    let read = test.call(Operation::GetKey).id(1).send().await;
    assert_eq!((read.status, read.json()), (200, answer.created_key()));
}

#[tokio::test]
async fn the_location_uses_the_path_that_the_client_called() {
    let test = TestApp::start().await;
    for (path, location) in [
        ("/v1/api/apiKeys", "/v1/api/apiKeys/1"),
        ("/api/apiKeys", "/api/apiKeys/2"),
        ("/api/apiKeys/", "/api/apiKeys/3"),
    ] {
        let call = test.call(Operation::CreateKey).client_path(path);
        let answer = call.json(&body("live", "active")).send().await;
        assert_eq!(answer.header("location"), Some(location));
    }
}

#[tokio::test]
async fn every_type_and_status_is_taken_and_only_test_keys_look_like_it() {
    let test = TestApp::start().await;
    for (kind, prefix) in
        [("live", "nux_live_"), ("test", "nux_test_"), ("ai-medical-note", "nux_live_"), ("t2yd", "nux_live_")]
    {
        for status in ["active", "paused", "expired"] {
            let answer = test.call(Operation::CreateKey).json(&body(kind, status)).send().await;
            let key = answer.created_key();
            assert_eq!((&key["type"], &key["status"]), (&json!(kind), &json!(status)));
            assert!(key["key"].as_str().expect("a key").starts_with(prefix), "{key}");
            assert_eq!(test.read(key["id"].as_u64().expect("an id")).await, key);
        }
    }
}

#[tokio::test]
async fn without_an_expiry_a_key_lives_as_long_as_the_deployment_says() {
    for (days, expiry) in [
        ("", json!("2027-03-01T12:00:00Z")),
        ("365", json!("2027-03-01T12:00:00Z")),
        ("30", json!("2026-03-31T12:00:00Z")),
        ("0", Value::Null),
    ] {
        let test = TestApp::with(&[("DEFAULT_KEY_LIFETIME_DAYS", days)]).await;
        assert_eq!(test.key("a").await["expiry_at"], expiry, "{days}");
    }
}

#[tokio::test]
async fn a_given_expiry_counts_in_utc_and_whole_seconds() {
    let test = TestApp::start().await;
    for (given, stored) in [
        (Value::Null, Value::Null),
        (json!("2030-01-01T00:00:00Z"), json!("2030-01-01T00:00:00Z")),
        (json!("2030-01-01T01:30:00.999+01:30"), json!("2030-01-01T00:00:00Z")),
        (json!("2029-12-31T23:00:00-01:00"), json!("2030-01-01T00:00:00Z")),
        (json!("2026-03-01T12:00:01Z"), json!("2026-03-01T12:00:01Z")),
        (json!("9999-12-31T23:59:59Z"), json!("9999-12-31T23:59:59Z")),
    ] {
        let mut body = body("live", "active");
        body["expiry_at"] = given.clone();
        let answer = test.call(Operation::CreateKey).json(&body).send().await;
        let key = answer.created_key();
        assert_eq!(key["expiry_at"], stored, "{given}");
        assert_eq!(test.read(key["id"].as_u64().expect("an id")).await, key, "{given}");
    }
    // A leap second, which is none, and offsets that nobody has.
    for given in ["2026-12-31T23:59:60Z", "2030-01-01T00:00:00+14:01", "2030-01-01 00:00:00Z"] {
        let mut body = body("live", "active");
        body["expiry_at"] = given.into();
        test.call(Operation::CreateKey).json(&body).send().await.assert_invalid(&["expiry_at"]);
    }
}

#[tokio::test]
async fn names_are_trimmed_and_have_up_to_100_characters_of_any_script() {
    let test = TestApp::start().await;
    let (long, japanese) = ("n".repeat(100), "鍵".repeat(100));
    let quoted = "O'Hara \"quoted\" \\ | ^ ~ & </b> 🔑";
    for (given, stored) in [
        ("x", "x"),
        (" \t x  y \r\n ", "x  y"),
        ("\u{a0}\u{3000}x\u{2003}", "x"),
        (long.as_str(), long.as_str()),
        (&format!("  {long}  "), &long),
        (&japanese, &japanese),
        (quoted, quoted),
    ] {
        let body = json!({"name": given, "type": "live", "status": "active"});
        let answer = test.call(Operation::CreateKey).json(&body).send().await;
        let key = answer.json();
        assert_eq!((answer.status, &key["name"]), (201, &json!(stored)), "{given:?}");
        assert_eq!(test.read(key["id"].as_u64().expect("an id")).await["name"], stored);
    }
}

#[tokio::test]
async fn ids_are_sequential_in_the_deployment_and_never_used_again() {
    let test = TestApp::start().await;
    assert_eq!(test.key_of(7, "a").await["id"], 1);
    assert_eq!(test.key_of(8, "b").await["id"], 2);
    test.call(Operation::DeleteKey).user(8).id(2).send().await.ok();
    assert_eq!(test.key_of(8, "c").await["id"], 3);
    let largest = test.key_of(9_007_199_254_740_991, "d").await;
    assert_eq!((&largest["id"], &largest["user_id"]), (&json!(4), &json!(9_007_199_254_740_991_u64)));
}

#[tokio::test]
async fn the_caller_is_who_the_token_says_whatever_its_role() {
    let test = TestApp::start().await;
    let call = test.call(Operation::CreateKey).bearer(&tokens::with_role(9, "admin"));
    let answer = call.json(&body("live", "active")).send().await;
    assert_eq!((answer.status, &answer.json()["user_id"]), (201, &json!(9)));
    let trail = test.call(Operation::ListAudit).bearer(&tokens::with_role(9, "admin")).id(1).send().await.ok();
    assert_eq!(trail[0]["actor"], json!({"user_id": 9, "role": "admin"}));
}

#[tokio::test]
async fn a_user_at_the_key_limit_gets_no_more_keys() {
    let test = TestApp::with(&[("MAX_KEYS_PER_USER", "2")]).await;
    test.key("a").await;
    test.key("b").await;
    let before = test.contents().await.records();
    let refused = test.call(Operation::CreateKey).json(&body("live", "active")).send().await;
    refused.assert_refused(409, "API Key limit reached");
    assert_eq!(refused.header("location"), None);
    assert_eq!(test.contents().await.records(), before);
    test.key_of(8, "somebody else's").await;
    test.call(Operation::DeleteKey).id(1).send().await.ok();
    test.key("c").await;
    let refused = test.call(Operation::CreateKey).json(&body("live", "active")).send().await;
    refused.assert_refused(409, "API Key limit reached");
}

#[tokio::test]
async fn a_body_may_be_binary_to_the_gateway_and_as_large_as_16_kib() {
    let test = TestApp::start().await;
    let body = body("live", "active").to_string();
    let answer = test.call(Operation::CreateKey).base64_body(body.as_bytes()).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let padded = format!("{body:<16384}");
    assert_eq!(padded.len(), 16 * 1024);
    let answer = test.call(Operation::CreateKey).body(&padded).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}

#[tokio::test]
async fn the_audit_entry_records_the_initial_values() {
    let test = TestApp::start().await;
    let body = json!({"name": "Lab gateway", "type": "test", "status": "paused", "expiry_at": null});
    let answer = test.call(Operation::CreateKey).json(&body).send().await;
    let changes = json!({
        "name": {"from": null, "to": "Lab gateway"},
        "type": {"from": null, "to": "test"},
        "status": {"from": null, "to": "paused"},
    });
    assert_eq!(test.assert_newest_entry(1, &answer, "create", changes).await.len(), 1);
}

#[tokio::test]
async fn the_table_holds_no_key_in_the_clear() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    test.call(Operation::SetDefault).json(&json!({"id": 1})).send().await.ok();
    let secret = &key["key"].as_str().expect("a key")[27..59];
    let content = format!("{:?}", test.contents().await);
    assert!(content.contains("KEY#0000000000000001") && !content.contains(secret));
    let bytes = format!("{:?}", secret.as_bytes());
    assert!(!content.contains(bytes.trim_matches(['[', ']'])), "nor as bytes");
}
