//! What the functions log: one line a call, and never a key or a token. It judges everything that was logged since the
//! local AWS was started, so it is run after the other tests of the deployed service.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use shared::Operation;
use tests::deployed::{Deployed, answer, variable};

/// Nobody else's in these tests.
const USER_ID: u64 = 4_261;

#[tokio::test]
async fn every_call_is_one_line_without_its_key_and_token() {
    let deployed = Deployed::from_env();
    let body = json!({"name": "k", "type": "live", "status": "active"});
    let created = deployed.send(USER_ID, Method::POST, "/api/apiKeys", Some(body)).await;
    let id = &created.json()["id"];
    let read = deployed.send(USER_ID, Method::GET, &format!("/api/apiKeys/{id}"), None).await;
    let missing = deployed.send(USER_ID, Method::GET, "/api/apiKeys/9007199254740991", None).await;
    let refused = answer(deployed.call(Method::GET, "/api/apiKeys").bearer_auth("eyJub3QiOiJhIHRva2VuIn0.e30.x")).await;
    let expected = [
        (&created, "create-key", 201, "done", json!(USER_ID), id.clone()),
        (&read, "get-key", 200, "done", json!(USER_ID), id.clone()),
        (&missing, "get-key", 404, "refused", json!(USER_ID), json!(9_007_199_254_740_991_u64)),
        (&refused, "list-keys", 401, "refused", Value::Null, Value::Null),
    ];
    for (answer, operation, status, message, user_id, key_id) in expected {
        assert_eq!(answer.status, status, "{}", answer.text);
        let line = line_of(answer.header("x-request-id").expect("an id")).await;
        assert_eq!(
            (&line["operation"], &line["status"], &line["message"]),
            (&json!(operation), &json!(status), &json!(message))
        );
        assert_eq!((&line["user_id"], &line["key_id"]), (&user_id, &key_id), "{line}");
        assert!(line["duration_ms"].is_u64(), "{line}");
    }
}

/// The one line that was logged for a request; it may take a moment to arrive.
async fn line_of(request_id: &str) -> Value {
    for _ in 0..50 {
        let lines: Vec<Value> = lines().into_iter().filter(|line| line["request_id"] == request_id).collect();
        match lines.as_slice() {
            [] => tokio::time::sleep(Duration::from_millis(100)).await,
            [line] => return line.clone(),
            _ => panic!("{request_id} has more than one line: {lines:?}"),
        }
    }
    panic!("nothing was logged for {request_id}");
}

/// The lines that are JSON, which is all that our code writes.
fn lines() -> Vec<Value> {
    log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn log() -> String {
    let path = variable("LOG_FILE");
    String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))).into_owned()
}

#[test]
fn nothing_that_was_logged_holds_a_key_or_a_token() {
    let log = log();
    let found: Vec<&str> = log.lines().filter(|line| holds_secret(line)).collect();
    assert!(found.is_empty(), "{} lines, the first: {:?}", found.len(), found.first());

    // The log is that of the whole run: every endpoint has a line in it.
    let logged = lines();
    let logged: BTreeSet<&str> = logged.iter().filter_map(|line| line["operation"].as_str()).collect();
    let missing: Vec<&str> =
        Operation::ALL.map(Operation::name).into_iter().filter(|name| !logged.contains(name)).collect();
    assert!(missing.is_empty(), "the other tests of the deployed service were not run before: no line of {missing:?}");
}

#[test]
fn the_scanner_knows_keys_and_tokens() {
    let key = "nux_live_00000001z000000001LQmESUkbJPY8zBDMDSlnfTXGIpwbWfPl1H8VKB";
    let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoxMjN9.c2lnbmF0dXJl";
    for line in [key, token, &key.replace("live", "test")] {
        assert!(holds_secret(&format!(r#"{{"message":"made \"{line}\"","status":200}}"#)), "{line}");
        assert!(holds_secret(&format!("Bearer {line}")), "{line}");
    }
    for line in
        [&key[..30], "nux_live_…8VKB", "nux_live_ and nux_test_", "eyJ", r#"{"operation":"create-key","status":201}"#]
    {
        assert!(!holds_secret(line), "{line}");
    }
}

/// Whether a line holds a whole key, or the beginning of a JWT: its header is the base64 of an object.
fn holds_secret(line: &str) -> bool {
    let follows = |prefix: &str, length: usize, alphabet: fn(char) -> bool| {
        line.match_indices(prefix).any(|(at, _)| {
            line[at + prefix.len()..].chars().take_while(|character| alphabet(*character)).count() >= length
        })
    };
    let base62 = |character: char| character.is_ascii_alphanumeric();
    let base64 = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    follows("nux_live_", 56, base62) || follows("nux_test_", 56, base62) || follows("eyJ", 10, base64)
}
