//! Damaged tokens and hostile headers through the gateway.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tests::deployed::Deployed;

/// A user of this file only.
const USER_ID: u64 = 4_601;

#[tokio::test]
async fn a_damaged_token_is_refused() {
    let deployed = Deployed::from_env();
    let token = deployed.token(USER_ID);
    let parts: Vec<&str> = token.split('.').collect();
    let mut damaged: Vec<String> = (0..token.len())
        .step_by(7)
        .map(|at| {
            let other = if token[at..].starts_with('A') { 'B' } else { 'A' };
            format!("{}{other}{}", &token[..at], &token[at + 1..])
        })
        .collect();
    damaged.extend([
        token[..token.len() - 1].to_owned(),
        format!("{token}="),
        format!("{token}A"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}, Bearer {token}"),
        format!("{}..{}", parts[0], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        // {"alg":"none"}
        format!("eyJhbGciOiJub25lIn0.{}.", parts[1]),
        format!("{}.{}.{}", parts[1], parts[0], parts[2]),
        format!("{}.{token}", parts[0]),
        format!("{token}{}", "A".repeat(7_000)),
    ]);
    for token in damaged {
        let response = deployed.call(Method::GET, "/api/apiKeys").bearer_auth(&token).send().await.expect("an answer");
        let answer = (response.status().as_u16(), response.json::<Value>().await.expect("JSON"));
        assert_eq!(answer, (401, json!({"error": "Invalid or expired JWT token"})), "{token}");
    }
    let list = deployed.call(Method::GET, "/api/apiKeys").bearer_auth(&token).send().await.expect("an answer");
    assert_eq!(list.status(), 200, "undamaged");
}

/// A creation with further headers, for a user without keys.
async fn create_with(user_id: u64, headers: HeaderMap) -> Response {
    let deployed = Deployed::from_env();
    let new = json!({"name": "Hostile", "type": "live", "status": "active"});
    let call = deployed.call(Method::POST, "/api/apiKeys").bearer_auth(deployed.token(user_id)).json(&new);
    call.headers(headers).send().await.expect("an answer")
}

#[tokio::test]
async fn a_hostile_header_is_refused_or_means_nothing() {
    let huge = "h".repeat(7_000);
    let nothing: &[&str] = &["x-request-format", "x-response-format"];
    let names =
        ["x-request-format", "x-response-format", "idempotency-key", "x-api-key", "origin", "x-forwarded-proto"];
    let values: [&[u8]; 6] =
        [b"\xff\xfe\x80", huge.as_bytes(), b"evil%0d%0aSet-Cookie: a=b", b"json, fhir", b"\tx\t", b"\xef\xbd\x8ason"];
    let mut user_id = USER_ID;
    for name in names.into_iter().chain(["accept", "cookie", "x-forwarded-for", "x-request-id"]) {
        for value in values {
            user_id += 1;
            let mut headers = HeaderMap::new();
            let header = HeaderName::from_static(name);
            headers.append(&header, HeaderValue::from_bytes(value).expect("what HTTP allows"));
            headers.append(&header, HeaderValue::from_bytes(value).expect("what HTTP allows"));
            let response = create_with(user_id, headers).await;
            let what = format!("{name}: {}", String::from_utf8_lossy(&value[..value.len().min(40)]));
            let status = response.status().as_u16();
            assert!(status == 201 || status == 400, "{what}: {status}");
            assert!(status == 400 || !nothing.contains(&name), "{what} is no format");
            assert_eq!(response.headers().get("set-cookie"), None, "{what}");
            for (name, repeated) in response.headers() {
                let repeated = repeated.as_bytes();
                assert!(!repeated.windows(value.len()).any(|part| part == value), "{what} is repeated by {name}");
            }
            let answer: Value = response.json().await.expect("JSON");
            if status == 400 {
                let field = answer["details"][0]["field"].as_str().map(str::to_lowercase);
                assert_eq!(field.as_deref(), Some(name), "{what}");
            }
            let list = Deployed::from_env().manage(user_id, Method::GET, "/api/apiKeys", None).await;
            assert_eq!(list.as_array().map(Vec::len), Some(usize::from(status == 201)), "{what}");
        }
    }
}
