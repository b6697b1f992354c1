//! A restored table is brought up to date: no string works in it that was ended since the backup.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use reconcile::{Counts, Options};
use serde_json::{Value, json};
use shared::Operation;
use shared::store::Item;
use tests::consistency::text;
use tests::engine::{self, Engine};
use tests::fault_proxy::{Fault, FaultProxy};
use tests::{Contents, TestApp, tokens};

/// No limit gets in the way of many calls by one user.
const UNLIMITED: [(&str, &str); 2] = [("RATE_LIMIT_PER_MINUTE", "1000000"), ("RATE_LIMIT_PER_HOUR", "1000000")];
const DRY: Options = Options { is_dry: true, since: None };
const WET: Options = Options { is_dry: false, since: None };

async fn start() -> (String, TestApp) {
    let url = Engine::Embedded.start().await;
    let old = TestApp::on(&url, &UNLIMITED).await;
    (url, old)
}

/// Restores some items into a table of its own, as a deployment at a URL finds it.
async fn restore(url: &str, old: &TestApp, items: impl IntoIterator<Item = Item>) -> TestApp {
    let name = engine::unique_name("restored");
    let table = engine::create_table(old.app.table.client(), &name).await;
    for item in items {
        table.put_item(item).send().await.expect("it is stored");
    }
    old.second_with(url, |config| config.table_name = name)
}

async fn back_up_and_restore(url: &str, old: &TestApp) -> TestApp {
    restore(url, old, old.contents().await.items().cloned()).await
}

/// Reconciles, and returns the numbers and the sorted findings.
async fn reconcile(old: &TestApp, restored: &TestApp, options: Options) -> (Counts, Vec<String>) {
    let mut findings = Vec::new();
    let report = |finding: &reconcile::Finding| findings.push(finding.to_string());
    let counts = Box::pin(reconcile::reconcile(&old.app, &restored.app, options, report)).await;
    findings.sort();
    (counts.expect("the tables can be read"), findings)
}

fn string(key: &Value) -> &str {
    key["key"].as_str().expect("a string")
}

async fn works(test: &TestApp, key: &Value) -> bool {
    test.verify(string(key)).await["valid"] == true
}

async fn update(test: &TestApp, id: u64, fields: Value) {
    test.call(Operation::UpdateKey).id(id).json(&fields).send().await.ok();
}

async fn rotate(test: &TestApp, id: u64, grace: u64) -> Value {
    test.call(Operation::RotateKey).id(id).json(&json!({"grace_period_seconds": grace})).send().await.ok()
}

async fn call(test: &TestApp, operation: Operation, id: u64) {
    test.call(operation).id(id).send().await.ok();
}

