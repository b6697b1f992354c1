//! Headers of every response, CORS included.

use shared::Operation;
use tests::{Answer, TestApp, TestCall, repository};

const ALWAYS: [&str; 5] =
    ["cache-control", "content-type", "strict-transport-security", "x-content-type-options", "x-request-id"];

/// A valid call of each operation, the deletion last, without those whose answer is that of a service behind.
fn successes(test: &TestApp) -> Vec<(Operation, TestCall<'_>)> {
    let operations = Operation::ALL.into_iter().filter(|operation| !operation.waits_for_upstream());
    let mut calls: Vec<_> = operations.map(|operation| (operation, test.valid_call(operation))).collect();
    // A use comes before the key is paused, and its end last.
    calls.sort_by_key(|(operation, _)| (*operation != Operation::AuthorizeRequest, *operation == Operation::DeleteKey));
    calls
}

fn assert_headers(answer: &Answer, operation: Operation, further: &[&str]) {
    // A guarded request has headers for somebody else, and some paths have one format.
    let is_negotiated = operation != Operation::AuthorizeRequest && !operation.is_json_only();
    let vary = is_negotiated.then_some("Accept, x-response-format");
    let mut expected = [&ALWAYS, further].concat();
    expected.extend(vary.map(|_| "vary"));
    expected.sort_unstable();
    assert_eq!(answer.headers.keys().collect::<Vec<_>>(), expected, "{operation:?} {}", answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("vary"), vary);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
    let request_id = &repository::event(operation.name())["requestContext"]["requestId"];
    assert_eq!(answer.header("x-request-id"), request_id.as_str());
}

#[tokio::test]
async fn a_success_has_exactly_these_headers() {
    let test = TestApp::start().await;
    test.make_two_keys().await;
    for (operation, call) in successes(&test) {
        let answer = call.send().await;
        assert!(answer.status < 300, "{operation:?} {}", answer.text);
        let further: &[&str] = match operation {
            Operation::CreateKey => &["etag", "location", "ratelimit", "ratelimit-policy"],
            Operation::GetKey
            | Operation::UpdateKey
            | Operation::PauseKey
            | Operation::ResumeKey
            | Operation::RotateKey
            | Operation::SetDefault
            | Operation::RemoveDefault
            | Operation::LookupKey => &["etag", "ratelimit", "ratelimit-policy"],
            Operation::ListKeys
            | Operation::ListUserKeys
            | Operation::ListAudit
            | Operation::GetUsage
            | Operation::DeleteKey => &["ratelimit", "ratelimit-policy"],
            Operation::AuthorizeRequest => &["x-nuxera-key-id", "x-nuxera-key-type", "x-nuxera-user-id"],
            Operation::VerifyKey
            | Operation::ImportKeys
            | Operation::Transcribe
            | Operation::ForwardTranscription
            | Operation::Dictate
            | Operation::ReceiveMessage => &[],
        };
        assert_headers(&answer, operation, further);
    }
}

#[tokio::test]
async fn a_refusal_has_them_too() {
    let test = TestApp::start().await;
    test.make_two_keys().await;
    for (operation, call) in successes(&test) {
        let answer = call.clone().without_header("Authorization").send().await;
        assert_headers(&answer, operation, &["www-authenticate"]);
        if !operation.body().has_fields() {
            continue;
        }
        let answer = call.clone().header("x-request-format", "xml").send().await;
        assert_headers(&answer, operation, &[]);
        let answer = call.body("{").send().await;
        assert_eq!(answer.status, 400, "{operation:?}");
        let limits = if matches!(operation, Operation::VerifyKey | Operation::ImportKeys) {
            &[][..]
        } else {
            &["ratelimit", "ratelimit-policy"]
        };
        assert_headers(&answer, operation, limits);
    }
    let answer = test.call(Operation::GetKey).id(9).send().await;
    assert_eq!(answer.status, 404);
    assert_headers(&answer, Operation::GetKey, &["ratelimit", "ratelimit-policy"]);
}

#[tokio::test]
async fn pages_of_configured_origins_may_read_responses() {
    let origins = "https://app.nuxera.ai, https://staging.nuxera.ai";
    for (setting, origin, allowed, vary) in [
        ("", None, None, None),
        ("", Some("https://anybody.example"), None, None),
        ("*", Some("https://anybody.example"), Some("*"), None),
        (origins, Some("https://app.nuxera.ai"), Some("https://app.nuxera.ai"), Some("Origin")),
        (origins, Some("https://staging.nuxera.ai"), Some("https://staging.nuxera.ai"), Some("Origin")),
        (origins, Some("https://anybody.example"), None, Some("Origin")),
        (origins, Some("http://app.nuxera.ai"), None, Some("Origin")),
        (origins, Some("https://app.nuxera.ai.evil.example"), None, Some("Origin")),
        (origins, Some("https://APP.nuxera.ai"), None, Some("Origin")),
        (origins, Some("null"), None, Some("Origin")),
        (origins, None, None, Some("Origin")),
    ] {
        let test = TestApp::with(&[("CORS_ORIGINS", setting)]).await;
        let call = test.call(Operation::ListKeys);
        let call = if let Some(origin) = origin { call.header("Origin", origin) } else { call };
        for (status, call) in [(200, call.clone()), (401, call.without_header("Authorization"))] {
            let answer = call.send().await;
            assert_eq!(answer.status, status);
            assert_eq!(answer.header("access-control-allow-origin"), allowed, "{setting} for {origin:?}");
            let of_formats = "Accept, x-response-format";
            let expected = vary.map_or(of_formats.to_owned(), |vary| format!("{of_formats}, {vary}"));
            assert_eq!(answer.header("vary"), Some(&*expected), "{setting} for {origin:?}");
            let exposed = answer.header("access-control-expose-headers");
            assert_eq!(exposed.is_some(), allowed.is_some());
            for name in [
                "ETag",
                "Idempotent-Replayed",
                "Link",
                "Location",
                "RateLimit",
                "RateLimit-Policy",
                "Retry-After",
                "x-request-id",
            ] {
                assert!(exposed.is_none_or(|exposed| exposed.split(", ").any(|known| known == name)), "{name}");
            }
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
    }
}
