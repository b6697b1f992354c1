//! The key record and its transitions: pure, given the time.

use std::fmt;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::clock::Timestamp;
use crate::ids::{KeyId, UserId};
use crate::keys::audit::{Change, Changes};
use crate::keys::expiry::{NOTICE_DAYS, Step, next_due, notice_at};
use crate::keys::key_type::KeyType;
use crate::keys::name::KeyName;
use crate::keys::secret::Secret;
use crate::keys::status::Status;
use crate::keys::usage::Usage;

/// The record of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// Its owner.
    pub user_id: UserId,
    /// Its name.
    pub name: KeyName,
    /// Its type.
    pub kind: KeyType,
    /// The status as stored; [`Key::status`] is the one that counts.
    pub stored_status: Status,
    /// The time of its creation.
    pub created_at: Timestamp,
    /// Its expiry; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// The moment of its next notice, or else of its expiry. `None` if it never expires or has expired.
    pub due_at: Option<Timestamp>,
    /// Its string: the hash, and what it is shown from.
    pub secret: Secret,
    /// The string before the last rotation; it may not work any more.
    pub previous: Option<Previous>,
    /// Its uses.
    pub usage: Usage,
    /// The time of its last audit entry, in milliseconds: the next entry is later, whatever the clocks of containers say.
    pub entry_at: DateTime<Utc>,
    /// Counts the changes, for optimistic locking (metering a use is not a change).
    pub version: u64,
}

/// A replaced key string, which works until its grace period ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Previous {
    /// The hash of the string, as [`Secret::hash`].
    pub hash: [u8; 32],
    /// The end of its grace period.
    pub until: Timestamp,
}

impl fmt::Debug for Previous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Previous(until {})", self.until)
    }
}

/// The grace period of a rotation, for which the old string still works: 0 seconds to 30 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GracePeriod(u32);

impl GracePeriod {
    /// The rule for a number of seconds, for error messages.
    pub const EXPECTED: &str = "must be a whole number of seconds from 0 to 2592000";

    /// A number of seconds.
    #[must_use]
    pub fn new(seconds: u64) -> Option<Self> {
        u32::try_from(seconds).ok().filter(|seconds| *seconds <= 2_592_000).map(Self)
    }
}

/// A change that an expired key does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyExpired;

/// The input of a new key.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Its name.
    pub name: KeyName,
    /// Its type, which also decides its prefix.
    pub kind: KeyType,
    /// Its first status.
    pub status: Status,
    /// Its expiry; `None` for never.
    pub expires_at: Option<Timestamp>,
}

/// The input of an update. Absent fields stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// The new name.
    pub name: Option<KeyName>,
    /// The new type.
    pub kind: Option<KeyType>,
    /// The new expiry; `Some(None)` for never.
    pub expires_at: Option<Option<Timestamp>>,
}

