//! The meta item of a user: the default and the number of keys.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};

use super::item::{Item, number};
use super::key_record::milliseconds;
use crate::damage::{Damaged, note};
use crate::error::Error;
use crate::ids::{KeyId, UserId};

/// The condition that a user may have one key more; `:max` is the limit.
pub(super) const WITHIN_LIMIT: &str = "(attribute_not_exists(key_count) OR key_count < :max)";

/// The meta item of a user. Damaged attributes are noted and read as absent.
#[derive(Clone, Debug, Default)]
pub(super) struct Meta {
    pub(super) default_id: Option<KeyId>,
    /// `default_id` as it is stored, which tells whether the default has been moved since.
    pub(super) stored_default: Option<AttributeValue>,
    pub(super) key_count: Option<u64>,
    /// The time of the last entries about the default. It rises with each change of the default.
    pub(super) default_at: Option<DateTime<Utc>>,
    /// `default_at` as it is stored: the version of the default.
    pub(super) stored_default_at: Option<AttributeValue>,
}

impl Meta {
    /// The meta item that is stored for a user.
    pub(super) fn of(owner: UserId, item: &Item) -> Self {
        let meta = Self {
            default_id: item.get("default_id").and_then(number).and_then(KeyId::new),
            stored_default: item.get("default_id").cloned(),
            key_count: item.get("key_count").and_then(number),
            default_at: item.get("default_at").and_then(milliseconds),
            stored_default_at: item.get("default_at").cloned(),
        };
        if let Err(damaged) = meta.known_default(owner) {
            note(damaged);
        }
        // It is there from the first key on.
        if meta.key_count.is_none() {
            note(Self::damaged(owner, "key_count"));
        }
        if item.contains_key("default_at") && meta.default_at.is_none() {
            note(Self::damaged(owner, "default_at"));
        }
        meta
    }

    /// The default, for a call that cannot take a damaged one for none.
    pub(super) fn known_default(&self, owner: UserId) -> Result<Option<KeyId>, Damaged> {
        if self.stored_default.is_some() && self.default_id.is_none() {
            return Err(Self::damaged(owner, "default_id"));
        }
        Ok(self.default_id)
    }

    /// The last key that was deleted, as it is stored.
    pub(super) fn last_deleted(item: &Item) -> Option<AttributeValue> {
        item.get("deleted_id").cloned()
    }

    /// The error of a creation that the count refuses: the limit, or a count that is none.
    pub(super) fn refused_creation(owner: UserId, item: Option<&Item>) -> Error {
        match item.and_then(|item| item.get("key_count")) {
            Some(count) if number::<u64>(count).is_none() => Self::damaged(owner, "key_count").into(),
            _ => Error::LimitReached,
        }
    }

    /// An attribute of a user's meta item.
    pub(super) fn damaged(owner: UserId, attribute: &'static str) -> Damaged {
        Damaged::new(format!("the meta item of user {owner}"), attribute)
    }
}
