//! Damaged keys.

use std::collections::HashMap;

use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::Operation;
use shared::store::Item;
use tests::engine::Engine;
use tests::{TestApp, tokens};

use super::{
    Damage, SETTINGS, assert_failed, cases, create, damage, damage_in_log, full_key, key_place, keys_of_user, list, n,
    place, start, store, stored, transcribe, verify,
};

on_both_engines! {
    a_damaged_key_affects_no_other_and_can_be_deleted
    no_damage_lets_a_key_work_longer
}

/// The remaining use of a damaged key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// It can only be deleted.
    Unreadable,
    /// Its string can be checked and replaced, but not shown.
    Unshown,
    /// The next use replaces what is damaged.
    Passing,
    /// The damage has no effect, or cannot be distinguished from an absent value.
    Harmless,
}

fn effect(attribute: &str, kind: &str) -> Effect {
    match (attribute, kind) {
        // Where the index finds it, only the sweep needs to know.
        ("expiry_shard", _) | ("due_at" | "used_at" | "entry_at", "missing") => Effect::Harmless,
        ("used_at", _) => Effect::Passing,
        ("ciphertext", "empty" | "long") => Effect::Unshown,
        _ => Effect::Unreadable,
    }
}

/// A user with a damaged key, the default, between two sound ones.
struct Case<'a> {
    test: &'a TestApp,
    name: String,
    attribute: &'a str,
    damaged: &'a Damage,
    effect: Effect,
    user: u64,
    first: u64,
    victim: u64,
    last: u64,
    /// The string of the first key.
    first_string: String,
    /// The replaced string of the damaged key, and its current one.
    strings: [String; 2],
    /// The list before the damage.
    before: Vec<Value>,
}

impl<'a> Case<'a> {
    /// Creates the keys and damages one; `None` if the engine refuses the item.
    async fn start(test: &'a TestApp, user: u64, attribute: &'a str, damaged: &'a Damage) -> Option<Self> {
        let name = format!("{attribute} {}", damaged.kind);
        let (first, first_string) = create(test, user, json!({"name": "a", "type": "live", "status": "active"})).await;
        let (victim, old, new) = full_key(test, user).await;
        let (last, _) = create(test, user, json!({"name": "c", "type": "live", "status": "paused"})).await;
        test.call(Operation::SetDefault).user(user).json(&json!({"id": victim})).send().await.ok();
        let before = list(test, user).await;
        if !damage(test, &key_place(user, victim), attribute, damaged).await {
            assert!(matches!(attribute, "due_at" | "expiry_shard"), "{name}: only the index has types");
            return None;
        }
        test.log.forget();
        let (effect, strings) = (effect(attribute, damaged.kind), [old, new]);
        Some(Self { test, name, attribute, damaged, effect, user, first, victim, last, first_string, strings, before })
    }

    /// Lists show the other keys, as they were.
    async fn assert_listed(&self) {
        let Case { test, name: case, attribute, damaged, victim, last, before, .. } = self;
        let (user, effect) = (self.user, self.effect);
        let shown: Vec<Value> =
            before.iter().filter(|key| effect == Effect::Harmless || key["id"] != *victim).cloned().collect();
        let without_use = |keys: &[Value]| -> Vec<Value> {
            let mut keys = keys.to_vec();
            for key in &mut keys {
                key["last_used_at"] = Value::Null;
            }
            keys
        };
        assert_eq!(without_use(&list(test, user).await), without_use(&shown), "{case}");
        let page = test.call(Operation::ListKeys).user(user).query("limit", "2").send().await;
        let cursor = page.next_cursor().unwrap_or_else(|| panic!("{case}: a third key")).to_owned();
        let page = test.call(Operation::ListKeys).user(user).query("limit", "1").query("cursor", &cursor).send().await;
        assert_eq!(page.ok()[0]["id"], *last, "{case}");
        for format in ["hl7", "fhir"].into_iter().filter(|_| damaged.kind == "missing") {
            let answer = test.call(Operation::ListKeys).user(user).header("x-response-format", format).send().await;
            assert_eq!(answer.status, 200, "{case} {format}");
        }
        let (sum, texts) = damage_in_log(test);
        assert_eq!(sum > 0.0, effect != Effect::Harmless, "{case}");
        if effect != Effect::Harmless {
            // Without a mask, the encrypted string is missing.
            let attribute = if *case == "mask missing" { "ciphertext" } else { attribute };
            assert!(
                texts.contains(&format!("attribute {attribute} of key {victim} of user {user} is")),
                "{case}: {texts}"
            );
        }
    }

