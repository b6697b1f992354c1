//! Rate limits are exact under concurrent calls.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use shared::Operation;
use shared::ids::UserId;
use shared::store::{Item, PrimaryKey};
use tests::{Answer, Contents, TestApp};

fn with_status(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[tokio::test]
async fn of_150_parallel_calls_exactly_100_are_done() {
    let test = TestApp::start().await;
    let theirs = test.call(Operation::ListKeys).user(8);
    let mine = test.call(Operation::ListKeys);
    let (mine, theirs) = tokio::join!(mine.send_in_parallel(150), theirs.send_in_parallel(60));
    assert_eq!((with_status(&mine, 200), with_status(&mine, 429)), (100, 50));
    assert_eq!(with_status(&theirs, 200), 60, "other users are untouched");
    for refused in mine.iter().filter(|answer| answer.status == 429) {
        refused.assert_refused(429, "Rate limit exceeded");
        assert_eq!(refused.header("retry-after"), Some("60"));
    }
    // Each admitted call got a different number of remaining calls.
    let mut left: Vec<&str> = mine
        .iter()
        .filter(|answer| answer.status == 200)
        .map(|answer| answer.header("ratelimit").expect("it"))
        .collect();
    left.sort_unstable();
    left.dedup();
    assert_eq!(left.len(), 100);
    test.set_time("2026-03-01T12:01:00Z");
    let next_minute = test.call(Operation::ListKeys).send_in_parallel(110).await;
    assert_eq!((with_status(&next_minute, 200), with_status(&next_minute, 429)), (100, 10));
}

#[tokio::test]
async fn parallel_calls_that_are_refused_write_nothing() {
    let test = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "10")]).await;
    let body = json!({"name": "a", "type": "live", "status": "active"});
    let answers = test.call(Operation::CreateKey).json(&body).send_in_parallel(30).await;
    assert_eq!((with_status(&answers, 201), with_status(&answers, 429)), (10, 20));
    let contents = Contents::of(&test.app.table).await;
    assert_eq!((contents.keys(7).len(), contents.key_count(7), contents.actions(7).len()), (10, 10, 10));
    contents.assert_consistent();
}

#[tokio::test]
async fn parallel_calls_stay_within_the_hour() {
    let test = TestApp::start().await;
    // 960 calls in the earlier minutes of the hour.
    let mut item = Item::from(PrimaryKey::limit(UserId::new(7).expect("an id"), 492_324));
    item.insert("hour".to_owned(), AttributeValue::N("960".to_owned()));
    let table = &test.app.table;
    table.client().put_item().table_name(table.name()).set_item(Some(item)).send().await.expect("it is put");
    let answers = test.call(Operation::ListKeys).send_in_parallel(60).await;
    assert_eq!((with_status(&answers, 200), with_status(&answers, 429)), (40, 20));
    let refused = answers.iter().find(|answer| answer.status == 429).expect("a refusal");
    assert_eq!(refused.header("retry-after"), Some("3600"));
    test.set_time("2026-03-01T13:00:00Z");
    let answers = test.call(Operation::ListKeys).send_in_parallel(60).await;
    assert_eq!(with_status(&answers, 200), 60);
}
