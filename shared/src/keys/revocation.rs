//! Revocations: the changes that end a string or a key, by which a restored record is brought up to date.

use serde_json::Value;

use crate::clock::Timestamp;
use crate::keys::audit::{Action, Entry};
use crate::keys::key::Key;
use crate::keys::status::Status;

/// A change that ended something since a key's record was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The key was deleted.
    Deleted,
    /// The key got another string. The one of the record must not work any more.
    Rotated,
    /// The key was paused, and not resumed since.
    Paused,
    /// The key got an earlier expiry.
    Expiry(Timestamp),
}

impl Revocation {
    /// The revocations of a key by the entries of its trail that are later than its record, oldest first.
    #[must_use]
    pub fn since(key: &Key, entries: &[Entry]) -> Vec<Self> {
        let has = |action| entries.iter().any(|entry| entry.action == action);
        if has(Action::Delete) {
            return vec![Self::Deleted];
        }
        let last = |field: &str| entries.iter().rev().find_map(|entry| Some(&entry.changes.get(field)?.to));
        let is_paused = last("status").and_then(Value::as_str) == Some(Status::Paused.as_str());
        let expiry = last("expiry_at").and_then(Value::as_str).and_then(Timestamp::parse);
        let expiry = expiry.filter(|expiry| key.expires_at.is_none_or(|restored| *expiry < restored));
        [
            has(Action::Rotate).then_some(Self::Rotated),
            (is_paused && key.stored_status == Status::Active).then_some(Self::Paused),
            expiry.map(Self::Expiry),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
