//! What the functions logged while the deployed service was tested: run after those tests.

use std::collections::BTreeSet;

use serde_json::Value;
use shared::Operation;
use shared::telemetry::metrics;
use tests::embedded_metrics;
use tests::log_lines::secrets;
use tests::repository::template_routes;

#[expect(clippy::disallowed_methods, reason = "tests learn from the environment where the logs are")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: `make test-deployed` sets it"))
}

fn log() -> String {
    std::fs::read_to_string(variable("LOG_FILE")).expect("LOG_FILE can be read")
}

/// The lines of the log, each of which is JSON.
fn lines() -> Vec<Value> {
    log().lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The lines that tell of calls.
fn calls() -> Vec<Value> {
    let mut lines = lines();
    lines.retain(|line| line["operation"].is_string());
    lines
}

#[test]
fn the_scan_finds_keys_and_tokens() {
    let key = format!("cause: nux_test_{} is paused", "0".repeat(56));
    assert_eq!(secrets(&key).len(), 1);
    assert_eq!(secrets("nux_live_0123456789abcdef is from before this service").len(), 1);
    assert_eq!(secrets("Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjo3fQ.c2ln").len(), 1);
    assert_eq!(secrets("operation get-key of key 42"), Vec::<String>::new());
}

#[test]
fn the_log_holds_no_secret() {
    assert!(!lines().is_empty());
    assert_eq!(secrets(&log()), Vec::<String>::new());
    assert!(!log().contains(&variable("JWT_SECRET")), "the secret of the tokens is in the log");
}

fn operations() -> impl Iterator<Item = Operation> {
    Operation::ALL.into_iter().chain([Operation::ReceiveMessage])
}

#[test]
fn a_full_run_logs_every_operation() {
    let calls = calls();
    let logged: BTreeSet<&str> = calls.iter().filter_map(|line| line["operation"].as_str()).collect();
    let missing: Vec<_> = operations().map(Operation::name).filter(|name| !logged.contains(name)).collect();
    assert!(missing.is_empty(), "no line tells of {missing:?}, in {} lines", calls.len());
    let mut requests = BTreeSet::new();
    for line in &calls {
        assert!(requests.insert(line["request_id"].to_string()), "a call is told of twice: {line}");
        for field in ["level", "request_id", "status", "duration_ms", "round_trips", "aws_calls"] {
            assert!(!line[field].is_null(), "{field} is missing in {line}");
        }
    }
}

#[test]
fn every_call_is_logged_with_its_route_user_and_key() {
    let routes = template_routes();
    for line in calls() {
        let operation = line["operation"].as_str().expect("a name");
        // The authorizer's is one of another API.
        let by_message = Operation::in_messages().any(|it| it.name() == operation) && line["route"] == "POST /hl7";
        let is_known = line["route"].as_str().map(|route| by_message || routes[operation].contains(route));
        assert_eq!(is_known, (operation != "authorize-key").then_some(true), "{line}");
        let number = |name: &str| line[name].as_u64();
        assert!(number("round_trips") <= number("aws_calls"), "{line}");
        let status = number("status").expect("a number");
        let refused = status >= 400 || line["reason"].is_string();
        assert_eq!(line["message"] == "done", status < 400 || line["reason"].is_null(), "{line}");
        if refused || ["get-conformance", "get-page"].contains(&operation) {
            continue;
        }
        assert!(number("user_id").is_some() && number("aws_calls") > Some(0), "{line}");
        let of_many = ["list-keys", "list-user-keys", "import-keys"].contains(&operation);
        assert!(of_many || number("key_id").is_some(), "{line}");
    }
}

#[test]
fn cloudwatch_can_read_every_metric_and_counts_every_call_once() {
    let (mut calls, mut counted) = (0, 0);
    let mut names = BTreeSet::new();
    for line in lines() {
        let measured = embedded_metrics::of(&line);
        calls += usize::from(line["operation"].is_string());
        counted += measured.iter().filter(|it| it.metric == metrics::CALLS.name).count();
        for it in &measured {
            assert_eq!(
                (it.namespace.as_str(), &line["service"]),
                (metrics::NAMESPACE, &"nuxera-api-keys-local".into())
            );
        }
        names.extend(measured.into_iter().map(|it| it.metric));
    }
    assert_eq!(counted, calls);
    let all: BTreeSet<&str> = metrics::ALL.iter().map(|metric| metric.name).collect();
    let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    assert!(names.is_subset(&all), "{names:?}");
    // A run in which nothing fails, nobody does too much, and no item is damaged.
    let missing: BTreeSet<&str> = all.difference(&names).copied().collect();
    assert!(
        missing.is_subset(&[metrics::FAILURES.name, metrics::LIMIT_HITS.name, metrics::DAMAGED_ITEMS.name].into()),
        "{missing:?}"
    );
}
