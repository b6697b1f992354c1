//! Expired keys: the instant of expiry, and the operations that remain.

use serde_json::{Value, json};
use shared::Operation;
use tests::{TestApp, TestCall};

/// The expiry of the keys in these tests.
const EXPIRY: &str = "2026-03-01T12:00:10Z";
const JUST_BEFORE: &str = "2026-03-01T12:00:09.999999Z";

/// Key 1, before or after its expiry.
async fn key(test: &TestApp, status: &str, expiry: Value) -> Value {
    let body = json!({"name": "a", "type": "live", "status": status, "expiry_at": expiry});
    test.call(Operation::CreateKey).json(&body).send().await.created_key()
}

/// The changes that an expired key does not allow.
fn refused(test: &TestApp) -> [TestCall<'_>; 8] {
    let update = |body: Value| test.call(Operation::UpdateKey).id(1).json(&body);
    [
        test.call(Operation::PauseKey).id(1),
        test.call(Operation::ResumeKey).id(1),
        test.call(Operation::SetDefault).json(&json!({"id": 1})),
        update(json!({"type": "test"})),
        update(json!({"expiry_at": "2030-01-01T00:00:00Z"})),
        update(json!({"name": "b", "type": "test"})),
        update(json!({"name": "b", "expiry_at": "2030-01-01T00:00:00Z"})),
        update(json!({"name": "b", "type": "live", "expiry_at": "2030-01-01T00:00:00Z"})),
    ]
}

#[tokio::test]
async fn a_key_expires_at_exactly_its_expiry() {
    let test = TestApp::start().await;
    key(&test, "active", json!(EXPIRY)).await;
    for (time, status) in [(JUST_BEFORE, "active"), (EXPIRY, "expired"), ("2036-01-01T00:00:00Z", "expired")] {
        test.set_time(time);
        assert_eq!(test.read(1).await["status"], status);
        for call in [
            test.call(Operation::ListKeys),
            test.call(Operation::ListUserKeys).path_parameter("user_id", "7"),
            test.call(Operation::ListUserKeys)
                .bearer(&tests::tokens::with_role(1, "admin"))
                .path_parameter("user_id", "7"),
        ] {
            assert_eq!(call.send().await.ok()[0]["status"], status, "{time}");
        }
    }
}

#[tokio::test]
async fn every_change_is_allowed_until_expiry() {
    for number in 0..8 {
        let test = TestApp::start().await;
        key(&test, "active", json!(EXPIRY)).await;
        test.set_time(JUST_BEFORE);
        refused(&test)[number].clone().send().await.ok();
    }
}

#[tokio::test]
async fn an_expired_key_cannot_be_paused_resumed_made_default_retyped_or_extended() {
    for (status, expiry) in
        [("active", json!(EXPIRY)), ("paused", json!(EXPIRY)), ("expired", json!(EXPIRY)), ("expired", Value::Null)]
    {
        let test = TestApp::start().await;
        let mut expected = key(&test, status, expiry.clone()).await;
        test.set_time(EXPIRY);
        let before = test.contents().await.without_limits();
        for call in refused(&test) {
            call.send().await.assert_refused(409, "API Key is expired");
            assert_eq!(test.contents().await.without_limits(), before, "{status} until {expiry}");
        }
        expected["status"] = "expired".into();
        assert_eq!(test.read(1).await, expected);
    }
}

#[tokio::test]
async fn a_key_without_expiry_never_expires() {
    let test = TestApp::start().await;
    key(&test, "active", Value::Null).await;
    test.set_time("2099-12-31T23:59:59Z");
    assert_eq!(test.call(Operation::PauseKey).id(1).send().await.ok()["status"], "paused");
}

#[tokio::test]
async fn an_expired_key_can_be_read_renamed_and_deleted() {
    for (status, expiry) in [("active", json!(EXPIRY)), ("paused", json!(EXPIRY)), ("expired", Value::Null)] {
        let test = TestApp::start().await;
        let mut expected = key(&test, status, expiry.clone()).await;
        expected["status"] = "expired".into();
        test.set_time(EXPIRY);
        assert_eq!(test.read(1).await, expected);
        assert_eq!(test.call(Operation::ListKeys).send().await.ok(), json!([expected]));
        for body in [json!({"name": "b"}), json!({"name": "c", "type": "live"}), json!({"type": "live"})] {
            let answer = test.call(Operation::UpdateKey).id(1).json(&body).send().await.ok();
            if let Some(name) = body.get("name") {
                expected["name"] = name.clone();
            }
            assert_eq!(answer, expected, "{body}");
        }
        let trail = test.audit(1).await;
        assert_eq!(trail.len(), 3, "the last update changed nothing");
        assert!(trail.iter().all(|entry| entry["action"] == "create" || entry["changes"].get("name").is_some()));
        test.call(Operation::DeleteKey).id(1).send().await.ok();
        assert_eq!(test.audit(1).await.len(), 4);
    }
}

#[tokio::test]
async fn an_expired_default_stays_the_default_until_removed_or_replaced() {
    let test = TestApp::start().await;
    key(&test, "active", json!(EXPIRY)).await;
    test.call(Operation::SetDefault).json(&json!({"id": 1})).send().await.ok();
    test.set_time(EXPIRY);
    assert_eq!(test.read(1).await["is_default"], true);
    let answer = test.call(Operation::RemoveDefault).json(&json!({"id": 1})).send().await.ok();
    assert_eq!((&answer["is_default"], &answer["status"]), (&json!(false), &json!("expired")));
}

#[tokio::test]
async fn an_expired_key_counts_towards_the_key_limit() {
    let test = TestApp::with(&[("MAX_KEYS_PER_USER", "1")]).await;
    key(&test, "active", json!(EXPIRY)).await;
    test.set_time(EXPIRY);
    let body = json!({"name": "b", "type": "live", "status": "active"});
    let answer = test.call(Operation::CreateKey).json(&body).send().await;
    answer.assert_refused(409, "API Key limit reached");
}

#[tokio::test]
async fn an_expiry_can_be_moved_in_both_directions() {
    let test = TestApp::start().await;
    key(&test, "active", json!(EXPIRY)).await;
    let update = |expiry: Value| test.call(Operation::UpdateKey).id(1).json(&json!({"expiry_at": expiry})).send();
    update(json!("2026-03-01T12:00:05Z")).await.ok();
    test.set_time("2026-03-01T12:00:04.999Z");
    assert_eq!(test.read(1).await["status"], "active");
    update(json!("2026-03-01T12:01:00Z")).await.ok();
    test.set_time("2026-03-01T12:00:59.999Z");
    assert_eq!(test.read(1).await["status"], "active");
    update(Value::Null).await.ok();
    test.set_time("2027-03-01T12:01:00Z");
    assert_eq!(test.read(1).await["status"], "active");
}
