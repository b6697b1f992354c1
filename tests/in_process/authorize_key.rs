//! The authorizer of other APIs, with the events of each kind of API.

use serde_json::{Value, json};
use shared::Operation;
use shared::edge::key_authorizer::answer;
use tests::engine::Engine;
use tests::fault_proxy::{Fault, FaultProxy};
use tests::{TestApp, repository};

/// The kinds of event.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    RestToken,
    RestRequest,
    Http1,
    Http2,
}

const KINDS: [Kind; 4] = [Kind::RestToken, Kind::RestRequest, Kind::Http1, Kind::Http2];

/// The event of a request with a key.
fn event(kind: Kind, key: &str) -> Value {
    let mut event = repository::event("authorize-key");
    event["headers"]["x-api-key"] = key.into();
    event["multiValueHeaders"]["x-api-key"] = json!([key]);
    let arn = event["methodArn"].clone();
    match kind {
        Kind::RestToken => json!({"type": "TOKEN", "methodArn": arn, "authorizationToken": key}),
        Kind::RestRequest => event,
        Kind::Http1 => {
            event["version"] = "1.0".into();
            event["identitySource"] = key.into();
            event["authorizationToken"] = key.into();
            event
        }
        Kind::Http2 => json!({
            "version": "2.0",
            "type": "REQUEST",
            "routeArn": arn,
            "identitySource": [key],
            "routeKey": "GET /notes",
            "rawPath": "/notes",
            "rawQueryString": "",
            "headers": {"accept": "application/json", "x-api-key": key},
            "requestContext": {"http": {"method": "GET", "path": "/notes"}, "requestId": "a", "stage": "$default"},
        }),
    }
}

/// The authorizer's answer, or the text of its failure.
async fn ask(test: &TestApp, event: Value) -> Result<Value, &'static str> {
    let event = serde_json::from_value(event).expect("an event of API Gateway");
    let answer = Box::pin(answer(&test.app, event, "a-request", authorize_key::handle)).await?;
    Ok(serde_json::to_value(answer).expect("JSON"))
}

fn policy(effect: &str, principal: &str, context: &Value) -> Value {
    let statement = json!({"Effect": effect, "Action": "execute-api:Invoke", "Resource": "*"});
    let document = json!({"Version": "2012-10-17", "Statement": [statement]});
    json!({"principalId": principal, "policyDocument": document, "context": context})
}

async fn make(test: &TestApp, kind: &str, status: &str) -> String {
    let body = json!({"name": "a", "type": kind, "status": status});
    let key = test.call(Operation::CreateKey).json(&body).send().await.created_key();
    key["key"].as_str().expect("a string").to_owned()
}

#[tokio::test]
async fn a_key_that_works_lets_a_request_pass_and_counts_a_use() {
    let test = TestApp::start().await;
    let key = make(&test, "t2yd", "active").await;
    for (uses, kind) in (1..).zip(KINDS) {
        test.calls.clear();
        let answer = ask(&test, event(kind, &key)).await.expect("an answer");
        let context = json!({"user_id": "7", "key_id": "1", "type": "t2yd"});
        let expected = match kind {
            Kind::Http2 => json!({"isAuthorized": true, "context": context}),
            Kind::RestToken | Kind::RestRequest | Kind::Http1 => policy("Allow", "7", &context),
        };
        assert_eq!(answer, expected, "{kind:?}");
        assert_eq!(test.calls.rounds(), [["UpdateItem"]], "{kind:?}");
        assert_eq!(test.read(1).await["usage_count"], uses, "{kind:?}");
    }
}

#[tokio::test]
async fn a_key_that_does_not_work_stops_it() {
    let test = TestApp::with(&[("TEST_KEY_DAILY_LIMIT", "1")]).await;
    let limited = make(&test, "test", "active").await;
    ask(&test, event(Kind::RestRequest, &limited)).await.expect("an answer");
    let paused = make(&test, "live", "paused").await;
    let expired = make(&test, "live", "expired").await;
    let deleted = make(&test, "live", "active").await;
    test.call(Operation::DeleteKey).id(4).send().await.ok();
    let before = test.contents().await;
    for (key, is_unknown, error, reason) in [
        ("", true, "API key required", "key_required"),
        ("nux_live_x", true, "Invalid API key", "key_unknown"),
        (&deleted, true, "Invalid API key", "key_unknown"),
        (&paused, false, "API key is paused", "key_paused"),
        (&expired, false, "API key is expired", "key_expired"),
        (&limited, false, "Rate limit exceeded", "key_limited"),
    ] {
        let context = json!({"error": error, "reason": reason});
        for kind in KINDS {
            let expected = if kind == Kind::Http2 {
                Ok(json!({"isAuthorized": false, "context": context}))
            } else if is_unknown {
                Err("Unauthorized")
            } else {
                Ok(policy("Deny", "unauthenticated", &context))
            };
            assert_eq!(ask(&test, event(kind, key)).await, expected, "{kind:?} {error}");
        }
    }
    assert_eq!(test.contents().await, before, "nothing is counted");
}

#[tokio::test]
async fn a_request_without_headers_has_no_key() {
    let test = TestApp::start().await;
    for headers in [Value::Null, json!({}), json!({"Authorization": "Bearer x"})] {
        let mut event = event(Kind::RestRequest, "");
        event["headers"] = headers;
        assert_eq!(ask(&test, event).await, Err("Unauthorized"));
    }
    let key = make(&test, "live", "active").await;
    let mut event = event(Kind::RestRequest, "");
    event["headers"] = json!({"X-API-Key": key});
    ask(&test, event).await.expect("whatever the case of the header's name");
}

#[tokio::test]
async fn a_failure_lets_nothing_pass() {
    let proxy = FaultProxy::start(&Engine::Embedded.start().await).await;
    let test = TestApp::on(&proxy.url, &[]).await;
    let key = make(&test, "live", "active").await;
    for kind in KINDS {
        proxy.inject("UpdateItem", 10, Fault::Reset);
        assert_eq!(ask(&test, event(kind, &key)).await, Err("Service temporarily unavailable"));
        proxy.clear();
    }
}

#[tokio::test]
async fn each_check_is_logged() {
    let test = TestApp::start().await;
    let key = make(&test, "live", "active").await;
    let paused = make(&test, "live", "paused").await;
    let logged = async |key: &str| {
        test.log.forget();
        let _ = ask(&test, event(Kind::RestRequest, key)).await;
        test.log.take_one().0
    };
    let line = logged(&key).await;
    assert_eq!((&line["operation"], &line["status"]), (&"authorize-key".into(), &200.into()));
    assert_eq!((&line["user_id"], &line["key_id"], &line["request_id"]), (&7.into(), &1.into(), &"a-request".into()));
    let line = logged(&paused).await;
    assert_eq!((&line["status"], &line["reason"]), (&403.into(), &"key_paused".into()));
    assert_eq!((&line["claimed_user_id"], &line["key_id"]), (&7.into(), &2.into()));
}
