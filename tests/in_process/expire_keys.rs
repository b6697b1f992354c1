//! The scheduled sweep.
//!
//! One file, because every case needs the same sweep and bus.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use expire_keys::Swept;
use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::clock::{Clock, Random};
use shared::edge::schedule::Run;
use shared::store::Vault;
use shared::telemetry::metrics::SWEEP_LAG;
use shared::{App, Error, Operation};
use tests::engine::Engine;
use tests::event_bus::{BusAnswer, EventBus};
use tests::fault_proxy::{Fault, FaultProxy};
use tests::{TestApp, backlog, embedded_metrics};

const NOTHING: Swept = Swept { scanned: 0, expired: 0, notified: 0, skipped: 0, remaining: 0 };

#[tokio::test]
async fn a_key_that_is_past_its_expiry_becomes_expired_once() {
    let (test, bus) = (TestApp::start().await, EventBus::default());
    let id = key_for(&test, TimeDelta::seconds(2)).await;
    assert_eq!(sweep(&test, &bus).await.expect("no failure"), NOTHING, "it has not ended yet");
    test.advance(TimeDelta::seconds(2));
    let before = test.call(Operation::GetKey).id(id).send().await.json();
    assert_eq!(before["status"], "expired", "with or without a sweep");

    assert_eq!(sweep(&test, &bus).await.expect("no failure"), Swept { scanned: 1, expired: 1, ..NOTHING });
    let event = json!({"service": "nuxera-api-keys", "id": id, "name": "Lab gateway", "type": "live", "expiry_at": "2026-03-01T12:00:02Z", "user_id": 7});
    assert_eq!(bus.take(), [("API Key Expired".to_owned(), event)]);
    assert_eq!(test.call(Operation::GetKey).id(id).send().await.json(), before, "owners see no difference");
    let trail = trail(&test, id).await;
    let mut entry = trail[0].clone();
    entry.as_object_mut().expect("an object").remove("id");
    assert_eq!(
        entry,
        json!({"at": "2026-03-01T12:00:02.250Z", "action": "expire", "key_id": id, "user_id": 7,
               "actor": {"user_id": null, "role": "system"}, "source_ip": null, "request_id": "run",
               "changes": {"status": {"from": "active", "to": "expired"}}})
    );

    assert_eq!(sweep(&test, &bus).await.expect("no failure"), NOTHING, "it has left the index");
    assert_eq!((bus.take(), trail.len()), (vec![], 2));
}

#[tokio::test]
async fn a_paused_key_ends_too() {
    let (test, bus) = (TestApp::start().await, EventBus::default());
    let id = key_for(&test, TimeDelta::seconds(2)).await;
    test.call(Operation::PauseKey).id(id).send().await;
    test.advance(TimeDelta::seconds(2));
    sweep(&test, &bus).await.expect("no failure");
    assert_eq!(trail(&test, id).await[0]["changes"], json!({"status": {"from": "paused", "to": "expired"}}));
}

#[tokio::test]
async fn one_notice_each_is_sent_30_7_and_1_days_before_expiry() {
    let (test, bus) = (TestApp::start().await, EventBus::default());
    let id = key_for(&test, TimeDelta::days(32)).await;
    let mut told = Vec::new();
    // Every twelve hours, from 32 days before to a day after.
    for _ in 0..33 * 2 {
        test.advance(TimeDelta::hours(12));
        sweep(&test, &bus).await.expect("no failure");
        told.extend(bus.take().into_iter().map(|(kind, detail)| (test.now().to_rfc3339(), kind, detail)));
    }
    let detail = json!({"service": "nuxera-api-keys", "id": id, "name": "Lab gateway", "type": "live", "expiry_at": "2026-04-02T12:00:00Z", "user_id": 7});
    let notice = |days_left: u32| {
        let mut detail = detail.clone();
        detail["days_left"] = days_left.into();
        detail
    };
    let expected = [
        ("2026-03-03T12:00:00.250+00:00", "API Key Expiring", notice(30)),
        ("2026-03-26T12:00:00.250+00:00", "API Key Expiring", notice(7)),
        ("2026-04-01T12:00:00.250+00:00", "API Key Expiring", notice(1)),
        ("2026-04-02T12:00:00.250+00:00", "API Key Expired", detail.clone()),
    ];
    assert_eq!(told, expected.map(|(at, kind, detail)| (at.to_owned(), kind.to_owned(), detail)));
    assert_eq!(trail(&test, id).await.len(), 2, "notices are no changes");
}

