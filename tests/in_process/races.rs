//! Concurrent calls on several threads: nothing is lost, and the table stays consistent.
//!
//! On a busy machine, the service may give up a call after 20 conflicts or at its deadline. Like real clients, these
//! repeat a call after a 503. A call that ran out of time may still have been carried out, so each may take effect once
//! more than requested ([`assert_done`]).

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use shared::Operation;
use tests::engine::{Engine, unique_name};
use tests::{Answer, Contents, TestApp, TestCall, tokens};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// One race at a time, so that they do not compete for processors.
static RACE: Mutex<()> = Mutex::const_new(());

async fn start(settings: &[(&str, &str)]) -> TestApp {
    let limits = [("RATE_LIMIT_PER_MINUTE", "1000000"), ("RATE_LIMIT_PER_HOUR", "1000000")];
    let settings = [settings, &limits].concat();
    TestApp::on(&Engine::Embedded.start().await, &settings).await
}

/// More repetitions than any call needs.
const REPETITIONS: usize = 30;

/// Sends a call until its answer is not a 503.
async fn persist(call: TestCall<'_>) -> Answer {
    for _ in 0..REPETITIONS {
        let answer = call.clone().send().await;
        if answer.status != 503 {
            return answer;
        }
        let wait = answer.header("retry-after").and_then(|seconds| seconds.parse().ok()).expect("seconds");
        tokio::time::sleep(Duration::from_secs(wait)).await;
    }
    panic!("a call got {REPETITIONS} times a 503");
}

/// Checks a number of effects: as expected, or one more for each call that ran out of time.
#[track_caller]
fn assert_done(test: &TestApp, found: usize, expected: usize) {
    let out_of_time = test.log.lines().iter().filter(|line| line["cause"] == "out of time").count();
    assert!((expected..=expected + out_of_time).contains(&found), "{found}, not {expected}; {out_of_time} out of time");
}

/// Makes concurrent calls, numbered from 1, each in its own task, and returns their answers.
async fn at_once<F>(test: &TestApp, count: u64, call: impl Fn(TestApp, u64) -> F) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let _race = RACE.lock().await;
    (1..=count).map(|number| call(test.clone(), number)).collect::<JoinSet<_>>().join_all().await
}

async fn keys(test: &TestApp, count: u64) {
    for id in 1..=count {
        assert_eq!(test.key("k").await["id"], id);
    }
}

fn distinct(answers: &[Answer], field: &str) -> usize {
    answers.iter().map(|answer| answer.json()[field].to_string()).collect::<BTreeSet<_>>().len()
}

async fn contents(test: &TestApp) -> Contents {
    let contents = Contents::of(&test.app.table).await;
    contents.assert_consistent();
    contents
}

fn count(contents: &Contents, action: &str) -> usize {
    contents.actions(7).iter().filter(|known| *known == action).count()
}

fn all_have(status: u16, answers: &[Answer]) {
    for answer in answers {
        assert_eq!(answer.status, status, "{}", answer.text);
    }
}

async fn create(test: TestApp, number: u64) -> Answer {
    let body = json!({"name": format!("key {number}"), "type": "live", "status": "active"});
    let call = test.call(Operation::CreateKey).json(&body);
    persist(call.header("Idempotency-Key", &unique_name("creation"))).await
}

async fn set_default(test: TestApp, id: u64) -> Answer {
    persist(test.call(Operation::SetDefault).json(&json!({"id": id}))).await
}

async fn update(test: TestApp, id: u64, name: String) -> Answer {
    persist(test.call(Operation::UpdateKey).id(id).json(&json!({"name": name}))).await
}

async fn on_key(test: TestApp, operation: Operation, id: u64) -> Answer {
    persist(test.call(operation).id(id)).await
}

