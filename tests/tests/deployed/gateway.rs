//! What the gateway does by itself.

use reqwest::Method;
use serde_json::json;
use tests::deployed::{Deployed, answer};

#[tokio::test]
async fn unknown_routes_and_methods_are_not_found() {
    let deployed = Deployed::from_env();
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/api"),
        (Method::GET, "/api/unknown"),
        (Method::GET, "/api/apiKeys/1/unknown"),
        (Method::DELETE, "/api/apiKeys"),
        (Method::POST, "/api/apiKeys/1/pause"),
    ] {
        let missing = answer(deployed.call(method.clone(), path)).await;
        assert_eq!((missing.status, &*missing.text), (404, r#"{"error":"Not found"}"#), "{method} {path}");
        assert_eq!(missing.header("content-type"), Some("application/json"), "{method} {path}");
    }
}

#[tokio::test]
async fn preflights_are_answered_without_credentials() {
    let deployed = Deployed::from_env();
    let preflight = deployed.call(Method::OPTIONS, "/api/apiKeys").header("Origin", "https://example.org");
    let allowed = answer(preflight.header("Access-Control-Request-Method", "POST")).await;
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (200, Some("*")));
    let headers = allowed.header("access-control-allow-headers").expect("headers").to_lowercase();
    for header in
        ["authorization", "content-type", "idempotency-key", "x-api-key", "x-request-format", "x-response-format"]
    {
        assert!(headers.contains(header), "{header} in {headers}");
    }
}

#[tokio::test]
async fn the_headers_of_a_response_arrive() {
    const USER_ID: u64 = 4_221;
    let deployed = Deployed::from_env();
    let list = deployed.send(USER_ID, Method::GET, "/api/apiKeys", None).await;
    assert_eq!((list.ok(), list.header("cache-control")), (json!([]), Some("no-store")));
    assert_eq!(list.header("ratelimit-policy"), Some("\"minute\";q=100;w=60, \"hour\";q=1000;w=3600"));
    assert!(list.header("ratelimit").is_some_and(|limit| limit.contains("r=99")), "{:?}", list.headers);
    assert!(list.header("x-request-id").is_some_and(|id| id.len() == 36), "{:?}", list.headers);
    assert_eq!(list.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn what_is_wrong_in_a_request_is_named() {
    const USER_ID: u64 = 4_222;
    let deployed = Deployed::from_env();
    let body = json!({"name": "", "type": "gold", "status": "active", "colour": "red"});
    let refused = deployed.send(USER_ID, Method::POST, "/api/apiKeys", Some(body)).await;
    refused.assert_invalid(&["name", "type", "colour"]);
    let call = deployed.call(Method::POST, "/api/apiKeys").bearer_auth(deployed.token(USER_ID)).body("{");
    answer(call.header("Content-Type", "application/json")).await.assert_invalid(&["body"]);
    assert_eq!(deployed.manage(USER_ID, Method::GET, "/api/apiKeys", None).await, json!([]));
}
