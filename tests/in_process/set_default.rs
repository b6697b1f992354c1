//! `PATCH /api/apiKeys/setDefault`

use serde_json::{Value, json};
use shared::Operation;
use tests::{Answer, TestApp};

/// Keys 1 (the default) to 3 of user 7, and key 4 of user 8.
async fn keys() -> TestApp {
    let test = TestApp::start().await;
    for name in ["a", "b", "c"] {
        test.key(name).await;
    }
    test.key_of(8, "d").await;
    set(&test, &json!({"id": 1})).await.ok();
    test
}

async fn set(test: &TestApp, body: &Value) -> Answer {
    test.call(Operation::SetDefault).json(body).send().await
}

/// The ids of the keys that are shown as the default.
async fn defaults(test: &TestApp) -> Vec<u64> {
    let keys = test.call(Operation::ListKeys).send().await.ok();
    let defaults = keys.as_array().expect("an array").iter().filter(|key| key["is_default"] == true);
    defaults.map(|key| key["id"].as_u64().expect("an id")).collect()
}

#[tokio::test]
async fn exactly_one_key_is_the_default_whatever_old_id_says() {
    for body in [
        json!({"id": 2}),
        json!({"id": 2, "old_id": null}),
        json!({"id": 2, "old_id": 1}),
        json!({"id": 2, "old_id": 3}),
        json!({"id": 2, "old_id": 2}),
    ] {
        let test = keys().await;
        let mut expected = test.read(2).await;
        expected["is_default"] = true.into();
        assert_eq!(set(&test, &body).await.ok(), expected, "{body}");
        assert_eq!(defaults(&test).await, [2], "{body}");
        assert_eq!(test.read(1).await["is_default"], false, "{body}");
    }
}

#[tokio::test]
async fn an_id_that_is_not_the_callers_is_not_found_and_nothing_changes() {
    let test = keys().await;
    let before = test.contents().await.without_limits();
    for body in [
        json!({"id": 4}),
        json!({"id": 99}),
        json!({"id": 2, "old_id": 4}),
        json!({"id": 2, "old_id": 99}),
        json!({"id": 4, "old_id": 1}),
        json!({"id": 1, "old_id": 4}),
        json!({"id": 1, "old_id": 99}),
    ] {
        set(&test, &body).await.assert_refused(404, "API Key not found");
        assert_eq!(test.contents().await.without_limits(), before, "{body}");
    }
}

#[tokio::test]
async fn the_displaced_default_has_an_entry_of_its_own_with_the_same_request_id() {
    let test = keys().await;
    test.advance(chrono::TimeDelta::seconds(1));
    let answer = set(&test, &json!({"id": 2, "old_id": 3})).await;
    let change = |to: bool| json!({"is_default": {"from": !to, "to": to}});
    let displaced = test.assert_newest_entry(1, &answer, "remove_default", change(false)).await;
    let new = test.assert_newest_entry(2, &answer, "set_default", change(true)).await;
    assert_eq!((displaced.len(), new.len(), test.audit(3).await.len()), (3, 2, 1));
}

#[tokio::test]
async fn repeating_it_leaves_no_trace() {
    let test = keys().await;
    let first = set(&test, &json!({"id": 2})).await.ok();
    let before = test.contents().await.without_limits();
    for body in [json!({"id": 2}), json!({"id": 2, "old_id": 1}), json!({"id": 2, "old_id": 2})] {
        assert_eq!(set(&test, &body).await.ok(), first);
        assert_eq!(test.contents().await.without_limits(), before, "{body}");
    }
}

#[tokio::test]
async fn users_have_their_own_defaults_and_paused_keys_can_be_it() {
    let test = keys().await;
    test.call(Operation::PauseKey).id(3).send().await.ok();
    let paused = set(&test, &json!({"id": 3})).await.ok();
    assert_eq!((&paused["status"], &paused["is_default"]), (&json!("paused"), &json!(true)));
    test.call(Operation::SetDefault).user(8).json(&json!({"id": 4})).send().await.ok();
    assert_eq!(defaults(&test).await, [3]);
}

#[tokio::test]
async fn the_old_default_may_be_expired_the_new_one_not() {
    let test = keys().await;
    let body = json!({"expiry_at": "2026-03-01T12:00:10Z"});
    test.call(Operation::UpdateKey).id(1).json(&body).send().await.ok();
    test.set_time("2026-03-01T12:00:10Z");
    let before = test.contents().await.without_limits();
    set(&test, &json!({"id": 1})).await.assert_refused(409, "API Key is expired");
    assert_eq!(test.contents().await.without_limits(), before);
    set(&test, &json!({"id": 2, "old_id": 1})).await.ok();
    assert_eq!(defaults(&test).await, [2]);
}