impl Key {
    /// The effective status: a key past its expiry is expired at that instant, whatever is stored.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        if self.expires_at.is_some_and(|expiry| expiry <= now) { Status::Expired } else { self.stored_status }
    }

    /// Fails for a key that is expired, which is final.
    ///
    /// # Errors
    ///
    /// If the effective status is `expired`.
    pub fn ensure_not_expired(&self, now: Timestamp) -> Result<(), KeyExpired> {
        match self.status(now) {
            Status::Active | Status::Paused => Ok(()),
            Status::Expired => Err(KeyExpired),
        }
    }

    /// Whether a hash is that of its string, or of the one before while its grace lasts.
    #[must_use]
    pub fn knows(&self, hash: &[u8; 32], now: Timestamp) -> bool {
        self.secret.hash == *hash
            || self.previous.is_some_and(|previous| previous.hash == *hash && previous.until > now)
    }

    /// Stops the key from working until it is resumed; a paused key stays as it is.
    ///
    /// # Errors
    ///
    /// If it is expired.
    pub fn pause(&mut self, now: Timestamp) -> Result<(), KeyExpired> {
        self.ensure_not_expired(now)?;
        self.stored_status = Status::Paused;
        Ok(())
    }

    /// Makes a paused key work again; an active key stays as it is.
    ///
    /// # Errors
    ///
    /// If it is expired.
    pub fn resume(&mut self, now: Timestamp) -> Result<(), KeyExpired> {
        self.ensure_not_expired(now)?;
        self.stored_status = Status::Active;
        Ok(())
    }

    /// Applies an update. An expired key can be renamed; its type and expiry are fixed, though naming them as they are is no change.
    ///
    /// # Errors
    ///
    /// If it is expired and the type or the expiry would change.
    pub fn update(&mut self, update: &Update, now: Timestamp) -> Result<(), KeyExpired> {
        let Update { name, kind, expires_at } = update;
        let (kind, expires_at) = (kind.unwrap_or(self.kind), expires_at.unwrap_or(self.expires_at));
        if (kind, expires_at) != (self.kind, self.expires_at) {
            self.ensure_not_expired(now)?;
        }
        self.kind = kind;
        if expires_at != self.expires_at {
            self.expires_at = expires_at;
            self.due_at = next_due(self.stored_status, expires_at, now);
        }
        if let Some(name) = name {
            self.name = name.clone();
        }
        Ok(())
    }

    /// Gives the key a new string; the old one works until the grace is over, and never longer than the key. At most one
    /// old string works: one that was replaced before ends here.
    ///
    /// # Errors
    ///
    /// If it is expired.
    pub fn rotate(&mut self, secret: Secret, grace: GracePeriod, now: Timestamp) -> Result<(), KeyExpired> {
        self.ensure_not_expired(now)?;
        let until = now.plus_seconds(grace.0.into()).unwrap_or(now);
        let until = self.expires_at.map_or(until, |expiry| expiry.min(until));
        let hash = std::mem::replace(&mut self.secret, secret).hash;
        self.previous = Some(Previous { hash, until });
        Ok(())
    }

    /// Takes the step that is due, if any, and schedules the next one. Of several missed notices, the latest is given.
    pub fn fall_due(&mut self, now: Timestamp) -> Option<Step> {
        self.due_at.filter(|due_at| *due_at <= now)?;
        let expires_at = self.expires_at?;
        if expires_at <= now {
            self.stored_status = Status::Expired;
            self.due_at = None;
            return Some(Step::Expire);
        }
        let passed = |days: &u32| notice_at(expires_at, *days).is_some_and(|notice_at| notice_at <= now);
        let days_left = NOTICE_DAYS.into_iter().rev().find(passed)?;
        self.due_at = next_due(self.stored_status, self.expires_at, now);
        Some(Step::Notice { days_left })
    }

    /// The time of the next audit entry: now, but later than the last entry by at least a millisecond.
    #[must_use]
    pub fn next_entry_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        entry_after(self.entry_at, now)
    }

    /// The changes from `before` to `self` for the audit trail; empty when there are none.
    #[must_use]
    pub fn changes_since(&self, before: &Self) -> Changes {
        let before = before.audited();
        let pairs = before.into_iter().zip(self.audited());
        pairs
            .filter(|((_, from), (_, to))| from != to)
            .map(|((field, from), (_, to))| (field, Change { from, to }))
            .collect()
    }

    /// The changes of a creation: each field from `null`.
    #[must_use]
    pub fn creation(&self) -> Changes {
        let present = self.audited().into_iter().filter(|(_, value)| !value.is_null());
        present.map(|(field, to)| (field, Change { from: serde_json::Value::Null, to })).collect()
    }

    /// The audited fields.
    #[must_use]
    pub fn audited(&self) -> Audited {
        let Self {
            name,
            kind,
            stored_status,
            expires_at,
            id: _,
            user_id: _,
            created_at: _,
            due_at: _,
            secret: _,
            previous,
            usage: _,
            entry_at: _,
            version: _,
        } = self;
        audited(Some(name), Some(*kind), Some(*stored_status), *expires_at, previous.map(|previous| previous.until))
    }
}

