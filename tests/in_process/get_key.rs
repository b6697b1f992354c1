//! `GET /api/apiKeys/{id}`

use serde_json::json;
use shared::Operation;
use tests::TestApp;

#[tokio::test]
async fn it_returns_the_object_and_writes_nothing() {
    let test = TestApp::start().await;
    let created = test.key("a").await;
    let before = test.contents().await.without_limits();
    let answer = test.call(Operation::GetKey).id(1).send().await;
    assert_eq!(answer.ok(), created);
    let fields = ["id", "key", "name", "type", "status", "is_default", "created_at", "expiry_at", "user_id"];
    let places: Vec<_> = fields.iter().map(|field| answer.text.find(&format!("\"{field}\":")).expect(field)).collect();
    assert!(places.is_sorted(), "in the documented order: {}", answer.text);
    assert_eq!(test.contents().await.without_limits(), before);
}

#[tokio::test]
async fn it_shows_the_default_as_such() {
    let test = TestApp::start().await;
    test.key("a").await;
    test.call(Operation::SetDefault).json(&json!({"id": 1})).send().await.ok();
    assert_eq!(test.read(1).await["is_default"], true);
}

#[tokio::test]
async fn a_deleted_and_an_unknown_key_are_not_found() {
    let test = TestApp::start().await;
    test.key("a").await;
    test.call(Operation::DeleteKey).id(1).send().await.ok();
    for id in ["1", "2", "9007199254740991"] {
        test.call(Operation::GetKey).id(id).send().await.assert_refused(404, "API Key not found");
    }
}

#[tokio::test]
async fn a_body_of_an_object_without_fields_says_nothing() {
    let test = TestApp::start().await;
    let created = test.key("a").await;
    assert_eq!(test.call(Operation::GetKey).id(1).body(" {} ").send().await.ok(), created);
}
