//! The final content of the table, typed.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;
use shared::store::{Item, number};
use tests::Contents;
use tests::consistency::{integer, text};

/// Everything in the table but data keys.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Keys by user and id.
    pub keys: BTreeMap<(u64, u64), Record>,
    /// User items by user.
    pub metas: BTreeMap<u64, Meta>,
    pub entries: Vec<Entry>,
    /// The call counters by user and hour since 1970: those of the hour and its minutes.
    pub limits: BTreeMap<(u64, i64), BTreeMap<String, u64>>,
    /// Idempotency items by user and sort key.
    pub outcomes: BTreeMap<(u64, String), Option<u64>>,
    /// The hashes of strings that are kept for repeated requests, by user and id.
    pub issued: BTreeMap<(u64, u64), Vec<u8>>,
    pub journals: usize,
    pub last_id: u64,
}

/// A key's record.
#[derive(Clone, Debug)]
pub struct Record {
    pub name: String,
    pub kind: String,
    pub status: String,
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub hash: Vec<u8>,
    pub old_hash: Option<Vec<u8>>,
    pub old_until: Option<i64>,
    pub uses: u64,
    /// Uses by day.
    pub days: BTreeMap<String, u64>,
    pub version: u64,
}

/// A user item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    pub default_id: Option<u64>,
    pub key_count: u64,
}

/// An entry of the audit trail.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: String,
    /// The time in milliseconds.
    pub at: i64,
    pub action: String,
    pub user_id: u64,
    pub key_id: u64,
    pub actor: Option<u64>,
    pub request_id: String,
    pub changes: Changes,
}

/// Fields with their values before and after.
pub type Changes = BTreeMap<String, (Value, Value)>;

impl Stored {
    pub fn of(contents: &Contents) -> Self {
        let mut stored = Self::default();
        for item in contents.items() {
            stored.add(item);
        }
        stored
    }

    fn add(&mut self, item: &Item) {
        let (partition, sort) = (text(item, "PK"), text(item, "SK"));
        let parts: Vec<&str> = partition.split('#').collect();
        match (parts.as_slice(), sort.as_str()) {
            (["USER", user], "META") => {
                let meta = Meta {
                    default_id: integer(item, "default_id"),
                    key_count: integer(item, "key_count").unwrap_or(0),
                };
                self.metas.insert(parsed(user), meta);
            }
            (["USER", user], issued) if issued.starts_with("ISSUED#") => {
                let hash = item["hash"].as_b().expect("bytes").as_ref().to_vec();
                self.issued.insert((parsed(user), parsed(issued.trim_start_matches("ISSUED#"))), hash);
            }
            (["USER", user], key) => {
                let id = parsed(key.trim_start_matches("KEY#"));
                self.keys.insert((parsed(user), id), Record::of(item));
            }
            (["AUDIT", user, key], _) => self.entries.push(Entry::of(item, parsed(user), parsed(key), sort)),
            (["LIMIT", user], hour) => {
                let counters = item.iter().filter(|(name, _)| *name != "ttl");
                let counters = counters.filter_map(|(name, value)| Some((name.clone(), number(value)?)));
                self.limits.insert((parsed(user), hour.parse().expect("an hour")), counters.collect());
            }
            (["IDEMPOTENCY", user], _) => {
                let outcome = item.get("outcome").and_then(|outcome| outcome.as_m().ok());
                let id = outcome.map(|outcome| parsed(text(outcome, "SK").trim_start_matches("KEY#")));
                self.outcomes.insert((parsed(user), sort), id);
            }
            (["SWEEP"], _) => self.journals += 1,
            (["SYSTEM"], "NEXT_ID") => self.last_id = integer(item, "last_id").expect("a counter"),
            (["SYSTEM"], data_key) => assert!(data_key.starts_with("DATA_KEY#"), "SYSTEM has {data_key}"),
            _ => panic!("nobody knows what {partition} {sort} is"),
        }
    }
}

impl Record {
    fn of(item: &Item) -> Self {
        let time = |name: &str| item.get(name).and_then(number);
        let bytes = |name: &str| {
            let bytes = item.get(name).and_then(|value: &AttributeValue| value.as_b().ok());
            bytes.map(|bytes| bytes.as_ref().to_vec())
        };
        let days = item["days"].as_m().expect("a map").iter();
        Self {
            name: text(item, "name"),
            kind: text(item, "type"),
            status: text(item, "status"),
            created_at: time("created_at").expect("a time"),
            expires_at: time("expires_at"),
            hash: bytes("hash").expect("a hash"),
            old_hash: bytes("old_hash"),
            old_until: time("old_until"),
            uses: integer(item, "uses").expect("a count"),
            days: days.map(|(day, count)| (day.clone(), number(count).expect("a count"))).collect(),
            version: integer(item, "version").expect("a version"),
        }
    }
}

impl Entry {
    fn of(item: &Item, user_id: u64, key_id: u64, id: String) -> Self {
        let changes: Value = serde_json::from_str(&text(item, "changes")).expect("JSON");
        let change =
            |(field, change): (&String, &Value)| (field.clone(), (change["from"].clone(), change["to"].clone()));
        Self {
            id,
            at: item.get("at").and_then(number).expect("a time"),
            action: text(item, "action"),
            user_id,
            key_id,
            actor: integer(item, "actor_id"),
            request_id: text(item, "request_id"),
            changes: changes.as_object().expect("fields").iter().map(change).collect(),
        }
    }
}

fn parsed(number: &str) -> u64 {
    number.parse().unwrap_or_else(|_| panic!("{number} is no number"))
}