    /// Calls with the damaged key fail, and write nothing but a use.
    async fn assert_calls_fail(&self) {
        let Case { test, name: case, attribute, damaged, strings: [old, new], .. } = self;
        let (user, victim, effect) = (self.user, self.victim, self.effect);
        if effect != Effect::Unreadable {
            assert_eq!(verify(test, new).send().await.ok()["valid"], true, "{case}");
        }
        let lookup =
            || test.call(Operation::LookupKey).bearer(&tokens::with_role(901, "admin")).json(&json!({"key": new}));
        if effect == Effect::Unshown {
            assert_failed(&lookup().send().await, Operation::LookupKey, case);
        }
        let record = stored(test, &key_place(user, victim)).await;
        for operation in Operation::ALL {
            let call = test.call(operation).user(user);
            let call = match operation {
                // Above, below, and with a key as transcription.
                Operation::CreateKey
                | Operation::ListKeys
                | Operation::ListUserKeys
                | Operation::DeleteKey
                | Operation::AuthorizeRequest
                | Operation::ForwardTranscription
                | Operation::Dictate
                | Operation::ImportKeys
                | Operation::ReceiveMessage => continue,
                // The rotation has mended it.
                Operation::LookupKey if effect == Effect::Unshown => continue,
                Operation::LookupKey => lookup(),
                Operation::UpdateKey => call.id(victim).json(&json!({"name": "renamed"})),
                Operation::SetDefault | Operation::RemoveDefault => call.json(&json!({"id": victim})),
                Operation::VerifyKey => verify(test, new),
                Operation::Transcribe => transcribe(test, user).user(user),
                Operation::GetKey
                | Operation::PauseKey
                | Operation::ResumeKey
                | Operation::ListAudit
                | Operation::RotateKey
                | Operation::GetUsage => call.id(victim),
            };
            if effect == Effect::Harmless && !matches!(operation, Operation::GetKey | Operation::VerifyKey) {
                continue;
            }
            let answer = call.send().await;
            let stays_usable = match operation {
                Operation::ListAudit => true,
                Operation::VerifyKey | Operation::RotateKey | Operation::GetUsage => effect != Effect::Unreadable,
                Operation::Transcribe => {
                    let expected = if effect == Effect::Unreadable { 500 } else { 502 };
                    assert_eq!(answer.status, expected, "{case}: {}", answer.text);
                    continue;
                }
                Operation::GetKey
                | Operation::UpdateKey
                | Operation::PauseKey
                | Operation::ResumeKey
                | Operation::SetDefault
                | Operation::RemoveDefault
                | Operation::LookupKey => effect == Effect::Harmless,
                Operation::CreateKey
                | Operation::ListKeys
                | Operation::ListUserKeys
                | Operation::DeleteKey
                | Operation::AuthorizeRequest
                | Operation::ForwardTranscription
                | Operation::Dictate
                | Operation::ImportKeys
                | Operation::ReceiveMessage => continue,
            };
            if stays_usable {
                assert_eq!(answer.status, 200, "{operation:?} {case}: {}", answer.text);
            } else {
                assert_failed(&answer, operation, case);
                assert!(damage_in_log(test).0 > 0.0, "{operation:?} {case}");
            }
            if operation == Operation::RotateKey && effect == Effect::Unshown {
                assert_eq!(
                    test.call(Operation::GetKey).user(user).id(victim).send().await.status,
                    200,
                    "{case}: mended"
                );
                assert!(damage(test, &key_place(user, victim), attribute, damaged).await, "again");
            }
        }
        if effect == Effect::Unreadable {
            let answer = verify(test, old).send().await;
            assert_failed(&answer, Operation::VerifyKey, case);
            // Uses may be counted, but nothing else is written.
            let counted = |mut item: Item| {
                item.retain(|name, _| !matches!(name.as_str(), "uses" | "used_at" | "days"));
                item
            };
            assert_eq!(counted(stored(test, &key_place(user, victim)).await), counted(record), "{case}");
        }
    }

