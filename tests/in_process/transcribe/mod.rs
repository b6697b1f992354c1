//! `POST /api/transcribe`

mod forms;
mod service;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::Operation;
use shared::keys::PlainKey;
use tests::form::{AUDIO, SPECIALITY, USER_ID, form, transcription};
use tests::key_strings::checksums;
use tests::stub::{Script, Stub};
use tests::test_app::TestCall;
use tests::{Answer, TestApp, repository, tokens};

const TRANSCRIPT: &[u8] = br#"{"text": "the patient is resting"}"#;

fn transcript() -> Script {
    Script::respond("200 OK", "application/json", TRANSCRIPT)
}

async fn app_before(stub: &Stub) -> TestApp {
    TestApp::with(&[("TRANSCRIPTION_URL", &stub.url), ("TRANSCRIPTION_TIMEOUT_SECONDS", "1")]).await
}

fn complete() -> Vec<u8> {
    transcription(b"RIFF", 7)
}

fn string(key: &Value) -> &str {
    key["key"].as_str().expect("a key string")
}

/// A call with a complete form and no credential.
fn bare(test: &TestApp) -> TestCall<'_> {
    test.call(Operation::Transcribe).without_header("Authorization").without_header("x-api-key").form(&complete())
}

fn with_key<'a>(test: &'a TestApp, key: &Value) -> TestCall<'a> {
    bare(test).header("x-api-key", string(key))
}

async fn uses(test: &TestApp, key: &Value) -> u64 {
    let answer = test.call(Operation::GetUsage).id(&key["id"]).send().await;
    answer.json()["usage_count"].as_u64().expect("a number")
}

