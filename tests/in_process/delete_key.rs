//! `DELETE /api/apiKeys/{id}`

use serde_json::json;
use shared::Operation;
use tests::TestApp;

#[tokio::test]
async fn a_deleted_key_is_gone_and_its_trail_stays() {
    let test = TestApp::start().await;
    test.key("a").await;
    test.key("b").await;
    test.advance(chrono::TimeDelta::seconds(1));
    let answer = test.call(Operation::DeleteKey).id(1).send().await;
    assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"message":"API Key deleted successfully"}"#));
    test.call(Operation::GetKey).id(1).send().await.assert_refused(404, "API Key not found");
    let left = test.call(Operation::ListKeys).send().await.ok();
    assert_eq!(left.as_array().expect("an array").iter().map(|key| &key["id"]).collect::<Vec<_>>(), [2]);
    let changes = json!({
        "name": {"from": "a", "to": null},
        "type": {"from": "live", "to": null},
        "status": {"from": "active", "to": null},
        "expiry_at": {"from": "2027-03-01T12:00:00Z", "to": null},
    });
    assert_eq!(test.assert_newest_entry(1, &answer, "delete", changes).await.len(), 2);
}

#[tokio::test]
async fn deleting_again_is_not_found_and_writes_nothing() {
    let test = TestApp::start().await;
    test.key("a").await;
    test.call(Operation::DeleteKey).id(1).send().await.ok();
    let before = test.contents().await.without_limits();
    test.call(Operation::DeleteKey).id(1).send().await.assert_refused(404, "API Key not found");
    assert_eq!(test.contents().await.without_limits(), before);
}

#[tokio::test]
async fn deleting_the_default_leaves_no_default() {
    let test = TestApp::start().await;
    test.key("a").await;
    test.key("b").await;
    test.call(Operation::SetDefault).json(&json!({"id": 1})).send().await.ok();
    test.call(Operation::DeleteKey).id(1).send().await.ok();
    let left = test.call(Operation::ListKeys).send().await.ok();
    assert_eq!(left.as_array().expect("an array").iter().map(|key| &key["is_default"]).collect::<Vec<_>>(), [false]);
    assert_eq!(test.audit(1).await.iter().map(|entry| &entry["action"]).collect::<Vec<_>>().len(), 3);
    test.call(Operation::SetDefault).json(&json!({"id": 2})).send().await.ok();
    assert_eq!(test.audit(2).await.len(), 2);
    assert_eq!(test.audit(1).await.len(), 3, "the deleted key was the default no more");
}

#[tokio::test]
async fn deleting_another_key_leaves_the_default() {
    let test = TestApp::start().await;
    test.key("a").await;
    test.key("b").await;
    test.call(Operation::SetDefault).json(&json!({"id": 1})).send().await.ok();
    test.call(Operation::DeleteKey).id(2).send().await.ok();
    assert_eq!(test.read(1).await["is_default"], true);
}