#[tokio::test]
async fn a_key_that_is_made_with_less_time_gets_the_later_notices_only() {
    let (test, bus) = (TestApp::start().await, EventBus::default());
    key_for(&test, TimeDelta::days(5)).await;
    key_for(&test, TimeDelta::hours(5)).await;
    assert_eq!(sweep(&test, &bus).await.expect("no failure"), NOTHING);
    test.advance(TimeDelta::days(4));
    sweep(&test, &bus).await.expect("no failure");
    assert_eq!(kinds(&bus), [("API Key Expired", 2, None), ("API Key Expiring", 1, Some(1))]);
}

#[tokio::test]
async fn only_the_latest_of_the_missed_notices_is_sent() {
    let (test, bus) = (TestApp::start().await, EventBus::default());
    key_for(&test, TimeDelta::days(40)).await;
    test.advance(TimeDelta::days(35));
    sweep(&test, &bus).await.expect("no failure");
    assert_eq!(kinds(&bus), [("API Key Expiring", 1, Some(7))]);
    test.advance(TimeDelta::days(10));
    sweep(&test, &bus).await.expect("no failure");
    assert_eq!(kinds(&bus), [("API Key Expired", 1, None)]);
}

#[tokio::test]
async fn a_new_expiry_has_its_own_notices() {
    let (test, bus) = (TestApp::start().await, EventBus::default());
    let id = key_for(&test, TimeDelta::days(30)).await;
    test.advance(TimeDelta::days(24));
    sweep(&test, &bus).await.expect("no failure");
    assert_eq!(kinds(&bus), [("API Key Expiring", 1, Some(7))]);

    set_expiry(&test, id, json!("2026-05-01T00:00:00Z")).await;
    test.advance(TimeDelta::days(8));
    sweep(&test, &bus).await.expect("no failure");
    assert_eq!(kinds(&bus), [("API Key Expiring", 1, Some(30))], "not of the old expiry, which is past");

    set_expiry(&test, id, Value::Null).await;
    test.advance(TimeDelta::days(1_000));
    assert_eq!(sweep(&test, &bus).await.expect("no failure"), NOTHING);
}

#[tokio::test]
async fn deleted_and_expired_keys_are_not_in_the_index() {
    let (test, bus) = (TestApp::start().await, EventBus::default());
    let id = key_for(&test, TimeDelta::seconds(2)).await;
    test.call(Operation::DeleteKey).id(id).send().await;
    let body = json!({"name": "Old", "type": "live", "status": "expired", "expiry_at": "2026-03-01T12:00:02Z"});
    assert_eq!(test.call(Operation::CreateKey).json(&body).send().await.status, 201);
    test.advance(TimeDelta::days(1));
    assert_eq!(sweep(&test, &bus).await.expect("no failure"), NOTHING);
}