    /// Calls with the other keys do what they do.
    async fn assert_others_are_usable(&self) {
        let Case { test, name: case, first, last, victim, first_string, .. } = self;
        let user = self.user;
        let set_default = |id: u64| test.call(Operation::SetDefault).user(user).json(&json!({"id": id}));
        assert_eq!(verify(test, first_string).send().await.ok()["valid"], true, "{case}");
        let next = set_default(*first).send().await;
        assert_eq!((next.status, &next.json()["is_default"]), (200, &json!(true)), "{case}: {}", next.text);
        set_default(*first).send().await.ok();
        let named_old = json!({"id": last, "old_id": victim});
        test.call(Operation::SetDefault).user(user).json(&named_old).send().await.ok();
        for operation in [Operation::ResumeKey, Operation::PauseKey, Operation::GetUsage, Operation::ListAudit] {
            test.call(operation).user(user).id(last).send().await.ok();
        }
        create(test, user, json!({"name": "d", "type": "live", "status": "active"})).await;
        test.call(Operation::DeleteKey).user(user).id(first).send().await.ok();
    }

    /// The damaged key can be deleted; half of them are the default then.
    async fn assert_deletable(&self) {
        let Case { test, name: case, attribute, victim, last, strings: [_, new], .. } = self;
        let (user, effect) = (self.user, self.effect);
        if user % 2 == 0 {
            let mut meta = stored(test, &place(&format!("USER#{user}"), "META")).await;
            meta.insert("default_id".to_owned(), n(&victim.to_string()));
            assert!(store(test, meta).await);
        }
        let deleted = test.call(Operation::DeleteKey).user(user).id(victim).send().await;
        assert_eq!(deleted.status, 200, "{case}: {}", deleted.text);
        assert_eq!(test.call(Operation::GetKey).user(user).id(victim).send().await.status, 404, "{case}");
        assert_eq!(verify(test, new).send().await.ok()["valid"], false, "{case}");
        let trail = test.call(Operation::ListAudit).user(user).id(victim).send().await.ok();
        let actions: Vec<&Value> = trail.as_array().expect("an array").iter().map(|entry| &entry["action"]).collect();
        assert!(
            actions.contains(&&json!("delete")) && actions.contains(&&json!("remove_default")),
            "{case}: {actions:?}"
        );
        let deletion = &trail.as_array().expect("an array").iter().find(|entry| entry["action"] == "delete");
        let changes = deletion.expect("a deletion")["changes"].as_object().expect("changes").len();
        let fields = ["name", "type", "status", "expires_at", "old_until"];
        let lost = usize::from(fields.contains(attribute) && effect == Effect::Unreadable);
        assert!((5 - lost..=5).contains(&changes), "{case}: {trail}");
        let default = if user % 2 == 0 { None } else { Some(*last) };
        assert_eq!(keys_of_user(test, user).await, (default, Some(2), 2), "{case}");
    }
}

async fn a_damaged_key_affects_no_other_and_can_be_deleted(engine: Engine) {
    let test = start(engine).await;
    let (id, ..) = full_key(&test, 1).await;
    let cases = cases(&stored(&test, &key_place(1, id)).await);
    assert!(cases.len() > 100, "{}", cases.len());
    let met = assert_contained(&test, &cases).await;
    assert!(met["Unreadable"] > 90 && met["Unshown"] == 2 && met["Harmless"] >= 3, "{met:?}");
}

