//! The log line of a call, with the values of its metrics. Every test app checks that its lines hold no secret and that
//! CloudWatch can read them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use shared::telemetry::metrics::{self, NAMESPACE};
use shared::{Access, Operation, serve};
use tests::embedded_metrics::Measurement;
use tests::engine::Engine;
use tests::event_bus::EventBus;
use tests::fault_proxy::{Fault, FaultProxy, Gate};
use tests::log_lines::SERVICE;
use tests::{Answer, LogLines, TestApp, TestCall, backlog, repository, tokens};

/// A metric value of a call: name, dimensions other than the service, value.
type Values = BTreeSet<(String, String)>;

fn values(measured: &[Measurement]) -> Values {
    let value = |it: &Measurement| {
        assert_eq!((it.namespace.as_str(), it.dimensions["service"].as_str()), (NAMESPACE, SERVICE));
        let dimensions = it.dimensions.iter().filter(|(name, _)| *name != "service");
        let dimensions: Vec<_> = dimensions.map(|(name, value)| format!("{name}={value}")).collect();
        (it.metric.clone(), format!("{} {}", dimensions.join(","), it.value).trim().to_owned())
    };
    measured.iter().map(value).collect()
}

fn expected(values: &[(&str, &str)]) -> Values {
    values.iter().map(|(metric, value)| ((*metric).to_owned(), (*value).to_owned())).collect()
}

/// Sends a call and returns its line and its further metrics.
async fn logged(test: &TestApp, call: TestCall<'_>) -> (Answer, Value, Values) {
    test.log.forget();
    let answer = call.send().await;
    let (line, measured) = test.log.take_one();
    let mut values = values(&measured);
    let operation = line["operation"].as_str().expect("a name");
    assert!(values.remove(&("Calls".to_owned(), format!("operation={operation} 1"))), "{values:?}");
    assert!(values.remove(&("Latency".to_owned(), format!("operation={operation} 0"))), "{values:?}");
    // The time of another service is not ours.
    let waits = Operation::ALL.into_iter().any(|it| it.name() == operation && it.waits_for_upstream());
    assert_eq!(values.remove(&("Latency".to_owned(), "0".to_owned())), !waits, "{values:?}");
    assert_eq!(line["status"], answer.status);
    (answer, line, values)
}

#[tokio::test]
async fn a_call_is_logged_in_one_line() {
    let test = TestApp::start().await;
    let (_, line, measured) =
        logged(&test, test.call(Operation::GetKey).id(9).header("x-response-format", "hl7")).await;
    let request_id = repository::event("get-key")["requestContext"]["requestId"].clone();
    assert_eq!(measured, expected(&[("Refusals", "reason=not_found 1")]));
    let directive = |name: &str, unit: &str, dimensions: Value| json!({"Namespace": "Nuxera/ApiKeys", "Dimensions": dimensions, "Metrics": [{"Name": name, "Unit": unit}]});
    let expected = json!({
        "timestamp": "2026-03-01T12:00:00.250Z",
        "level": "INFO",
        "message": "refused",
        "service": "tests",
        "operation": "get-key",
        "route": "GET /api/apiKeys/{id}",
        "request_id": request_id,
        "user_id": 7,
        "key_id": 9,
        "status": 404,
        "reason": "not_found",
        "cause": "no such key",
        "duration_ms": 0,
        "round_trips": 1,
        "aws_calls": 2,
        "Calls": 1,
        "Latency": 0,
        "Refusals": 1,
        "_aws": {
            "Timestamp": 1_772_366_400_250_u64,
            "CloudWatchMetrics": [
                directive("Calls", "Count", json!([["service", "operation"]])),
                directive("Latency", "Milliseconds", json!([["service", "operation"], ["service"]])),
                directive("Refusals", "Count", json!([["service", "reason"]])),
            ],
        },
    });
    assert_eq!(line, expected);

    // The documented line, except for what differs from call to call.
    let operations = repository::read("docs/operate.md");
    let section = operations.split("\n## Logs\n").nth(1).expect("a section");
    let shown = section.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let mut shown: Value = serde_json::from_str(shown).expect("JSON");
    for field in ["timestamp", "service", "request_id", "user_id", "key_id", "duration_ms", "Latency"] {
        shown[field] = line[field].clone();
    }
    shown["_aws"]["Timestamp"] = line["_aws"]["Timestamp"].clone();
    assert_eq!(shown, line);
}

