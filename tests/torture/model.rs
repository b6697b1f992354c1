//! The model: the state of a key, and of a user, after each call. It restates the contract in its simplest form.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::history::{Attempt, Change, End, Request, View, shown};
use crate::linearize::Step;
use crate::stored::{Changes, Entry, Meta, Record};
use shared::keys::PlainKey;
use tests::key_strings::checksums;

/// The default lifetime of a key.
pub const DEFAULT_LIFETIME: i64 = 365 * 86_400;

/// The state of a key's place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyState {
    NotMade,
    Held(Key),
    Deleted,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub name: String,
    pub kind: String,
    /// The stored status, which may lag behind an expiry.
    pub status: String,
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub current: Secret,
    /// The replaced string and the end of its grace period.
    pub previous: Option<(Secret, i64)>,
    /// The time of its last audit entry, in milliseconds.
    pub entry_at: i64,
}

/// A key's string.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Secret {
    Known(String),
    /// Issued by this request, whose answer was lost, masked or in another format.
    Unseen(String),
}

impl Secret {
    fn is(&self, string: &str) -> bool {
        *self == Self::Known(string.to_owned())
    }

    fn has_hash(&self, hash: &[u8]) -> bool {
        match self {
            Self::Known(string) => PlainKey::parse(string, &checksums()).is_some_and(|(key, _)| key.hash() == hash),
            Self::Unseen(_) => true,
        }
    }
}

impl Key {
    fn is_expired(&self, now: i64) -> bool {
        self.status == "expired" || self.expires_at.is_some_and(|expiry| expiry <= now)
    }

    fn effective_status(&self, now: i64) -> &str {
        if self.is_expired(now) { "expired" } else { &self.status }
    }

    /// The verdict on a presented string, without daily limits.
    fn verdict(&self, string: Option<&str>, now: i64) -> &'static str {
        let known = |string| {
            self.current.is(string)
                || self.previous.as_ref().is_some_and(|(previous, until)| previous.is(string) && *until > now)
        };
        if !string.is_none_or(known) {
            "unknown"
        } else if self.is_expired(now) {
            "expired"
        } else if self.status == "paused" {
            "paused"
        } else {
            "valid"
        }
    }

    /// The key after being shown; `None` if it cannot look like this.
    fn seen(&self, view: &View, now: i64) -> Option<Self> {
        let fits = (&self.name, &self.kind, self.effective_status(now), self.created_at, self.expires_at)
            == (&view.name, &view.kind, view.status.as_str(), view.created_at, view.expires_at);
        let mut key = self.clone();
        match (&self.current, view.key.split_once('…')) {
            (Secret::Known(string), None) if *string == view.key => {}
            (Secret::Known(string), Some((prefix, last))) if string.starts_with(prefix) && string.ends_with(last) => {}
            (Secret::Unseen(_), None) => key.current = Secret::Known(view.key.clone()),
            (Secret::Unseen(_), Some(_)) => {}
            (Secret::Known(_), _) => return None,
        }
        fits.then_some(key)
    }

    /// Whether the record matches it.
    pub fn is_stored_as(&self, record: &Record) -> bool {
        let previous_fits = match &self.previous {
            None => record.old_hash.is_none() && record.old_until.is_none(),
            Some((secret, until)) => {
                record.old_until == Some(*until) && record.old_hash.as_ref().is_some_and(|hash| secret.has_hash(hash))
            }
        };
        (&self.name, &self.kind, &self.status, self.created_at, self.expires_at)
            == (&record.name, &record.kind, &record.status, record.created_at, record.expires_at)
            && self.current.has_hash(&record.hash)
            && previous_fits
    }
}

impl KeyState {
    /// The audited fields.
    fn audited(&self) -> BTreeMap<&'static str, Value> {
        let Self::Held(key) = self else { return BTreeMap::new() };
        let time = |time: Option<i64>| time.map(shown).into();
        let fields = [
            ("name", key.name.clone().into()),
            ("type", key.kind.clone().into()),
            ("status", key.status.clone().into()),
            ("expiry_at", time(key.expires_at)),
            ("previous_key_until", time(key.previous.as_ref().map(|(_, until)| *until))),
        ];
        fields.into_iter().filter(|(_, value): &(_, Value)| !value.is_null()).collect()
    }

    fn changes_to(&self, after: &Self) -> Changes {
        let (before, after) = (self.audited(), after.audited());
        let mut changes = Changes::new();
        for field in before.keys().chain(after.keys()) {
            let value = |fields: &BTreeMap<&str, Value>| fields.get(field).cloned().unwrap_or(Value::Null);
            if value(&before) != value(&after) {
                changes.insert((*field).to_owned(), (value(&before), value(&after)));
            }
        }
        changes
    }
}

