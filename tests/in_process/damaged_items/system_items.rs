//! Damaged items that belong to no user.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use serde_json::json;
use shared::Operation;
use shared::edge::schedule::Run;
use shared::store::{Item, PrimaryKey, number};
use tests::TestApp;
use tests::consistency::integer;
use tests::engine::Engine;
use tests::event_bus::EventBus;
use tests::fault_proxy::{Fault, FaultProxy};

use super::{
    Damage, SETTINGS, assert_failed, cases, create, damage, damage_in_log, keys_of, keys_of_user, list, partition,
    start, store, stored, text,
};

on_both_engines! {
    a_damaged_counter_of_ids_stops_creation_only
}

#[tokio::test]
async fn a_damaged_data_key_affects_only_the_keys_that_it_sealed() {
    let proxy = FaultProxy::start(&Engine::Embedded.start().await).await;
    let first = TestApp::on(&proxy.url, &SETTINGS).await.cold(&proxy.url);
    let (old, _) = create(&first, 7, json!({"name": "old", "type": "live", "status": "active"})).await;
    first.advance(TimeDelta::days(366));
    let (new, _) = create(&first, 7, json!({"name": "new", "type": "live", "status": "active"})).await;
    let places = [1, 2].map(|version| Item::from(PrimaryKey::data_key(version)));
    let items = [stored(&first, &places[0]).await, stored(&first, &places[1]).await];
    let names: Vec<String> = cases(&items[0]).into_iter().map(|(name, _)| name).collect();
    assert!(["created_at", "wrapped"].iter().all(|name| names.iter().any(|it| it == name)), "{names:?}");
    let mut versions = 2;
    for (index, place) in places.iter().enumerate() {
        for (attribute, damaged) in cases(&items[index]) {
            let case = format!("data key {} {attribute} {}", index + 1, damaged.kind);
            assert!(damage(&first, place, &attribute, &damaged).await, "{case}");
            let test = first.cold(&proxy.url);
            let keys = list(&test, 7).await;
            let ids: Vec<u64> = keys.iter().filter_map(|key| key["id"].as_u64()).filter(|id| *id <= new).collect();
            let (lost, kept) = if index == 0 { (old, new) } else { (new, old) };
            if attribute == "wrapped" {
                assert_eq!(ids, [kept], "{case}");
                let (sum, texts) = damage_in_log(&test);
                assert!(
                    sum > 0.0 && texts.contains(&format!("attribute wrapped of data key {}", index + 1)),
                    "{texts}"
                );
                let answer = test.call(Operation::GetKey).id(lost).send().await;
                assert_failed(&answer, Operation::GetKey, &case);
            } else {
                assert_eq!(ids, [old, new], "{case}");
            }
            // Another one is made where the newest cannot seal.
            let (made, _) = create(&test, 7, json!({"name": "made", "type": "live", "status": "active"})).await;
            test.read(made).await;
            let stored_versions = partition(&test, "SYSTEM").await.len() - 1;
            assert!(stored_versions <= versions + 1, "{case}");
            versions = stored_versions;
            test.call(Operation::DeleteKey).id(made).send().await.ok();
            assert!(store(&first, items[index].clone()).await);
        }
    }
    assert!(versions > 2, "damage of the newest makes a new one");
}

#[tokio::test]
async fn what_kms_cannot_do_for_the_moment_is_no_damage() {
    let proxy = FaultProxy::start(&Engine::Embedded.start().await).await;
    let first = TestApp::on(&proxy.url, &SETTINGS).await.cold(&proxy.url);
    create(&first, 7, json!({"name": "a", "type": "live", "status": "active"})).await;
    for (code, status) in
        [("ThrottlingException", 503), ("AccessDeniedException", 500), ("InvalidCiphertextException", 500)]
    {
        proxy.clear();
        proxy.inject("Decrypt", usize::MAX, Fault::error(400, code));
        let test = first.cold(&proxy.url);
        let answer = test.call(Operation::ListKeys).send().await;
        assert_eq!(answer.status, status, "{code}: a list is not empty because nothing can be unwrapped");
    }
}

