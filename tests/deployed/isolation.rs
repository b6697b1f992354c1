//! Another user's keys look missing on every route.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tests::deployed::Deployed;

const OWNER: u64 = 4_201;
const STRANGER: u64 = 4_202;

#[tokio::test]
async fn foreign_keys_look_missing_on_every_route() {
    let deployed = Deployed::from_env();
    let new = json!({"name": "Mine", "type": "live", "status": "active"});
    let key = deployed.new_key(OWNER, new).await;
    let id = key["id"].as_u64().expect("an id");
    let routes = |id: u64| {
        [
            (Method::GET, format!("/api/apiKeys/{id}"), None),
            (Method::PUT, format!("/api/apiKeys/{id}"), Some(json!({"name": "Taken"}))),
            (Method::DELETE, format!("/api/apiKeys/{id}"), None),
            (Method::PATCH, format!("/api/apiKeys/{id}/pause"), None),
            (Method::PATCH, format!("/api/apiKeys/{id}/resume"), None),
            (Method::PATCH, "/api/apiKeys/setDefault".to_owned(), Some(json!({"id": id}))),
            (Method::PATCH, "/api/apiKeys/removeDefault".to_owned(), Some(json!({"id": id}))),
            (Method::POST, format!("/api/apiKeys/{id}/rotate"), None),
            (Method::GET, format!("/api/apiKeys/{id}/usage"), None),
            (Method::GET, format!("/api/apiKeys/{id}/audit"), None),
        ]
    };
    let missing = 9_007_199_254_740_991;
    for ((method, path, body), (_, missing_path, missing_body)) in routes(id).into_iter().zip(routes(missing)) {
        let foreign = answer(&deployed, &method, &path, body.as_ref()).await;
        assert_eq!(foreign, (404, json!({"error": "API Key not found"})), "{method} {path}");
        assert_eq!(foreign, answer(&deployed, &method, &missing_path, missing_body.as_ref()).await);
    }
    let denied = answer(&deployed, &Method::GET, &format!("/api/apiKeys/userKeys/{OWNER}"), None).await;
    assert_eq!(denied, (403, json!({"error": "Access denied"})));
    assert_eq!(deployed.manage(OWNER, Method::GET, &format!("/api/apiKeys/{id}"), None).await, key);
}

async fn answer(deployed: &Deployed, method: &Method, path: &str, body: Option<&Value>) -> (u16, Value) {
    let call = deployed.call(method.clone(), path).bearer_auth(deployed.token(STRANGER));
    let response = body.into_iter().fold(call, RequestBuilder::json).send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

#[tokio::test]
async fn lists_of_others_are_for_admins_and_masked() {
    let deployed = Deployed::from_env();
    let body = json!({"name": "Theirs", "type": "live", "status": "active"});
    let key = deployed.new_key(4_213, body).await;
    // Refused alike, whether or not the user exists.
    for path in ["/api/apiKeys/userKeys/4213", "/api/apiKeys/userKeys/4214"] {
        let refused = answer(&deployed, &Method::GET, path, None).await;
        assert_eq!(refused, (403, json!({"error": "Access denied"})), "{path}");
    }
    let call = deployed.call(Method::GET, "/api/apiKeys/userKeys/4213");
    let list = call.bearer_auth(deployed.token_with_role(4_215, "admin")).send().await.expect("an answer");
    let list = list.text().await.expect("text");
    let string = key["key"].as_str().expect("a key");
    assert!(list.contains(&format!("nux_live_…{}", &string[string.len() - 4..])), "{list}");
    assert!(!list.contains(string), "{list}");
}
