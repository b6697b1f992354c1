//! Rate limits: 100 management calls a minute and 1,000 an hour, per user

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use shared::Operation;
use shared::ids::UserId;
use shared::store::{Item, PrimaryKey};
use tests::{Answer, TestApp, TestCall, tokens};

/// Hours from 1970 to the hour in which tests begin.
const HOUR: i64 = 492_324;

async fn list(test: &TestApp) -> Answer {
    test.call(Operation::ListKeys).send().await
}

/// Sets a user's counters: of the hour and of its first minute.
async fn used(test: &TestApp, user_id: u64, in_hour: u32, in_minute: u32) {
    let mut item = Item::from(PrimaryKey::limit(UserId::new(user_id).expect("an id"), HOUR));
    for (name, count) in [("hour", in_hour), ("m0", in_minute)] {
        item.insert(name.to_owned(), AttributeValue::N(count.to_string()));
    }
    let table = &test.app.table;
    let put = table.client().put_item().table_name(table.name()).set_item(Some(item));
    put.send().await.expect("the item is put");
}

#[tokio::test]
async fn a_hundred_calls_a_minute_are_answered_and_counted_down() {
    let test = TestApp::start().await;
    for left in (0..100).rev() {
        let answer = list(&test).await;
        assert_eq!(answer.status, 200, "{left} left");
        assert_eq!(answer.header("ratelimit-policy"), Some("\"minute\";q=100;w=60, \"hour\";q=1000;w=3600"));
        let header = format!("\"minute\";r={left};t=60, \"hour\";r={};t=3600", 900 + left);
        assert_eq!(answer.header("ratelimit"), Some(header.as_str()));
        assert_eq!(answer.header("retry-after"), None);
    }
    let before = test.contents().await;
    for (time, wait) in [("2026-03-01T12:00:00.250Z", 60), ("2026-03-01T12:00:59.999Z", 1)] {
        test.set_time(time);
        let refused = list(&test).await;
        refused.assert_refused(429, "Rate limit exceeded");
        assert_eq!(refused.header("retry-after"), Some(wait.to_string().as_str()));
        assert_eq!(refused.header("ratelimit-policy"), Some("\"minute\";q=100;w=60, \"hour\";q=1000;w=3600"));
        let header = format!("\"minute\";r=0;t={wait}, \"hour\";r=900;t={}", 3_540 + wait);
        assert_eq!(refused.header("ratelimit"), Some(header.as_str()));
        assert_eq!(test.contents().await, before, "a refused call consumes nothing");
    }
    test.set_time("2026-03-01T12:01:00Z");
    let answer = list(&test).await;
    assert_eq!((answer.status, answer.header("ratelimit")), (200, Some("\"minute\";r=99;t=60, \"hour\";r=899;t=3540")));
}

#[tokio::test]
async fn the_last_of_a_thousand_calls_an_hour_is_answered_and_then_none_until_the_next_hour() {
    let test = TestApp::start().await;
    used(&test, 7, 999, 5).await;
    let last = list(&test).await;
    assert_eq!((last.status, last.header("ratelimit")), (200, Some("\"minute\";r=94;t=60, \"hour\";r=0;t=3600")));
    let before = test.contents().await;
    for (time, wait) in
        [("2026-03-01T12:00:00.250Z", 3_600), ("2026-03-01T12:30:00Z", 1_800), ("2026-03-01T12:59:59.999Z", 1)]
    {
        test.set_time(time);
        let refused = list(&test).await;
        refused.assert_refused(429, "Rate limit exceeded");
        assert_eq!(refused.header("retry-after"), Some(wait.to_string().as_str()), "until the hour ends");
        assert_eq!(test.contents().await, before);
    }
    test.set_time("2026-03-01T13:00:00Z");
    let answer = list(&test).await;
    assert_eq!((answer.status, answer.header("ratelimit")), (200, Some("\"minute\";r=99;t=60, \"hour\";r=999;t=3600")));
}

/// A valid call of every operation that counts against the limits.
fn calls(test: &TestApp) -> Vec<TestCall<'_>> {
    let uncounted = [Operation::VerifyKey, Operation::AuthorizeRequest, Operation::ImportKeys];
    let counted = |operation: &Operation| !uncounted.contains(operation) && !operation.waits_for_upstream();
    let call = |operation| {
        let call = test.valid_call(operation);
        if operation == Operation::LookupKey { call.bearer(&tokens::with_role(7, "admin")) } else { call }
    };
    Operation::ALL.into_iter().filter(counted).map(call).collect()
}