/// The part of an attempt that concerns a key.
#[derive(Clone, Debug)]
pub struct KeyOperation<'a> {
    pub attempt: &'a Attempt,
    pub what: What<'a>,
    /// The time by which it took effect.
    pub end: i64,
    /// The status of its answer, if any.
    pub status: Option<u16>,
    /// The key in its answer.
    pub view: Option<View>,
    /// Its audit entry.
    pub entry: Option<&'a Entry>,
}

#[derive(Clone, Debug)]
pub enum What<'a> {
    /// The attempt's request.
    Asked,
    /// Present in or absent from a list.
    Listed,
    /// Used, by a string or as the default.
    Used { string: Option<&'a str>, verdict: String },
    /// Expired by the sweep.
    Expired,
}

impl Step<KeyState> for KeyOperation<'_> {
    fn interval(&self) -> (i64, i64) {
        (self.attempt.start, self.end)
    }

    fn apply(&self, state: &KeyState) -> Option<KeyState> {
        let now = self.attempt.now();
        match &self.what {
            What::Listed => match (state, &self.view) {
                (KeyState::Held(key), Some(view)) => Some(KeyState::Held(key.seen(view, now)?)),
                (KeyState::NotMade | KeyState::Deleted, None) => Some(state.clone()),
                _ => None,
            },
            What::Used { string, verdict } => {
                let expected = match state {
                    KeyState::Held(key) => key.verdict(*string, now),
                    KeyState::NotMade | KeyState::Deleted => "unknown",
                };
                let is_limit = verdict == "limit"
                    && expected == "valid"
                    && matches!(state, KeyState::Held(key) if key.kind == "test");
                (*verdict == expected || is_limit).then(|| state.clone())
            }
            What::Expired => {
                let KeyState::Held(key) = state else { return None };
                let is_due = key.status != "expired" && key.is_expired(now);
                let after = KeyState::Held(Key { status: "expired".to_owned(), ..key.clone() });
                let is_right = is_due && self.entry?.changes == state.changes_to(&after);
                is_right.then(|| self.in_trail(state, after))?
            }
            What::Asked => self.asked(state),
        }
    }
}

