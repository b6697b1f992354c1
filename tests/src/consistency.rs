//! The content of the table, and its consistency.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;
use shared::clock::Timestamp;
use shared::fields::{FIELDS, FieldType, TRAIL_ONLY};
use shared::store::{Item, Table, number};

/// All items of a table, by partition and sort key.
#[derive(Clone, Debug, PartialEq)]
pub struct Contents(BTreeMap<(String, String), Item>);

impl Contents {
    /// Reads the whole table.
    pub async fn of(table: &Table) -> Self {
        let scan = table.client().scan().table_name(table.name()).consistent_read(true);
        let mut pages = scan.into_paginator().items().send();
        let mut items = BTreeMap::new();
        while let Some(item) = pages.next().await {
            let item = item.expect("the table can be read");
            items.insert((text(&item, "PK"), text(&item, "SK")), item);
        }
        Self(items)
    }

    /// The items without call counters, the id counter and data keys.
    #[must_use]
    pub fn records(mut self) -> Self {
        self.0.retain(|(partition, _), _| !partition.starts_with("LIMIT#") && partition != "SYSTEM");
        self
    }

    /// The items without the call counters, which every call of a known caller changes.
    #[must_use]
    pub fn without_limits(mut self) -> Self {
        self.0.retain(|(partition, _), _| !partition.starts_with("LIMIT#"));
        self
    }

    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.0.values()
    }

    /// The items of a partition, in the order of their sort keys.
    #[must_use]
    pub fn partition(&self, partition: &str) -> Vec<&Item> {
        self.0.iter().filter(|((pk, _), _)| pk == partition).map(|(_, item)| item).collect()
    }

    #[must_use]
    pub fn get(&self, partition: &str, sort: &str) -> Option<&Item> {
        self.0.get(&(partition.to_owned(), sort.to_owned()))
    }

    /// The record of a user's key.
    #[must_use]
    pub fn key(&self, user_id: u64, id: u64) -> Option<&Item> {
        self.get(&format!("USER#{user_id}"), &format!("KEY#{id:016}"))
    }

    /// The records of a user's keys, oldest first.
    #[must_use]
    pub fn keys(&self, user_id: u64) -> Vec<&Item> {
        let partition = self.partition(&format!("USER#{user_id}"));
        partition.into_iter().filter(|item| text(item, "SK").starts_with("KEY#")).collect()
    }

    /// The stored count of a user's keys.
    #[must_use]
    pub fn key_count(&self, user_id: u64) -> u64 {
        self.meta(user_id).and_then(|meta| integer(meta, "key_count")).unwrap_or(0)
    }

    /// A user's default.
    #[must_use]
    pub fn default_id(&self, user_id: u64) -> Option<u64> {
        self.meta(user_id).and_then(|meta| integer(meta, "default_id"))
    }

    fn meta(&self, user_id: u64) -> Option<&Item> {
        self.get(&format!("USER#{user_id}"), "META")
    }

    /// The actions in the trails of all of a user's keys, sorted by name.
    #[must_use]
    pub fn actions(&self, user_id: u64) -> Vec<String> {
        let prefix = format!("AUDIT#{user_id}#");
        let entries = self.0.iter().filter(|((partition, _), _)| partition.starts_with(&prefix));
        let mut actions: Vec<String> = entries.map(|(_, entry)| text(entry, "action")).collect();
        actions.sort();
        actions
    }

    /// Checks the invariants, which hold after any calls, concurrent and failed ones included: counts are right, the
    /// default exists, and each record agrees with its trail.
    pub fn assert_consistent(&self) {
        let ids = |prefix: &str| -> BTreeSet<String> {
            self.0.keys().filter_map(|(partition, _)| partition.strip_prefix(prefix)).map(str::to_owned).collect()
        };
        for user in ids("USER#") {
            let user_id = parsed(&user);
            let keys = self.keys(user_id);
            assert_eq!(self.key_count(user_id), keys.len() as u64, "key_count of user {user}");
            if let Some(default_id) = self.default_id(user_id) {
                assert!(self.key(user_id, default_id).is_some(), "user {user}'s default {default_id} is a key");
            }
            for key in keys {
                let trail = format!("AUDIT#{user}#{}", parsed(text(key, "SK").trim_start_matches("KEY#")));
                assert!(!self.partition(&trail).is_empty(), "{trail} is there");
            }
        }
        for string in ids("EXISTING#") {
            let item = self.get(&format!("EXISTING#{string}"), "KEY").expect("an item");
            let place = ["user_id", "key_id"].map(|name| integer(item, name).expect("an id").to_string());
            assert!(
                !self.partition(&format!("AUDIT#{}", place.join("#"))).is_empty(),
                "the key of {string} had a trail"
            );
        }
        for trail in ids("AUDIT#") {
            let (user_id, id) = trail.split_once('#').expect("a user and a key");
            self.assert_trail_agrees(&trail, parsed(user_id), parsed(id));
        }
    }

    fn assert_trail_agrees(&self, trail: &str, user_id: u64, id: u64) {
        let entries = self.partition(&format!("AUDIT#{trail}"));
        let count =
            |actions: &[&str]| entries.iter().filter(|entry| actions.contains(&&*text(entry, "action"))).count();
        let record = self.key(user_id, id);
        assert_eq!(count(&["create", "import"]), 1, "creations in trail {trail}");
        assert_eq!(count(&["delete"]), usize::from(record.is_none()), "deletions in trail {trail}");
        // Each value of a field was replaced as often as it was set, except the current one.
        let mut balance: BTreeMap<(String, String), i64> = BTreeMap::new();
        for entry in &entries {
            let changes: Value = serde_json::from_str(&text(entry, "changes")).expect("changes");
            for (field, change) in changes.as_object().expect("fields") {
                *balance.entry((field.clone(), change["from"].to_string())).or_default() -= 1;
                *balance.entry((field.clone(), change["to"].to_string())).or_default() += 1;
            }
        }
        let mut expect = |field: &str, before: Value, now: Value| {
            *balance.entry((field.to_owned(), before.to_string())).or_default() += 1;
            *balance.entry((field.to_owned(), now.to_string())).or_default() -= 1;
        };
        if let Some(record) = record {
            assert_eq!(
                integer(record, "version"),
                Some(1 + count(&["update", "pause", "resume", "rotate", "set_default", "remove_default"]) as u64),
                "version by trail {trail}"
            );
            let in_record = FIELDS.iter().filter(|field| field.is_audited && field.name != "is_default");
            let in_record = in_record.map(|field| (field.name, field.kind));
            for (field, kind) in in_record.chain(TRAIL_ONLY.map(|name| (name, FieldType::Time))) {
                let attribute = match field {
                    "expiry_at" => "expires_at",
                    "previous_key_until" => "old_until",
                    other => other,
                };
                let value = record.get(attribute);
                let now = if kind == FieldType::Time {
                    value.and_then(number).and_then(Timestamp::from_seconds).map(|time| time.to_string())
                } else {
                    value.map(|_| text(record, attribute))
                };
                expect(field, Value::Null, now.into());
            }
            expect("is_default", false.into(), (self.default_id(user_id) == Some(id)).into());
        } else {
            // A deletion does not say whether the key was the default.
            balance.retain(|(field, _), _| field != "is_default");
        }
        balance.retain(|_, balance| *balance != 0);
        assert!(balance.is_empty(), "trail {trail} and its record differ: {balance:?}");
    }
}

#[must_use]
pub fn text(item: &Item, name: &str) -> String {
    let text = item.get(name).and_then(|value| value.as_s().ok());
    text.unwrap_or_else(|| panic!("no {name} in {:?}", item.keys())).clone()
}

#[must_use]
pub fn integer(item: &Item, name: &str) -> Option<u64> {
    item.get(name).and_then(|value: &AttributeValue| number(value))
}

fn parsed(id: &str) -> u64 {
    u64::from_str(id).expect("an id")
}
