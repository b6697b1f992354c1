//! `PATCH /api/apiKeys/{id}/pause` and `PATCH /api/apiKeys/{id}/resume`

use serde_json::{Value, json};
use shared::Operation;
use tests::TestApp;

struct Case {
    operation: Operation,
    action: &'static str,
    from: &'static str,
    to: &'static str,
}

const CASES: [Case; 2] = [
    Case { operation: Operation::PauseKey, action: "pause", from: "active", to: "paused" },
    Case { operation: Operation::ResumeKey, action: "resume", from: "paused", to: "active" },
];

/// An app whose only key, of user 7, has the status that the operation changes.
async fn start(case: &Case) -> (TestApp, Value) {
    let test = TestApp::start().await;
    let body = json!({"name": "a", "type": "live", "status": case.from});
    let key = test.call(Operation::CreateKey).json(&body).send().await.created_key();
    (test, key)
}

#[tokio::test]
async fn only_the_status_changes() {
    for case in CASES {
        let (test, mut key) = start(&case).await;
        test.advance(chrono::TimeDelta::milliseconds(1_500));
        let answer = test.call(case.operation).id(1).send().await;
        key["status"] = case.to.into();
        assert_eq!(answer.ok(), key);
        assert_eq!(test.read(1).await, key);
        let changes = json!({"status": {"from": case.from, "to": case.to}});
        test.assert_newest_entry(1, &answer, case.action, changes).await;
    }
}

#[tokio::test]
async fn a_repeated_call_succeeds_and_leaves_no_trace() {
    for case in CASES {
        let (test, _) = start(&case).await;
        let first = test.call(case.operation).id(1).send().await.ok();
        let before = test.contents().await.without_limits();
        assert_eq!(before.actions(7).len(), 2);
        assert_eq!(test.call(case.operation).id(1).send().await.ok(), first);
        assert_eq!(test.contents().await.without_limits(), before);
    }
}

#[tokio::test]
async fn the_default_stays_the_default() {
    for case in CASES {
        let (test, _) = start(&case).await;
        test.call(Operation::SetDefault).json(&json!({"id": 1})).send().await.ok();
        assert_eq!(test.call(case.operation).id(1).send().await.ok()["is_default"], true);
    }
}

#[tokio::test]
async fn an_unknown_key_is_not_found() {
    for case in CASES {
        let test = TestApp::start().await;
        test.call(case.operation).id(1).send().await.assert_refused(404, "API Key not found");
    }
}
