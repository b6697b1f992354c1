//! The key object of responses.

use serde::{Serialize, Serializer};

use crate::clock::Timestamp;
use crate::ids::{KeyId, UserId};
use crate::keys::key::Key;
use crate::keys::key_type::KeyType;
use crate::keys::name::KeyName;
use crate::keys::secret::PlainKey;
use crate::keys::status::Status;
use crate::keys::usage::Usage;

/// The documented key object, in the documented order, followed by its usage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyView {
    /// The key's id.
    pub id: KeyId,
    /// The key string, whole or masked.
    pub key: ShownKey,
    /// Its name.
    pub name: KeyName,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: KeyType,
    /// The effective status.
    pub status: Status,
    /// Whether it is its user's default.
    pub is_default: bool,
    /// The time of its creation.
    pub created_at: Timestamp,
    /// Its expiry; `null` for never.
    pub expiry_at: Option<Timestamp>,
    /// Its owner.
    pub user_id: UserId,
    /// Its last accepted use; `null` for none.
    pub last_used_at: Option<Timestamp>,
    /// The number of accepted uses.
    pub usage_count: u64,
}

impl KeyView {
    /// The view of a record at a time.
    #[must_use]
    pub fn new(key: Key, shown: ShownKey, is_default: bool, now: Timestamp) -> Self {
        let status = key.status(now);
        let Key {
            id,
            user_id,
            name,
            kind,
            stored_status: _,
            created_at,
            expires_at,
            due_at: _,
            secret: _,
            previous: _,
            usage: Usage { count, last_used_at, days: _ },
            entry_at: _,
            version: _,
        } = key;
        Self {
            id,
            key: shown,
            name,
            kind,
            status,
            is_default,
            created_at,
            expiry_at: expires_at,
            user_id,
            last_used_at,
            usage_count: count,
        }
    }
}

/// The key string in a response: whole for its owner, else masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShownKey {
    /// The whole string.
    Whole(PlainKey),
    /// Prefix, `…` and the last four characters.
    Masked(String),
}

impl ShownKey {
    /// The text of the response.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Whole(key) => key.reveal(),
            Self::Masked(text) => text,
        }
    }
}

impl Serialize for ShownKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
