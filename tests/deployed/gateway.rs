//! The gateway's own part: preflights and forwarded headers.

use reqwest::header::HeaderMap;
use reqwest::{Method, Response};
use tests::deployed::Deployed;

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let headers: &HeaderMap = response.headers();
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[tokio::test]
async fn preflights_are_answered_without_credentials() {
    let preflight = Deployed::from_env().call(Method::OPTIONS, "/api/apiKeys").header("Origin", "https://example.org");
    let allowed = preflight.header("Access-Control-Request-Method", "POST").send().await.expect("an answer");
    assert_eq!((allowed.status().as_u16(), header(&allowed, "access-control-allow-origin")), (200, Some("*")));
    let headers = header(&allowed, "access-control-allow-headers").expect("headers").to_lowercase();
    for name in
        ["authorization", "content-type", "idempotency-key", "x-api-key", "x-request-format", "x-response-format"]
    {
        assert!(headers.contains(name), "{name} in {headers}");
    }
}

#[tokio::test]
#[ignore = "needs a deployment without CorsOrigins: `make test-contract` has one"]
async fn without_origins_there_are_no_preflights_and_no_cors_headers() {
    let deployed = Deployed::from_env();
    let token = deployed.token(4_222);
    for (method, path, status) in [
        (Method::OPTIONS, "/api/apiKeys", 404),
        (Method::OPTIONS, "/api/apiKeys/1", 404),
        (Method::OPTIONS, "/api/transcribe", 404),
        (Method::OPTIONS, "/fhir/metadata", 404),
        (Method::OPTIONS, "/api/nothing", 404),
        (Method::GET, "/api/nothing", 404),
        (Method::GET, "/api/apiKeys", 200),
        (Method::GET, "/api/apiKeys/1000000000000", 404),
        (Method::GET, "/fhir/metadata", 200),
    ] {
        let call = deployed.call(method.clone(), path).header("Origin", "https://example.org");
        let call = call.header("Access-Control-Request-Method", "GET");
        let call = if method == Method::OPTIONS { call } else { call.bearer_auth(&token) };
        let response = call.send().await.expect("an answer");
        assert_eq!(response.status(), status, "{method} {path}");
        let cors = response.headers().keys().find(|name| name.as_str().starts_with("access-control-"));
        assert_eq!(cors, None, "{method} {path}");
        if method == Method::OPTIONS {
            assert_eq!(response.text().await.expect("a text"), r#"{"error":"Not found"}"#, "{path}");
        }
    }
}

#[tokio::test]
async fn the_headers_of_a_response_arrive() {
    let deployed = Deployed::from_env();
    let call = deployed.call(Method::GET, "/api/apiKeys").bearer_auth(deployed.token(4_221));
    let list = call.send().await.expect("an answer");
    assert_eq!((list.status().as_u16(), header(&list, "cache-control")), (200, Some("no-store")));
    assert_eq!(header(&list, "ratelimit-policy"), Some(r#""minute";q=100;w=60, "hour";q=1000;w=3600"#));
    assert!(header(&list, "ratelimit").is_some_and(|limit| limit.starts_with(r#""minute";r=99;"#)), "{list:?}");
    assert!(header(&list, "x-request-id").is_some_and(|id| id.len() == 36), "{list:?}");
    assert_eq!(header(&list, "access-control-allow-origin"), Some("*"));
}