impl KeyOperation<'_> {
    fn asked(&self, state: &KeyState) -> Option<KeyState> {
        if matches!(self.attempt.request, Request::Create { .. }) && *state != KeyState::NotMade {
            return None;
        }
        let (status, after) = self.outcome(state);
        if self.status.is_some_and(|answered| answered != status) {
            return None;
        }
        // A rotation with the same grace in the same second changes only the string, which is not audited.
        let expected = (after != *state).then(|| state.changes_to(&after));
        if expected.as_ref() != self.entry.map(|entry| &entry.changes) {
            return None;
        }
        match (&self.view, self.in_trail(state, after)?) {
            (Some(view), KeyState::Held(key)) => Some(KeyState::Held(key.seen(view, self.attempt.now())?)),
            (Some(_), KeyState::NotMade | KeyState::Deleted) => None,
            (None, after) => Some(after),
        }
    }

    /// The state after a change, whose entry, if any, is later than all previous ones.
    fn in_trail(&self, before: &KeyState, mut after: KeyState) -> Option<KeyState> {
        let Some(entry) = self.entry else { return Some(after) };
        if let KeyState::Held(before) = before
            && entry.at <= before.entry_at
        {
            return None;
        }
        if let KeyState::Held(key) = &mut after {
            key.entry_at = entry.at;
        }
        Some(after)
    }

    /// The status of the answer and the state afterwards.
    fn outcome(&self, state: &KeyState) -> (u16, KeyState) {
        let now = self.attempt.now();
        let unseen = || match &self.view {
            Some(view) if !view.is_masked() => Secret::Known(view.key.clone()),
            Some(_) | None => Secret::Unseen(self.attempt.id.clone()),
        };
        if let Request::Create { name, kind, status, end, .. } = &self.attempt.request {
            let key = Key {
                name: name.clone(),
                kind: kind.clone(),
                status: status.clone(),
                created_at: now,
                expires_at: match end {
                    End::Default => Some(now + DEFAULT_LIFETIME),
                    End::Never => None,
                    End::At(time) => Some(*time),
                },
                current: unseen(),
                previous: None,
                entry_at: 0,
            };
            return (201, KeyState::Held(key));
        }
        let key = match state {
            KeyState::Held(key) => key,
            // The trail stays.
            KeyState::Deleted if matches!(self.attempt.request, Request::Audit(_)) => return (200, state.clone()),
            KeyState::NotMade | KeyState::Deleted => return (404, state.clone()),
        };
        let mut after = key.clone();
        let is_refused = match &self.attempt.request {
            Request::Pause(_) => {
                "paused".clone_into(&mut after.status);
                key.is_expired(now)
            }
            Request::Resume(_) => {
                "active".clone_into(&mut after.status);
                key.is_expired(now)
            }
            Request::Update { change, .. } => match change {
                Change::Name(name) => {
                    after.name.clone_from(name);
                    false
                }
                Change::Kind(kind) => {
                    after.kind.clone_from(kind);
                    after != *key && key.is_expired(now)
                }
                Change::ExpiresAt(time) => {
                    after.expires_at = *time;
                    after != *key && key.is_expired(now)
                }
            },
            Request::Rotate { grace, .. } => {
                let until = now + grace;
                let until = key.expires_at.map_or(until, |expiry| expiry.min(until));
                after.previous = Some((std::mem::replace(&mut after.current, unseen()), until));
                key.is_expired(now)
            }
            Request::Delete(_) => return (200, KeyState::Deleted),
            Request::SetDefault { .. } => key.is_expired(now),
            Request::RemoveDefault(_) | Request::Get(_) | Request::Usage(_) | Request::Audit(_) => false,
            Request::Create { .. }
            | Request::List { .. }
            | Request::Verify { .. }
            | Request::Transcribe { .. }
            | Request::Misuse { .. }
            | Request::Invalid(_)
            | Request::Sweep => unreachable!("this is not asked of a key"),
        };
        if is_refused { (409, state.clone()) } else { (200, KeyState::Held(after)) }
    }
}

/// The part of an attempt that concerns the user item.
#[derive(Clone, Debug)]
pub struct MetaOperation<'a> {
    pub attempt: &'a Attempt,
    pub what: MetaWhat,
    pub end: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetaWhat {
    Created,
    /// The user had the maximum number of keys.
    Full,
    Deleted(u64),
    /// According to the trail, a key replaced the default.
    DefaultSet {
        id: u64,
        displaced: Option<u64>,
    },
    /// A key already was the default.
    DefaultKept(u64),
    DefaultRemoved(u64),
    /// A key was not the default.
    NotDefault(u64),
    /// Among these keys, this one was shown as the default.
    DefaultAmong {
        listed: Vec<u64>,
        shown: Option<u64>,
    },
}

/// The maximum number of keys of a user.
pub const MAX_KEYS: u64 = 8;

impl Step<(Option<u64>, u64)> for MetaOperation<'_> {
    fn interval(&self) -> (i64, i64) {
        (self.attempt.start, self.end)
    }

    fn apply(&self, state: &(Option<u64>, u64)) -> Option<(Option<u64>, u64)> {
        let (default_id, count) = *state;
        let same_if = |holds: bool| holds.then_some(*state);
        match &self.what {
            MetaWhat::Created => (count < MAX_KEYS).then_some((default_id, count + 1)),
            MetaWhat::Full => same_if(count == MAX_KEYS),
            MetaWhat::Deleted(id) => Some((default_id.filter(|default_id| default_id != id), count.checked_sub(1)?)),
            MetaWhat::DefaultSet { id, displaced } => {
                (default_id == *displaced && default_id != Some(*id)).then_some((Some(*id), count))
            }
            MetaWhat::DefaultKept(id) => same_if(default_id == Some(*id)),
            MetaWhat::DefaultRemoved(id) => (default_id == Some(*id)).then_some((None, count)),
            MetaWhat::NotDefault(id) => same_if(default_id != Some(*id)),
            MetaWhat::DefaultAmong { listed, shown } => same_if(match shown {
                Some(_) => default_id == *shown,
                None => default_id.is_none_or(|id| !listed.contains(&id)),
            }),
        }
    }
}

/// Whether a state matches the stored one.
pub fn is_meta(state: (Option<u64>, u64), meta: Meta) -> bool {
    state == (meta.default_id, meta.key_count)
}
