//! `GET /api/apiKeys/{id}/audit`

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::Operation;
use tests::TestApp;
use tests::pages::pages;

/// Every possible change of key 1, a second apart.
async fn a_whole_life(test: &TestApp) {
    test.key("a").await;
    for call in [
        test.call(Operation::UpdateKey).id(1).json(&json!({"name": "b"})),
        test.call(Operation::PauseKey).id(1),
        test.call(Operation::ResumeKey).id(1),
        test.call(Operation::SetDefault).json(&json!({"id": 1})),
        test.call(Operation::RemoveDefault).json(&json!({"id": 1})),
        test.call(Operation::DeleteKey).id(1),
    ] {
        test.advance(TimeDelta::seconds(1));
        call.send().await.ok();
    }
}

#[tokio::test]
async fn the_trail_holds_every_change_newest_first_even_of_a_deleted_key() {
    let test = TestApp::start().await;
    a_whole_life(&test).await;
    let answer = test.call(Operation::ListAudit).id(1).send().await;
    let trail = answer.ok();
    let trail = trail.as_array().expect("an array");
    let actions = ["delete", "remove_default", "set_default", "resume", "pause", "update", "create"];
    assert_eq!(trail.iter().map(|entry| &entry["action"]).collect::<Vec<_>>(), actions);
    for (age, entry) in trail.iter().rev().enumerate() {
        assert_eq!(entry["at"], format!("2026-03-01T12:00:0{age}.250Z"));
        let id: Vec<&str> = entry["id"].as_str().expect("a UUID").split('-').collect();
        let milliseconds = u64::from_str_radix(&format!("{}{}", id[0], id[1]), 16).expect("hexadecimal");
        assert_eq!(milliseconds, 1_772_366_400_250 + 1_000 * age as u64, "a UUIDv7 of the same time");
        assert!(id[2].starts_with('7') && id[3].starts_with(['8', '9', 'a', 'b']), "{entry}");
    }
    let order = [
        "\"id\":",
        "\"at\":",
        "\"action\":",
        "\"key_id\":",
        "\"user_id\":",
        "\"actor\":{\"user_id\":",
        "\"role\":",
        "\"source_ip\":",
        "\"request_id\":",
        "\"changes\":",
    ];
    let places: Vec<_> = order.iter().map(|field| answer.text.find(field).expect(field)).collect();
    assert!(places.is_sorted(), "{}", answer.text);
}

#[tokio::test]
async fn reading_leaves_no_trace() {
    let test = TestApp::start().await;
    test.key("a").await;
    let before = test.contents().await.without_limits();
    test.read(1).await;
    test.audit(1).await;
    test.call(Operation::ListKeys).send().await.ok();
    test.call(Operation::ListUserKeys).path_parameter("user_id", "7").send().await.ok();
    assert_eq!(test.contents().await.without_limits(), before);
}

#[tokio::test]
async fn a_key_that_was_never_the_callers_is_not_found_on_any_page() {
    let test = TestApp::start().await;
    a_whole_life(&test).await;
    let first = test.call(Operation::ListAudit).id(1).query("limit", "1").send().await;
    let cursor = first.next_cursor().expect("more");
    for (user, id) in [(8, 1), (7, 2)] {
        let call = || test.call(Operation::ListAudit).user(user).id(id);
        call().send().await.assert_refused(404, "API Key not found");
        call().query("limit", "1").send().await.assert_refused(404, "API Key not found");
        call().query("cursor", cursor).send().await.assert_refused(404, "API Key not found");
        call().query("cursor", cursor).query("limit", "1").send().await.assert_refused(404, "API Key not found");
    }
}

#[tokio::test]
async fn after_the_last_entry_a_page_is_empty() {
    let test = TestApp::start().await;
    test.key("a").await;
    let before_all = URL_SAFE_NO_PAD.encode("00000000-0000-7000-8000-000000000000");
    let answer = test.call(Operation::ListAudit).id(1).query("cursor", &before_all).send().await;
    assert_eq!((answer.ok(), answer.header("link")), (json!([]), None));
}

#[tokio::test]
async fn pages_work_as_in_the_list_of_keys() {
    let test = TestApp::start().await;
    a_whole_life(&test).await;
    let trail = test.audit(1).await;
    for (limit, count) in [(1, 7), (3, 3), (6, 2), (7, 1), (1_000, 1)] {
        let pages = pages("/v1/api/apiKeys/1/audit", limit, || test.call(Operation::ListAudit).id(1)).await;
        assert_eq!((pages.len(), pages.concat()), (count, trail.clone()), "limit {limit}");
    }
    let first = test.call(Operation::ListAudit).id(1).query("limit", "2").send().await;
    let rest = test.call(Operation::ListAudit).id(1).query("cursor", first.next_cursor().expect("more")).send().await;
    assert_eq!((rest.ok(), rest.header("link")), (Value::from(&trail[2..]), None));
}

#[tokio::test]
async fn no_entry_holds_a_key() {
    let test = TestApp::start().await;
    let string = test.key("a").await["key"].as_str().expect("a key").to_owned();
    let answer = test.call(Operation::ListAudit).id(1).send().await;
    assert!(!answer.text.contains("nux_") && !answer.text.contains(&string[27..59]), "{}", answer.text);
}
