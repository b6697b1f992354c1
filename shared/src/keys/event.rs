//! Events for subscribers: the end of a key, and notices before it.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::ids::{KeyId, UserId};
use crate::keys::expiry::Step;
use crate::keys::key::Key;
use crate::keys::key_type::KeyType;
use crate::keys::name::KeyName;

/// One event. It never holds a key string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The `detail-type` of EventBridge.
    pub detail_type: &'static str,
    /// The `detail` of EventBridge, a JSON object.
    pub detail: String,
}

#[derive(Serialize)]
struct Detail<'a> {
    service: &'a str,
    id: KeyId,
    name: &'a KeyName,
    #[serde(rename = "type")]
    kind: KeyType,
    expiry_at: Option<Timestamp>,
    user_id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    days_left: Option<u32>,
}

impl Event {
    /// The event of a step that a key of a service has taken.
    ///
    /// # Panics
    ///
    /// Never: a detail is always valid JSON.
    #[must_use]
    pub fn new(service: &str, key: &Key, step: Step) -> Self {
        let (detail_type, days_left) = match step {
            Step::Notice { days_left } => ("API Key Expiring", Some(days_left)),
            Step::Expire => ("API Key Expired", None),
        };
        let Key { id, name, kind, expires_at, user_id, .. } = key;
        let detail =
            Detail { service, id: *id, name, kind: *kind, expiry_at: *expires_at, user_id: *user_id, days_left };
        Self { detail_type, detail: serde_json::to_string(&detail).expect("a detail is JSON") }
    }
}