#[tokio::test]
async fn what_was_ended_since_the_backup_is_ended_again_once() {
    for reveal in ["always", "once"] {
        let (url, always) = start().await;
        let old = always.second_with(&url, |config| {
            config.key_reveal =
                if reveal == "once" { shared::config::KeyReveal::Once } else { shared::config::KeyReveal::Always };
        });
        let mut keys = Vec::new();
        for name in
            ["kept", "deleted", "paused", "rotated", "in grace", "rotated twice", "shortened", "renamed", "resumed"]
        {
            // Strings that are stored, and must not be with `KeyReveal=once`.
            keys.push(always.key(name).await);
        }
        call(&old, Operation::PauseKey, 9).await;
        let restored = back_up_and_restore(&url, &old).await;

        old.advance(TimeDelta::minutes(1));
        call(&old, Operation::DeleteKey, 2).await;
        call(&old, Operation::PauseKey, 3).await;
        let new_string = rotate(&old, 4, 0).await;
        rotate(&old, 5, 3_600).await;
        rotate(&old, 6, 3_600).await;
        rotate(&old, 6, 3_600).await;
        update(&old, 7, json!({"expiry_at": "2026-03-01T12:30:00Z"})).await;
        update(&old, 8, json!({"name": "Renamed since", "expiry_at": "2030-01-01T00:00:00Z"})).await;
        call(&old, Operation::ResumeKey, 9).await;
        let lost = old.key("lost").await;
        old.advance(TimeDelta::minutes(1));

        let before = restored.contents().await;
        let expected = [
            "key 10 of user 7 was created since the backup, and is lost",
            "key 2 of user 7 was deleted",
            "key 3 of user 7 was paused",
            "key 4 of user 7 was rotated; its owner must rotate it again to get a string",
            "key 5 of user 7 was rotated; its owner must rotate it again to get a string, and has until 2026-03-01T13:01:00Z with the one before",
            "key 6 of user 7 was rotated; its owner must rotate it again to get a string",
            "key 7 of user 7 got the expiry 2026-03-01T12:30:00Z",
            "key 8 of user 7 lost later changes of expiry_at, name",
            "key 9 of user 7 lost later changes of status",
        ];
        let counts = Counts { keys: 9, ended: 6, lost: 2, missing: 1, ..Counts::default() };
        assert_eq!(reconcile(&old, &restored, DRY).await, (counts, expected.map(str::to_owned).to_vec()));
        assert_eq!(restored.contents().await, before, "a dry run writes nothing");

        assert_eq!(reconcile(&old, &restored, WET).await, (counts, expected.map(str::to_owned).to_vec()));
        restored.contents().await.assert_consistent();
        let working = async |test: &TestApp| {
            let mut working = Vec::new();
            for (id, key) in (1..).zip(&keys) {
                if works(test, key).await {
                    working.push(id);
                }
            }
            working
        };
        // What only gained in the old table stays as it was.
        assert_eq!(working(&restored).await, [1, 5, 7, 8]);
        assert_eq!(working(&old).await, [1, 5, 7, 8, 9]);
        for key in [&new_string, &lost] {
            assert!(!works(&restored, key).await);
        }
        for id in [3, 4, 5, 6, 7] {
            let (old_trail, trail) = (old.audit(id).await, restored.audit(id).await);
            assert_eq!(trail[0]["actor"], json!({"user_id": null, "role": "system"}));
            assert_eq!((&trail[0]["action"], &trail[0]["request_id"]), (&old_trail[0]["action"], &old_trail[0]["id"]));
        }

        let after = restored.contents().await.without_limits();
        let (again, _) = reconcile(&old, &restored, WET).await;
        assert_eq!(again, Counts { keys: 8, ended: 0, ..counts });
        assert_eq!(restored.contents().await.without_limits(), after, "doing it again changes nothing");
        assert!(restored.key("next").await["id"].as_u64() > Some(10), "no id is given again");

        old.advance(TimeDelta::hours(2));
        assert_eq!(working(&restored).await, [1, 8], "the grace period and key 7 have ended");
        let (counts, _) = reconcile(&old, &restored, WET).await;
        assert_eq!((counts.ended, counts.failed), (0, 0));
    }
}

#[tokio::test]
async fn changes_that_the_old_table_took_after_the_first_run_are_caught_up_with() {
    let (url, old) = start().await;
    let mut keys = Vec::new();
    for name in ["rotated", "paused", "paused and decided", "shortened"] {
        keys.push(old.key(name).await);
    }
    let restored = back_up_and_restore(&url, &old).await;
    assert_eq!(reconcile(&old, &restored, WET).await, (Counts { keys: 4, ..Counts::default() }, vec![]));

    old.advance(TimeDelta::minutes(1));
    rotate(&old, 1, 0).await;
    call(&old, Operation::PauseKey, 2).await;
    call(&old, Operation::PauseKey, 3).await;
    update(&old, 4, json!({"expiry_at": "2026-03-01T12:30:00Z"})).await;
    let lost = old.key("lost").await;
    call(&old, Operation::DeleteKey, 5).await;

    // The deployment is switched, and its users go on before it is reconciled once more.
    old.advance(TimeDelta::minutes(1));
    update(&restored, 1, json!({"name": "changed later"})).await;
    update(&restored, 2, json!({"name": "changed later"})).await;
    call(&restored, Operation::PauseKey, 3).await;
    call(&restored, Operation::ResumeKey, 3).await;
    update(&restored, 4, json!({"expiry_at": "2026-03-01T12:45:00Z"})).await;
    let with_its_id = restored.key("with the id of a lost one").await;
    assert_eq!(with_its_id["id"], lost["id"]);

    let (counts, findings) = reconcile(&old, &restored, WET).await;
    let expected = [
        "key 1 of user 7 was rotated; its owner must rotate it again to get a string",
        "key 2 of user 7 was paused",
        "key 5 of user 7 was created since the backup, and is lost",
    ];
    assert_eq!(findings, expected, "owners have decided otherwise since about keys 3 and 4");
    assert_eq!(counts, Counts { keys: 5, ended: 2, missing: 1, ..Counts::default() });
    for (key, is_valid) in
        [(&keys[0], false), (&keys[1], false), (&keys[2], true), (&keys[3], true), (&with_its_id, true)]
    {
        assert_eq!(works(&restored, key).await, is_valid, "{}", key["name"]);
    }

    // A repeated revocation is over with, also for a clock that is behind.
    call(&restored, Operation::ResumeKey, 2).await;
    let behind = restored.second_with_clock(&url, TimeDelta::minutes(-10));
    assert_eq!(reconcile(&old, &behind, WET).await.0.ended, 0);
    assert!(works(&restored, &keys[1]).await);
    restored.contents().await.assert_consistent();
}

