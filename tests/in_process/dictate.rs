//! `POST /api/dictate`

use shared::Operation;
use tests::TestApp;
use tests::form::{AUDIO, form};
use tests::stub::{Script, Stub};

#[tokio::test]
async fn a_dictation_goes_to_a_service_of_its_own_and_counts_one_use() {
    let answer = Script::respond("201 Created", "text/plain", b"taken");
    let (transcription, dictation) = (Stub::start(answer.clone()).await, Stub::start(answer).await);
    let urls = [("TRANSCRIPTION_URL", &*transcription.url), ("DICTATION_URL", &*dictation.url)];
    let test = TestApp::with(&urls).await;
    let key = test.key("ward").await;
    let field = |name: &str| format!("Content-Disposition: form-data; name=\"{name}\"");
    let body = form(&[(AUDIO, b"RIFF"), (&field("doctorName"), "Müller".as_bytes()), (&field("language"), b"de")]);
    let call = test.call(Operation::Dictate).without_header("Authorization").form(&body);
    let call = call.header("x-api-key", key["key"].as_str().expect("a string")).query("draft", "1");
    let answer = call.send().await;
    assert_eq!((answer.status, answer.text.as_str()), (201, "taken"));
    let [request] = &dictation.received()[..] else { panic!("one request") };
    assert_eq!((request.request_line.as_str(), &request.body), ("POST /transcribe?draft=1 HTTP/1.1", &body));
    assert_eq!(request.headers["x-nuxera-user-id"], "7");
    assert_eq!((test.read(1).await["usage_count"].clone(), transcription.received().len()), (1.into(), 0));
}

#[tokio::test]
async fn a_service_for_transcription_alone_takes_no_dictation() {
    let transcription = Stub::start(Script::respond("200 OK", "text/plain", b"taken")).await;
    let test = TestApp::with(&[("TRANSCRIPTION_URL", &transcription.url)]).await;
    test.key("ward").await;
    test.valid_call(Operation::Dictate).send().await.assert_refused(503, "Service temporarily unavailable");
    assert_eq!((test.read(1).await["usage_count"].clone(), transcription.received().len()), (0.into(), 0));
}
