//! The audit trail: one entry per change, written in the change's own transaction.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::auth::Role;
use crate::error::Error;
use crate::keys::{KeyId, UserId};
use crate::table::{Item, PrimaryKey, number};

/// What was done to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The key was made.
    Create,
    /// Name, type or expiry changed.
    Update,
    /// The key was deleted.
    Delete,
    /// The key was paused.
    Pause,
    /// The key was resumed.
    Resume,
    /// The key became its user's default.
    SetDefault,
    /// The key ceased to be its user's default.
    RemoveDefault,
    /// The key got a new string.
    Rotate,
    /// The key ended by itself.
    Expire,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 9] = [
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Pause,
        Self::Resume,
        Self::SetDefault,
        Self::RemoveDefault,
        Self::Rotate,
        Self::Expire,
    ];

    /// The action's name in every format and in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::SetDefault => "set_default",
            Self::RemoveDefault => "remove_default",
            Self::Rotate => "rotate",
            Self::Expire => "expire",
        }
    }

    /// The action of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }
}

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Actor {
    /// The caller's user id; `null` for the system.
    pub user_id: Option<UserId>,
    /// In which role.
    pub role: Role,
}

/// A field's value before and after; `null` where there was or is none. Never a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Before.
    pub from: Value,
    /// After.
    pub to: Value,
}

/// Changes by field name.
pub type Changes = BTreeMap<&'static str, Change>;

/// One entry of the trail, as stored and as shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// `UUIDv7`, in order of time.
    pub id: Uuid,
    /// When, in milliseconds.
    #[serde(serialize_with = "milliseconds")]
    pub at: DateTime<Utc>,
    /// What was done.
    pub action: Action,
    /// To which key.
    pub key_id: KeyId,
    /// Whose key.
    pub user_id: UserId,
    /// By whom.
    pub actor: Actor,
    /// From which address; `null` for the system.
    pub source_ip: Option<String>,
    /// The id that the response carried as `x-request-id`.
    pub request_id: String,
    /// What changed.
    pub changes: BTreeMap<String, Change>,
}

/// RFC 3339, UTC, with milliseconds.
#[must_use]
pub fn format_milliseconds(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

fn milliseconds<S: serde::Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_milliseconds(*at))
}

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
pub(crate) fn to_item(entry: &Entry) -> Item {
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
pub(crate) fn from_item(item: &Item) -> Result<Entry, Damaged> {
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
