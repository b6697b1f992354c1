//! Audit entry ↔ DynamoDB item.

use std::borrow::Cow;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::DateTime;

use super::item::{Item, number};
use super::primary_key::PrimaryKey;
use crate::error::Error;
use crate::ids::{KeyId, UserId};
use crate::keys::{Action, Actor, Entry, Role};

/// An item that is not an audit entry.
#[derive(Debug, thiserror::Error)]
#[error("attribute {0} of an audit entry is missing or damaged")]
pub struct Damaged(&'static str);

impl From<Damaged> for Error {
    fn from(damaged: Damaged) -> Self {
        Self::Failed(Cow::Owned(damaged.to_string()))
    }
}

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

/// The entry of an item.
pub(super) fn from_item(item: &Item) -> Result<Entry, Damaged> {
    let text = |name: &'static str| item.get(name).and_then(|value| value.as_s().ok());
    let integer = |name: &'static str| item.get(name).and_then(number::<u64>);
    let at = item.get("at").and_then(number).and_then(DateTime::from_timestamp_millis);
    Ok(Entry {
        id: text("SK").and_then(|id| id.parse().ok()).ok_or(Damaged("SK"))?,
        at: at.ok_or(Damaged("at"))?,
        action: text("action").and_then(|action| Action::parse(action)).ok_or(Damaged("action"))?,
        key_id: integer("key_id").and_then(KeyId::new).ok_or(Damaged("key_id"))?,
        user_id: integer("user_id").and_then(UserId::new).ok_or(Damaged("user_id"))?,
        actor: Actor {
            user_id: integer("actor_id").and_then(UserId::new),
            role: text("actor_role").and_then(|role| Role::parse(role)).ok_or(Damaged("actor_role"))?,
        },
        source_ip: text("source_ip").cloned(),
        request_id: text("request_id").cloned().ok_or(Damaged("request_id"))?,
        changes: text("changes").and_then(|text| serde_json::from_str(text).ok()).ok_or(Damaged("changes"))?,
    })
}
