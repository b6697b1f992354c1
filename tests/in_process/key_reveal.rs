//! Visibility of whole key strings: the parameter `KeyReveal`.

use serde_json::{Value, json};
use shared::Operation;
use tests::{TestApp, TestCall, tokens};

/// Every call that returns key 1, unchanged.
fn calls(test: &TestApp) -> [TestCall<'_>; 9] {
    [
        test.call(Operation::GetKey).id(1),
        test.call(Operation::UpdateKey).id(1).json(&json!({"name": "b"})),
        test.call(Operation::UpdateKey).id(1).json(&json!({"name": "b"})),
        test.call(Operation::PauseKey).id(1),
        test.call(Operation::ResumeKey).id(1),
        test.call(Operation::SetDefault).json(&json!({"id": 1})),
        test.call(Operation::RemoveDefault).json(&json!({"id": 1})),
        test.call(Operation::ListKeys),
        test.call(Operation::ListUserKeys).path_parameter("user_id", "7"),
    ]
}

fn shown(answer: &Value) -> &Value {
    if answer.is_array() { &answer[0]["key"] } else { &answer["key"] }
}

fn masked(key: &Value) -> String {
    let key = key["key"].as_str().expect("a key");
    format!("{}…{}", &key[..9], &key[61..])
}

#[tokio::test]
async fn always_the_owner_sees_the_whole_key_whenever_it_is_read() {
    for setting in ["", "always"] {
        let test = TestApp::with(&[("KEY_REVEAL", setting)]).await;
        let key = test.key("a").await;
        for call in calls(&test) {
            assert_eq!(shown(&call.send().await.ok()), &key["key"]);
        }
    }
}

#[tokio::test]
async fn once_only_the_call_that_makes_a_key_shows_it() {
    let test = TestApp::with(&[("KEY_REVEAL", "once")]).await;
    let key = test.key("a").await;
    assert_eq!(key["key"].as_str().map(str::len), Some(65));
    for call in calls(&test) {
        let answer = call.send().await;
        assert_eq!(shown(&answer.ok()), &masked(&key));
    }
}

#[tokio::test]
async fn an_admin_never_sees_the_whole_key_of_somebody_else() {
    for setting in ["always", "once"] {
        let test = TestApp::with(&[("KEY_REVEAL", setting)]).await;
        let key = test.key("a").await;
        let call = test.call(Operation::ListUserKeys).bearer(&tokens::with_role(1, "admin"));
        let answer = call.path_parameter("user_id", "7").send().await;
        assert_eq!(shown(&answer.ok()), &masked(&key), "{setting}");
    }
}
