//! The audit trail: one entry per change, written in the change's own transaction.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::ids::{KeyId, Locator, UserId};
use crate::keys::author::{Actor, Author};

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The key was created.
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
    /// The key is no longer its user's default.
    RemoveDefault,
    /// The key got a new string.
    Rotate,
    /// The key expired.
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

/// A field's value before and after; `null` where there is none. Never a key string.
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
    /// The time of the change, in milliseconds.
    #[serde(serialize_with = "milliseconds")]
    pub at: DateTime<Utc>,
    /// The kind of change.
    pub action: Action,
    /// The key.
    pub key_id: KeyId,
    /// The key's owner.
    pub user_id: UserId,
    /// The author of the change.
    pub actor: Actor,
    /// The author's address; `null` for the system.
    pub source_ip: Option<String>,
    /// The id that the response carried as `x-request-id`.
    pub request_id: String,
    /// The changed fields.
    pub changes: BTreeMap<String, Change>,
}

impl Entry {
    /// The entry of a change by an author to a key.
    #[must_use]
    pub fn new(id: Uuid, at: DateTime<Utc>, author: &Author, key: Locator, action: Action, changes: Changes) -> Self {
        Self {
            id,
            at,
            action,
            key_id: key.key_id,
            user_id: key.user_id,
            actor: author.actor,
            source_ip: author.source_ip.clone(),
            request_id: author.request_id.clone(),
            changes: changes.into_iter().map(|(field, change)| (field.to_owned(), change)).collect(),
        }
    }
}

/// RFC 3339, UTC, with milliseconds.
#[must_use]
pub fn format_milliseconds(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

fn milliseconds<S: serde::Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_milliseconds(*at))
}
