//! A key's life through the gateway: every management endpoint once, and the gateway's own answers.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tests::deployed::Deployed;
use tokio::task::JoinSet;

/// A user of this file only.
const USER_ID: u64 = 4_001;

#[tokio::test]
async fn a_key_lives_through_every_endpoint() {
    let deployed = Deployed::from_env();
    let user = |method: Method, path: String, body: Option<Value>| {
        let deployed = deployed.clone();
        async move { deployed.manage(USER_ID, method, &path, body).await }
    };
    let new = |name: &str| deployed.new_key(USER_ID, json!({"name": name, "type": "live", "status": "active"}));
    let (first, second) = (new("First").await, new("Second").await);
    let path = format!("/api/apiKeys/{}", first["id"]);

    assert_eq!(user(Method::GET, path.clone(), None).await, first);
    for list in ["/api/apiKeys", "/api/apiKeys/", &format!("/api/apiKeys/userKeys/{USER_ID}")] {
        assert_eq!(user(Method::GET, list.into(), None).await, json!([first, second]), "{list}");
    }
    let renamed = user(Method::PUT, path.clone(), Some(json!({"name": "Renamed"}))).await;
    assert_eq!((&renamed["name"], &renamed["key"]), (&json!("Renamed"), &first["key"]));
    assert_eq!(user(Method::PATCH, format!("{path}/pause"), None).await["status"], "paused");
    assert_eq!(user(Method::PATCH, format!("{path}/resume"), None).await["status"], "active");
    for key in [&first, &second] {
        let default = user(Method::PATCH, "/api/apiKeys/setDefault".into(), Some(json!({"id": key["id"]}))).await;
        assert_eq!((&default["id"], &default["is_default"]), (&key["id"], &json!(true)));
    }
    let removed = user(Method::PATCH, "/api/apiKeys/removeDefault".into(), Some(json!({"id": second["id"]}))).await;
    assert_eq!(removed["is_default"], false);
    let rotated = user(Method::POST, format!("{path}/rotate"), None).await;
    assert_ne!(rotated["key"], first["key"]);
    let verify = json!({"key": rotated["key"]});
    let call = deployed.call(Method::POST, "/api/apiKeys/verify").bearer_auth(deployed.service_token());
    let verification: Value = call.json(&verify).send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!((&verification["valid"], &verification["id"]), (&json!(true), &first["id"]));
    assert_eq!(user(Method::GET, format!("{path}/usage"), None).await["usage_count"], 1);
    let deleted = user(Method::DELETE, path.clone(), None).await;
    assert_eq!(deleted, json!({"message": "API Key deleted successfully"}));
    let trail = user(Method::GET, format!("{path}/audit"), None).await;
    let actions: Vec<_> = trail.as_array().expect("a list").iter().map(|entry| entry["action"].clone()).collect();
    let newest_first = ["delete", "rotate", "remove_default", "set_default", "resume", "pause", "update", "create"];
    assert_eq!(actions, newest_first);
}

#[tokio::test]
async fn the_headers_lead_back_to_the_api() {
    let deployed = Deployed::from_env();
    let new = json!({"name": "Paged", "type": "test", "status": "active"});
    for _ in 0..2 {
        let call = deployed.call(Method::POST, "/api/apiKeys").bearer_auth(deployed.token(4_002));
        let response = call.json(&new).send().await.expect("an answer");
        let location = response.headers()["location"].to_str().expect("ASCII").to_owned();
        let key: Value = response.json().await.expect("JSON");
        let read = deployed.call_absolute(Method::GET, &location).bearer_auth(deployed.token(4_002));
        let read: Value = read.send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!((&read["id"], &read["key"]), (&key["id"], &key["key"]));
    }
    let page = deployed.call(Method::GET, "/api/apiKeys?limit=1").bearer_auth(deployed.token(4_002));
    let page = page.send().await.expect("an answer");
    let link = page.headers()["link"].to_str().expect("ASCII").to_owned();
    let next = link.strip_prefix('<').and_then(|link| link.split_once(">; rel=\"next\"")).expect("a link").0;
    let first: Value = page.json().await.expect("JSON");
    let next = deployed.call_absolute(Method::GET, next).bearer_auth(deployed.token(4_002));
    let second: Value = next.send().await.expect("an answer").json().await.expect("JSON");
    assert!(first[0]["id"].as_u64() < second[0]["id"].as_u64(), "{first} {second}");
}

#[tokio::test]
async fn what_no_endpoint_sees_is_answered_by_the_gateway() {
    let deployed = Deployed::from_env();
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/api/nothing"),
        (Method::POST, "/api/apiKeys/1"),
        (Method::GET, "/api/apiKeys/1/pause"),
    ] {
        let response = deployed.call(method.clone(), path).send().await.expect("an answer");
        let answer = (response.status().as_u16(), response.text().await.expect("text"));
        assert_eq!(answer, (404, r#"{"error":"Not found"}"#.to_owned()), "{method} {path}");
    }
}

/// Makes concurrent management calls of a user.
async fn at_once(user_id: u64, calls: impl Iterator<Item = (Method, &'static str, Value)>) -> Vec<Value> {
    let deployed = Deployed::from_env();
    let calls = calls.map(|(method, path, body)| {
        let deployed = deployed.clone();
        async move { deployed.manage(user_id, method, path, Some(body)).await }
    });
    calls.collect::<JoinSet<_>>().join_all().await
}

fn creations(count: usize) -> impl Iterator<Item = (Method, &'static str, Value)> {
    let new = json!({"name": "Many", "type": "live", "status": "active"});
    std::iter::repeat_n((Method::POST, "/api/apiKeys", new), count)
}

fn ids(keys: &[Value]) -> BTreeSet<u64> {
    keys.iter().map(|key| key["id"].as_u64().expect("an id")).collect()
}

#[tokio::test]
async fn fifty_creations_at_once_have_ids_of_their_own() {
    const USER_ID: u64 = 4_003;
    let made = ids(&at_once(USER_ID, creations(50)).await);
    assert_eq!(made.len(), 50);
    let list = Deployed::from_env().manage(USER_ID, Method::GET, "/api/apiKeys", None).await;
    assert_eq!(ids(list.as_array().expect("a list")), made);
}

#[tokio::test]
async fn fifty_defaults_at_once_leave_one() {
    const USER_ID: u64 = 4_004;
    // More calls than a hundred a minute are refused, so each of 25 keys is made the default twice.
    let made = ids(&at_once(USER_ID, creations(25)).await);
    let defaults = made.iter().chain(&made).map(|id| (Method::PATCH, "/api/apiKeys/setDefault", json!({"id": id})));
    assert!(at_once(USER_ID, defaults).await.iter().all(|key| key["is_default"] == true));
    let list = Deployed::from_env().manage(USER_ID, Method::GET, "/api/apiKeys", None).await;
    let list = list.as_array().expect("a list");
    assert_eq!((list.len(), list.iter().filter(|key| key["is_default"] == true).count()), (25, 1));
}
