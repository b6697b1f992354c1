//! `POST /api/transcribe/{path+}`

use serde_json::{Value, json};
use shared::Operation;
use shared::edge::reply::MAX_BINARY_BYTES;
use tests::form::{AUDIO, USER_ID, form};
use tests::stub::{Script, Stub};
use tests::{TestApp, TestCall};

const NOTE: &[u8] = br#"{"note": "the patient is resting"}"#;

async fn app_before(stub: &Stub) -> TestApp {
    TestApp::with(&[("TRANSCRIPTION_URL", &stub.url), ("TRANSCRIPTION_TIMEOUT_SECONDS", "1")]).await
}

fn call<'a>(test: &'a TestApp, key: &Value, path: &str) -> TestCall<'a> {
    let call = test.call(Operation::ForwardTranscription).without_header("Authorization").path_parameter("path", path);
    call.header("x-api-key", key["key"].as_str().expect("a string"))
}

async fn uses(test: &TestApp, id: u64) -> u64 {
    test.read(id).await["usage_count"].as_u64().expect("a number")
}

#[tokio::test]
async fn a_request_goes_on_unread_and_its_answer_comes_back() {
    let stub = Stub::start(Script::respond("200 OK", "application/json", NOTE)).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let note = r#"{"transcribedText": "x", "userId": 8}"#;
    // A form without what transcription asks for, and of a user that it would refuse.
    let form = form(&[(&AUDIO.replace("audio\"", "file\""), b"\xff"), (USER_ID, b"8")]);
    let audio: Vec<u8> = (0..=255).collect();
    let with_type = |path: &str, content_type: &str| call(&test, &key, path).header("Content-Type", content_type);
    for (sent, line, content_type, body) in [
        (call(&test, &key, "v2").form(&form), "/v2", Some("multipart/form-data; boundary=form"), &form[..]),
        (
            with_type("medical-note", "application/json").body(note),
            "/medical-note",
            Some("application/json"),
            note.as_bytes(),
        ),
        (with_type("a/b/c/", "audio/wav").base64_body(&audio), "/a/b/c", Some("audio/wav"), &audio),
        (
            call(&test, &key, "v2").query("b", "2").query("a", "x&y=ü").query("a", "").without_body(),
            "/v2?a=x%26y%3D%C3%BC&a=&b=2",
            Some("application/json"),
            b"",
        ),
        (call(&test, &key, "v2").without_header("Content-Type").body("x"), "/v2", None, b"x"),
    ] {
        let answer = sent.header("x-response-format", "fhir").send_unjudged().await;
        assert_eq!((answer.status, answer.text.as_bytes()), (200, NOTE), "{line}");
        let request = stub.received().pop().expect("a request");
        assert_eq!(request.request_line, format!("POST /transcribe{line} HTTP/1.1"));
        let sent_type = request.headers.get("content-type").map(String::as_str);
        // The event's own type stays where a call has no other.
        let content_type = content_type.filter(|_| body != b"").or(sent_type.filter(|_| body == b""));
        assert_eq!((sent_type, &request.body[..]), (content_type, body), "{line}");
        let ours = ["x-nuxera-user-id", "x-nuxera-key-id", "x-request-format", "x-response-format"];
        assert_eq!(ours.map(|name| request.headers[name].as_str()), ["7", "1", "json", "fhir"]);
        assert!(!request.headers.contains_key("x-api-key") && !request.headers.contains_key("authorization"));
    }
    assert_eq!(uses(&test, 1).await, 5);
}

#[tokio::test]
async fn no_path_leads_out_of_the_service_and_none_that_is_refused_counts_a_use() {
    let stub = Stub::start(Script::respond("200 OK", "application/json", NOTE)).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    test.calls.clear();
    for path in [
        "..",
        "../admin",
        "v2/../../admin",
        "%2e%2e/admin",
        "%252e%252e/admin",
        "..%2fadmin",
        "v2//admin",
        "/admin",
        "..\\admin",
        "v2\\..\\admin",
        "%5c..%5cadmin",
        "..;/admin",
        "v2/.",
        "v2?x",
        "v2#x",
        "ä",
        " ",
        "//evil.example",
        "@evil.example",
    ] {
        let answer = call(&test, &key, path).send().await;
        answer.assert_invalid(&["path"]);
    }
    assert_eq!(test.calls.rounds(), Vec::<Vec<String>>::new());
    assert_eq!((uses(&test, 1).await, stub.received().len()), (0, 0));
}

#[tokio::test]
async fn a_key_is_checked_as_for_a_transcription() {
    let stub = Stub::start(Script::respond("500 Internal Server Error", "text/plain", b"a stack trace")).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    call(&test, &key, "v2").send().await.assert_refused(502, "Transcription service failed");
    call(&test, &key, "v2").without_header("x-api-key").send().await.assert_refused(401, "API key required");
    call(&test, &json!({"key": "nux_live_x"}), "v2").send().await.assert_refused(401, "Invalid API key");
    let with_token = || call(&test, &key, "v2").without_header("x-api-key").user(7).send();
    with_token().await.assert_refused(409, "No default API Key");
    test.call(Operation::SetDefault).json(&json!({"id": 1})).send().await.ok();
    with_token().await.assert_refused(502, "Transcription service failed");
    test.call(Operation::PauseKey).id(1).send().await.ok();
    call(&test, &key, "v2").send().await.assert_refused(403, "API key is paused");
    with_token().await.assert_refused(403, "API key is paused");
    assert_eq!((uses(&test, 1).await, stub.received().len()), (2, 2));
}

#[tokio::test]
async fn without_a_service_the_key_is_judged_and_not_used() {
    let test = TestApp::start().await;
    let key = test.key("ward").await;
    for operation in [Operation::ForwardTranscription, Operation::Dictate] {
        let call = || test.valid_call(operation);
        call().send().await.assert_refused(503, "Service temporarily unavailable");
        call().header("x-api-key", "nux_live_x").send().await.assert_refused(401, "Invalid API key");
    }
    assert_eq!(test.read(1).await["usage_count"], 0);
    test.call(Operation::PauseKey).id(&key["id"]).send().await.ok();
    for operation in [Operation::ForwardTranscription, Operation::Dictate] {
        test.valid_call(operation).send().await.assert_refused(403, "API key is paused");
    }
}

#[tokio::test]
async fn a_larger_body_is_told_the_limit() {
    let stub = Stub::start(Script::respond("200 OK", "application/json", NOTE)).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    assert_eq!(call(&test, &key, "v2").base64_body(&vec![0xa5; MAX_BINARY_BYTES]).send_unjudged().await.status, 200);
    let answer = call(&test, &key, "v2").base64_body(&vec![0xa5; MAX_BINARY_BYTES + 1]).send().await;
    let message = answer.json()["details"][0]["message"].clone();
    assert!(
        answer.status == 413 && message.as_str().is_some_and(|text| text.contains("25 minutes of Opus")),
        "{message}"
    );
    assert_eq!((uses(&test, 1).await, stub.received().len()), (1, 1));
}
