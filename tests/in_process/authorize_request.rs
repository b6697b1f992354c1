//! `/api/apiKeys/authorize`, as proxies ask.

use serde_json::{Value, json};
use shared::Operation;
use tests::{TestApp, TestCall, tokens};

/// A proxy's call for a request with a key.
fn request<'a>(test: &'a TestApp, key: &str) -> TestCall<'a> {
    let call = test.call(Operation::AuthorizeRequest).bearer(&tokens::with_role(900, "service"));
    call.header("x-api-key", key)
}

async fn make(test: &TestApp, kind: &str, status: &str) -> String {
    let body = json!({"name": "a", "type": kind, "status": status});
    let key = test.call(Operation::CreateKey).json(&body).send().await.created_key();
    key["key"].as_str().expect("a string").to_owned()
}

#[tokio::test]
async fn a_proxy_learns_whose_key_a_request_has() {
    let test = TestApp::start().await;
    for (index, kind) in ["live", "test", "ai-medical-note", "t2yd"].into_iter().enumerate() {
        let key = make(&test, kind, "active").await;
        let id = (index + 1).to_string();
        let spaced = format!(" {key} ");
        for key in [&key, &spaced] {
            let answer = request(&test, key).send().await;
            assert_eq!((answer.status, answer.text.as_str()), (200, "{}"));
            let named = ["user-id", "key-id", "key-type"].map(|name| answer.header(&format!("x-nuxera-{name}")));
            assert_eq!(named, [Some("7"), Some(id.as_str()), Some(kind)]);
        }
        assert_eq!(test.read(index as u64 + 1).await["usage_count"], 2);
    }
}

/// They are those of a request to another service.
#[tokio::test]
async fn nothing_else_of_the_request_matters() {
    let test = TestApp::start().await;
    let key = make(&test, "live", "active").await;
    let call = request(&test, &key).format("xml").header("Content-Type", "application/hl7-v2").body("{");
    let call = call.query("limit", "many").query("limit", "0").header("Idempotency-Key", "").header("If-Match", "?");
    let answer = call.send().await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "{}"));
    let answer = request(&test, "?").format("xml").base64_body(&vec![0xff; 20_000]).send().await;
    answer.assert_refused(401, "Invalid API key");
}

#[tokio::test]
async fn a_refusal_is_that_of_a_transcription() {
    let test = TestApp::with(&[("TEST_KEY_DAILY_LIMIT", "1")]).await;
    let limited = make(&test, "test", "active").await;
    let paused = make(&test, "live", "paused").await;
    let expired = make(&test, "live", "expired").await;
    let live = make(&test, "live", "active").await;
    assert_eq!(request(&test, &limited).send().await.status, 200);
    let mistyped = format!("{}x", &live[..live.len() - 1]);
    let before = test.contents().await;
    for (key, status, error, requests) in [
        ("", 401, "API key required", 0),
        (" ", 401, "API key required", 0),
        ("Bearer x", 401, "Invalid API key", 0),
        (&mistyped, 401, "Invalid API key", 0),
        (&paused, 403, "API key is paused", 1),
        (&expired, 403, "API key is expired", 1),
        (&limited, 429, "Rate limit exceeded", 1),
    ] {
        test.calls.clear();
        let answer = request(&test, key).send().await;
        answer.assert_refused(status, error);
        assert_eq!(test.calls.rounds(), vec![["UpdateItem"]; requests], "{error}");
        assert_eq!(answer.header("retry-after").is_some(), status == 429);
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401);
        let transcription = test.call(Operation::Dictate).header("x-api-key", key).body("x").send().await;
        assert_eq!((transcription.status, &transcription.text), (answer.status, &answer.text));
    }
    assert_eq!(test.contents().await, before, "nothing is counted");
    request(&test, &live).without_header("x-api-key").send().await.assert_refused(401, "API key required");
}

#[tokio::test]
async fn it_follows_the_format_of_the_answer() {
    let test = TestApp::start().await;
    let paused = make(&test, "live", "paused").await;
    let answer = request(&test, &paused).format("hl7").send().await;
    assert_eq!(answer.status, 403);
    assert!(answer.text.contains("|ACK^Z19^ACK|") && answer.text.contains("API key is paused"), "{}", answer.text);
    let answer = request(&test, &paused).format("fhir").send().await;
    assert_eq!((answer.status, &answer.json()["resourceType"]), (403, &"OperationOutcome".into()));
}

/// A caller that is no service learns nothing about a key.
#[tokio::test]
async fn the_role_comes_before_the_key() {
    let test = TestApp::start().await;
    let key = make(&test, "live", "active").await;
    test.calls.clear();
    for token in [tokens::user(7), tokens::with_role(7, "user"), tokens::with_role(1, "admin")] {
        for key in [&key, "?"] {
            request(&test, key).bearer(&token).send().await.assert_refused(403, "Access denied");
        }
    }
    request(&test, &key).without_header("Authorization").send().await.assert_refused(401, "JWT token required");
    request(&test, &key).bearer("x.y.z").send().await.assert_refused(401, "Invalid or expired JWT token");
    assert!(test.calls.rounds().is_empty());
}

#[tokio::test]
async fn a_revocation_counts_from_the_next_request_on() {
    let test = TestApp::start().await;
    let key = make(&test, "live", "active").await;
    let status = async || request(&test, &key).send().await.status;
    assert_eq!(status().await, 200);
    test.call(Operation::PauseKey).id(1).send().await.ok();
    assert_eq!(status().await, 403);
    test.call(Operation::ResumeKey).id(1).send().await.ok();
    assert_eq!(status().await, 200);
    test.call(Operation::DeleteKey).id(1).send().await.ok();
    assert_eq!(status().await, 401);
}

#[tokio::test]
async fn the_log_names_the_proxy_and_the_key() {
    let test = TestApp::start().await;
    let key = make(&test, "live", "paused").await;
    test.log.forget();
    request(&test, &key).send().await.assert_refused(403, "API key is paused");
    let (line, _) = test.log.take_one();
    let named: [&Value; 4] = ["operation", "user_id", "key_id", "reason"].map(|name| &line[name]);
    assert_eq!(named, [&json!("authorize-request"), &json!(900), &json!(1), &json!("key_paused")]);
}