#[tokio::test]
async fn a_line_names_the_key_and_the_route() {
    let test = TestApp::start().await;
    let create = json!({"name": "k", "type": "live", "status": "active"});
    let (created, line, measured) = logged(&test, test.call(Operation::CreateKey).json(&create)).await;
    let key = created.json();
    assert_eq!((&line["key_id"], &line["message"]), (&key["id"], &"done".into()));
    assert_eq!((&line["route"], measured), (&"POST /api/apiKeys".into(), Values::new()));
    let (_, line, _) = logged(&test, test.call(Operation::SetDefault).json(&json!({"id": key["id"]}))).await;
    assert_eq!((&line["key_id"], &line["route"]), (&key["id"], &"PATCH /api/apiKeys/setDefault".into()));
    let verify = test.call(Operation::VerifyKey).bearer(&tokens::with_role(900, "service"));
    let (_, line, measured) = logged(&test, verify.json(&json!({"key": key["key"]}))).await;
    assert_eq!((&line["user_id"], &line["key_id"]), (&900.into(), &key["id"]));
    assert_eq!((&line["aws_calls"], measured), (&1.into(), Values::new()));
    // Also for a refused call.
    for operation in [Operation::SetDefault, Operation::RemoveDefault] {
        let (_, line, _) = logged(&test, test.call(operation).json(&json!({"id": 99}))).await;
        assert_eq!((&line["key_id"], &line["status"]), (&99.into(), &404.into()));
    }
    test.call(Operation::PauseKey).id(&key["id"]).send().await;
    let verify = test.call(Operation::VerifyKey).bearer(&tokens::with_role(900, "service"));
    let (_, line, _) = logged(&test, verify.json(&json!({"key": key["key"]}))).await;
    assert_eq!((&line["key_id"], &line["reason"]), (&key["id"], &"key_paused".into()));
}

#[tokio::test]
async fn a_line_repeats_no_name_that_a_client_chose() {
    let test = TestApp::start().await;
    let key = test.key("Lab gateway").await;
    let secret = key["key"].as_str().expect("a string");
    let calls = [
        test.call(Operation::CreateKey).json(&json!({"name": "k", "type": "on", secret: 1})),
        test.call(Operation::CreateKey).body(&format!("{{\"{secret}\": 1, \"{secret}\": 2}}")),
        test.call(Operation::GetKey).id(secret),
        test.call(Operation::ListKeys).query("limit", secret).query(secret, "1"),
    ];
    for call in calls {
        let (answer, line, _) = logged(&test, call).await;
        assert_eq!((answer.status, &line["reason"]), (400, &"invalid_request".into()));
        // Every test app checks that the secret is not in it.
        let cause = line["cause"].as_str().expect("a text");
        assert!(cause.starts_with("invalid request: ") && !cause.ends_with(": "), "{cause}");
    }
}

#[tokio::test]
async fn the_duration_is_the_metric_latency() {
    let test = TestApp::start().await;
    let call = test.call(Operation::ListKeys);
    let answering = async |_, _| {
        test.advance(chrono::TimeDelta::milliseconds(1_234));
        Err(shared::Error::NotFound)
    };
    serve(&test.app, Operation::ListKeys, Access::User, answering, call.request()).await;
    let (line, measured) = test.log.take_one();
    assert_eq!(line["duration_ms"], 1_234);
    assert!(values(&measured).contains(&("Latency".to_owned(), "1234".to_owned())));
}