/// The audited fields of a key, by name.
pub type Audited = [(&'static str, serde_json::Value); 5];

/// The audited fields, of a record that may be damaged as well: `null` for what cannot be read.
#[must_use]
pub fn audited(
    name: Option<&KeyName>,
    kind: Option<KeyType>,
    status: Option<Status>,
    expires_at: Option<Timestamp>,
    previous_until: Option<Timestamp>,
) -> Audited {
    [
        ("name", name.map(KeyName::as_str).into()),
        ("type", kind.map(KeyType::as_str).into()),
        ("status", status.map(Status::as_str).into()),
        ("expiry_at", expires_at.map(|time| time.to_string()).into()),
        ("previous_key_until", previous_until.map(|time| time.to_string()).into()),
    ]
}

/// The changes of a deletion: each field to `null`.
#[must_use]
pub fn deletion(audited: Audited) -> Changes {
    let present = audited.into_iter().filter(|(_, value)| !value.is_null());
    present.map(|(field, from)| (field, Change { from, to: serde_json::Value::Null })).collect()
}

/// The time of the entry that follows on one of `last`: now, but later by at least a millisecond.
#[must_use]
pub fn entry_after(last: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let after_last = last.checked_add_signed(TimeDelta::milliseconds(1)).unwrap_or(last);
    now.trunc_subsecs(3).max(after_last)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::fields::{FIELDS, TRAIL_ONLY};
    use crate::keys::{Sealed, Shown};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a timestamp")
    }

    fn key(stored_status: Status, expires_at: Option<&str>) -> Key {
        Key {
            id: KeyId::new(42).expect("an id"),
            user_id: UserId::new(7).expect("an id"),
            name: KeyName::new("Lab gateway").expect("a name"),
            kind: KeyType::Live,
            stored_status,
            created_at: at("2026-03-01T12:00:00Z"),
            expires_at: expires_at.map(at),
            due_at: expires_at.map(at),
            secret: Secret { hash: [0; 32], shown: Shown::Whole(Sealed { data_key: 1, ciphertext: Vec::new() }) },
            previous: None,
            usage: Usage::default(),
            entry_at: at("2026-03-01T12:00:00Z").time(),
            version: 1,
        }
    }

    #[test]
    fn the_trail_records_the_audited_fields() {
        let key = key(Status::Active, None);
        let mut audited: Vec<_> = key.audited().into_iter().map(|(name, _)| name).collect();
        // The default is a pointer of the user's, not a part of the record.
        audited.push("is_default");
        audited.sort_unstable();
        let expected = FIELDS.iter().filter(|field| field.is_audited).map(|field| field.name).chain(TRAIL_ONLY);
        assert_eq!(audited, expected.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_key_is_expired_at_the_instant_of_its_expiry() {
        let key = key(Status::Paused, Some("2026-03-02T00:00:00Z"));
        assert_eq!(key.status(at("2026-03-01T23:59:59Z")), Status::Paused);
        assert_eq!(key.status(at("2026-03-02T00:00:00Z")), Status::Expired);
    }

    #[test]
    fn pausing_and_resuming_change_the_status_only() {
        let now = at("2026-03-01T13:00:00Z");
        let before = key(Status::Active, None);
        let mut paused = before.clone();
        paused.pause(now).expect("not expired");
        let changes = paused.changes_since(&before);
        assert_eq!(changes.keys().copied().collect::<Vec<_>>(), ["status"]);
        assert_eq!((&changes["status"].from, &changes["status"].to), (&"active".into(), &"paused".into()));

        let mut again = paused.clone();
        again.pause(now).expect("not expired");
        assert!(again.changes_since(&paused).is_empty(), "repeating it is no change");

        again.resume(now).expect("not expired");
        assert_eq!(again, before);
    }

    #[test]
    fn expired_is_final_but_for_the_name() {
        let now = at("2026-03-03T00:00:00Z");
        for mut key in [key(Status::Expired, None), key(Status::Active, Some("2026-03-02T00:00:00Z"))] {
            let before = key.clone();
            assert_eq!(key.pause(now), Err(KeyExpired));
            assert_eq!(key.resume(now), Err(KeyExpired));
            let longer = Update { expires_at: Some(Some(at("2030-01-01T00:00:00Z"))), ..Update::default() };
            assert_eq!(key.update(&longer, now), Err(KeyExpired));
            let other_type = Update { kind: Some(KeyType::Test), ..Update::default() };
            assert_eq!(key.update(&other_type, now), Err(KeyExpired));
            assert_eq!(key, before, "a refused change leaves the key alone");

            let renamed = KeyName::new("Old lab gateway").expect("a name");
            let update = Update { name: Some(renamed.clone()), kind: Some(KeyType::Live), ..Update::default() };
            assert_eq!(key.update(&update, now), Ok(()));
            assert_eq!(key, Key { name: renamed, ..before });
        }
    }
}
