//! The key object of responses.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::clock::Timestamp;
use crate::fields::{FieldType, SHOWN};
use crate::ids::{KeyId, UserId};
use crate::keys::key::Key;
use crate::keys::key_type::KeyType;
use crate::keys::name::KeyName;
use crate::keys::secret::PlainKey;
use crate::keys::status::Status;
use crate::keys::usage::Usage;

/// The documented key object, in the documented order, followed by its usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyView {
    /// The key's id.
    pub id: KeyId,
    /// The key string, whole or masked.
    pub key: ShownKey,
    /// Its name.
    pub name: KeyName,
    /// Its type.
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
    /// The number of changes, its own included: the version of the record, in the entity tag.
    pub version: u64,
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
            version,
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
            version,
        }
    }

    /// The values of the fields of [`SHOWN`], in its order; `None` for null.
    #[must_use]
    pub fn values(&self) -> [Option<FieldValue<'_>>; SHOWN.len()] {
        let Self {
            id,
            key,
            name,
            kind,
            status,
            is_default,
            created_at,
            expiry_at,
            user_id,
            last_used_at,
            usage_count,
            version: _,
        } = self;
        [
            Some(FieldValue::Id(id.get())),
            Some(FieldValue::Text(key.as_str())),
            Some(FieldValue::Text(name.as_str())),
            Some(FieldValue::Code(kind.as_str())),
            Some(FieldValue::Code(status.as_str())),
            Some(FieldValue::Flag(*is_default)),
            Some(FieldValue::Time(*created_at)),
            expiry_at.map(FieldValue::Time),
            Some(FieldValue::Id(user_id.get())),
            last_used_at.map(FieldValue::Time),
            Some(FieldValue::Count(*usage_count)),
        ]
    }
}

impl Serialize for KeyView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("KeyView", SHOWN.len())?;
        for (field, value) in SHOWN.iter().zip(&self.values()) {
            object.serialize_field(field.name, value)?;
        }
        object.end()
    }
}

/// The value of a field in a response, whatever its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// The id of a key or a user.
    Id(u64),
    /// Text.
    Text(&'a str),
    /// One of a set of codes.
    Code(&'static str),
    /// A boolean.
    Flag(bool),
    /// A point in time.
    Time(Timestamp),
    /// A count.
    Count(u64),
}

impl FieldValue<'_> {
    /// The type of the field that it is a value of.
    #[must_use]
    pub const fn kind(self) -> FieldType {
        match self {
            Self::Id(_) => FieldType::Id,
            Self::Text(_) => FieldType::Text,
            Self::Code(_) => FieldType::Code,
            Self::Flag(_) => FieldType::Flag,
            Self::Time(_) => FieldType::Time,
            Self::Count(_) => FieldType::Count,
        }
    }
}

impl Serialize for FieldValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Id(number) | Self::Count(number) => serializer.serialize_u64(number),
            Self::Text(text) | Self::Code(text) => serializer.serialize_str(text),
            Self::Flag(flag) => serializer.serialize_bool(flag),
            Self::Time(time) => time.serialize(serializer),
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
