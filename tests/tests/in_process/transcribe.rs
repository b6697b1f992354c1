//! `POST /api/transcribe`

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::Operation;
use shared::edge::reply::MAX_BINARY_BYTES;
use shared::keys::PlainKey;
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

/// A form of the boundary `form`.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (headers, body) in parts {
        form.extend_from_slice(format!("--form\r\n{headers}\r\n\r\n").as_bytes());
        form.extend_from_slice(body);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(b"--form--\r\n");
    form
}

const AUDIO: &str =
    "Content-Disposition: form-data; name=\"audio\"; filename=\"recording.wav\"\r\nContent-Type: audio/wav";
const USER_ID: &str = "Content-Disposition: form-data; name=\"userId\"";
const SPECIALITY: &str = "Content-Disposition: form-data; name=\"speciality\"";

fn complete() -> Vec<u8> {
    form(&[(AUDIO, b"RIFF"), (USER_ID, b"7"), (SPECIALITY, b"General Practice")])
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
async fn a_recording_goes_to_the_service_and_its_answer_comes_back() {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    // Every byte there is, and what begins as the end of the form does.
    let audio: Vec<u8> = (0..=255).chain(*b"\r\n--for\r\n-form--\r\r\n").collect();
    let body = form(&[(SPECIALITY, "Kinderheilkunde & Fürsorge ".as_bytes()), (USER_ID, b"7"), (AUDIO, &audio)]);
    test.calls.clear();

    let answer = with_key(&test, &key).form(&body).send().await;

    assert_eq!((answer.status, answer.text.as_bytes()), (200, TRANSCRIPT));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("ratelimit"), None);
    let request_id = "5b1d7c34-3f0a-4a0e-9d2b-c7c8a1f2e693";
    assert_eq!(answer.header("x-request-id"), Some(request_id));
    assert_eq!(test.calls.rounds(), [["UpdateItem"]]);

    let [request] = &stub.received()[..] else { panic!("one request") };
    assert_eq!(request.request_line, "POST /transcribe HTTP/1.1");
    let content_type = &request.headers["content-type"];
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").expect("a boundary").to_owned();
    let mut expected = format!("--{boundary}\r\n{AUDIO}\r\n\r\n").into_bytes();
    expected.extend_from_slice(&audio);
    expected.extend_from_slice(format!("\r\n--{boundary}\r\n{USER_ID}\r\n\r\n7\r\n--{boundary}\r\n").as_bytes());
    expected
        .extend_from_slice(format!("{SPECIALITY}\r\n\r\nKinderheilkunde & Fürsorge \r\n--{boundary}--\r\n").as_bytes());
    assert!(request.body == expected, "{}", String::from_utf8_lossy(&request.body));

    let mut headers = request.headers.clone();
    for transport in ["host", "accept", "content-type", "content-length"] {
        headers.remove(transport);
    }
    let ours = [("x-nuxera-key-id", "1"), ("x-nuxera-user-id", "7"), ("x-request-id", request_id)];
    assert_eq!(headers, ours.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert_eq!(uses(&test, &key).await, 1);
}

#[tokio::test]
async fn neither_key_nor_token_go_on() {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let token = tokens::user(7);
    let answer = with_key(&test, &key).bearer(&token).header("Cookie", "session=1").send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let request = format!("{:?}", stub.received());
    assert!(!request.contains(string(&key)) && !request.contains(&token) && !request.contains("session"), "{request}");
}

#[tokio::test]
async fn whatever_the_service_says_comes_back_unchanged_and_counts_as_a_use() {
    for (status, body) in [
        ("200 OK", "the patient is resting"),
        ("201 Created", "{}"),
        ("400 Bad Request", "no speech"),
        ("401 Unauthorized", ""),
        ("404 Not Found", "{\"error\": \"API Key not found\"}"),
        ("422 Unprocessable Content", "\u{0} \"\\ \u{7f} ü"),
        ("429 Too Many Requests", "later"),
        ("500 Internal Server Error", "oh"),
        ("503 Service Unavailable", "later"),
    ] {
        let stub = Stub::start(Script::respond(status, "text/plain; charset=utf-8", body.as_bytes())).await;
        let test = app_before(&stub).await;
        let key = test.key("ward").await;
        let answer = with_key(&test, &key).header("x-response-format", "hl7").send().await;
        assert_eq!((answer.status.to_string().as_str(), answer.text.as_str()), (&status[..3], body));
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!((answer.header("retry-after"), uses(&test, &key).await), (None, 1), "{status}");
    }
}

#[tokio::test]
async fn bytes_come_back_as_bytes_and_a_missing_type_is_named() {
    let latin = b"f\xfcr";
    let stub = Stub::start(Script::respond("200 OK", "text/plain; charset=iso-8859-1", latin)).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let answer = with_key(&test, &key).send().await;
    assert_eq!((answer.status, &answer.bytes[..]), (200, &latin[..]));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=iso-8859-1"));

    let stub = Stub::start(Script::Send(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let answer = with_key(&test, &key).send().await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
}

#[tokio::test]
async fn without_a_credential_that_can_be_one_nothing_is_read_and_nothing_passed_on() {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let typo = string(&key).replace("nux_live_0", "nux_live_1");
    let prefixed = format!("Bearer {}", string(&key));
    test.calls.clear();
    let required = "API key required";
    let invalid = "Invalid API key";
    for (call, text) in [
        (bare(&test), required),
        (bare(&test).header("x-api-key", ""), required),
        (bare(&test).header("x-api-key", " "), required),
        (bare(&test).header("Authorization", "Basic dTpw"), required),
        (bare(&test).header("x-api-key", "nux_live_1234567890abcdef"), invalid),
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
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
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
    // An empty header is none.
    assert_eq!(bare(&test).user(7).header("x-api-key", "").send().await.status, 200);

    change(&test, Operation::PauseKey, &second).await;
    assert_error(&with_token().await, 403, "API key is paused");
    change(&test, Operation::DeleteKey, &second).await;
    assert_error(&with_token().await, 409, "No default API Key");
    assert_eq!(stub.received().len(), 4);
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

#[tokio::test]
async fn an_incomplete_form_is_told_all_that_is_wrong_and_counts_no_use() {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let user_id_expected = "userId must be an integer from 1 to 9007199254740991";
    let length_expected = "speciality must have 1 to 100 characters";
    let odd = |audio: &str| form(&[(audio, b"RIFF"), (USER_ID, b"7"), (SPECIALITY, b"Cardiology")]);
    let with = |user_id: &'static [u8], speciality: &[u8]| {
        form(&[(AUDIO, b"RIFF"), (USER_ID, user_id), (SPECIALITY, speciality)])
    };
    let name_audio = "Content-Disposition: form-data; name=\"audio\"";
    let file = "Content-Disposition: form-data; name=audio; filename=a.wav";
    let encoded = format!("{file}\r\nContent-Transfer-Encoding: base64");
    let untyped = format!("{file}\r\nContent-Type: sound");
    for (form, details) in [
        (
            form(&[]),
            &[
                ("audio", "audio is required"),
                ("userId", "userId is required"),
                ("speciality", "speciality is required"),
            ][..],
        ),
        (
            form(&[(AUDIO, b""), (USER_ID, b"me"), (SPECIALITY, b" ")]),
            &[("audio", "audio must not be empty"), ("userId", user_id_expected), ("speciality", length_expected)],
        ),
        (with(b"", b"Cardiology"), &[("userId", user_id_expected)]),
        (with(b"0", b"Cardiology"), &[("userId", user_id_expected)]),
        (with(b"-7", b"Cardiology"), &[("userId", user_id_expected)]),
        (with(b"7.0", b"Cardiology"), &[("userId", user_id_expected)]),
        (with(b"9007199254740992", b"Cardiology"), &[("userId", user_id_expected)]),
        (with(b"\xff", b"Cardiology"), &[("userId", user_id_expected)]),
        (with(b"7", &[b'x'; 101]), &[("speciality", length_expected)]),
        (with(b"7", b"a\nb"), &[("speciality", "speciality must have no control characters")]),
        (with(b"7", b"\xff"), &[("speciality", "speciality must be text in UTF-8")]),
        (
            form(&[(AUDIO, b"1"), (AUDIO, b"2"), (USER_ID, b"7"), (SPECIALITY, b"x")]),
            &[("audio", "audio must not be repeated")],
        ),
        (
            form(&[(AUDIO, b"1"), (USER_ID, b"7"), (USER_ID, b"8"), (SPECIALITY, b"x")]),
            &[("userId", "userId must not be repeated")],
        ),
        (
            form(&[(AUDIO, b"1"), (USER_ID, b"7"), (SPECIALITY, b"x"), (&SPECIALITY.replace("ity", "ty"), b"x")]),
            &[("specialty", "specialty is not a field of this request")],
        ),
        // As curl sends it when the @ was forgotten.
        (odd(name_audio), &[("audio", "audio must be a file: its part has no filename")]),
        (odd(&untyped), &[("audio", "audio must have a content type that can be read, or none")]),
        (odd(&encoded), &[("audio", "audio must be sent as it is, without a content-transfer-encoding")]),
    ] {
        let answer = with_key(&test, &key).form(&form).send().await;
        assert_eq!(answer.status, 400);
        assert_details(&answer, details);
    }
    assert_eq!((uses(&test, &key).await, stub.received().len()), (0, 0));
}

#[tokio::test]
async fn a_body_that_is_no_form_is_refused_and_counts_no_use() {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let type_expected = [("content-type", "content-type must be multipart/form-data with a boundary")];
    let form_expected = [("body", "body must be a complete form, divided by the boundary that content-type names")];
    let call = || with_key(&test, &key);
    let of_type = |content_type: &str| call().header("Content-Type", content_type);

    assert_details(&call().without_header("Content-Type").send().await, &type_expected);
    let long = format!("multipart/form-data; boundary={}", "x".repeat(9_000));
    for (content_type, details) in [
        ("", type_expected),
        ("multipart", type_expected),
        ("application/json", type_expected),
        ("audio/wav", type_expected),
        ("multipart/mixed; boundary=form", type_expected),
        ("multipart/form-data", type_expected),
        ("multipart/form-data; boundary", type_expected),
        ("multipart/form-data; boundary=", type_expected),
        ("multipart/form-data; boundary=\"\"", type_expected),
        ("multipart/form-data; boundary=other", form_expected),
        ("multipart/form-data; boundary=other; boundary=form", form_expected),
        (&long, form_expected),
    ] {
        let answer = of_type(content_type).send().await;
        assert_eq!(answer.status, 400, "{content_type}");
        assert_details(&answer, &details);
    }

    let whole = complete();
    let many = "X-Many: 1\r\n".repeat(40) + AUDIO;
    let nameless = "every part of body must have a name";
    let only = "body must consist of the parts audio, userId and speciality";
    let cut = whole.len() - 6;
    for (body, message) in [
        (b"RIFF".to_vec(), form_expected[0].1),
        (b"{\"audio\": 1}".to_vec(), form_expected[0].1),
        (vec![0; 100_000], form_expected[0].1),
        (b"--form".to_vec(), form_expected[0].1),
        (b"--form\r\n".to_vec(), form_expected[0].1),
        (b"--form\r\n\r\n".to_vec(), form_expected[0].1),
        (whole[..cut].to_vec(), form_expected[0].1),
        (whole[..60].to_vec(), form_expected[0].1),
        (form(&[(&many, b"RIFF")]), form_expected[0].1),
        (form(&[("\u{1}: x", b"RIFF")]), form_expected[0].1),
        (form(&[("Content-Disposition form-data", b"RIFF")]), form_expected[0].1),
        (form(&[("X: y", b"RIFF")]), nameless),
        (form(&[("Content-Disposition: form-data", b"RIFF")]), nameless),
        (form(&[("Content-Disposition: form-data; name=\"\u{fffd}", b"RIFF")]), nameless),
        (form(&vec![(USER_ID, &b"7"[..]); 1_000]), only),
    ] {
        let answer = call().form(&body).send().await;
        assert_eq!(answer.status, 400, "{}", String::from_utf8_lossy(&body));
        assert_details(&answer, &[("body", message)]);
    }
    assert_details(&call().form(b"").send().await, &[("body", "body is required")]);

    let absurd = form(&[(&format!("Content-Disposition: form-data; name=\"{}\"", "n".repeat(100_000)), b"x")]);
    let answer = call().form(&absurd).send().await;
    assert_eq!((answer.status, answer.json()["details"][3]["field"].as_str().map(str::len)), (400, Some(100)));
    assert_eq!((uses(&test, &key).await, stub.received().len()), (0, 0));
}

#[tokio::test]
async fn forms_may_be_written_in_other_ways() {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let quoted = with_key(&test, &key).header("Content-Type", "Multipart/Form-Data; charset=utf-8; boundary=\"form\"");
    assert_eq!(quoted.send().await.status, 200);
    let around = [b"preamble\r\n", &complete()[..], b"epilogue\r\n--form"].concat();
    assert_eq!(with_key(&test, &key).form(&around).send().await.status, 200);
    let as_text = with_key(&test, &key).body(&String::from_utf8(complete()).expect("text"));
    assert_eq!(as_text.send().await.status, 200);
    for (disposition, file_name) in [
        ("form-data; name=audio; filename=a.wav", "a.wav"),
        ("form-data; filename=\"Müller \\\"1\\\".wav\"; name=\"audio\"", "Müller \\\"1\\\".wav"),
        ("form-data; name=\"audio\"; filename=\"\"", "audio"),
        ("form-data; name=\"audio\"; filename*=utf-8''M%C3%BCller.wav", "audio"),
    ] {
        let audio = format!("content-disposition: {disposition}\r\nContent-Transfer-Encoding: BINARY");
        let body = form(&[(&audio, b"RIFF"), (USER_ID, b"7"), (SPECIALITY, b"Cardiology")]);
        let answer = with_key(&test, &key).form(&body).send().await;
        assert_eq!(answer.status, 200, "{disposition}: {}", answer.text);
        let request = stub.received().pop().expect("a request");
        let expected =
            format!("\r\nContent-Disposition: form-data; name=\"audio\"; filename=\"{file_name}\"\r\n\r\nRIFF");
        let body = String::from_utf8_lossy(&request.body).into_owned();
        assert!(body.contains(&expected), "{body}");
    }
}

#[tokio::test]
async fn the_largest_form_passes_and_a_larger_one_is_told_the_limit() {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let rest = form(&[(AUDIO, b""), (USER_ID, b"7"), (SPECIALITY, b"Cardiology")]).len();
    let of_length = |length: usize| {
        let audio = vec![0xa5; length - rest];
        with_key(&test, &key).form(&form(&[(AUDIO, &audio), (USER_ID, b"7"), (SPECIALITY, b"Cardiology")])).send()
    };
    assert_eq!(of_length(MAX_BINARY_BYTES).await.status, 200);
    let message = "body must not be larger than 4500000 bytes";
    let expected = json!({"error": "Request body too large", "details": [{"field": "body", "message": message}]});
    let answer = of_length(MAX_BINARY_BYTES + 1).await;
    assert_eq!((answer.status, answer.json()), (413, expected));
    assert_eq!((uses(&test, &key).await, stub.received().len()), (1, 1));
}

#[tokio::test]
async fn without_a_service_no_use_is_counted() {
    let test = TestApp::start().await;
    let key = test.key("ward").await;
    let answer = with_key(&test, &key).send().await;
    assert_error(&answer, 503, "Service temporarily unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(uses(&test, &key).await, 0);
    // What is wrong with the request is said first.
    assert_eq!(with_key(&test, &key).form(&form(&[])).send().await.status, 400);
    assert_eq!(bare(&test).send().await.status, 401);
}

#[tokio::test]
async fn an_answer_that_cannot_be_passed_on_is_a_502_and_counts() {
    let elsewhere = Stub::start(transcript()).await;
    let moved = format!("HTTP/1.1 307 Moved\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.url);
    let compressed = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx";
    let cut_off = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe patient";
    let scripts = [
        Script::Send(moved.into()),
        Script::Send(compressed.into()),
        Script::Send(cut_off.into()),
        Script::Send(Vec::new()),
        Script::Send(b"SMTP ready\r\n\r\n".to_vec()),
        Script::Send(b"HTTP/1.1 700 What\r\nContent-Length: 0\r\n\r\n".to_vec()),
        // Larger than Lambda returns: as it is, and once it is written as JSON or base64.
        Script::respond("200 OK", "text/plain", &vec![b'a'; 6_000_001]),
        Script::respond("200 OK", "text/plain", &vec![b'"'; 3_000_001]),
        Script::respond("200 OK", "audio/wav", &vec![0xff; MAX_BINARY_BYTES + 1]),
    ];
    for script in scripts {
        let stub = Stub::start(script.clone()).await;
        let test = app_before(&stub).await;
        let key = test.key("ward").await;
        let answer = with_key(&test, &key).send().await;
        assert_error(&answer, 502, "Transcription service failed");
        assert_eq!((uses(&test, &key).await, stub.received().len()), (1, 1));
    }
    assert!(elsewhere.received().is_empty());

    // Nobody listens.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let test = TestApp::with(&[("TRANSCRIPTION_URL", &format!("http://{closed}/"))]).await;
    let key = test.key("ward").await;
    assert_error(&with_key(&test, &key).send().await, 502, "Transcription service failed");
    assert_eq!(uses(&test, &key).await, 1);
}

#[tokio::test]
async fn the_largest_answers_come_back() {
    for (body, is_text) in
        [(vec![b'a'; 6_000_000], true), (vec![b'"'; 3_000_000], true), (vec![0xff; MAX_BINARY_BYTES], false)]
    {
        let stub = Stub::start(Script::respond("200 OK", "audio/wav", &body)).await;
        let test = app_before(&stub).await;
        let key = test.key("ward").await;
        let answer = with_key(&test, &key).send().await;
        assert_eq!(answer.status, 200);
        assert!(if is_text { answer.text.as_bytes() == body } else { answer.bytes == body });
    }
}

#[tokio::test]
async fn a_service_that_takes_too_long_is_a_504_and_counts() {
    for sent in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe patient"] {
        let stub = Stub::start(Script::SendAndWait(sent.into())).await;
        let test = app_before(&stub).await;
        let key = test.key("ward").await;
        let answer = with_key(&test, &key).send().await;
        assert_error(&answer, 504, "Transcription service timed out");
        assert_eq!((uses(&test, &key).await, stub.received().len()), (1, 1));
    }
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
    let stub = Stub::start(Script::Send(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_vec())).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let none = form(&[]);

    let hl7 = with_key(&test, &key).form(&none).format("HL7").send().await;
    let segments: Vec<&str> = hl7.text.split_terminator('\r').collect();
    assert_eq!(hl7.status, 400);
    assert!(segments[0].contains("|ACK^Z15^ACK|") && segments[1].starts_with("MSA|AE|"), "{segments:?}");
    let err = "ERR|||101^Required field missing^HL70357|E|400^Bad Request^L|||audio is required";
    assert_eq!((segments[2], segments.len()), (err, 5));
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
