//! Damaged items of users beside their keys.

use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::Operation;
use shared::ids::{KeyId, UserId};
use shared::store::{Item, PrimaryKey};
use tests::engine::Engine;
use tests::pages::pages;

use super::{
    assert_failed, cases, create, damage, damage_in_log, full_key, keys_of, keys_of_user, list, n, partition, place,
    start, store, stored, transcribe, verify,
};

on_both_engines! {
    a_damaged_meta_item_stops_only_calls_that_need_it
    a_default_that_points_nowhere_can_be_replaced
    damaged_counters_of_calls_fail_one_users_calls_until_the_hour_ends
}

async fn a_damaged_meta_item_stops_only_calls_that_need_it(engine: Engine) {
    let test = start(engine).await;
    create(&test, 1, json!({"name": "a", "type": "live", "status": "active"})).await;
    test.call(Operation::SetDefault).user(1).json(&json!({"id": 1})).send().await.ok();
    let cases = cases(&stored(&test, &place("USER#1", "META")).await);
    let names = ["default_at", "default_id", "key_count"];
    assert!(names.iter().all(|name| cases.iter().any(|(attribute, _)| attribute == name)));
    for (user, (attribute, damaged)) in (100..).zip(&cases) {
        let case = format!("{attribute} {}", damaged.kind);
        let (id, string) = create(&test, user, json!({"name": "a", "type": "live", "status": "active"})).await;
        let (other, _) = create(&test, user, json!({"name": "b", "type": "live", "status": "active"})).await;
        test.call(Operation::SetDefault).user(user).json(&json!({"id": id})).send().await.ok();
        let meta = place(&format!("USER#{user}"), "META");
        assert!(damage(&test, &meta, attribute, damaged).await, "{case}");
        let is_lost = attribute == "default_id";
        test.log.forget();
        let keys = list(&test, user).await;
        assert_eq!((keys.len(), &keys[0]["is_default"]), (2, &json!(!is_lost)), "{case}");
        // A lost default cannot be distinguished from none.
        let is_plain = damaged.kind == "missing" && attribute != "key_count";
        let (sum, texts) = damage_in_log(&test);
        assert_eq!(sum > 0.0, !is_plain, "{case}");
        assert!(
            is_plain || texts.contains(&format!("attribute {attribute} of the meta item of user {user}")),
            "{texts}"
        );
        let fhir = test.call(Operation::ListKeys).user(user).header("x-response-format", "fhir").send().await;
        assert_eq!(fhir.json()["total"], 2, "{case}");
        for operation in [Operation::GetKey, Operation::PauseKey, Operation::ResumeKey, Operation::RotateKey] {
            test.call(operation).user(user).id(id).send().await.ok();
        }
        assert_eq!(verify(&test, &string).send().await.ok()["valid"], false, "{case}: rotated");

        let body = json!({"name": "c", "type": "live", "status": "active"});
        let created = test.call(Operation::CreateKey).user(user).json(&body).send().await;
        if attribute == "key_count" && !matches!(damaged.kind, "missing" | "negative" | "fraction") {
            assert_failed(&created, Operation::CreateKey, &case);
        } else {
            assert_eq!(created.status, 201, "{case}: {}", created.text);
        }
        let default = transcribe(&test, user).user(user).send().await;
        let removed = test.call(Operation::RemoveDefault).user(user).json(&json!({"id": id})).send().await;
        if is_lost && !is_plain {
            assert_failed(&default, Operation::Transcribe, &case);
            assert_failed(&removed, Operation::RemoveDefault, &case);
        } else {
            assert_eq!((default.status, removed.status), (if is_lost { 409 } else { 502 }, 200), "{case}");
        }
        // Setting a default repairs it.
        let set = test.call(Operation::SetDefault).user(user).json(&json!({"id": other})).send().await;
        assert_eq!(set.status, 200, "{case}: {}", set.text);
        assert_eq!(keys_of_user(&test, user).await.0, Some(other), "{case}");
        for id in [other, id] {
            let deleted = test.call(Operation::DeleteKey).user(user).id(id).send().await;
            assert_eq!(deleted.status, 200, "{case}: {}", deleted.text);
        }
        assert_eq!(keys_of_user(&test, user).await.0, None, "{case}");
    }
}

