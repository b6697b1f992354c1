//! The transcription service: its requests and its answers

use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::Operation;
use shared::edge::reply::MAX_BINARY_BYTES;
use shared::keys::{PlainKey, Prefix};
use tests::key_strings::checksums;
use tests::stub::{Script, Stub};
use tests::{TestApp, tokens};

use super::{
    AUDIO, SPECIALITY, TRANSCRIPT, USER_ID, app_before, assert_error, bare, change, form, set_default, string,
    transcript, uses, with_key,
};

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
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("ratelimit"), None);
    let request_id = "5b1d7c34-3f0a-4a0e-9d2b-c7c8a1f2e693";
    assert_eq!(answer.header("x-request-id"), Some(request_id));
    assert_eq!(test.calls.rounds(), [["UpdateItem"]]);

    let [request] = &stub.received()[..] else { panic!("one request") };
    assert_eq!(request.request_line, "POST /transcribe HTTP/1.1");
    assert_eq!(request.headers["content-type"], "multipart/form-data; boundary=form");
    assert_eq!(request.headers["content-length"], body.len().to_string());
    assert!(request.body == body, "{}", String::from_utf8_lossy(&request.body));

    let mut headers = request.headers.clone();
    for transport in ["host", "accept", "content-type", "content-length"] {
        headers.remove(transport);
    }
    let ours = [
        ("x-nuxera-key-id", "1"),
        ("x-nuxera-user-id", "7"),
        ("x-request-format", "json"),
        ("x-request-id", request_id),
        ("x-response-format", "json"),
    ];
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
async fn an_answer_of_2xx_to_4xx_comes_back_unchanged_and_counts_as_a_use() {
    for (status, body) in [
        ("200 OK", "the patient is resting"),
        ("201 Created", "{}"),
        ("299 Odd", "odd"),
        ("302 Found", "elsewhere"),
        ("308 Permanent Redirect", ""),
        ("400 Bad Request", "no speech"),
        ("401 Unauthorized", ""),
        ("404 Not Found", "{\"error\": \"API Key not found\"}"),
        ("422 Unprocessable Content", "\u{0} \"\\ \u{7f} ü"),
        ("429 Too Many Requests", "later"),
        ("499 Odd", "odd"),
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
async fn a_redirect_comes_back_without_its_target() {
    let elsewhere = Stub::start(transcript()).await;
    let moved = format!("HTTP/1.1 307 Moved\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.url);
    let stub = Stub::start(Script::Send(moved.into())).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let answer = with_key(&test, &key).send().await;
    assert_eq!((answer.status, answer.text.as_str(), answer.header("location")), (307, "", None));
    assert_eq!((uses(&test, &key).await, elsewhere.received().len()), (1, 0));
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
async fn without_a_service_no_use_is_counted() {
    let test = TestApp::start().await;
    let key = test.key("ward").await;
    let answer = with_key(&test, &key).send().await;
    assert_error(&answer, 503, "Service temporarily unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(uses(&test, &key).await, 0);
    // A wrong request is refused first.
    assert_eq!(with_key(&test, &key).form(&form(&[])).send().await.status, 400);
    assert_eq!(bare(&test).send().await.status, 401);
}

#[tokio::test]
async fn without_a_service_keys_that_do_not_work_are_refused() {
    let test = TestApp::with(&[("TEST_KEY_DAILY_LIMIT", "1")]).await;
    let user = || bare(&test).bearer(&tokens::user(7));
    assert_error(&user().send().await, 409, "No default API Key");
    let body = json!({"name": "trial", "type": "test", "status": "active", "expiry_at": "2026-03-01T12:00:09Z"});
    let key = test.call(Operation::CreateKey).json(&body).send().await.json();
    set_default(&test, &key).await;
    let assert_both = async |status, text: &str| {
        assert_error(&with_key(&test, &key).send().await, status, text);
        assert_error(&user().send().await, status, text);
    };

    let (_, locator) = PlainKey::parse(string(&key), &checksums()).expect("a key");
    let forged = PlainKey::generate(Prefix::Test, locator, &test.app.random, &checksums());
    test.log.forget();
    let answer = with_key(&test, &json!({"key": forged.reveal()})).send().await;
    assert_error(&answer, 401, "Invalid API key");
    let line = test.log.take_one().0;
    assert_eq!(
        (&line["reason"], &line["user_id"], &line["claimed_user_id"]),
        (&json!("key_unknown"), &Value::Null, &json!(7))
    );

    assert_both(503, "Service temporarily unavailable").await;
    assert_eq!(test.verify(string(&key)).await["valid"], true);
    assert_both(429, "Rate limit exceeded").await;
    change(&test, Operation::PauseKey, &key).await;
    assert_both(403, "API key is paused").await;
    test.advance(TimeDelta::seconds(9));
    assert_both(403, "API key is expired").await;
    assert_eq!(uses(&test, &key).await, 1);
    change(&test, Operation::DeleteKey, &key).await;
    assert_error(&with_key(&test, &key).send().await, 401, "Invalid API key");
    assert_error(&user().send().await, 409, "No default API Key");
}

#[tokio::test]
async fn an_answer_that_cannot_be_passed_on_is_a_502_and_counts() {
    let compressed = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx";
    let cut_off = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe patient";
    let scripts = [
        Script::Send(compressed.into()),
        Script::Send(cut_off.into()),
        Script::Send(Vec::new()),
        Script::Send(b"SMTP ready\r\n\r\n".to_vec()),
        Script::Send(b"HTTP/1.1 700 What\r\nContent-Length: 0\r\n\r\n".to_vec()),
        Script::respond("500 Internal Server Error", "text/plain", b"panicked at src/main.rs:7"),
        Script::respond("503 Service Unavailable", "application/json", br#"{"error": "try db-7.internal"}"#),
        Script::respond("504 Gateway Timeout", "text/html", b"nginx"),
        Script::respond("599 Odd", "text/plain", b""),
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
        assert_eq!(answer.json(), json!({"error": "Transcription service failed"}));
        assert_eq!((answer.status, uses(&test, &key).await, stub.received().len()), (502, 1, 1));
    }

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