#[tokio::test]
async fn every_refusal_has_a_reason() {
    let settings = [("RATE_LIMIT_PER_MINUTE", "9"), ("MAX_KEYS_PER_USER", "1"), ("TEST_KEY_DAILY_LIMIT", "1")];
    let test = TestApp::with(&settings).await;
    let body = json!({"name": "k", "type": "test", "status": "active"});
    let key = test.call(Operation::CreateKey).json(&body).send().await.json();
    let get = || test.call(Operation::GetKey).id(&key["id"]);
    let expired = tokens::sign(&json!({"user_id": 7, "exp": 1_000_000_000}));
    let transcribe = || test.call(Operation::Transcribe).without_header("Authorization").without_header("x-api-key");
    let refusals: Vec<(TestCall<'_>, u16, &str)> = vec![
        (get().without_header("Authorization"), 401, "token_required"),
        (get().bearer(&expired), 401, "token_expired"),
        (get().bearer("x.y.z"), 401, "token_invalid"),
        (get().header("x-request-format", "xml"), 400, "invalid_request"),
        (test.call(Operation::CreateKey).body(&"x".repeat(20_000)), 413, "too_large"),
        (test.call(Operation::ListUserKeys).path_parameter("user_id", "8"), 403, "access_denied"),
        (get().id(99), 404, "not_found"),
        (transcribe(), 401, "key_required"),
        (transcribe().header("x-api-key", "nux_live_guessed"), 401, "key_unknown"),
    ];
    for (call, status, reason) in refusals {
        let (answer, line, measured) = logged(&test, call).await;
        assert_eq!((answer.status, &line["reason"], &line["message"]), (status, &reason.into(), &"refused".into()));
        assert_eq!(measured, expected(&[("Refusals", &format!("reason={reason} 1"))]), "{line}");
    }
    let (_, _, measured) = logged(&test, test.call(Operation::CreateKey).json(&body)).await;
    let too_many = [("Refusals", "reason=key_limit_reached 1"), ("LimitHits", "limit=keys_per_user 1")];
    assert_eq!(measured, expected(&too_many));
}

#[tokio::test]
async fn a_key_that_is_not_valid_is_a_refusal_with_status_200() {
    let test = TestApp::with(&[("TEST_KEY_DAILY_LIMIT", "1")]).await;
    let body = json!({"name": "k", "type": "test", "status": "active"});
    let key = test.call(Operation::CreateKey).json(&body).send().await.json();
    let verify = |key: &Value| {
        test.call(Operation::VerifyKey).bearer(&tokens::with_role(900, "service")).json(&json!({"key": key}))
    };
    verify(&key["key"]).send().await;
    let limited = [("Refusals", "reason=key_limited 1"), ("LimitHits", "limit=test_key_uses_per_day 1")];
    assert_eq!(logged(&test, verify(&key["key"])).await.2, expected(&limited));
    assert_eq!(logged(&test, verify(&"guessed".into())).await.2, expected(&[("Refusals", "reason=key_unknown 1")]));
    test.call(Operation::PauseKey).id(&key["id"]).send().await;
    let (_, line, measured) = logged(&test, verify(&key["key"])).await;
    assert_eq!((&line["status"], &line["message"]), (&200.into(), &"done".into()));
    assert_eq!(measured, expected(&[("Refusals", "reason=key_paused 1")]));
    test.advance(chrono::TimeDelta::days(400));
    assert_eq!(logged(&test, verify(&key["key"])).await.2, expected(&[("Refusals", "reason=key_expired 1")]));
}

#[tokio::test]
async fn a_limit_of_calls_says_which() {
    for (setting, limit) in
        [("RATE_LIMIT_PER_MINUTE", "limit=calls_per_minute 1"), ("RATE_LIMIT_PER_HOUR", "limit=calls_per_hour 1")]
    {
        let test = TestApp::with(&[(setting, "1")]).await;
        test.call(Operation::ListKeys).send().await;
        let (answer, _, measured) = logged(&test, test.call(Operation::ListKeys)).await;
        assert_eq!(answer.status, 429);
        assert_eq!(measured, expected(&[("Refusals", "reason=rate_limited 1"), ("LimitHits", limit)]));
    }
}