#[tokio::test]
async fn imported_keys_come_back_by_another_import_and_ended_ones_stay_ended() {
    let (url, old) = start().await;
    let import = async |test: &TestApp| {
        let key = |id: u64| {
            let string = format!("nux_live_{id:016x}");
            json!({"user_id": 7, "id": id, "key": string, "name": "old", "type": "live", "status": "active"})
        };
        let call = test.call(Operation::ImportKeys).bearer(&tokens::with_role(901, "admin"));
        let answer = call.json(&json!({"keys": [key(90), key(91), key(100)]})).send().await.ok();
        let outcomes = answer["results"].as_array().expect("results").iter();
        outcomes.map(|outcome| outcome["outcome"].as_str().expect("a text").to_owned()).collect::<Vec<_>>()
    };
    let empty = back_up_and_restore(&url, &old).await;
    assert_eq!(import(&old).await, ["imported", "imported", "imported"]);
    let restored = back_up_and_restore(&url, &old).await;
    old.advance(TimeDelta::minutes(1));
    call(&old, Operation::DeleteKey, 90).await;
    rotate(&old, 91, 0).await;
    old.advance(TimeDelta::minutes(1));
    reconcile(&old, &restored, WET).await;
    assert_eq!(import(&restored).await, ["invalid", "invalid", "exists"]);
    for id in [90, 91] {
        assert_eq!(restored.verify(&format!("nux_live_{id:016x}")).await["reason"], "unknown");
    }

    // A backup from before the import knows neither keys nor ids.
    reconcile(&old, &empty, WET).await;
    assert_eq!(import(&empty).await, ["imported", "imported", "imported"], "with the ids that they had");
    assert_eq!(empty.verify("nux_live_0000000000000064").await["id"], 100);
    assert_eq!(empty.key("new").await["id"], 101);
    empty.contents().await.assert_consistent();
}

#[tokio::test]
async fn what_the_restore_is_to_undo_is_left_out() {
    let (url, old) = start().await;
    let [first, second] = [old.key("first").await, old.key("second").await];
    let restored = back_up_and_restore(&url, &old).await;
    old.advance(TimeDelta::minutes(1));
    call(&old, Operation::PauseKey, 1).await;
    call(&old, Operation::DeleteKey, 2).await;
    old.advance(TimeDelta::minutes(1));
    let since = Some(old.now());
    rotate(&old, 1, 0).await;

    let (counts, findings) = reconcile(&old, &restored, Options { since, is_dry: false }).await;
    assert_eq!(counts, Counts { keys: 2, ended: 1, ..Counts::default() });
    assert_eq!(findings, ["key 1 of user 7 was rotated; its owner must rotate it again to get a string"]);
    assert_eq!(restored.read(1).await["status"], "active");
    assert!(!works(&restored, &first).await && works(&restored, &second).await);
}

#[tokio::test]
async fn a_backup_that_holds_an_entry_before_its_change_is_brought_up_to_date() {
    let (url, old) = start().await;
    let key = old.key("k").await;
    let record = old.contents().await.key(7, 1).expect("a record").clone();
    old.advance(TimeDelta::minutes(1));
    call(&old, Operation::PauseKey, 1).await;
    let items = old.contents().await;
    let is_record = |item: &&Item| text(item, "SK").starts_with("KEY#");
    let others = items.items().filter(|item| !is_record(item)).cloned();
    let restored = restore(&url, &old, others.chain([record])).await;
    assert!(works(&restored, &key).await);
    assert_eq!(reconcile(&old, &restored, WET).await.1, ["key 1 of user 7 was paused"]);
    assert!(!works(&restored, &key).await);
    assert_eq!(reconcile(&old, &restored, WET).await.0.ended, 0);
}

