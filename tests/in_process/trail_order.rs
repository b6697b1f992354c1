//! The audit trail is in the order of the changes, whatever the clocks of the containers say.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::Operation;
use tests::TestApp;
use tests::engine::Engine;

/// Ids and times fall strictly from the newest entry to the oldest, and each change starts where the previous one
/// ended.
fn assert_in_order(trail: &[Value]) {
    for pair in trail.windows(2) {
        let [newer, older] = pair else { unreachable!("windows of two") };
        let at = |entry: &Value| entry["at"].as_str().expect("a time").parse::<DateTime<Utc>>().expect("a time");
        let id = |entry: &Value| entry["id"].as_str().expect("an id").to_owned();
        assert!(at(newer) - at(older) >= TimeDelta::milliseconds(1), "{newer} after {older}");
        assert!(id(newer) > id(older), "{newer} after {older}");
        let (from, to) = (&newer["changes"]["name"]["from"], &older["changes"]["name"]["to"]);
        if !from.is_null() && !to.is_null() {
            assert_eq!(from, to, "{newer} after {older}");
        }
    }
}

async fn rename(test: &TestApp, name: &str) {
    test.call(Operation::UpdateKey).id(1).json(&json!({"name": name})).send().await.ok();
}

#[tokio::test]
async fn clocks_five_seconds_apart_keep_the_order() {
    let engine = Engine::Embedded.start().await;
    let ahead = TestApp::on(&engine, &[]).await;
    let behind = ahead.second_with_clock(&engine, TimeDelta::seconds(-5));
    ahead.key("a").await;
    ahead.key("b").await;
    for round in 0..5 {
        rename(&ahead, &format!("ahead {round}")).await;
        rename(&behind, &format!("behind {round}")).await;
        behind.call(Operation::PauseKey).id(1).send().await.ok();
        ahead.call(Operation::ResumeKey).id(1).send().await.ok();
        // Another default displaces key 1, whose record is not read for it.
        behind.call(Operation::SetDefault).json(&json!({"id": 1})).send().await.ok();
        behind.call(Operation::SetDefault).json(&json!({"id": 2})).send().await.ok();
    }
    behind.call(Operation::SetDefault).json(&json!({"id": 1})).send().await.ok();
    behind.call(Operation::RemoveDefault).json(&json!({"id": 1})).send().await.ok();
    for id in [1, 2] {
        assert_in_order(&ahead.audit(id).await);
    }
    behind.call(Operation::DeleteKey).id(1).send().await.ok();
    let trail = ahead.audit(1).await;
    assert_in_order(&trail);
    assert_eq!((trail[0]["action"].as_str(), trail.len()), (Some("delete"), 34));
    ahead.contents().await.assert_consistent();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_newest_entry_of_renames_at_once_is_the_name() {
    let test = TestApp::start().await;
    test.key("k").await;
    let renames = (0..6).map(|number| {
        let test = test.clone();
        tokio::spawn(async move { rename(&test, &format!("name {number}")).await })
    });
    for rename in renames.collect::<Vec<_>>() {
        rename.await.expect("a rename");
    }
    let trail = test.audit(1).await;
    assert_in_order(&trail);
    assert_eq!(trail.len(), 7);
    assert_eq!(trail[0]["changes"]["name"]["to"], test.read(1).await["name"]);
}