/// Where strings are revealed once, records have a mask in place of the encrypted string.
#[tokio::test]
async fn a_damaged_mask_affects_no_other_key_and_the_key_can_be_deleted() {
    let settings = [&SETTINGS[..], &[("KEY_REVEAL", "once")]].concat();
    let test = TestApp::on(&Engine::Embedded.start().await, &settings).await;
    let (id, ..) = full_key(&test, 1).await;
    let mut cases = cases(&stored(&test, &key_place(1, id)).await);
    cases.retain(|(attribute, _)| attribute == "mask");
    let met = assert_contained(&test, &cases).await;
    assert_eq!(met, HashMap::from([("Unreadable".to_owned(), cases.len())]));
    assert!(cases.len() >= 5, "{}", cases.len());
}

/// Makes each damage, and returns how often each effect was met.
async fn assert_contained(test: &TestApp, cases: &[(String, Damage)]) -> HashMap<String, usize> {
    let mut met = HashMap::new();
    for (user, (attribute, damaged)) in (100..).zip(cases) {
        let Some(mut case) = Case::start(test, user, attribute, damaged).await else { continue };
        *met.entry(format!("{:?}", case.effect)).or_insert(0) += 1;
        case.assert_listed().await;
        if case.effect == Effect::Passing {
            let [_, new] = &case.strings;
            assert_eq!(verify(test, new).send().await.ok()["valid"], true, "{}", case.name);
            case.effect = Effect::Harmless;
        }
        case.assert_calls_fail().await;
        case.assert_others_are_usable().await;
        case.assert_deletable().await;
    }
    met
}

async fn no_damage_lets_a_key_work_longer(engine: Engine) {
    let test = start(engine).await;
    let mut strings = Vec::new();
    let (id, ..) = full_key(&test, 1).await;
    for (user, (attribute, damaged)) in (100..).zip(cases(&stored(&test, &key_place(1, id)).await)) {
        let (id, old, new) = full_key(&test, user).await;
        let (paused, _, paused_string) = full_key(&test, user).await;
        test.call(Operation::PauseKey).user(user).id(paused).send().await.ok();
        let case = format!("{attribute} {}", damaged.kind);
        for id in [id, paused] {
            damage(&test, &key_place(user, id), &attribute, &damaged).await;
        }
        assert_invalid(&test, &paused_string, &case).await;
        // A use would repair nothing, but might add to what is missing.
        strings.push((old, new, case));
    }
    test.advance(TimeDelta::hours(1));
    for (old, _, case) in &strings {
        assert_invalid(&test, old, case).await;
    }
    test.advance(TimeDelta::days(60));
    for (_, new, case) in &strings {
        assert_invalid(&test, new, case).await;
    }
}

async fn assert_invalid(test: &TestApp, key: &str, case: &str) {
    let answer = verify(test, key).send().await;
    let is_refused = answer.status == 500 || answer.status == 200 && answer.json()["valid"] == false;
    assert!(is_refused, "{case}: {} {}", answer.status, answer.text);
}

#[tokio::test]
async fn a_test_key_over_its_limit_is_not_let_through_by_damage() {
    let test =
        TestApp::on(&Engine::Embedded.start().await, &[&SETTINGS[..], &[("TEST_KEY_DAILY_LIMIT", "2")]].concat()).await;
    let (id, ..) = full_key(&test, 1).await;
    for (user, (attribute, damaged)) in (100..).zip(cases(&stored(&test, &key_place(1, id)).await)) {
        let (id, _, new) = full_key(&test, user).await;
        assert_eq!(verify(&test, &new).send().await.ok()["valid"], false, "used up");
        let case = format!("{attribute} {}", damaged.kind);
        damage(&test, &key_place(user, id), &attribute, &damaged).await;
        assert_invalid(&test, &new, &case).await;
    }
}
