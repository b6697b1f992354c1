//! Record ↔ DynamoDB item.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};

use super::item::{Item, number};
use super::primary_key::PrimaryKey;
use crate::clock::Timestamp;
use crate::damage::Damaged;
use crate::ids::{KeyId, Locator};
use crate::keys::{Audited, Day, Key, KeyName, KeyType, Mask, Previous, Sealed, Secret, Shown, Status, Usage, audited};

/// The partitions of the index of keys for which something will fall due: one could not take the writes of all.
pub const EXPIRY_SHARDS: u8 = 16;

/// The attributes that changes leave alone: uses count them, beside all changes.
pub const COUNTED: [&str; 3] = ["used_at", "uses", "days"];

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
        secret: Secret { hash, shown },
        previous,
        usage: Usage { count, last_used_at, days },
        entry_at,
        version,
    } = key;
    let (sealed, mask) = match shown {
        Shown::Whole(sealed) => (Some(sealed), None),
        Shown::Masked(mask) => (None, Some(mask)),
    };
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
        ("mask", mask.map(|mask| AttributeValue::S(mask.as_str().to_owned()))),
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
    item.extend(sealed.into_iter().flat_map(sealed_attributes));
    item
}

/// The attributes of an encrypted string.
pub(super) fn sealed_attributes(Sealed { data_key, ciphertext }: &Sealed) -> [(String, AttributeValue); 2] {
    [
        ("data_key".to_owned(), AttributeValue::N(data_key.to_string())),
        ("ciphertext".to_owned(), AttributeValue::B(Blob::new(ciphertext.as_slice()))),
    ]
}

/// The encrypted string of an item; an error names the attribute that is damaged.
pub(super) fn sealed_in(item: &Item) -> Result<Sealed, &'static str> {
    let ciphertext = bytes(item, "ciphertext").ok_or("ciphertext")?.to_vec();
    let data_key = item.get("data_key").and_then(number).ok_or("data_key")?;
    Ok(Sealed { data_key, ciphertext })
}

/// The string of an item's key: the encrypted one or, without it, the mask.
fn shown_in(item: &Item) -> Result<Shown, &'static str> {
    if item.contains_key("mask") {
        let mask = text(item, "mask").and_then(|mask| Mask::stored(mask)).ok_or("mask")?;
        return Ok(Shown::Masked(mask));
    }
    sealed_in(item).map(Shown::Whole)
}

/// In which part of the index a key is while something will fall due for it.
fn expiry_shard(id: KeyId) -> u8 {
    u8::try_from(id.get() % u64::from(EXPIRY_SHARDS)).unwrap_or_default()
}

/// The record of an item. Damage never lets a key work longer than it did: a record that could be one is no record.
pub fn from_item(item: &Item) -> Result<Key, Damaged> {
    let (user_id, id) = PrimaryKey::parse_key(item).ok_or_else(|| Damaged::new("a key", "SK"))?;
    let damaged = |name| Damaged::key(Locator { user_id, key_id: id }, name);
    let integer = |name| item.get(name).and_then(number::<u64>).ok_or_else(|| damaged(name));
    let hash = |name| bytes(item, name).and_then(|hash| hash.try_into().ok()).ok_or_else(|| damaged(name));
    let time = |name| item.get(name).map(|value| timestamp(value).ok_or_else(|| damaged(name))).transpose();
    let day = |(name, count): (&String, &AttributeValue)| Some((Day::from_attribute(name)?, number(count)?));
    let days = item.get("days").and_then(|days| days.as_m().ok()).ok_or_else(|| damaged("days"))?;
    let created_at = time("created_at")?.ok_or_else(|| damaged("created_at"))?;
    let (expires_at, due_at) = (time("expires_at")?, time("due_at")?);
    if expires_at.is_none() && due_at.is_some() {
        return Err(damaged("expires_at"));
    }
    let previous = match (item.contains_key("old_hash"), time("old_until")?) {
        (false, None) => None,
        (true, None) => return Err(damaged("old_until")),
        (_, Some(until)) => Some(Previous { hash: hash("old_hash")?, until }),
    };
    Ok(Key {
        id,
        user_id,
        name: name(item).ok_or_else(|| damaged("name"))?,
        kind: kind(item).ok_or_else(|| damaged("type"))?,
        stored_status: status(item).ok_or_else(|| damaged("status"))?,
        created_at,
        expires_at,
        due_at,
        secret: Secret { hash: hash("hash")?, shown: shown_in(item).map_err(damaged)? },
        previous,
        usage: Usage {
            count: integer("uses")?,
            last_used_at: time("used_at")?,
            days: days.iter().map(|entry| day(entry).ok_or_else(|| damaged("days"))).collect::<Result<_, _>>()?,
        },
        entry_at: match item.get("entry_at") {
            Some(at) => milliseconds(at).ok_or_else(|| damaged("entry_at"))?,
            // As before the attribute was introduced.
            None => created_at.time(),
        },
        version: integer("version")?,
    })
}

/// The audited fields that can be read of a record that may be damaged.
pub fn audited_in(item: &Item) -> Audited {
    let time = |name| item.get(name).and_then(timestamp);
    audited(name(item).as_ref(), kind(item), status(item), time("expires_at"), time("old_until"))
}

/// The time of the last entry of a record that may be damaged, or else of its creation.
pub fn last_entry_in(item: &Item) -> Option<DateTime<Utc>> {
    let created_at = || Some(item.get("created_at").and_then(timestamp)?.time());
    item.get("entry_at").and_then(milliseconds).or_else(created_at)
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a String> {
    item.get(name)?.as_s().ok()
}

pub(super) fn bytes<'a>(item: &'a Item, name: &str) -> Option<&'a [u8]> {
    item.get(name)?.as_b().ok().map(AsRef::as_ref)
}

fn name(item: &Item) -> Option<KeyName> {
    KeyName::stored(text(item, "name")?)
}

fn kind(item: &Item) -> Option<KeyType> {
    KeyType::parse(text(item, "type")?)
}

fn status(item: &Item) -> Option<Status> {
    Status::parse(text(item, "status")?)
}

fn timestamp(value: &AttributeValue) -> Option<Timestamp> {
    number(value).and_then(Timestamp::from_seconds)
}

/// A time in milliseconds, in the years of timestamps.
pub(super) fn milliseconds(value: &AttributeValue) -> Option<DateTime<Utc>> {
    let at = number(value).and_then(DateTime::from_timestamp_millis)?;
    Timestamp::from_time(at).map(|_| at)
}
