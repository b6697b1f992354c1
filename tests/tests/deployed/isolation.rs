//! Nobody sees or changes what is somebody else's, on any route.

use reqwest::Method;
use serde_json::{Value, json};
use tests::deployed::{Deployed, answer};

const OWNER: u64 = 4_211;
const STRANGER: u64 = 4_212;
/// An id that no key has.
const NOBODYS: u64 = 9_007_199_254_740_991;

/// Every route that names a key, with the key's id in it.
fn routes(id: &Value, own: &Value) -> Vec<(Method, String, Option<Value>)> {
    let path = |rest: &str| format!("/api/apiKeys/{id}{rest}");
    let default = |operation: &str| format!("/api/apiKeys/{operation}");
    vec![
        (Method::GET, path(""), None),
        (Method::PUT, path(""), Some(json!({"name": "mine"}))),
        (Method::DELETE, path(""), None),
        (Method::PATCH, path("/pause"), None),
        (Method::PATCH, path("/resume"), None),
        (Method::POST, path("/rotate"), None),
        (Method::GET, path("/usage"), None),
        (Method::GET, path("/audit"), None),
        (Method::PATCH, default("setDefault"), Some(json!({"id": id}))),
        (Method::PATCH, default("setDefault"), Some(json!({"id": own, "old_id": id}))),
        (Method::PATCH, default("removeDefault"), Some(json!({"id": id}))),
    ]
}

#[tokio::test]
async fn somebody_elses_key_is_as_one_that_is_not_there() {
    let deployed = Deployed::from_env();
    let key = deployed.key(OWNER, "theirs").await;
    let own = deployed.key(STRANGER, "own").await;
    let theirs = routes(&key["id"], &own["id"]);
    let nobodys = routes(&json!(NOBODYS), &own["id"]);
    for ((method, path, body), (_, missing, missing_body)) in theirs.into_iter().zip(nobodys) {
        for (path, body) in [(path, body), (missing, missing_body)] {
            let answer = deployed.send(STRANGER, method.clone(), &path, body).await;
            assert_eq!((answer.status, &*answer.text), (404, r#"{"error":"API Key not found"}"#), "{method} {path}");
        }
    }
    let list = deployed.manage(STRANGER, Method::GET, "/api/apiKeys", None).await;
    assert_eq!(list, json!([own]));
    let unchanged = deployed.manage(OWNER, Method::GET, &format!("/api/apiKeys/{}", key["id"]), None).await;
    assert_eq!(unchanged, key);
    let trail = deployed.manage(OWNER, Method::GET, &format!("/api/apiKeys/{}/audit", key["id"]), None).await;
    assert_eq!(trail.as_array().map(Vec::len), Some(1), "{trail}");
}

#[tokio::test]
async fn lists_of_others_are_for_admins_and_masked() {
    const OWNER: u64 = 4_213;
    let deployed = Deployed::from_env();
    let key = deployed.key(OWNER, "theirs").await;
    let path = format!("/api/apiKeys/userKeys/{OWNER}");
    for path in [&path, "/api/apiKeys/userKeys/4214"] {
        let refused = deployed.send(STRANGER, Method::GET, path, None).await;
        refused.assert_refused(403, "Access denied");
    }
    let admin = deployed.token_with_role(4_215, "admin");
    let list = answer(deployed.call(Method::GET, &path).bearer_auth(admin)).await;
    let string = key["key"].as_str().expect("a key");
    assert_eq!(list.ok()[0]["key"], format!("nux_live_…{}", &string[string.len() - 4..]));
    assert!(!list.text.contains(string));
}

#[tokio::test]
async fn without_a_token_nothing_is_told() {
    let deployed = Deployed::from_env();
    let mut all = routes(&json!(1), &json!(1));
    all.push((Method::GET, "/api/apiKeys".to_owned(), None));
    all.push((Method::POST, "/api/apiKeys".to_owned(), Some(json!({"name": "k", "type": "live", "status": "active"}))));
    all.push((Method::GET, "/api/apiKeys/userKeys/1".to_owned(), None));
    for (method, path, body) in all {
        let call = body.iter().fold(deployed.call(method.clone(), &path), reqwest::RequestBuilder::json);
        let none = answer(call.try_clone().expect("a call")).await;
        assert_eq!((none.status, &*none.text), (401, r#"{"error":"JWT token required"}"#), "{method} {path}");
        let bad = answer(call.bearer_auth("not.a.token")).await;
        assert_eq!((bad.status, &*bad.text), (401, r#"{"error":"Invalid or expired JWT token"}"#), "{method} {path}");
    }
}