#[tokio::test]
async fn a_failure_is_no_refusal_and_each_attempt_counts_as_an_aws_call() {
    let proxy = FaultProxy::patient(&Engine::Embedded.start().await).await;
    let test = TestApp::on(&proxy.url, &[]).await;
    let key = test.key("Lab gateway").await;
    proxy.inject("BatchGetItem", usize::MAX, Fault::error(500, "InternalServerError"));
    let (answer, line, measured) = logged(&test, test.call(Operation::GetKey).id(&key["id"])).await;
    assert_eq!((answer.status, &line["level"], &line["message"]), (503, &"ERROR".into(), &"failed".into()));
    assert_eq!((&line["reason"], measured), (&"unavailable".into(), expected(&[("Failures", "operation=get-key 1")])));
    // One write and three attempts to read.
    assert_eq!((&line["aws_calls"], &line["round_trips"]), (&4.into(), &3.into()));
}

/// Concurrent calls of one process are counted apart.
#[tokio::test]
async fn concurrent_calls_are_counted_separately() {
    let proxy = FaultProxy::patient(&Engine::Embedded.start().await).await;
    let test = TestApp::on(&proxy.url, &[]).await;
    let key = test.key("Lab gateway").await;
    test.log.forget();
    let gate = Gate::default();
    proxy.inject("BatchGetItem", 2, Fault::Hold(gate.clone()));
    let (read, pause) = (test.call(Operation::GetKey).id(&key["id"]), test.call(Operation::PauseKey).id(&key["id"]));
    tokio::join!(read.send(), pause.send(), async {
        gate.reached().await;
        gate.reached().await;
        gate.open();
    });
    let counts: BTreeMap<String, String> = test.log.take().iter().map(counts).collect();
    let expected = [("get-key", "2 in 1"), ("pause-key", "3 in 2")];
    assert_eq!(counts, expected.map(|(name, counts)| (name.to_owned(), counts.to_owned())).into());
}

fn counts(line: &Value) -> (String, String) {
    let operation = line["operation"].as_str().expect("a name").to_owned();
    (operation, format!("{} in {}", line["aws_calls"], line["round_trips"]))
}

#[tokio::test]
async fn a_sweep_is_logged_in_one_line() {
    let (test, bus) = (TestApp::start().await, EventBus::default());
    backlog::fill(&test, 3, 2, 1, chrono::TimeDelta::zero()).await;
    test.log.forget();
    let run =
        shared::edge::schedule::Run { id: "run".to_owned(), deadline: test.now() + chrono::TimeDelta::seconds(60) };
    expire_keys::handle(test.app.clone(), bus.publisher(), run).await.expect("no failure");
    let (mut line, measured) = test.log.take_one();
    let sums = [("Expiries", "3"), ("Notices", "0"), ("SweepLag", "0")];
    assert_eq!(values(&measured), expected(&sums));
    // Each shard takes a page, a journal and so on, counted as for calls.
    assert!(
        line["round_trips"].as_u64().is_some_and(|count| count > 5) && line["aws_calls"].as_u64() > Some(20),
        "{line}"
    );
    for other in ["_aws", "round_trips", "aws_calls"] {
        line.as_object_mut().expect("an object").remove(other);
    }
    let expected = json!({
        "timestamp": "2026-03-01T12:00:00.250Z", "level": "INFO", "message": "swept", "service": "tests", "request_id": "run",
        "scanned": 3, "expired": 3, "notified": 0, "skipped": 0, "remaining": 0, "Expiries": 3, "Notices": 0, "SweepLag": 0,
    });
    assert_eq!(line, expected);
}

#[test]
fn metrics_of_one_name_differ_in_their_dimensions_alone() {
    let names: BTreeSet<&str> = metrics::ALL.iter().map(|metric| metric.name).collect();
    let with_units: BTreeSet<_> = metrics::ALL.iter().map(|it| (it.name, format!("{:?}", it.unit))).collect();
    assert_eq!(names.len(), with_units.len());
    assert!(metrics::ALL.iter().all(|metric| metric.dimensions.iter().all(|set| set.contains(&"service"))));
}

#[tokio::test]
#[should_panic(expected = "nux_live_")]
async fn a_secret_in_a_line_is_found() {
    let log = LogLines::default().log();
    let cause = json!({"cause": format!("nux_live_{} is paused", "0".repeat(56))});
    log.write(chrono::DateTime::UNIX_EPOCH, shared::telemetry::log::Level::INFO, "done", &cause, &[]);
}