#[tokio::test]
async fn concurrent_sweeps_and_users_do_everything_once() {
    let (test, bus) = (TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "1000")]).await, EventBus::default());
    let mut ids = Vec::new();
    for _ in 0..48 {
        ids.push(key_for(&test, TimeDelta::seconds(2)).await);
    }
    let (changed, swept_only) = ids.split_at(16);
    let (moved, deleted) = changed.split_at(8);
    // The changes race with the expiry; the first one decides.
    let updates = join_all(moved.iter().map(|id| {
        let body = json!({"expiry_at": "2026-03-01T13:00:00Z"});
        test.call(Operation::UpdateKey).id(id).json(&body).send()
    }));
    let deletions = join_all(deleted.iter().map(|id| test.call(Operation::DeleteKey).id(id).send()));
    let late = at(&test, TimeDelta::seconds(2));
    let sweeps = join_all((0..3).map(|_| expire_keys::handle(late.clone(), bus.publisher(), run(&late))));
    let (sweeps, (updates, _)) = tokio::join!(sweeps, async { tokio::join!(updates, deletions) });

    let swept: Vec<Swept> = sweeps.into_iter().collect::<Result<_, _>>().expect("no failure");
    let told: Vec<u64> = kinds(&bus).into_iter().map(|(_, id, _)| id).collect();
    let expired: u64 = swept.iter().map(|swept| swept.expired).sum();
    assert_eq!(expired, told.len() as u64);
    for swept in &swept {
        assert_eq!(swept.scanned, swept.expired + swept.skipped, "{swept:?}");
    }
    for id in swept_only {
        assert_eq!(told.iter().filter(|told| *told == id).count(), 1);
    }
    for (id, update) in moved.iter().zip(updates) {
        let was_told = told.contains(id);
        assert_eq!(update.status, if was_told { 409 } else { 200 }, "{}", update.text);
    }
    for id in &ids {
        let expirations = trail(&test, *id).await.iter().filter(|entry| entry["action"] == "expire").count();
        assert_eq!(expirations, told.iter().filter(|told| *told == id).count());
    }
}

#[tokio::test]
async fn a_backlog_of_many_pages_is_swept_whole() {
    let (test, bus) = (TestApp::start().await, EventBus::default());
    let keys = 450;
    backlog::fill(&test, keys, 2, 1, TimeDelta::zero()).await;
    backlog::fill(&test, keys, 2, 2, TimeDelta::days(300)).await;
    let swept = sweep(&test, &bus).await.expect("no failure");
    assert_eq!(swept, Swept { scanned: keys, expired: keys, ..NOTHING });
    assert_eq!(bus.take().len() as u64, keys);
}

#[tokio::test]
async fn keys_that_are_not_due_cost_nothing() {
    let (test, bus) = (TestApp::start().await, EventBus::default());
    sweep(&test, &bus).await.expect("no failure");
    let idle: Vec<String> = test.calls.rounds().into_iter().flatten().collect();
    assert_eq!(idle, ["Query"; 17], "one for each shard, and one for journals");
    backlog::fill(&test, 400, 16, 1, TimeDelta::days(300)).await;
    test.calls.clear();
    assert_eq!(sweep(&test, &bus).await.expect("no failure"), NOTHING);
    assert_eq!(test.calls.rounds().into_iter().flatten().count(), idle.len());
}

#[tokio::test]
async fn a_run_stops_in_time_and_the_next_goes_on() {
    let (test, bus) = (TestApp::start().await, EventBus::default());
    let keys = 300;
    backlog::fill(&test, keys, 16, 1, TimeDelta::zero()).await;
    let mut expired = 0;
    let mut runs = 0;
    while expired < keys {
        // Each reading of the clock takes a tenth of a second, and a run has ten of them besides the margin.
        let hurried = ticking(&test, TimeDelta::milliseconds(100));
        let run = Run { id: format!("run {runs}"), deadline: hurried.clock.now() + TimeDelta::seconds(20) };
        let swept = expire_keys::handle(hurried, bus.publisher(), run).await.expect("no failure");
        expired += swept.expired;
        assert_eq!((swept.remaining, swept.skipped), (keys - expired, 0), "exactly what is left");
        let lag = lag(&test).expect("every shard was looked at");
        assert_eq!(lag >= 10.0, swept.remaining > 0, "{lag} s after a run of at least ten");
        runs += 1;
        assert!(runs < 50, "{expired} expired");
    }
    assert!((3..30).contains(&runs), "{runs} runs");
    assert_eq!(bus.take().len() as u64, keys);
    assert_eq!(sweep(&test, &bus).await.expect("no failure"), NOTHING);
}