async fn a_default_that_points_nowhere_can_be_replaced(engine: Engine) {
    let test = start(engine).await;
    let (id, _) = create(&test, 7, json!({"name": "a", "type": "live", "status": "active"})).await;
    let mut meta = stored(&test, &place("USER#7", "META")).await;
    meta.insert("default_id".to_owned(), n("4711"));
    assert!(store(&test, meta).await);
    test.call(Operation::SetDefault).json(&json!({"id": id})).send().await.ok();
    assert_eq!(keys_of_user(&test, 7).await.0, Some(id));
    assert_eq!(test.call(Operation::ListAudit).id(4711).send().await.status, 404, "no trail of what never was");
}

#[tokio::test]
async fn a_damaged_audit_entry_is_left_out_and_its_trail_goes_on() {
    let test = start(Engine::Embedded).await;
    let names = ["action", "actor_id", "actor_role", "at", "changes", "key_id", "request_id", "source_ip", "user_id"];
    let (id, ..) = full_key(&test, 1).await;
    let entry = partition(&test, &format!("AUDIT#1#{id}")).await[0].clone();
    let cases = cases(&entry);
    assert!(names.iter().all(|name| cases.iter().any(|(attribute, _)| attribute == name)));
    for (user, (attribute, damaged)) in (100..).zip(&cases) {
        let case = format!("{attribute} {}", damaged.kind);
        let (id, ..) = full_key(&test, user).await;
        for operation in [Operation::PauseKey, Operation::ResumeKey] {
            test.advance(TimeDelta::milliseconds(1));
            test.call(operation).user(user).id(id).send().await.ok();
        }
        let trail = partition(&test, &format!("AUDIT#{user}#{id}")).await;
        let audit = || test.call(Operation::ListAudit).user(user).id(id);
        let whole = audit().send().await.ok();
        let whole = whole.as_array().expect("an array");
        // The newest but one.
        assert!(damage(&test, &keys_of(&trail[2]), attribute, damaged).await, "{case}");
        let is_shown = (attribute.as_str(), damaged.kind) == ("source_ip", "missing")
            || matches!((attribute.as_str(), damaged.kind), ("source_ip" | "request_id", "empty"));
        test.log.forget();
        let seen = audit().send().await.ok();
        let ids = |list: &[Value]| list.iter().map(|entry| entry["id"].clone()).collect::<Vec<_>>();
        let mut left = ids(whole);
        if !is_shown {
            left.remove(1);
        }
        assert_eq!(ids(seen.as_array().expect("an array")), left, "{case}");
        let (sum, texts) = damage_in_log(&test);
        assert_eq!(sum > 0.0, !is_shown, "{case}");
        let told_of = format!("attribute {attribute} of an entry in the trail of key {id} of user {user}");
        assert!(is_shown || texts.contains(&told_of), "{case}: {texts}");
        // Page by page: one may be empty, but leads on.
        let pages = pages(&format!("/v1/api/apiKeys/{id}/audit"), 1, audit).await;
        assert_eq!(ids(&pages.concat()), left, "{case}");
        if is_shown {
            continue;
        }
        for entry in &trail {
            assert!(damage(&test, &keys_of(entry), attribute, damaged).await, "{case}");
        }
        for format in ["json", "hl7", "fhir"] {
            let answer = audit().header("x-response-format", format).send().await;
            assert_eq!(answer.status, 200, "{case} {format}: nothing left, but a key that was there");
        }
        test.call(Operation::PauseKey).user(user).id(id).send().await.ok();
        assert_eq!(audit().send().await.ok().as_array().map(Vec::len), Some(1), "{case}");
    }
}

#[tokio::test]
async fn a_damaged_remembered_outcome_fails_its_repetitions_only() {
    let test = start(Engine::Embedded).await;
    let body = json!({"name": "a", "type": "live", "status": "active"});
    let create = |key: &str| test.call(Operation::CreateKey).header("Idempotency-Key", key).json(&body);
    assert_eq!(create("sample").send().await.status, 201);
    let outcome = |key: &str| Item::from(PrimaryKey::idempotency(UserId::new(7).expect("an id"), key));
    let sample = stored(&test, &outcome("sample")).await;
    let names = ["at", "fingerprint", "is_default", "outcome", "ttl"];
    let cases = cases(&sample);
    assert!(names.iter().all(|name| cases.iter().any(|(attribute, _)| attribute == name)));
    for (index, (attribute, damaged)) in cases.into_iter().enumerate() {
        let case = format!("{attribute} {}", damaged.kind);
        let key = format!("request-{index}");
        let (made, count) = (create(&key).send().await.created_key(), keys_of_user(&test, 7).await.1);
        assert!(damage(&test, &outcome(&key), &attribute, &damaged).await, "{case}");
        test.log.forget();
        let repeated = create(&key).send().await;
        // One that ended long ago is over, and one that ends late is kept.
        if (attribute.as_str(), damaged.kind) == ("ttl", "negative") {
            assert_eq!(repeated.status, 201, "{case}");
        } else {
            assert_failed(&repeated, Operation::CreateKey, &case);
            assert!(damage_in_log(&test).0 > 0.0, "{case}");
            assert_eq!(keys_of_user(&test, 7).await.1, count, "{case}");
        }
        assert_eq!(test.read(made["id"].as_u64().expect("an id")).await, made, "{case}");
        for id in [made["id"].clone(), repeated.json()["id"].clone()] {
            if let Some(id) = id.as_u64() {
                test.call(Operation::DeleteKey).id(id).send().await.ok();
            }
        }
    }
}