async fn two_keys() -> TestApp {
    let test = TestApp::start().await;
    test.make_two_keys().await;
    test
}

#[tokio::test]
async fn a_refused_call_does_not_do_what_it_asked_for() {
    let test = two_keys().await;
    used(&test, 7, 100, 100).await;
    // The counter of ids may move on: ids need not be dense.
    let contents = async || {
        let contents = test.contents().await;
        (contents.partition("LIMIT#7").into_iter().cloned().collect::<Vec<_>>(), contents.records())
    };
    let before = contents().await;
    for call in calls(&test) {
        call.send().await.assert_refused(429, "Rate limit exceeded");
        assert_eq!(contents().await, before);
    }
}

#[tokio::test]
async fn a_container_that_knows_of_a_refusal_asks_nothing_until_the_window_ends() {
    let test = two_keys().await;
    used(&test, 7, 100, 100).await;
    list(&test).await.assert_refused(429, "Rate limit exceeded");
    test.calls.clear();
    for call in calls(&test) {
        let refused = call.send().await;
        refused.assert_refused(429, "Rate limit exceeded");
        assert_eq!(refused.header("ratelimit"), Some("\"minute\";r=0;t=60, \"hour\";r=900;t=3600"));
    }
    assert!(test.calls.rounds().is_empty(), "{:?}", test.calls.rounds());
    test.call(Operation::ListKeys).user(8).send().await.ok();
    test.advance(TimeDelta::seconds(60));
    list(&test).await.ok();
}

#[tokio::test]
async fn every_management_call_of_a_user_counts_whatever_becomes_of_it() {
    let test = two_keys().await;
    used(&test, 7, 0, 0).await;
    let mut left = 100;
    let refused = [
        test.call(Operation::GetKey).id(99),
        test.call(Operation::GetKey).id("x"),
        test.call(Operation::CreateKey).body("{"),
        test.call(Operation::ListUserKeys).path_parameter("user_id", "8"),
        test.call(Operation::ListKeys).bearer(&tokens::with_role(7, "admin")),
    ];
    for call in calls(&test).into_iter().chain(refused) {
        left -= 1;
        let answer = call.send().await;
        let expected = format!("\"minute\";r={left};t=60, \"hour\";r={};t=3600", 900 + left);
        assert_eq!(answer.header("ratelimit"), Some(expected.as_str()), "{} {}", answer.status, answer.text);
    }
}

#[tokio::test]
async fn users_do_not_share_limits() {
    let test = TestApp::start().await;
    used(&test, 7, 100, 100).await;
    assert_eq!(list(&test).await.status, 429);
    assert_eq!(test.call(Operation::ListKeys).user(8).send().await.status, 200);
    let admin = test.call(Operation::ListUserKeys).bearer(&tokens::with_role(1, "admin"));
    let answer = admin.path_parameter("user_id", "7").send().await;
    assert_eq!((answer.status, answer.header("ratelimit")), (200, Some("\"minute\";r=99;t=60, \"hour\";r=999;t=3600")));
}

#[tokio::test]
async fn a_deployment_can_set_others() {
    let test = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "2"), ("RATE_LIMIT_PER_HOUR", "3")]).await;
    let statuses = async || [list(&test).await.status, list(&test).await.status, list(&test).await.status];
    assert_eq!(statuses().await, [200, 200, 429]);
    test.set_time("2026-03-01T12:01:00Z");
    assert_eq!(statuses().await, [200, 429, 429]);
    let refused = list(&test).await;
    assert_eq!(refused.header("ratelimit-policy"), Some("\"minute\";q=2;w=60, \"hour\";q=3;w=3600"));
    assert_eq!(refused.header("retry-after"), Some("3540"));
}

#[tokio::test]
async fn parallel_calls_are_counted_exactly() {
    let test = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "7")]).await;
    let answers = (0..20).map(|_| {
        let test = test.clone();
        tokio::spawn(async move { list(&test).await.status })
    });
    let mut statuses = Vec::new();
    for answer in answers.collect::<Vec<_>>() {
        statuses.push(answer.await.expect("an answer"));
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 7);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 13);
}
