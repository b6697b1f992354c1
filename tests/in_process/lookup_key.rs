//! `POST /api/apiKeys/lookup`

use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::Operation;
use tests::{TestApp, TestCall, tokens};

fn lookup<'a>(test: &'a TestApp, key: &str) -> TestCall<'a> {
    test.call(Operation::LookupKey).bearer(&tokens::with_role(901, "admin")).json(&json!({"key": key}))
}

fn string(key: &Value) -> &str {
    key["key"].as_str().expect("a string")
}

/// A key as others see it.
fn masked(mut key: Value) -> Value {
    let string = string(&key);
    key["key"] = format!("{}…{}", &string[..9], &string[61..]).into();
    key
}

#[tokio::test]
async fn an_admin_finds_the_key_of_a_string_and_counts_no_use() {
    let test = TestApp::start().await;
    let key = test.key("Lab gateway").await;
    let found = lookup(&test, string(&key)).send().await;
    assert_eq!(found.header("etag"), Some("W/\"1\""));
    assert_eq!(found.ok(), masked(key.clone()));
    assert_eq!(test.read(1).await, key, "nothing is counted or changed");
    assert_eq!(test.audit(1).await.len(), 1);
    let own = test.call(Operation::LookupKey).bearer(&tokens::with_role(7, "admin")).json(&json!({"key": key["key"]}));
    assert_eq!(own.send().await.ok(), masked(key), "also for one's own");
}

#[tokio::test]
async fn it_finds_what_no_longer_works_until_it_is_gone() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    let status = async |key: &str| lookup(&test, key).send().await.ok()["status"].clone();
    test.call(Operation::PauseKey).id(1).send().await.ok();
    assert_eq!(status(string(&key)).await, "paused");
    let rotate = test.call(Operation::RotateKey).id(1).json(&json!({"grace_period_seconds": 60}));
    let rotated = rotate.send().await.ok();
    for key in [&key, &rotated] {
        assert_eq!(lookup(&test, string(key)).send().await.ok(), masked(rotated.clone()), "in its grace");
    }
    test.advance(TimeDelta::seconds(61));
    lookup(&test, string(&key)).send().await.assert_refused(404, "API Key not found");
    test.advance(TimeDelta::days(400));
    assert_eq!(status(string(&rotated)).await, "expired");
    test.call(Operation::DeleteKey).id(1).send().await.ok();
    lookup(&test, string(&rotated)).send().await.assert_refused(404, "API Key not found");
}

#[tokio::test]
async fn a_string_that_opens_nothing_is_not_found_whatever_its_form() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    for unknown in
        ["", "x", "nux_live_", &string(&key)[..64], tests::test_app::EXISTING, "nux_live_0123456789abcdef", "\u{7}"]
    {
        lookup(&test, unknown).send().await.assert_refused(404, "API Key not found");
    }
    let missing = test.call(Operation::LookupKey).bearer(&tokens::with_role(901, "admin")).json(&json!({}));
    missing.send().await.assert_invalid(&["key"]);
}

#[tokio::test]
async fn it_is_for_admins_alone() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    for token in [tokens::user(7), tokens::with_role(900, "service")] {
        for key in [string(&key), "x"] {
            lookup(&test, key).bearer(&token).send().await.assert_refused(403, "Access denied");
        }
    }
}