#[tokio::test]
async fn a_damaged_issued_string_fails_repetitions_only() {
    let test = start(Engine::Embedded).await;
    let body = json!({"name": "a", "type": "live", "status": "active"});
    let create = |key: &str| test.call(Operation::CreateKey).header("Idempotency-Key", key).json(&body);
    let issued = |key: &Value| {
        let id = KeyId::new(key["id"].as_u64().expect("an id")).expect("an id");
        Item::from(PrimaryKey::issued(UserId::new(7).expect("an id"), id))
    };
    let cases = cases(&stored(&test, &issued(&create("sample").send().await.json())).await);
    let names = ["ciphertext", "data_key", "hash", "ttl"];
    assert!(names.iter().all(|name| cases.iter().any(|(attribute, _)| attribute == name)));
    for (index, (attribute, damaged)) in cases.into_iter().enumerate() {
        let case = format!("{attribute} {}", damaged.kind);
        let key = format!("request-{index}");
        let made = create(&key).send().await.created_key();
        assert!(damage(&test, &issued(&made), &attribute, &damaged).await, "{case}");
        test.log.forget();
        let repeated = create(&key).send().await;
        match (attribute.as_str(), damaged.kind) {
            // Only DynamoDB reads it.
            ("ttl", _) => assert_eq!(repeated.created_key(), made, "{case}"),
            // That of another string.
            ("hash", "empty" | "long") => {
                assert_eq!((repeated.status, repeated.text.contains('…')), (201, true), "{case}");
            }
            _ => {
                assert_failed(&repeated, Operation::CreateKey, &case);
                let (sum, texts) = damage_in_log(&test);
                let told = texts.contains(&format!("attribute {attribute} of the issued string of key {}", made["id"]));
                assert!(sum > 0.0 && told, "{case}: {texts}");
            }
        }
        let id = made["id"].as_u64().expect("an id");
        assert_eq!(test.read(id).await, made, "{case}");
        test.call(Operation::DeleteKey).id(id).send().await.ok();
        assert!(!test.contents().await.items().any(|item| item["SK"] == issued(&made)["SK"]), "{case}");
    }
}

async fn damaged_counters_of_calls_fail_one_users_calls_until_the_hour_ends(engine: Engine) {
    let test = start(engine).await;
    create(&test, 1, json!({"name": "a", "type": "live", "status": "active"})).await;
    let counters = partition(&test, "LIMIT#1").await[0].clone();
    let sort = counters["SK"].as_s().expect("an hour").clone();
    for (user, (attribute, damaged)) in (100..).zip(cases(&counters)) {
        let case = format!("{attribute} {}", damaged.kind);
        let (_, string) = create(&test, user, json!({"name": "a", "type": "live", "status": "active"})).await;
        assert!(damage(&test, &place(&format!("LIMIT#{user}"), &sort), &attribute, &damaged).await, "{case}");
        let answer = test.call(Operation::ListKeys).user(user).send().await;
        match (attribute.as_str(), damaged.kind) {
            ("ttl", _) | (_, "missing") => assert_eq!(answer.status, 200, "{case}"),
            _ => assert_failed(&answer, Operation::ListKeys, &case),
        }
        assert_eq!(test.verify(&string).await["valid"], true, "{case}");
        assert_eq!(list(&test, 1).await.len(), 1, "{case}");
        assert_eq!(keys_of_user(&test, user).await.1, Some(1), "{case}");
    }
    test.advance(TimeDelta::hours(1));
    assert_eq!(list(&test, 100).await.len(), 1);
}
