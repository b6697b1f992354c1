//! `GET /api/apiKeys/{id}/usage`

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::Operation;
use tests::test_app::START;
use tests::{Contents, TestApp, tokens};

async fn usage(test: &TestApp) -> Value {
    test.call(Operation::GetUsage).id(1).send().await.ok()
}

async fn used(test: &TestApp, key: &Value, times: usize) {
    for _ in 0..times {
        assert_eq!(test.verify(key["key"].as_str().expect("a key")).await["valid"], true);
    }
}

/// The date so many days after the start.
fn date(days: i64) -> String {
    let start: DateTime<Utc> = START.parse().expect("a time");
    (start + TimeDelta::days(days)).format("%Y-%m-%d").to_string()
}

#[tokio::test]
async fn a_new_key_is_unused() {
    let test = TestApp::start().await;
    test.key("a").await;
    let answer = test.call(Operation::GetUsage).id(1).send().await;
    let expected = r#"{"id":1,"usage_count":0,"last_used_at":null,"daily":[]}"#;
    assert_eq!((answer.status, answer.text.as_str()), (200, expected));
}

#[tokio::test]
async fn uses_are_counted_in_all_and_by_day() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    used(&test, &key, 3).await;
    test.set_time("2026-03-01T23:59:59.999Z");
    used(&test, &key, 1).await;
    test.set_time("2026-03-02T00:00:00Z");
    used(&test, &key, 2).await;
    test.set_time("2026-03-05T08:00:00Z");
    used(&test, &key, 1).await;
    test.set_time("2026-03-06T08:00:00Z");
    let answer = test.call(Operation::GetUsage).id(1).send().await;
    let daily = r#"[{"date":"2026-03-01","count":4},{"date":"2026-03-02","count":2},{"date":"2026-03-05","count":1}]"#;
    let expected = format!(r#"{{"id":1,"usage_count":7,"last_used_at":"2026-03-05T08:00:00Z","daily":{daily}}}"#);
    assert_eq!((answer.status, answer.text), (200, expected));
    let read = test.read(1).await;
    assert_eq!((&read["usage_count"], &read["last_used_at"]), (&json!(7), &json!("2026-03-05T08:00:00Z")));
    let listed = test.call(Operation::ListKeys).send().await.ok();
    assert_eq!(listed[0], read);
}

#[tokio::test]
async fn refused_checks_are_no_uses() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    used(&test, &key, 1).await;
    let before = usage(&test).await;
    test.advance(TimeDelta::hours(1));
    assert_eq!(test.call(Operation::PauseKey).id(1).send().await.status, 200);
    for _ in 0..3 {
        assert_eq!(test.verify(key["key"].as_str().expect("a key")).await["valid"], false);
    }
    assert_eq!(usage(&test).await, before);
}

#[tokio::test]
async fn days_are_shown_for_31_days_and_the_total_stays() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    used(&test, &key, 2).await;
    test.advance(TimeDelta::days(30));
    used(&test, &key, 1).await;
    let both = json!([{"date": date(0), "count": 2}, {"date": date(30), "count": 1}]);
    assert_eq!(usage(&test).await["daily"], both, "today and the 30 days before it");
    test.advance(TimeDelta::days(1));
    let shown = usage(&test).await;
    assert_eq!(shown["daily"], json!([{"date": date(30), "count": 1}]));
    assert_eq!(shown["usage_count"], 3);
    test.advance(TimeDelta::days(100));
    let shown = usage(&test).await;
    assert_eq!((&shown["daily"], &shown["usage_count"]), (&json!([]), &json!(3)));
}

