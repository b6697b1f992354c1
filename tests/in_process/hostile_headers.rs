//! Hostile headers: answered as documented, never reflected, and nothing is written.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use shared::Operation;
use tests::{TestApp, repository};

/// Headers with a meaning here or to intermediaries.
const NAMES: [&str; 18] = [
    "Accept",
    "Accept-Encoding",
    "Authorization",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Forwarded",
    "Host",
    "Idempotency-Key",
    "Origin",
    "Transfer-Encoding",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "x-api-key",
    "x-request-format",
    "x-request-id",
    "x-response-format",
];

/// A mark that no answer may reflect.
const MARK: &str = "hostile-7f3a";

/// Any valid value (RFC 9110, section 5.5): no CR, LF or NUL, but any byte above ASCII.
fn value() -> impl Strategy<Value = String> {
    let near = select(vec![
        "json",
        "HL7",
        "fhir",
        " fhir ",
        "json,hl7",
        "xml",
        "*",
        "null",
        "https://nuxera.cloud",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "application/json; charset=utf-16",
        "gzip",
        "chunked",
        "0",
        "-1",
        "Bearer",
        "nux_live_",
        "%0d%0aSet-Cookie: a=b",
        "\\r\\nSet-Cookie: a=b",
        "evil.example:99999",
        "javascript",
        "ｊson",
    ]);
    prop_oneof![
        3 => near.prop_map(str::to_owned),
        2 => "[\t -~\u{80}-\u{ff}]{0,40}",
        1 => "[\t -~\u{80}-\u{24ff}\u{fffd}\u{10000}-\u{10ffff}]{0,20}",
        1 => (any::<char>(), 0..9_000_usize).prop_map(|(character, count)| {
            let character = if character.is_control() { 'x' } else { character };
            character.to_string().repeat(count)
        }),
    ]
    .prop_flat_map(|value| prop_oneof![Just(value.clone()), Just(format!("{value}{MARK}"))])
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, Vec<String>)>> {
    vec((select(NAMES.to_vec()), vec(value(), 1..4)), 1..5)
}

#[test]
fn hostile_headers_are_never_echoed_and_a_refusal_writes_nothing() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let limits = [("RATE_LIMIT_PER_MINUTE", "1000000"), ("RATE_LIMIT_PER_HOUR", "1000000")];
    let test = runtime.block_on(TestApp::with(&limits));
    runtime.block_on(test.make_two_keys());
    let config = Config { cases: 300, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&(select(Operation::ALL.to_vec()), headers()), |(operation, headers)| {
        runtime.block_on(async {
            let mut call = test.valid_call(operation);
            if operation == Operation::DeleteKey {
                call = call.id(&test.key("to be deleted").await["id"]);
            } else if operation == Operation::Transcribe {
                call = call.without_body();
            }
            let before = test.contents().await;
            for (name, values) in &headers {
                call = call.header_values(name, values);
            }
            let answer = call.send().await;
            let expected: &[u16] = if operation.waits_for_upstream() {
                // The form is refused first, and without a service the call.
                &[400, 401, 403, 413, 503]
            } else if matches!(operation, Operation::VerifyKey | Operation::AuthorizeRequest) {
                &[200, 400, 401, 403, 413]
            } else {
                &[200, 201, 400, 401, 404, 409, 413]
            };
            assert!(expected.contains(&answer.status), "{operation:?} {} {}", answer.status, answer.text);
            let own_id = &repository::event(operation.name())["requestContext"]["requestId"];
            assert_eq!(answer.header("x-request-id"), own_id.as_str());
            for (name, value) in &answer.headers {
                assert!(!value.contains(MARK), "{name}: {value}");
                assert!(name != "set-cookie" && !value.contains(['\r', '\n']), "{name}: {value}");
            }
            assert!(!answer.text.contains(MARK), "{}", answer.text);
            if answer.status >= 400 {
                assert_eq!(test.contents().await.without_limits(), before.without_limits(), "{}", answer.text);
            }
        });
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
