//! Isolation: to every route, other users' keys look missing, and nothing changes.

use serde_json::{Value, json};
use shared::Operation;
use tests::{Answer, TestApp, TestCall, tokens};

/// An id that no key has had.
const MISSING: u64 = 99;

/// User 8's keys 1 (paused, the default) and 2 (deleted), and user 7's key 3 (the default).
async fn start() -> TestApp {
    let test = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "1000")]).await;
    let of_8 = |operation| test.call(operation).user(8);
    test.key_of(8, "theirs").await;
    test.key_of(8, "theirs too").await;
    test.key("own").await;
    of_8(Operation::PauseKey).id(1).send().await.ok();
    of_8(Operation::SetDefault).json(&json!({"id": 1})).send().await.ok();
    of_8(Operation::DeleteKey).id(2).send().await.ok();
    test.call(Operation::SetDefault).json(&json!({"id": 3})).send().await.ok();
    test
}

/// Every call of user 7 that names a key, for a given key. Calls that name two also name one of user 7's own.
fn calls(test: &TestApp, id: u64) -> Vec<(&'static str, TestCall<'_>)> {
    let update = |body: Value| test.call(Operation::UpdateKey).id(id).json(&body);
    let set_default = |body: Value| test.call(Operation::SetDefault).json(&body);
    vec![
        ("get", test.call(Operation::GetKey).id(id)),
        ("rename", update(json!({"name": "mine"}))),
        ("retype", update(json!({"type": "test"}))),
        ("prolong", update(json!({"expiry_at": null}))),
        ("change nothing", update(json!({"name": "theirs"}))),
        ("delete", test.call(Operation::DeleteKey).id(id)),
        ("pause", test.call(Operation::PauseKey).id(id)),
        ("resume", test.call(Operation::ResumeKey).id(id)),
        ("set default", set_default(json!({"id": id}))),
        ("set default, old_id own", set_default(json!({"id": id, "old_id": 3}))),
        ("set default, both", set_default(json!({"id": id, "old_id": id}))),
        ("set own default, old_id", set_default(json!({"id": 3, "old_id": id}))),
        ("remove default", test.call(Operation::RemoveDefault).json(&json!({"id": id}))),
        ("rotate", test.call(Operation::RotateKey).id(id)),
        ("rotate later", test.call(Operation::RotateKey).id(id).json(&json!({"grace_period_seconds": 60}))),
        ("usage", test.call(Operation::GetUsage).id(id)),
        ("audit", test.call(Operation::ListAudit).id(id)),
        ("audit in pages", test.call(Operation::ListAudit).id(id).query("limit", "1")),
    ]
}

/// An answer without the remaining calls of the limits.
fn seen(mut answer: Answer) -> Answer {
    assert!(answer.headers.remove("ratelimit").is_some());
    answer
}

#[tokio::test]
async fn another_users_key_looks_like_a_missing_one() {
    let test = start().await;
    let before = test.contents().await.without_limits();
    for format in ["json", "hl7", "fhir"] {
        let mut missing = Vec::new();
        for (what, call) in calls(&test, MISSING) {
            missing.push((what, seen(call.header("x-response-format", format).send().await)));
        }
        // Also with roles, and for deleted keys.
        let others = [("user", 1), ("user", 2), ("admin", 1), ("service", 1), ("system", 1)];
        for (role, id) in others.into_iter().take(if format == "json" { 5 } else { 1 }) {
            for ((what, call), (_, missing)) in calls(&test, id).into_iter().zip(&missing) {
                let call = call.bearer(&tokens::with_role(7, role)).header("x-response-format", format);
                let answer = seen(call.send().await);
                assert_eq!(answer.status, 404, "{what} {id} as {role}: {}", answer.text);
                if format == "json" {
                    assert_eq!(answer.text, r#"{"error":"API Key not found"}"#, "{what}");
                }
                assert_eq!(&answer, missing, "{what} {id} as {role}");
            }
        }
        assert_eq!(test.contents().await.without_limits(), before);
    }
}

#[tokio::test]
async fn lists_hold_the_callers_keys_only() {
    let test = start().await;
    for (user_id, name) in [(7, "own"), (8, "theirs")] {
        for call in [
            test.call(Operation::ListKeys).user(user_id),
            test.call(Operation::ListKeys).bearer(&tokens::with_role(user_id, "admin")),
            test.call(Operation::ListUserKeys).user(user_id).path_parameter("user_id", &user_id.to_string()),
        ] {
            let keys = call.send().await.ok();
            assert_eq!(keys.as_array().map(Vec::len), Some(1));
            assert_eq!((&keys[0]["name"], &keys[0]["user_id"]), (&json!(name), &json!(user_id)));
        }
    }
    assert_eq!(test.call(Operation::ListKeys).user(9).send().await.ok(), json!([]));
}

#[tokio::test]
async fn a_cursor_opens_no_other_users_list() {
    let test = start().await;
    test.key_of(8, "theirs as well").await;
    let theirs = test.call(Operation::ListKeys).user(8).query("limit", "1").send().await;
    let cursor = theirs.next_cursor().expect("more");
    let own = test.call(Operation::ListKeys).query("cursor", cursor).send().await.ok();
    assert_eq!(own.as_array().expect("an array").iter().map(|key| &key["user_id"]).collect::<Vec<_>>(), [7]);
    let call = test.call(Operation::ListUserKeys).path_parameter("user_id", "8").query("cursor", cursor);
    call.send().await.assert_refused(403, "Access denied");
}

#[tokio::test]
async fn lists_of_other_users_are_denied_alike() {
    let test = start().await;
    let before = test.contents().await.without_limits();
    for role in ["user", "service", "system"] {
        let call = |user_id: &str| {
            let call = test.call(Operation::ListUserKeys).bearer(&tokens::with_role(7, role));
            call.path_parameter("user_id", user_id).send()
        };
        let with_keys = seen(call("8").await);
        with_keys.assert_refused(403, "Access denied");
        for without_keys in ["9", "9007199254740991"] {
            assert_eq!(seen(call(without_keys).await), with_keys);
        }
    }
    assert_eq!(test.contents().await.without_limits(), before);
}

#[tokio::test]
async fn a_body_cannot_name_another_owner() {
    let test = start().await;
    let before = test.contents().await.without_limits();
    let body = json!({"name": "a", "type": "live", "status": "active", "user_id": 8});
    for token in [tokens::user(7), tokens::with_role(7, "admin")] {
        test.call(Operation::CreateKey).bearer(&token).json(&body).send().await.assert_invalid(&["user_id"]);
    }
    assert_eq!(test.contents().await.without_limits(), before);
}
