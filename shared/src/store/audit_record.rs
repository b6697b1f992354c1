//! Audit entry ↔ DynamoDB item.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;
use uuid::Uuid;

use super::item::{Item, number};
use super::key_record::milliseconds;
use super::primary_key::PrimaryKey;
use crate::damage::Damaged;
use crate::ids::{KeyId, Locator, UserId};
use crate::keys::{Action, Actor, Change, Entry, Role};

/// The longest texts of an entry, in bytes: more than any that this service writes.
const MAX_TEXT: usize = 1_024;
const MAX_CHANGES: usize = 16_384;

/// The item of an entry.
pub(super) fn to_item(entry: &Entry) -> Item {
    let Entry {
        id,
        at,
        action,
        key_id,
        user_id,
        actor: Actor { user_id: actor, role },
        source_ip,
        request_id,
        changes,
    } = entry;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let mut item = Item::from(PrimaryKey::audit(*user_id, *key_id, *id));
    let attributes = [
        ("at", Some(AttributeValue::N(at.timestamp_millis().to_string()))),
        ("action", Some(text(action.as_str()))),
        ("key_id", Some(AttributeValue::N(key_id.to_string()))),
        ("user_id", Some(AttributeValue::N(user_id.to_string()))),
        ("actor_id", actor.map(|actor| AttributeValue::N(actor.to_string()))),
        ("actor_role", Some(text(role.as_str()))),
        ("source_ip", source_ip.as_deref().map(text)),
        ("request_id", Some(text(request_id))),
        ("changes", Some(AttributeValue::S(serde_json::to_string(changes).expect("changes are JSON values")))),
    ];
    item.extend(attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    item
}

/// The entry of an item in the trail of a key.
pub(super) fn from_item(item: &Item, key: Locator) -> Result<Entry, Damaged> {
    let damaged = |name| {
        let Locator { user_id, key_id } = key;
        Damaged::new(format!("an entry in the trail of key {key_id} of user {user_id}"), name)
    };
    let text = |name| {
        let text = item.get(name).map(|value| value.as_s().ok().filter(|text| text.len() <= MAX_TEXT));
        text.map(|text| text.ok_or_else(|| damaged(name))).transpose()
    };
    let required = |name| text(name)?.ok_or_else(|| damaged(name));
    let integer = |name| item.get(name).and_then(number::<u64>);
    let changes = || {
        let text = item.get("changes")?.as_s().ok().filter(|text| text.len() <= MAX_CHANGES)?;
        let changes: BTreeMap<String, Change> = serde_json::from_str(text).ok()?;
        let is_scalar = |value: &Value| !value.is_array() && !value.is_object();
        changes.values().all(|change| is_scalar(&change.from) && is_scalar(&change.to)).then_some(changes)
    };
    let role = Role::parse(required("actor_role")?).ok_or_else(|| damaged("actor_role"))?;
    let actor = integer("actor_id").and_then(UserId::new);
    // The system is no user, and everybody else is one.
    if item.contains_key("actor_id") != actor.is_some() || actor.is_none() != (role == Role::System) {
        return Err(damaged("actor_id"));
    }
    if integer("key_id").and_then(KeyId::new) != Some(key.key_id) {
        return Err(damaged("key_id"));
    }
    if integer("user_id").and_then(UserId::new) != Some(key.user_id) {
        return Err(damaged("user_id"));
    }
    Ok(Entry {
        id: entry_id(item).ok_or_else(|| damaged("SK"))?,
        at: item.get("at").and_then(milliseconds).ok_or_else(|| damaged("at"))?,
        action: Action::parse(required("action")?).ok_or_else(|| damaged("action"))?,
        key_id: key.key_id,
        user_id: key.user_id,
        actor: Actor { user_id: actor, role },
        source_ip: text("source_ip")?.cloned(),
        request_id: required("request_id")?.clone(),
        changes: changes().ok_or_else(|| damaged("changes"))?,
    })
}

/// The id of an entry, which a damaged one has as well.
pub(super) fn entry_id(item: &Item) -> Option<Uuid> {
    item.get("SK")?.as_s().ok()?.parse().ok()
}
