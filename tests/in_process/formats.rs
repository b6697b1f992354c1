//! Every outcome of every route in HL7 v2 and FHIR. The validators judge the answers (`TestCall::send`); these tests
//! check that each has the requested format and its status.

use serde_json::json;
use shared::Operation;
use tests::engine::Engine;
use tests::{TestApp, TestCall, tokens};

const FORMATS: [(&str, &str); 2] =
    [("hl7", "application/hl7-v2; charset=utf-8"), ("fhir", "application/fhir+json; charset=utf-8")];

/// A name with the characters that each format escapes.
const NAME: &str = "Ward 3 | A^B~C\\D&E \"quoted\" <é漢>";

/// A valid call about a key, with names that have to be escaped.
fn call(test: &TestApp, operation: Operation, id: u64) -> TestCall<'_> {
    let call = test.valid_call(operation).about(id);
    if operation == Operation::CreateKey {
        call.json(&json!({"name": NAME, "type": "t2yd", "status": "active"}))
    } else if operation == Operation::UpdateKey {
        call.json(&json!({"name": format!("{NAME}!")}))
    } else {
        call
    }
}

/// Sends a call in both formats.
async fn expect(call: TestCall<'_>, status: u16, what: &str) {
    for (format, content_type) in FORMATS {
        let answer = call.clone().header("x-response-format", format).send().await;
        assert_eq!((answer.status, answer.header("content-type")), (status, Some(content_type)), "{what}: {answer:?}");
    }
}

/// The operations whose success has one of our formats, and not JSON alone, or that of a service behind or of a proxy.
fn operations() -> impl Iterator<Item = Operation> {
    Operation::ALL.into_iter().filter(|operation| operation.body().has_fields() && !operation.is_json_only())
}

#[tokio::test]
async fn every_success_is_valid() {
    let test = TestApp::start().await;
    for operation in operations() {
        for (format, content_type) in FORMATS {
            let key = test.key(NAME).await;
            let verified = test.verify(key["key"].as_str().expect("a string")).await;
            assert_eq!(verified["valid"], true);
            let id = key["id"].as_u64().expect("an id");
            let mut call = call(&test, operation, id);
            if matches!(operation, Operation::VerifyKey | Operation::LookupKey) {
                call = call.json(&json!({"key": key["key"]}));
            }
            let answer = call.header("x-response-format", format).send().await;
            let expected = if operation == Operation::CreateKey { 201 } else { 200 };
            assert_eq!((answer.status, answer.header("content-type")), (expected, Some(content_type)), "{operation:?}");
        }
    }
}

#[tokio::test]
async fn every_refusal_is_valid() {
    let test = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "1000"), ("MAX_KEYS_PER_USER", "2")]).await;
    let body = json!({"name": NAME, "type": "live", "status": "expired"});
    let expired = test.call(Operation::CreateKey).json(&body).send().await.json()["id"].as_u64().expect("an id");
    let id = test.key(NAME).await["id"].as_u64().expect("an id");
    for operation in operations() {
        let what = operation.name();
        let call = |id| call(&test, operation, id);
        expect(call(id).without_header("Authorization"), 401, what).await;
        expect(call(id).bearer("nonsense"), 401, what).await;
        expect(call(id).body(&"x".repeat(16 * 1024 + 1)), 413, what).await;
        expect(call(id).json(&json!({"unknown": 1, "na me": null})), 400, what).await;
        match operation {
            Operation::CreateKey => expect(call(id), 409, what).await,
            Operation::ListKeys => expect(call(id).query("limit", "0"), 400, what).await,
            Operation::ListUserKeys => expect(call(id).path_parameter("user_id", "8"), 403, what).await,
            Operation::VerifyKey => expect(call(id).bearer(&tokens::user(7)), 403, what).await,
            Operation::GetKey
            | Operation::DeleteKey
            | Operation::UpdateKey
            | Operation::RemoveDefault
            | Operation::ListAudit
            | Operation::GetUsage => expect(call(99), 404, what).await,
            Operation::PauseKey | Operation::ResumeKey | Operation::SetDefault | Operation::RotateKey => {
                expect(call(99), 404, what).await;
                expect(call(expired), 409, what).await;
            }
            Operation::LookupKey => {
                expect(call(id).bearer(&tokens::user(7)), 403, what).await;
                expect(call(id).json(&json!({"key": "x"})), 404, what).await;
            }
            Operation::AuthorizeRequest
            | Operation::ImportKeys
            | Operation::Transcribe
            | Operation::ForwardTranscription
            | Operation::Dictate
            | Operation::ReceiveMessage => {}
        }
    }
    for operation in Operation::ALL.into_iter().filter(|operation| !operation.body().has_fields()) {
        let call = test.call(operation).without_header("Authorization").without_header("x-api-key");
        expect(call, 401, operation.name()).await;
    }
}

#[tokio::test]
async fn every_failure_is_valid() {
    let test = TestApp::start().await;
    test.key(NAME).await;
    let limited = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "1")]).await;
    let key = limited.key(NAME).await["key"].clone();
    // Nothing listens on the one, and the other has no table.
    let cut_off = test.second("http://127.0.0.1:1");
    let without_table = test.second(&Engine::Embedded.start().await);
    for operation in operations() {
        let what = operation.name();
        if operation == Operation::VerifyKey {
            expect(call(&without_table, operation, 1).json(&json!({"key": key})), 500, what).await;
        } else {
            expect(call(&without_table, operation, 1), 500, what).await;
            expect(call(&limited, operation, 1).bearer(&tokens::with_role(7, "admin")), 429, what).await;
        }
    }
    expect(call(&cut_off, Operation::GetKey, 1), 503, "cut off").await;
}