#[tokio::test]
async fn what_cannot_be_read_is_named_and_fails() {
    let (url, old) = start().await;
    for name in ["damaged entry", "damaged record", "no trail"] {
        old.key(name).await;
    }
    let restored = back_up_and_restore(&url, &old).await;
    old.advance(TimeDelta::minutes(1));
    for id in [1, 2, 3] {
        call(&old, Operation::PauseKey, id).await;
    }
    let contents = old.contents().await;
    let entry = (*contents.partition("AUDIT#7#1").last().expect("an entry")).clone();
    let mut damaged = entry.clone();
    damaged.insert("action".to_owned(), AttributeValue::S("pausing".to_owned()));
    old.app.table.put_item(damaged).send().await.expect("it is stored");
    for entry in contents.partition("AUDIT#7#3") {
        let delete = old.app.table.client().delete_item().table_name(old.app.table.name());
        let delete = ["PK", "SK"].into_iter().fold(delete, |delete, name| delete.key(name, entry[name].clone()));
        delete.send().await.expect("it is deleted");
    }
    let record = restored.contents().await.key(7, 2).expect("a record").clone();
    let mut damaged = record.clone();
    damaged.remove("status");
    restored.app.table.put_item(damaged).send().await.expect("it is stored");

    let expected = [
        "key 1 of user 7 is as it was: attribute action of an entry in the trail of key 1 of user 7 is missing or damaged. Repair it, then reconcile again",
        "key 2 of user 7 is as it was: attribute status of key 2 of user 7 is missing or damaged. Repair it, then reconcile again",
        "key 3 of user 7 has no trail in the old table: it was created since the restore, or its trail is gone",
    ];
    let counts = Counts { keys: 3, untraced: 1, failed: 2, ..Counts::default() };
    assert_eq!(reconcile(&old, &restored, WET).await, (counts, expected.map(str::to_owned).to_vec()));

    old.app.table.put_item(entry).send().await.expect("it is stored");
    restored.app.table.put_item(record).send().await.expect("it is stored");
    let counts = Counts { ended: 2, failed: 0, ..counts };
    assert_eq!(reconcile(&old, &restored, WET).await.0, counts);
}

#[tokio::test]
async fn a_run_that_fails_is_completed_by_the_next() {
    let (url, old) = start().await;
    for name in ["deleted", "paused", "rotated and paused"] {
        old.key(name).await;
    }
    let proxy = FaultProxy::patient(&url).await;
    let restored = back_up_and_restore(&proxy.url, &old).await;
    old.advance(TimeDelta::minutes(1));
    call(&old, Operation::DeleteKey, 1).await;
    call(&old, Operation::PauseKey, 2).await;
    rotate(&old, 3, 0).await;
    call(&old, Operation::PauseKey, 3).await;

    let before = restored.contents().await;
    proxy.inject("TransactWriteItems", usize::MAX, Fault::error(500, "InternalServerError"));
    let (counts, findings) = reconcile(&old, &restored, WET).await;
    assert_eq!(counts, Counts { keys: 3, failed: 3, ..Counts::default() });
    for (id, finding) in (1..).zip(&findings) {
        let expected = format!("key {id} of user 7 may be as it was: unavailable: InternalServerError");
        assert!(finding.starts_with(&expected), "{finding}");
    }
    let after = restored.contents().await;
    assert_eq!(after.clone().records(), before.records());

    proxy.clear();
    proxy.inject("TransactWriteItems", 1, Fault::LoseAnswer);
    let (counts, _) = reconcile(&old, &restored, WET).await;
    assert_eq!(counts, Counts { keys: 3, ended: 4, ..Counts::default() });
    restored.contents().await.assert_consistent();
    assert_eq!(restored.call(Operation::ListKeys).send().await.ok().as_array().map(Vec::len), Some(2));
    assert_eq!(reconcile(&old, &restored, WET).await.0.ended, 0);

    let url = Engine::Embedded.start().await;
    let nowhere = old.second_with(&url, |config| config.table_name = "nowhere".to_owned());
    let failed = Box::pin(reconcile::reconcile(&nowhere.app, &restored.app, WET, |_| ())).await;
    assert!(failed.is_err(), "an old table that does not exist is not one without changes");
}

