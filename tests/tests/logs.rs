//! What the functions logged while the deployed service was tested: run after those tests.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;
use shared::Operation;

#[expect(clippy::disallowed_methods, reason = "tests learn from the environment where the logs are")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: `make test-deployed` sets it"))
}

/// The secrets in a text, by what they look like.
fn secrets(text: &str) -> Vec<String> {
    let pattern = r"nux_(live|test)_[0-9A-Za-z]{50,}|eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]+";
    Regex::new(pattern).expect("a pattern").find_iter(text).map(|found| found.as_str().to_owned()).collect()
}

#[test]
fn the_scan_finds_keys_and_tokens() {
    let key = format!("cause: nux_test_{} is paused", "0".repeat(56));
    assert_eq!(secrets(&key).len(), 1);
    assert_eq!(secrets("Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjo3fQ.c2ln").len(), 1);
    assert_eq!(secrets("operation get-key of key 42"), Vec::<String>::new());
}

#[test]
fn the_logs_of_a_full_run_tell_of_every_operation_and_hold_no_secret() {
    let log = std::fs::read_to_string(variable("LOG_FILE")).expect("LOG_FILE can be read");
    assert_eq!(secrets(&log), Vec::<String>::new());
    assert!(!log.contains(&variable("JWT_SECRET")), "the secret of the tokens is in the log");
    let lines: Vec<Value> =
        log.lines().filter_map(|line| serde_json::from_str(line.get(line.find('{')?..)?).ok()).collect();
    let logged: BTreeSet<&str> = lines.iter().filter_map(|line| line["operation"].as_str()).collect();
    let missing: Vec<_> =
        Operation::ALL.map(Operation::name).into_iter().filter(|name| !logged.contains(name)).collect();
    assert!(missing.is_empty(), "no line tells of {missing:?}, in {} lines", lines.len());
    let mut requests = BTreeSet::new();
    for line in lines.iter().filter(|line| line["operation"].is_string()) {
        assert!(requests.insert(line["request_id"].to_string()), "a call is told of twice: {line}");
        for field in ["level", "request_id", "status", "duration_ms"] {
            assert!(!line[field].is_null(), "{field} is missing in {line}");
        }
    }
}
