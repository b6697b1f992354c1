//! Record ↔ DynamoDB item.

use std::borrow::Cow;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::DateTime;

use super::item::{Item, number};
use super::primary_key::PrimaryKey;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::KeyId;
use crate::keys::{Day, Key, KeyName, KeyType, Previous, Sealed, Status, Usage};

/// The partitions of the index of keys for which something will fall due: one could not take the writes of all.
pub const EXPIRY_SHARDS: u8 = 16;

/// The attributes that changes leave alone: uses count them, beside all changes.
pub const COUNTED: [&str; 3] = ["used_at", "uses", "days"];

/// An item that is not a key record.
#[derive(Debug, thiserror::Error)]
#[error("attribute {0} of a key record is missing or damaged")]
pub struct Damaged(&'static str);

impl From<Damaged> for Error {
    fn from(damaged: Damaged) -> Self {
        Self::Failed(Cow::Owned(damaged.to_string()))
    }
}

/// The item of a new record.
pub fn to_item(key: &Key) -> Item {
    let Key {
        id,
        user_id,
        name,
        kind,
        stored_status,
        created_at,
        expires_at,
        due_at,
        secret: Sealed { hash, data_key, ciphertext },
        previous,
        usage: Usage { count, last_used_at, days },
        entry_at,
        version,
    } = key;
    let number = |number: u64| AttributeValue::N(number.to_string());
    let time = |time: Timestamp| AttributeValue::N(time.seconds().to_string());
    let mut item = Item::from(PrimaryKey::key(*user_id, *id));
    let attributes = [
        ("name", Some(AttributeValue::S(name.as_str().to_owned()))),
        ("type", Some(AttributeValue::S(kind.as_str().to_owned()))),
        ("status", Some(AttributeValue::S(stored_status.as_str().to_owned()))),
        ("created_at", Some(time(*created_at))),
        ("expires_at", expires_at.map(time)),
        ("due_at", due_at.map(time)),
        // Its presence puts the record into the index.
        ("expiry_shard", due_at.map(|_| number(u64::from(expiry_shard(*id))))),
        ("hash", Some(AttributeValue::B(Blob::new(hash.as_slice())))),
        ("data_key", Some(number((*data_key).into()))),
        ("ciphertext", Some(AttributeValue::B(Blob::new(ciphertext.as_slice())))),
        ("old_hash", previous.map(|previous| AttributeValue::B(Blob::new(previous.hash.as_slice())))),
        ("old_until", previous.map(|previous| time(previous.until))),
        ("used_at", last_used_at.map(time)),
        ("uses", Some(number(*count))),
        // Also when it is empty: a use adds to a map that must be there.
        ("days", Some(AttributeValue::M(days.iter().map(|(day, count)| (day.attribute(), number(*count))).collect()))),
        ("entry_at", Some(AttributeValue::N(entry_at.timestamp_millis().to_string()))),
        ("version", Some(number(*version))),
    ];
    item.extend(attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    item
}

/// In which part of the index a key is while something will fall due for it.
fn expiry_shard(id: KeyId) -> u8 {
    u8::try_from(id.get() % u64::from(EXPIRY_SHARDS)).unwrap_or_default()
}

/// The record of an item.
pub fn from_item(item: &Item) -> Result<Key, Damaged> {
    let integer = |name: &'static str| item.get(name).and_then(number::<u64>).ok_or(Damaged(name));
    let text = |name: &'static str| item.get(name).and_then(|value| value.as_s().ok()).ok_or(Damaged(name));
    let bytes = |name: &'static str| {
        item.get(name).and_then(|value| value.as_b().ok()).map(AsRef::<[u8]>::as_ref).ok_or(Damaged(name))
    };
    let hash = |name: &'static str| bytes(name)?.try_into().map_err(|_| Damaged(name));
    let time = |name: &'static str| {
        let value = item.get(name).map(|value| number(value).and_then(Timestamp::from_seconds).ok_or(Damaged(name)));
        value.transpose()
    };
    let (user_id, id) = PrimaryKey::parse_key(item).ok_or(Damaged("SK"))?;
    let day = |(name, count): (&String, &AttributeValue)| Some((Day::from_attribute(name)?, number(count)?));
    let days = item.get("days").and_then(|days| days.as_m().ok()).ok_or(Damaged("days"))?;
    let created_at = time("created_at")?.ok_or(Damaged("created_at"))?;
    let entry_at = match item.get("entry_at") {
        Some(at) => number(at).and_then(DateTime::from_timestamp_millis).ok_or(Damaged("entry_at"))?,
        // As before the attribute was introduced.
        None => created_at.time(),
    };
    Ok(Key {
        id,
        user_id,
        name: KeyName::stored(text("name")?).ok_or(Damaged("name"))?,
        kind: KeyType::parse(text("type")?).ok_or(Damaged("type"))?,
        stored_status: Status::parse(text("status")?).ok_or(Damaged("status"))?,
        created_at,
        expires_at: time("expires_at")?,
        due_at: time("due_at")?,
        secret: Sealed {
            hash: hash("hash")?,
            data_key: integer("data_key")?.try_into().map_err(|_| Damaged("data_key"))?,
            ciphertext: bytes("ciphertext")?.to_vec(),
        },
        previous: match time("old_until")? {
            Some(until) => Some(Previous { hash: hash("old_hash")?, until }),
            None => None,
        },
        usage: Usage {
            count: integer("uses")?,
            last_used_at: time("used_at")?,
            days: days.iter().map(|entry| day(entry).ok_or(Damaged("days"))).collect::<Result<_, _>>()?,
        },
        entry_at,
        version: integer("version")?,
    })
}