async fn change(test: &TestApp, operation: Operation, key: &Value) {
    let answer = test.call(operation).id(&key["id"]).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn set_default(test: &TestApp, key: &Value) {
    let answer = test.call(Operation::SetDefault).json(&json!({"id": key["id"]})).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[track_caller]
fn assert_error(answer: &Answer, status: u16, text: &str) {
    assert_eq!((answer.status, answer.json()["error"].as_str()), (status, Some(text)), "{}", answer.text);
}

#[track_caller]
fn assert_details(answer: &Answer, expected: &[(&str, &str)]) {
    let details: Vec<Value> =
        expected.iter().map(|(field, message)| json!({"field": field, "message": message})).collect();
    assert_eq!(answer.json(), json!({"error": "Invalid request data", "details": details}));
}

#[tokio::test]
async fn without_a_credential_that_can_be_one_nothing_is_read_and_nothing_passed_on() {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let typo = string(&key).replace("nux_live_0", "nux_live_1");
    let prefixed = format!("Bearer {}", string(&key));
    set_default(&test, &key).await;
    test.calls.clear();
    let required = "API key required";
    let invalid = "Invalid API key";
    for (call, text) in [
        (bare(&test), required),
        (bare(&test).header("x-api-key", ""), required),
        (bare(&test).header("x-api-key", " "), required),
        // An empty key is a lost one: the default key does not take its place.
        (bare(&test).header("x-api-key", "").bearer(&tokens::user(7)), required),
        (bare(&test).header("x-api-key", " \t ").bearer(&tokens::user(7)), required),
        (bare(&test).header("Authorization", "Basic dTpw"), required),
        (bare(&test).header("x-api-key", "nux_live_1234567890abcde"), invalid),
        (bare(&test).header("x-api-key", &typo), invalid),
        (bare(&test).header("x-api-key", &string(&key)[..64]), invalid),
        (bare(&test).header("x-api-key", &prefixed), invalid),
        (bare(&test).header("x-api-key", "ключ"), invalid),
        (bare(&test).header("x-api-key", &"k".repeat(9_000)), invalid),
        // With both, the key counts.
        (bare(&test).header("x-api-key", "key").bearer(&tokens::user(7)), invalid),
        (bare(&test).bearer("token"), "Invalid or expired JWT token"),
        (bare(&test).header("Authorization", &prefixed), "Invalid or expired JWT token"),
    ] {
        let answer = call.send().await;
        assert_error(&answer, 401, text);
        let challenge = answer.header("www-authenticate").expect("a challenge");
        assert_eq!(challenge != "Bearer", text == "Invalid or expired JWT token", "{challenge}");
    }
    assert_eq!(test.calls.rounds(), Vec::<Vec<String>>::new());
    assert!(stub.received().is_empty());
    assert_eq!(uses(&test, &key).await, 0);
}

#[tokio::test]
async fn a_key_that_does_not_work_is_refused_on_the_next_call() {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let works = |key: Value| {
        let test = test.clone();
        async move { with_key(&test, &key).send().await }
    };
    let paused = test.key("paused").await;
    assert_eq!(works(paused.clone()).await.status, 200);
    change(&test, Operation::PauseKey, &paused).await;
    assert_error(&works(paused.clone()).await, 403, "API key is paused");
    change(&test, Operation::ResumeKey, &paused).await;
    assert_eq!(works(paused.clone()).await.status, 200);

    let rotated = test.key("rotated").await;
    assert_eq!(works(rotated.clone()).await.status, 200);
    change(&test, Operation::RotateKey, &rotated).await;
    assert_error(&works(rotated.clone()).await, 401, "Invalid API key");

    let deleted = test.key("deleted").await;
    assert_eq!(works(deleted.clone()).await.status, 200);
    change(&test, Operation::DeleteKey, &deleted).await;
    assert_error(&works(deleted).await, 401, "Invalid API key");

    let body = json!({"name": "brief", "type": "live", "status": "active", "expiry_at": "2026-03-01T12:00:02Z"});
    let brief = test.call(Operation::CreateKey).json(&body).send().await.json();
    assert_eq!(works(brief.clone()).await.status, 200);
    test.advance(TimeDelta::seconds(2));
    assert_error(&works(brief.clone()).await, 403, "API key is expired");

    // What nobody was given has the right form, and no record of such a hash.
    let (_, locator) = PlainKey::parse(string(&paused), &checksums()).expect("a key");
    let forged = PlainKey::generate(shared::keys::Prefix::Live, locator, &test.app.random, &checksums());
    assert_error(&works(json!({"key": forged.reveal()})).await, 401, "Invalid API key");

    assert_eq!(stub.received().len(), 5);
    assert_eq!((uses(&test, &paused).await, uses(&test, &rotated).await, uses(&test, &brief).await), (2, 1, 1));
}

#[tokio::test]
async fn a_test_key_is_limited_by_the_day() {
    let stub = Stub::start(transcript()).await;
    let test = TestApp::with(&[("TRANSCRIPTION_URL", &stub.url), ("TEST_KEY_DAILY_LIMIT", "2")]).await;
    let body = json!({"name": "trial", "type": "test", "status": "active"});
    let key = test.call(Operation::CreateKey).json(&body).send().await.json();
    for _ in 0..2 {
        assert_eq!(with_key(&test, &key).send().await.status, 200);
    }
    let answer = with_key(&test, &key).send().await;
    assert_error(&answer, 429, "Rate limit exceeded");
    assert_eq!(answer.header("retry-after"), Some("43200"));
    assert_eq!((uses(&test, &key).await, stub.received().len()), (2, 2));
    test.advance(TimeDelta::hours(12));
    assert_eq!(with_key(&test, &key).send().await.status, 200);
}

#[tokio::test]
async fn a_token_alone_uses_the_default_key() {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let (first, second) = (test.key("first").await, test.key("second").await);
    let with_token = || bare(&test).user(7).send();
    assert_error(&with_token().await, 409, "No default API Key");

    set_default(&test, &second).await;
    let answer = with_token().await;
    assert_eq!((answer.status, answer.text.as_bytes()), (200, TRANSCRIPT));
    assert_eq!(answer.header("ratelimit"), None, "it does not count as management");
    assert_eq!(stub.received()[0].headers["x-nuxera-key-id"], "2");
    assert_eq!((uses(&test, &first).await, uses(&test, &second).await), (0, 1));

    // With both, the key counts, and its user.
    assert_eq!(with_key(&test, &first).bearer("nonsense").send().await.status, 200);
    assert_eq!(with_key(&test, &first).user(8).send().await.status, 200);
    assert_eq!((uses(&test, &first).await, uses(&test, &second).await), (2, 1));

    change(&test, Operation::PauseKey, &second).await;
    assert_error(&with_token().await, 403, "API key is paused");
    change(&test, Operation::DeleteKey, &second).await;
    assert_error(&with_token().await, 409, "No default API Key");
    assert_eq!(stub.received().len(), 3);
}

#[tokio::test]
async fn the_user_id_must_be_the_owner_s() {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    set_default(&test, &key).await;
    let somebody_else = form(&[(AUDIO, b"RIFF"), (USER_ID, b"8"), (SPECIALITY, b"Cardiology")]);
    test.calls.clear();
    assert_error(&with_key(&test, &key).form(&somebody_else).send().await, 403, "Access denied");
    assert_error(&bare(&test).user(7).form(&somebody_else).send().await, 403, "Access denied");
    assert_eq!(test.calls.rounds(), Vec::<Vec<String>>::new());
    assert_eq!((uses(&test, &key).await, stub.received().len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_uses_are_counted_exactly() {
    let stub = Stub::start(transcript()).await;
    let test = TestApp::with(&[("TRANSCRIPTION_URL", &stub.url)]).await;
    let key = test.key("ward").await;
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let (test, key) = (test.clone(), key.clone());
            tokio::spawn(async move { with_key(&test, &key).send().await.status })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.expect("no panic"), 200);
    }
    assert_eq!((uses(&test, &key).await, stub.received().len()), (50, 50));
    let read = test.call(Operation::GetKey).id(&key["id"]).send().await.json();
    assert_eq!((&read["usage_count"], &read["last_used_at"]), (&json!(50), &json!("2026-03-01T12:00:00Z")));
}

#[tokio::test]
async fn errors_are_in_the_format_asked_for() {
    let stub = Stub::start(Script::respond("500 Internal Server Error", "text/plain", b"a stack trace")).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let none = form(&[]);

    let hl7 = with_key(&test, &key).form(&none).format("HL7").send().await;
    let segments: Vec<&str> = hl7.text.split_terminator('\r').collect();
    assert_eq!(hl7.status, 400);
    assert!(segments[0].contains("|ACK^Z15^ACK|") && segments[1].starts_with("MSA|AE|"), "{segments:?}");
    let err = "ERR|||101^Required field missing^HL70357|E|400^Bad Request^L|||audio is required";
    assert_eq!((segments[2], segments.len()), (err, 3));
    let hl7 = with_key(&test, &key).format("hl7").send().await;
    let err = "ERR|||207^Application internal error^HL70357|E|502^Bad Gateway^L|||Transcription service failed\r";
    assert!(hl7.status == 502 && hl7.text.ends_with(err), "{}", hl7.text);

    let fhir = with_key(&test, &key).form(&none).header("x-response-format", "fhir").send().await.json();
    let issue = json!({"severity": "error", "code": "required", "details": {"text": "Invalid request data"},
        "diagnostics": "audio is required", "expression": ["audio"]});
    assert_eq!(fhir["issue"][0], issue);
    let fhir = with_key(&test, &key).format("fhir").send().await;
    let issue =
        json!([{"severity": "error", "code": "transient", "details": {"text": "Transcription service failed"}}]);
    assert_eq!((fhir.status, &fhir.json()["issue"]), (502, &issue));

    // The format headers come first.
    let answer = bare(&test).header("x-request-format", "xml").send().await;
    assert_details(&answer, &[("x-request-format", "x-request-format must be one of \"json\", \"hl7\", \"fhir\"")]);
}

#[tokio::test]
async fn the_event_is_read_as_gateways_send_it() {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let event = repository::event("transcribe");
    let form = STANDARD.decode(event["body"].as_str().expect("a body")).expect("base64");
    let content_type = event["headers"]["Content-Type"].as_str().expect("a type");
    let call = test.call(Operation::Transcribe).without_header("Authorization").form(&form);
    let answer = call.header("Content-Type", content_type).send().await;
    // Its key can be one, and its form is complete; but there is no such key.
    assert_error(&answer, 401, "Invalid API key");
    assert_eq!(test.calls.rounds(), [["UpdateItem"]]);
}
