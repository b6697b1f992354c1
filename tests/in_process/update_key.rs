//! `PUT /api/apiKeys/{id}`

use serde_json::{Value, json};
use shared::Operation;
use tests::TestApp;

#[tokio::test]
async fn only_the_given_fields_change() {
    let test = TestApp::start().await;
    let mut key = test.key("a").await;
    for (body, changes) in [
        (json!({"name": " New name "}), json!({"name": {"from": "a", "to": "New name"}})),
        (json!({"type": "test"}), json!({"type": {"from": "live", "to": "test"}})),
        (
            json!({"expiry_at": "2030-01-01T01:00:00+01:00"}),
            json!({"expiry_at": {"from": "2027-03-01T12:00:00Z", "to": "2030-01-01T00:00:00Z"}}),
        ),
        (json!({"expiry_at": null}), json!({"expiry_at": {"from": "2030-01-01T00:00:00Z", "to": null}})),
        (
            json!({"name": "b", "type": "t2yd", "expiry_at": "2031-01-01T00:00:00Z"}),
            json!({
                "name": {"from": "New name", "to": "b"},
                "type": {"from": "test", "to": "t2yd"},
                "expiry_at": {"from": null, "to": "2031-01-01T00:00:00Z"},
            }),
        ),
        (json!({"name": "b", "type": "live"}), json!({"type": {"from": "t2yd", "to": "live"}})),
    ] {
        test.advance(chrono::TimeDelta::seconds(1));
        let answer = test.call(Operation::UpdateKey).id(1).json(&body).send().await;
        for (field, change) in changes.as_object().expect("changes") {
            key[field] = change["to"].clone();
        }
        assert_eq!(answer.ok(), key, "{body}");
        assert_eq!(test.read(1).await, key, "{body}");
        let entry = &test.audit(1).await[0];
        assert_eq!((&entry["action"], &entry["changes"]), (&json!("update"), &changes), "{body}");
        assert_eq!(entry["request_id"].as_str(), answer.header("x-request-id"));
    }
    assert_eq!(test.audit(1).await.len(), 7);
}

#[tokio::test]
async fn a_changed_type_never_changes_the_key_string() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    for kind in ["test", "ai-medical-note", "live"] {
        let updated = test.call(Operation::UpdateKey).id(1).json(&json!({"type": kind})).send().await.ok();
        assert_eq!((&updated["key"], &updated["type"]), (&key["key"], &json!(kind)));
    }
}

#[tokio::test]
async fn unchanged_values_leave_no_trace() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    let before = test.contents().await.without_limits();
    for body in [
        json!({"name": "a"}),
        json!({"name": "  a "}),
        json!({"type": "live"}),
        json!({"expiry_at": "2027-03-01T13:00:00.5+01:00"}),
        json!({"name": "a", "type": "live", "expiry_at": key["expiry_at"]}),
    ] {
        assert_eq!(test.call(Operation::UpdateKey).id(1).json(&body).send().await.ok(), key, "{body}");
        assert_eq!(test.contents().await.without_limits(), before, "{body}");
    }
}

#[tokio::test]
async fn an_update_keeps_status_and_default() {
    let test = TestApp::start().await;
    test.key("a").await;
    test.call(Operation::SetDefault).json(&json!({"id": 1})).send().await.ok();
    test.call(Operation::PauseKey).id(1).send().await.ok();
    let updated = test.call(Operation::UpdateKey).id(1).json(&json!({"name": "b"})).send().await.ok();
    assert_eq!((&updated["status"], &updated["is_default"]), (&json!("paused"), &Value::Bool(true)));
}

#[tokio::test]
async fn an_unknown_key_is_not_found() {
    let test = TestApp::start().await;
    let answer = test.call(Operation::UpdateKey).id(1).json(&json!({"name": "b"})).send().await;
    answer.assert_refused(404, "API Key not found");
}