#[tokio::test]
async fn a_damaged_journal_is_skipped() {
    let (test, bus) = (start(Engine::Embedded).await, EventBus::default());
    let run = || Run { id: "run".to_owned(), deadline: test.now() + TimeDelta::seconds(60) };
    let end = async |name: &str| {
        let expiry = (test.now() + TimeDelta::seconds(2)).to_rfc3339();
        create(&test, 7, json!({"name": name, "type": "live", "status": "active", "expiry_at": expiry})).await
    };
    // A journal whose run could not publish.
    let (id, _) = end("a").await;
    test.advance(TimeDelta::seconds(2));
    bus.answer(tests::event_bus::BusAnswer::RefusesOne);
    expire_keys::handle(test.app.clone(), bus.publisher(), run()).await.expect_err("the bus refuses");
    let journal = partition(&test, "SWEEP").await[0].clone();
    bus.answer(tests::event_bus::BusAnswer::Takes);
    let _ = bus.take();
    test.advance(TimeDelta::minutes(5));
    assert_eq!(integer(&steps(&journal)[0], "key_id"), Some(id));

    let mut cases = cases(&journal);
    for (name, damaged) in self::cases(&steps(&journal)[0]) {
        let mut step = steps(&journal)[0].clone();
        match damaged.value {
            Some(value) => step.insert(name.clone(), value),
            None => step.remove(&name),
        };
        cases.push((
            "steps".to_owned(),
            Damage { kind: damaged.kind, value: Some(AttributeValue::L(vec![AttributeValue::M(step)])) },
        ));
    }
    for (attribute, damaged) in cases {
        let case = format!("{attribute} {}", damaged.kind);
        // Before one that is sound.
        let mut sound = journal.clone();
        sound.insert("SK".to_owned(), text("ffffffff-ffff-7fff-bfff-ffffffffffff"));
        assert!(store(&test, sound).await && store(&test, journal.clone()).await);
        assert!(damage(&test, &keys_of(&journal), &attribute, &damaged).await, "{case}");
        end("b").await;
        test.advance(TimeDelta::seconds(2));
        test.log.forget();
        expire_keys::handle(test.app.clone(), bus.publisher(), run())
            .await
            .unwrap_or_else(|error| panic!("{case}: {error}"));
        assert!(bus.take().len() >= 2, "{case}: the sound journal's and the new key's");
        let left = partition(&test, "SWEEP").await.len();
        let (sum, texts) = damage_in_log(&test);
        // One whose end is far away or long ago is sound, and so is one whose steps were not taken.
        assert_eq!(
            (sum > 0.0, texts.contains("of the sweep")),
            (left == 1 && !is_waiting(&damaged, &attribute), sum > 0.0),
            "{case}: {texts}"
        );
    }
}

fn is_waiting(damaged: &Damage, attribute: &str) -> bool {
    attribute == "until" && matches!(damaged.kind, "huge" | "long")
}

fn steps(journal: &Item) -> Vec<Item> {
    let steps = journal["steps"].as_l().expect("a list").iter();
    steps.map(|step| step.as_m().expect("a map").clone()).collect()
}

async fn a_damaged_counter_of_ids_stops_creation_only(engine: Engine) {
    let test = start(engine).await;
    let (id, string) = create(&test, 7, json!({"name": "a", "type": "live", "status": "active"})).await;
    let counter = stored(&test, &PrimaryKey::next_id().into()).await;
    for (attribute, damaged) in cases(&counter) {
        let case = format!("{attribute} {}", damaged.kind);
        assert!(damage(&test, &PrimaryKey::next_id().into(), &attribute, &damaged).await, "{case}");
        test.log.forget();
        let body = json!({"name": "b", "type": "live", "status": "active"});
        let answer = test.call(Operation::CreateKey).json(&body).send().await;
        assert_failed(&answer, Operation::CreateKey, &case);
        let (sum, texts) = damage_in_log(&test);
        assert!(sum > 0.0 && texts.contains("attribute last_id of the counter of ids"), "{case}: {texts}");
        assert_eq!(list(&test, 7).await.len(), 1, "{case}");
        test.read(id).await;
        assert_eq!(test.verify(&string).await["valid"], true, "{case}");
        assert_eq!(keys_of_user(&test, 7).await.1, Some(1), "{case}");
        assert!(store(&test, counter.clone()).await);
    }
    assert_eq!(counter.get("last_id").and_then(number::<u64>), Some(1));
    create(&test, 7, json!({"name": "c", "type": "live", "status": "active"})).await;
}