/// A user's keys, all strings that they ever had, and random changes of them.
struct Owner {
    random: TestRng,
    strings: Vec<(u64, String)>,
}

const KEYS: u64 = 4;

impl Owner {
    async fn change(&mut self, test: &TestApp) {
        let random = &mut self.random;
        let mut pick = |count: u32| random.next_u32() % count;
        let id = u64::from(pick(u32::try_from(KEYS).expect("few"))) + 1;
        match pick(9) {
            0 => drop(test.call(Operation::PauseKey).id(id).send().await),
            1 | 2 => drop(test.call(Operation::ResumeKey).id(id).send().await),
            3 | 4 => {
                let grace = [0, 40, 3_600][pick(3) as usize];
                let body = json!({"grace_period_seconds": grace});
                let answer = test.call(Operation::RotateKey).id(id).json(&body).send().await;
                if answer.status == 200 {
                    self.strings.push((id, string(&answer.json()).to_owned()));
                }
            }
            5 | 6 => {
                let end = test.now() + TimeDelta::seconds([30, 90, 7_200, 900_000][pick(4) as usize]);
                let body = json!({"expiry_at": end.to_rfc3339()});
                drop(test.call(Operation::UpdateKey).id(id).json(&body).send().await);
            }
            7 if pick(3) == 0 => drop(test.call(Operation::DeleteKey).id(id).send().await),
            _ => test.advance(TimeDelta::seconds(20)),
        }
    }
}

/// The records from which a string could still work when the backup was made.
fn unhindered(backup: &Contents, now: i64) -> Vec<u64> {
    let is_unhindered = |id: &u64| {
        let Some(record) = backup.key(7, *id) else { return false };
        let expiry =
            record.get("expires_at").and_then(|at| at.as_n().ok()).map(|at| at.parse::<i64>().expect("seconds"));
        text(record, "status") == "active" && expiry.is_none_or(|expiry| expiry > now)
    };
    (1..=KEYS).filter(is_unhindered).collect()
}

#[tokio::test]
async fn after_any_history_a_string_of_the_backup_works_as_in_the_old_table() {
    let (mut ended, mut alive) = (0, 0);
    for seed in 0..60 {
        let (url, old) = start().await;
        let mut owner = Owner { random: TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]), strings: Vec::new() };
        for id in 1..=KEYS {
            owner.strings.push((id, string(&old.key("k").await).to_owned()));
        }
        for _ in 0..4 {
            owner.change(&old).await;
        }
        let restored = back_up_and_restore(&url, &old).await;
        let backup = restored.contents().await;
        let in_backup = owner.strings.len();
        old.advance(TimeDelta::seconds(1));
        for _ in 0..6 {
            owner.change(&old).await;
        }
        let (counts, findings) = reconcile(&old, &restored, WET).await;
        assert_eq!(counts.failed, 0, "seed {seed}: {findings:?}");
        restored.contents().await.assert_consistent();
        // Now, within and after grace periods and expiries.
        for seconds in [0, 35, 60, 7_200, 900_000] {
            old.advance(TimeDelta::seconds(seconds));
            let unhindered = unhindered(&backup, old.now().timestamp());
            for (index, (id, string)) in owner.strings.iter().enumerate() {
                let in_old = old.verify(string).await["valid"] == true;
                let in_restored = restored.verify(string).await["valid"] == true;
                let place = format!("seed {seed}, {seconds} s, string {index} of key {id}: {findings:?}");
                assert!(in_old || !in_restored, "it was ended: {place}");
                if index < in_backup && unhindered.contains(id) {
                    assert!(in_restored || !in_old, "it was not ended: {place}");
                }
                ended += u32::from(!in_old);
                alive += u32::from(in_restored);
            }
        }
        assert_eq!(reconcile(&old, &restored, WET).await.0.ended, 0, "seed {seed}");
    }
    assert!(ended > 500 && alive > 200, "{ended} {alive}");
}
