//! Visibility of whole key strings: the parameter `KeyReveal`.

use serde_json::{Value, json};
use shared::Operation;
use shared::config::KeyReveal;
use tests::engine::Engine;
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

/// The setting applies to strings that are issued from then on. `once` also removes stored ones.
#[tokio::test]
async fn after_a_change_of_the_setting_no_string_is_shown_that_should_not_be() {
    for (before, after, reveal) in [("always", "once", KeyReveal::Once), ("once", "always", KeyReveal::Always)] {
        let url = Engine::Embedded.start().await;
        let first = TestApp::on(&url, &[("KEY_REVEAL", before)]).await;
        let key = first.key("a").await;
        let test = first.second_with(&url, |config| config.key_reveal = reveal);
        for call in calls(&test) {
            assert_eq!(shown(&call.send().await.ok()), &masked(&key), "{before} {after}");
        }
        assert_eq!(test.verify(key["key"].as_str().expect("a string")).await["valid"], true);
        let rotated = test.call(Operation::RotateKey).id(1).send().await.ok();
        let read = test.read(1).await;
        let expected = if after == "always" { rotated["key"].clone() } else { masked(&rotated).into() };
        assert_eq!(read["key"], expected, "{before} {after}");
        let record = test.contents().await.key(7, 1).expect("a record").clone();
        assert_eq!(record.contains_key("ciphertext"), after == "always");
    }
}

#[tokio::test]
async fn once_the_next_change_of_a_key_removes_its_stored_string() {
    // The calls that change nothing come first in each pair.
    for (reads, change) in [(0, 1), (0, 3), (7, 5), (8, 6)] {
        let url = Engine::Embedded.start().await;
        let always = TestApp::on(&url, &[("KEY_REVEAL", "always")]).await;
        let key = always.key("a").await;
        if change == 6 {
            always.call(Operation::SetDefault).json(&json!({"id": 1})).send().await.ok();
        }
        let once = always.second_with(&url, |config| config.key_reveal = KeyReveal::Once);
        for (call, is_stored) in [(reads, true), (change, false)] {
            let call = calls(&once).into_iter().nth(call).expect("a call");
            assert_eq!(shown(&call.send().await.ok()), &masked(&key));
            let record = once.contents().await.key(7, 1).expect("a record").clone();
            let stored = ["ciphertext", "data_key", "mask"].map(|name| record.contains_key(name));
            assert_eq!(stored, [is_stored, is_stored, !is_stored], "call {change}");
            // Whatever the setting is later.
            let expected = if is_stored { key["key"].clone() } else { masked(&key).into() };
            assert_eq!(always.read(1).await["key"], expected);
        }
        once.contents().await.assert_consistent();
    }
}

#[tokio::test]
async fn once_a_string_is_stored_nowhere_and_no_data_key_is_needed() {
    // There is no KMS here.
    let url = Engine::Embedded.start().await;
    let test = TestApp::on(&url, &[("KEY_REVEAL", "once")]).await.cold(&url);
    let key = test.key("a").await;
    for call in calls(&test) {
        assert_eq!(call.send().await.status, 200);
    }
    test.call(Operation::RotateKey).id(key["id"].as_u64().expect("an id")).send().await.ok();
    let stored = format!("{:?}", test.contents().await.items().collect::<Vec<_>>());
    assert!(!stored.contains("ciphertext") && !stored.contains("data_key"), "{stored}");
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