#[tokio::test]
async fn unpublished_events_are_published_by_a_later_run() {
    let (test, bus) = (TestApp::start().await, EventBus::default());
    let first = key_for(&test, TimeDelta::seconds(2)).await;
    let second = key_for(&test, TimeDelta::days(8)).await;
    let renamed = key_for(&test, TimeDelta::days(8)).await;
    let moved = key_for(&test, TimeDelta::days(8)).await;
    test.advance(TimeDelta::days(1));
    bus.answer(BusAnswer::Fails);
    test.log.forget();
    let failure = sweep(&test, &bus).await.expect_err("EventBridge fails");
    assert!(failure.to_string().contains("InternalException"), "{failure}");
    assert_eq!(lag(&test), Some(0.0), "no key is left");
    assert_eq!(trail(&test, first).await[0]["action"], "expire", "the keys end all the same");

    let body = json!({"name": "Renamed"});
    test.call(Operation::UpdateKey).id(renamed).json(&body).send().await;
    set_expiry(&test, moved, json!("2027-01-01T00:00:00Z")).await;
    bus.answer(BusAnswer::Takes);
    sweep(&test, &bus).await.expect("no failure");
    assert_eq!(kinds(&bus), [], "the first run could still be at it");
    test.advance(TimeDelta::minutes(2));
    assert_eq!(sweep(&test, &bus).await.expect("no failure"), NOTHING);
    let told = kinds(&bus);
    let expected = [
        ("API Key Expired", first, None),
        ("API Key Expiring", second, Some(7)),
        ("API Key Expiring", renamed, Some(7)),
    ];
    assert_eq!(told, expected, "what is no longer so is not told");
    test.advance(TimeDelta::minutes(2));
    sweep(&test, &bus).await.expect("no failure");
    assert_eq!(kinds(&bus), []);
}

#[tokio::test]
async fn events_that_the_bus_refuses_for_the_moment_are_offered_again() {
    let (test, bus) = (TestApp::start().await, EventBus::default());
    for _ in 0..3 {
        key_for(&test, TimeDelta::seconds(2)).await;
    }
    test.advance(TimeDelta::seconds(2));
    bus.answer(BusAnswer::RefusesOne);
    let failure = sweep(&test, &bus).await.expect_err("one of them is refused for good");
    assert!(failure.to_string().contains("ThrottlingException"), "{failure}");
}

#[tokio::test]
async fn a_damaged_record_does_not_stop_the_sweep() {
    let (test, bus) = (TestApp::start().await, EventBus::default());
    let ids = join_all((0..3).map(|_| key_for(&test, TimeDelta::seconds(2)))).await;
    let key = shared::store::PrimaryKey::key(
        shared::ids::UserId::new(7).expect("an id"),
        shared::ids::KeyId::new(ids[0]).expect("an id"),
    );
    let table = &test.app.table;
    let update = table.client().update_item().table_name(table.name()).set_key(Some(key.into()));
    update.update_expression("REMOVE ciphertext").send().await.expect("the engine works");
    test.advance(TimeDelta::seconds(2));
    let failure = sweep(&test, &bus).await.expect_err("somebody has to look at it");
    assert_eq!(
        failure.to_string(),
        format!("damaged: attribute ciphertext of key {} of user 7 is missing or damaged", ids[0])
    );
    assert_eq!(kinds(&bus).len(), 2);
}

#[tokio::test]
async fn unswept_keys_lag_and_an_unreadable_shard_reports_no_lag() {
    let proxy = FaultProxy::patient(&Engine::Embedded.start().await).await;
    let (test, bus) = (TestApp::on(&proxy.url, &[]).await, EventBus::default());
    key_for(&test, TimeDelta::seconds(2)).await;
    test.advance(TimeDelta::minutes(20));
    proxy.inject("TransactWriteItems", usize::MAX, Fault::error(400, "ValidationException"));
    sweep(&test, &bus).await.expect_err("no write is done");
    assert_eq!(lag(&test), Some(1_198.0));
    proxy.clear();
    proxy.inject("Query", usize::MAX, Fault::error(400, "ValidationException"));
    sweep(&test, &bus).await.expect_err("nothing can be read");
    assert_eq!(lag(&test), None);
    proxy.clear();
    test.log.forget();
    sweep(&test, &bus).await.expect("no failure");
    assert_eq!(lag(&test), Some(0.0));
}

/// The event of the schedule is one that Lambda can read.
#[test]
fn the_event_is_one_of_a_schedule() {
    let event = tests::repository::event("expire-keys");
    assert_eq!((&event["source"], &event["detail-type"]), (&"aws.events".into(), &"Scheduled Event".into()));
}

