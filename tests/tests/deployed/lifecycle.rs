//! A key's life, over all management endpoints.

use reqwest::Method;
use serde_json::{Value, json};
use tests::deployed::{Deployed, answer};

/// Nobody else's in these tests.
const USER_ID: u64 = 4_201;

#[tokio::test]
async fn a_key_lives_through_all_endpoints() {
    let deployed = Deployed::from_env();
    let call = async |method: Method, path: &str, body: Option<Value>| {
        deployed.manage(USER_ID, method, &format!("/api/apiKeys{path}"), body).await
    };
    let created = deployed.key(USER_ID, "Lab gateway").await;
    let other = deployed.key(USER_ID, "Night ward").await;
    let (id, other_id) = (&created["id"], &other["id"]);
    assert_eq!(
        (&created["status"], &created["is_default"], &created["user_id"]),
        (&json!("active"), &json!(false), &json!(USER_ID))
    );
    assert_eq!(call(Method::GET, &format!("/{id}"), None).await, created);
    assert_eq!(call(Method::GET, "", None).await, json!([created, other]));
    assert_eq!(call(Method::GET, "/", None).await, json!([created, other]), "with a slash as well");
    assert_eq!(call(Method::GET, &format!("/userKeys/{USER_ID}"), None).await, json!([created, other]));

    let expected = |changes: Value| {
        let mut key = created.clone();
        key.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
        key
    };
    let update = json!({"name": "Lab gateway 2", "type": "t2yd", "expiry_at": null});
    let updated = expected(update.clone());
    assert_eq!(call(Method::PUT, &format!("/{id}"), Some(update.clone())).await, updated);
    let paused = call(Method::PATCH, &format!("/{id}/pause"), None).await;
    assert_eq!(paused["status"], "paused");
    assert_eq!(call(Method::PATCH, &format!("/{id}/resume"), None).await, updated);
    let is_default = |key: &Value| key["is_default"] == true;
    assert!(is_default(&call(Method::PATCH, "/setDefault", Some(json!({"id": id}))).await));
    assert!(is_default(&call(Method::PATCH, "/setDefault", Some(json!({"id": other_id, "old_id": id}))).await));
    assert!(!is_default(&call(Method::GET, &format!("/{id}"), None).await));
    assert!(!is_default(&call(Method::PATCH, "/removeDefault", Some(json!({"id": other_id}))).await));
    let rotated = call(Method::POST, &format!("/{id}/rotate"), None).await;
    assert_ne!(rotated["key"], created["key"]);
    assert_eq!(call(Method::GET, &format!("/{id}/usage"), None).await["usage_count"], 0);

    let deleted = call(Method::DELETE, &format!("/{id}"), None).await;
    assert_eq!(deleted, json!({"message": "API Key deleted successfully"}));
    assert_eq!(call(Method::GET, "", None).await, json!([other]));
    let trail = call(Method::GET, &format!("/{id}/audit"), None).await;
    let actions = trail.as_array().expect("an array").iter().map(|entry| entry["action"].as_str().expect("an action"));
    let actions: Vec<_> = actions.collect();
    assert_eq!(actions, ["delete", "rotate", "remove_default", "set_default", "resume", "pause", "update", "create"]);
}

#[tokio::test]
async fn pages_follow_their_links() {
    const USER_ID: u64 = 4_202;
    let deployed = Deployed::from_env();
    let mut names = Vec::new();
    for name in ["a", "b", "c"] {
        deployed.key(USER_ID, name).await;
    }
    let mut path = "/api/apiKeys?limit=2".to_owned();
    for _ in 0..2 {
        let page = deployed.send(USER_ID, Method::GET, &path, None).await;
        names.extend(page.ok().as_array().expect("an array").iter().map(|key| key["name"].clone()));
        let Some(link) = page.header("link") else { break };
        // The path as the client sees it, with the stage.
        let next = link.strip_prefix('<').and_then(|link| link.split_once('>')).expect("a path").0;
        path = next[next.find("/api/").expect("our path")..].to_owned();
    }
    assert_eq!(names, ["a", "b", "c"]);
}

#[tokio::test]
async fn the_place_of_a_new_key_leads_to_it() {
    const USER_ID: u64 = 4_203;
    let deployed = Deployed::from_env();
    let body = json!({"name": "k", "type": "test", "status": "active"});
    let created = deployed.send(USER_ID, Method::POST, "/api/apiKeys", Some(body)).await;
    assert_eq!(created.status, 201);
    let location = created.header("location").expect("a place").to_owned();
    let url =
        reqwest::Url::parse(&tests::deployed::variable("API_URL")).expect("a URL").join(&location).expect("a path");
    let read = answer(reqwest::Client::new().get(url).bearer_auth(deployed.token(USER_ID))).await;
    assert_eq!(read.ok(), created.json());
}
