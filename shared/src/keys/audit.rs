//! The audit trail: one entry per change, written in the change's own transaction.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::ids::{KeyId, Locator, UserId};
use crate::keys::author::{Actor, Author};
use crate::names::named;

named! {
    /// The kind of a change.
    pub enum Action {
        /// The key was created.
        Create = "create",
        /// Name, type or expiry changed.
        Update = "update",
        /// The key was deleted.
        Delete = "delete",
        /// The key was paused.
        Pause = "pause",
        /// The key was resumed.
        Resume = "resume",
        /// The key became its user's default.
        SetDefault = "set_default",
        /// The key is no longer its user's default.
        RemoveDefault = "remove_default",
        /// The key got a new string.
        Rotate = "rotate",
        /// The key expired.
        Expire = "expire",
        /// The key was taken over from before this service.
        Import = "import",
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
