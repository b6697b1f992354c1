//! `PATCH /api/apiKeys/{id}/pause`

use serde_json::json;
use shared::Operation;
use tests::TestApp;

async fn active_key(test: &TestApp) -> serde_json::Value {
    let body = json!({"name": "a", "type": "live", "status": "active"});
    test.call(Operation::CreateKey).json(&body).send().await.json()
}

#[tokio::test]
async fn it_changes_the_status_and_nothing_else() {
    let test = TestApp::start().await;
    let mut key = active_key(&test).await;
    test.advance(chrono::TimeDelta::milliseconds(1_500));
    let answer = test.call(Operation::PauseKey).id(1).send().await;
    key["status"] = "paused".into();
    assert_eq!(answer.ok(), key);
    assert_eq!(test.read(1).await, key);
    let trail = test.audit(1).await;
    assert_eq!(
        trail[0],
        json!({
            "id": trail[0]["id"],
            "at": "2026-03-01T12:00:01.750Z",
            "action": "pause",
            "key_id": 1,
            "user_id": 7,
            "actor": {"user_id": 7, "role": "user"},
            "source_ip": "203.0.113.10",
            "request_id": answer.header("x-request-id"),
            "changes": {"status": {"from": "active", "to": "paused"}},
        })
    );
}

#[tokio::test]
async fn repeating_it_is_no_error_and_leaves_no_trace() {
    let test = TestApp::start().await;
    active_key(&test).await;
    let first = test.call(Operation::PauseKey).id(1).send().await.ok();
    let before = test.contents().await.without_limits();
    assert_eq!(before.actions(7).len(), 2);
    assert_eq!(test.call(Operation::PauseKey).id(1).send().await.ok(), first);
    assert_eq!(test.contents().await.without_limits(), before);
}

#[tokio::test]
async fn the_default_stays_the_default() {
    let test = TestApp::start().await;
    active_key(&test).await;
    test.call(Operation::SetDefault).json(&json!({"id": 1})).send().await.ok();
    assert_eq!(test.call(Operation::PauseKey).id(1).send().await.ok()["is_default"], true);
}

#[tokio::test]
async fn an_unknown_key_is_not_found() {
    let test = TestApp::start().await;
    test.call(Operation::PauseKey).id(1).send().await.assert_refused(404, "API Key not found");
}