async fn verify(test: TestApp, key: String) -> Answer {
    let token = tokens::with_role(1, "service");
    persist(test.call(Operation::VerifyKey).bearer(&token).json(&json!({"key": key}))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_defaults_leave_one() {
    let test = start(&[]).await;
    keys(&test, 50).await;
    all_have(200, &at_once(&test, 50, set_default).await);

    let list = test.call(Operation::ListKeys).send().await.json();
    let defaults = list.as_array().expect("an array").iter().filter(|key| key["is_default"] == true);
    assert_eq!(defaults.count(), 1);
    let contents = contents(&test).await;
    let set = count(&contents, "set_default");
    assert_done(&test, set, 50);
    assert_eq!(count(&contents, "remove_default"), set - 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_creations_have_ids_of_their_own() {
    let test = start(&[]).await;
    let answers = at_once(&test, 50, create).await;
    all_have(201, &answers);
    assert_eq!((distinct(&answers, "id"), distinct(&answers, "key"), distinct(&answers, "name")), (50, 50, 50));

    let contents = contents(&test).await;
    assert_eq!((contents.key_count(7), count(&contents, "create")), (50, 50));
    let list = test.call(Operation::ListKeys).send().await.json();
    let list = list.as_array().expect("a list");
    for answer in answers {
        assert!(list.contains(&answer.created_key()), "{list:?} lacks {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn creations_stop_exactly_at_the_limit() {
    let test = start(&[("MAX_KEYS_PER_USER", "20")]).await;
    let answers = at_once(&test, 50, create).await;
    let (made, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    all_have(409, &refused);
    assert_eq!((made.len(), contents(&test).await.key_count(7)), (20, 20));

    // Each deletion makes room for one more creation, and no others; later creations take the rest.
    let ids: Vec<u64> = made.iter().map(|key| key.json()["id"].as_u64().expect("an id")).collect();
    let answers = at_once(&test, 50, |test, number| {
        let to_delete = ids.get(usize::try_from(number).expect("small") - 1).copied();
        async move {
            match to_delete {
                Some(id) => on_key(test, Operation::DeleteKey, id).await,
                None => create(test, number).await,
            }
        }
    })
    .await;
    let (deletions, creations): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.text.contains("deleted") || answer.status == 404);
    let (made, refused): (Vec<_>, Vec<_>) = creations.into_iter().partition(|answer| answer.status == 201);
    all_have(409, &refused);
    assert_eq!((deletions.len(), made.len() + refused.len()), (20, 30));
    assert_eq!(contents(&test).await.key_count(7), made.len() as u64);
    let (later, refused): (Vec<_>, Vec<_>) =
        at_once(&test, 50, create).await.into_iter().partition(|answer| answer.status == 201);
    all_have(409, &refused);
    assert_eq!((made.len() + later.len(), contents(&test).await.key_count(7)), (20, 20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pause_and_an_update_are_both_applied() {
    let test = start(&[]).await;
    keys(&test, 25).await;
    let answers = at_once(&test, 50, async |test, number| {
        let id = number.div_ceil(2);
        if number % 2 == 0 {
            on_key(test, Operation::PauseKey, id).await
        } else {
            update(test, id, "renamed".to_owned()).await
        }
    })
    .await;
    all_have(200, &answers);
    let contents = contents(&test).await;
    assert_eq!((count(&contents, "pause"), count(&contents, "update")), (25, 25));
    for key in test.call(Operation::ListKeys).send().await.json().as_array().expect("an array") {
        assert_eq!((&key["name"], &key["status"]), (&json!("renamed"), &json!("paused")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_one_key_are_all_applied() {
    let test = start(&[]).await;
    keys(&test, 1).await;
    let answers = at_once(&test, 20, |test, number| update(test, 1, format!("name {number}"))).await;
    all_have(200, &answers);
    assert_done(&test, count(&contents(&test).await, "update"), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pausing_and_resuming_leave_a_trail_that_adds_up() {
    let test = start(&[]).await;
    keys(&test, 1).await;
    let answers = at_once(&test, 20, |test, number| {
        let operation = if number % 2 == 0 { Operation::PauseKey } else { Operation::ResumeKey };
        on_key(test, operation, 1)
    })
    .await;
    all_have(200, &answers);
    // Calls without a change wrote nothing; the others alternate.
    let contents = contents(&test).await;
    let (pauses, resumes) = (count(&contents, "pause"), count(&contents, "resume"));
    assert!(pauses == resumes || pauses == resumes + 1, "{pauses} pauses, {resumes} resumes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_default_that_is_being_deleted_never_dangles() {
    let test = start(&[]).await;
    keys(&test, 25).await;
    let answers = at_once(&test, 50, async |test, number| {
        let id = number.div_ceil(2);
        if number % 2 == 0 { on_key(test, Operation::DeleteKey, id).await } else { set_default(test, id).await }
    })
    .await;
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 404)), "{answers:?}");
    let contents = contents(&test).await;
    assert_eq!((contents.key_count(7), contents.default_id(7), count(&contents, "delete")), (0, None, 25));
    assert!(count(&contents, "set_default") > 0, "some came before the deletion");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn uses_beside_changes_are_all_counted() {
    let test = start(&[]).await;
    let key = test.key("k").await["key"].as_str().expect("a key").to_owned();
    let answers = at_once(&test, 50, |test, number| {
        let key = key.clone();
        async move {
            if number % 5 == 0 { update(test, 1, format!("name {number}")).await } else { verify(test, key).await }
        }
    })
    .await;
    all_have(200, &answers);
    assert_eq!(answers.iter().filter(|answer| answer.text.starts_with(r#"{"valid":true"#)).count(), 40);
    let key = on_key(test.clone(), Operation::GetKey, 1).await.json();
    assert_done(&test, usize::try_from(key["usage_count"].as_u64().expect("a number")).expect("small"), 40);
    assert_done(&test, count(&contents(&test).await, "update"), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_daily_limit_of_a_test_key_is_exact() {
    let test = start(&[("TEST_KEY_DAILY_LIMIT", "20")]).await;
    let body = json!({"name": "k", "type": "test", "status": "active"});
    let key = test.call(Operation::CreateKey).json(&body).send().await.json();
    let key = key["key"].as_str().expect("a key");
    let answers = at_once(&test, 50, |test, _| verify(test, key.to_owned())).await;
    all_have(200, &answers);
    let accepted = answers.iter().filter(|answer| answer.text.starts_with(r#"{"valid":true"#)).count();
    // Each accepted use is counted; one that ran out of time was counted, and its repetition may have been refused.
    assert_done(&test, 20, accepted);
    assert_eq!(on_key(test, Operation::GetKey, 1).await.json()["usage_count"], 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rotations_leave_one_string_that_works() {
    let test = start(&[]).await;
    keys(&test, 1).await;
    let answers = at_once(&test, 20, async |test, number| {
        let call = test.call(Operation::RotateKey).id(1).header("Idempotency-Key", &format!("rotation-{number}"));
        persist(call).await
    })
    .await;
    all_have(200, &answers);
    assert_eq!((distinct(&answers, "key"), count(&contents(&test).await, "rotate")), (20, 20));
    let mut valid = 0;
    for answer in &answers {
        let key = answer.json()["key"].as_str().expect("a key").to_owned();
        valid += usize::from(verify(test.clone(), key).await.json()["valid"] == true);
    }
    assert_eq!(valid, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_request_fifty_times_makes_one_key() {
    // There is room for one key only, and a repeat must not exceed it.
    let test = start(&[("MAX_KEYS_PER_USER", "1")]).await;
    let answers = at_once(&test, 50, async |test, _| {
        let body = json!({"name": "k", "type": "live", "status": "active"});
        persist(test.call(Operation::CreateKey).header("Idempotency-Key", "once").json(&body)).await
    })
    .await;
    all_have(201, &answers);
    assert_eq!((distinct(&answers, "id"), distinct(&answers, "key")), (1, 1));
    let replayed = answers.iter().filter(|answer| answer.header("idempotent-replayed") == Some("true")).count();
    assert_done(&test, replayed, 49);
    assert_eq!(count(&contents(&test).await, "create"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_rotation_fifty_times_rotates_once() {
    let test = start(&[]).await;
    keys(&test, 1).await;
    let answers = at_once(&test, 50, async |test, _| {
        persist(test.call(Operation::RotateKey).id(1).header("Idempotency-Key", "once")).await
    })
    .await;
    all_have(200, &answers);
    assert_eq!((distinct(&answers, "key"), count(&contents(&test).await, "rotate")), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_rate_limit_is_exact() {
    let test = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "20")]).await;
    let answers = at_once(&test, 50, async |test, _| test.valid_call(Operation::CreateKey).send().await).await;
    let (refused, admitted): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 429);
    assert_done(&test, admitted.len(), 20);
    assert_eq!(admitted.len() + refused.len(), 50);
    // A repetition would count as another call, so a creation is not repeated after a 503.
    let made = admitted.iter().filter(|answer| answer.status == 201).count();
    assert!(made > 0 && admitted.iter().all(|answer| matches!(answer.status, 201 | 503)), "{admitted:?}");
    assert_done(&test, contents(&test).await.keys(7).len(), made);
}