/// The sweep lag in the last line, if it has one.
fn lag(test: &TestApp) -> Option<f64> {
    let line = test.log.take().pop().expect("a line");
    embedded_metrics::of(&line).iter().find(|it| it.metric == SWEEP_LAG.name).map(|it| it.value)
}

pub(crate) async fn sweep(test: &TestApp, bus: &EventBus) -> Result<Swept, Error> {
    expire_keys::handle(test.app.clone(), bus.publisher(), run(&test.app)).await
}

fn run(app: &App) -> Run {
    Run { id: "run".to_owned(), deadline: app.clock.now() + TimeDelta::seconds(60) }
}

/// Creates a key of user 7 that expires after some time.
async fn key_for(test: &TestApp, time: TimeDelta) -> u64 {
    let expiry = (test.now() + time).to_rfc3339();
    let body = json!({"name": "Lab gateway", "type": "live", "status": "active", "expiry_at": expiry});
    let answer = test.call(Operation::CreateKey).json(&body).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()["id"].as_u64().expect("an id")
}

async fn set_expiry(test: &TestApp, id: u64, expiry: Value) {
    let answer = test.call(Operation::UpdateKey).id(id).json(&json!({"expiry_at": expiry})).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn trail(test: &TestApp, id: u64) -> Vec<Value> {
    let answer = test.call(Operation::ListAudit).id(id).send().await;
    answer.json().as_array().cloned().expect("entries")
}

fn kinds(bus: &EventBus) -> Vec<(&'static str, u64, Option<u64>)> {
    let known = |kind: &str| ["API Key Expired", "API Key Expiring"].into_iter().find(|known| *known == kind);
    let events = bus.take().into_iter();
    events
        .map(|(kind, detail)| {
            (known(&kind).expect("a known type"), detail["id"].as_u64().expect("an id"), detail["days_left"].as_u64())
        })
        .collect()
}

/// The same app at another time.
fn at(test: &TestApp, later: TimeDelta) -> App {
    let now = test.now() + later;
    with_clock(test, Clock::new(move || now))
}

/// The same app with a clock that advances with each reading.
fn ticking(test: &TestApp, tick: TimeDelta) -> App {
    let (start, looks) = (test.now(), Arc::new(AtomicI64::new(0)));
    let now = move || -> DateTime<Utc> {
        let ticks = i32::try_from(looks.fetch_add(1, Ordering::Relaxed)).expect("few");
        start + tick * ticks
    };
    with_clock(test, Clock::new(now))
}

fn with_clock(test: &TestApp, clock: Clock) -> App {
    let table = test.app.table.clone();
    let vault = Vault::new(table.clone(), aws_types::SdkConfig::builder().build(), String::new(), String::new());
    App::with_log(test.app.config.clone(), table, vault, clock, Random::system(), test.log.log())
}

/// AWS's own engine, the reference for the index, its pages and the transactions.
mod dynamodb_local {
    use super::*;

    #[tokio::test]
    async fn it_sweeps_the_same() {
        let test = TestApp::on(&Engine::DynamoDbLocal.start().await, &[]).await;
        let bus = EventBus::default();
        let keys = 130;
        backlog::fill(&test, keys, 1, 1, TimeDelta::zero()).await;
        backlog::fill(&test, keys, 1, 2, TimeDelta::days(300)).await;
        let id = key_for(&test, TimeDelta::days(8)).await;
        let sweeps = join_all((0..2).map(|_| sweep(&test, &bus))).await;
        let expired: u64 = sweeps.into_iter().map(|swept| swept.expect("no failure").expired).sum();
        assert_eq!((expired, bus.take().len() as u64), (keys, keys));
        test.advance(TimeDelta::days(1));
        assert_eq!(sweep(&test, &bus).await.expect("no failure"), Swept { scanned: 1, notified: 1, ..NOTHING });
        assert_eq!(kinds(&bus), [("API Key Expiring", id, Some(7))]);
        assert_eq!(sweep(&test, &bus).await.expect("no failure"), NOTHING);
    }
}
