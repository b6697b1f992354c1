//! `PATCH /api/apiKeys/removeDefault`

use serde_json::json;
use shared::Operation;
use tests::TestApp;

#[tokio::test]
async fn the_key_is_no_longer_the_default() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    test.call(Operation::SetDefault).json(&json!({"id": 1})).send().await.ok();
    test.advance(chrono::TimeDelta::seconds(1));
    let answer = test.call(Operation::RemoveDefault).json(&json!({"id": 1})).send().await;
    assert_eq!(answer.ok(), key);
    assert_eq!(test.read(1).await, key);
    let changes = json!({"is_default": {"from": true, "to": false}});
    test.assert_newest_entry(1, &answer, "remove_default", changes).await;
}

#[tokio::test]
async fn a_key_that_is_not_the_default_is_returned_unchanged() {
    let test = TestApp::start().await;
    test.key("a").await;
    let other = test.key("b").await;
    let call = |id: u64| test.call(Operation::RemoveDefault).json(&json!({"id": id})).send();
    let before = test.contents().await.without_limits();
    assert_eq!(call(2).await.ok(), other, "nobody is the default");
    assert_eq!(test.contents().await.without_limits(), before);
    test.call(Operation::SetDefault).json(&json!({"id": 1})).send().await.ok();
    let before = test.contents().await.without_limits();
    assert_eq!(call(2).await.ok(), other, "another one is");
    assert_eq!(test.contents().await.without_limits(), before);
    assert_eq!(test.read(1).await["is_default"], true);
}

#[tokio::test]
async fn an_unknown_key_is_not_found() {
    let test = TestApp::start().await;
    let answer = test.call(Operation::RemoveDefault).json(&json!({"id": 1})).send().await;
    answer.assert_refused(404, "API Key not found");
}