#[tokio::test]
async fn a_record_keeps_no_more_days_than_are_shown() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    let kept = async || {
        let contents = Contents::of(&test.app.table).await;
        contents.key(7, 1).expect("a record")["days"].as_m().expect("a map").len()
    };
    for day in 0..40 {
        test.calls.clear();
        used(&test, &key, 1).await;
        // From the 32nd day on, the first use of a day removes the oldest day.
        let updates = if day < 31 { 1 } else { 2 };
        assert_eq!(test.calls.rounds(), vec![["UpdateItem"]; updates], "day {day}");
        test.calls.clear();
        used(&test, &key, 1).await;
        assert_eq!(test.calls.rounds(), [["UpdateItem"]], "day {day}");
        assert_eq!(kept().await, 31.min(day + 1), "day {day}");
        test.advance(TimeDelta::days(1));
    }
    let shown = usage(&test).await;
    let expected: Vec<Value> = (10..40).map(|day| json!({"date": date(day), "count": 2})).collect();
    assert_eq!((&shown["daily"], &shown["usage_count"]), (&json!(expected), &json!(80)));
    // After a long time without uses, all old days are removed at once.
    test.advance(TimeDelta::days(200));
    used(&test, &key, 1).await;
    assert_eq!(kept().await, 1);
    assert_eq!(usage(&test).await["daily"], json!([{"date": date(240), "count": 1}]));
}

#[tokio::test]
async fn changes_of_the_key_leave_its_usage_alone() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    used(&test, &key, 2).await;
    let before = usage(&test).await;
    test.advance(TimeDelta::hours(1));
    for call in [
        test.call(Operation::UpdateKey).id(1).json(&json!({"name": "b", "type": "test", "expiry_at": null})),
        test.call(Operation::PauseKey).id(1),
        test.call(Operation::ResumeKey).id(1),
        test.call(Operation::SetDefault).json(&json!({"id": 1})),
        test.call(Operation::RotateKey).id(1),
    ] {
        assert_eq!(call.send().await.ok()["usage_count"], 2);
    }
    assert_eq!(usage(&test).await, before);
}

#[tokio::test]
async fn expired_keys_have_their_usage_and_deleted_ones_none() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    used(&test, &key, 1).await;
    test.advance(TimeDelta::days(365));
    assert_eq!(usage(&test).await["usage_count"], 1);
    assert_eq!(test.call(Operation::DeleteKey).id(1).send().await.status, 200);
    test.call(Operation::GetUsage).id(1).send().await.assert_refused(404, "API Key not found");
}

#[tokio::test]
async fn another_users_key_and_a_missing_one_are_not_found() {
    let test = TestApp::start().await;
    test.key("a").await;
    test.call(Operation::GetUsage).id(2).send().await.assert_refused(404, "API Key not found");
    for token in [tokens::user(8), tokens::with_role(1, "admin"), tokens::with_role(900, "service")] {
        let call = test.call(Operation::GetUsage).id(1).bearer(&token);
        call.send().await.assert_refused(404, "API Key not found");
    }
    for bad in ["0", "-1", "x", "1.0", "9007199254740992"] {
        test.call(Operation::GetUsage).id(bad).send().await.assert_invalid(&["id"]);
    }
}

#[tokio::test]
async fn hl7_and_fhir_say_the_same() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    let call = |format: &str| test.call(Operation::GetUsage).id(1).header("x-response-format", format);
    let unused = call("hl7").send().await;
    assert!(unused.text.ends_with("\rZUS|1|1||0|\"\"\r"), "{}", unused.text);
    used(&test, &key, 2).await;
    test.advance(TimeDelta::days(1));
    used(&test, &key, 1).await;
    let answer = call("hl7").send().await;
    assert!(answer.text.contains("|ACK^Z12^ACK_Z01|"), "{}", answer.text);
    let segments = "\rZUS|1|1||3|20260302120000.000+0000\rZUS|2|1|20260301|2\rZUS|3|1|20260302|1\r";
    assert!(answer.text.ends_with(segments), "{}", answer.text);
    let day = |date: &str, count: &str| json!({"name": "daily", "part": [{"name": "date", "valueDate": date}, {"name": "count", "valueString": count}]});
    let expected = json!({"resourceType": "Parameters", "parameter": [
        {"name": "id", "valueString": "1"},
        {"name": "usage_count", "valueString": "3"},
        {"name": "last_used_at", "valueInstant": "2026-03-02T12:00:00.000Z"},
        day("2026-03-01", "2"),
        day("2026-03-02", "1"),
    ]});
    assert_eq!(call("fhir").send().await.ok(), expected);
}

#[tokio::test]
async fn it_is_one_read_beside_the_limit() {
    let test = TestApp::start().await;
    test.key("a").await;
    test.calls.clear();
    usage(&test).await;
    assert_eq!(test.calls.rounds(), [["GetItem", "UpdateItem"]]);
}
