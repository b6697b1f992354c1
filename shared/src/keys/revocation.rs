//! Revocations: the changes that end a string or a key, by which a restored key is brought up to date.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::keys::audit::{Action, Entry};
use crate::keys::key::Key;
use crate::keys::status::Status;

/// A change that ended something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The key was deleted.
    Deleted,
    /// The key got another string.
    Rotated {
        /// The end of the grace period of the string of the record, if it has one.
        old_until: Option<Timestamp>,
    },
    /// The key was paused.
    Paused,
    /// The key got an earlier expiry.
    Expiry(Timestamp),
}

/// What a restored key lacks of the changes in the trail of its old table.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// The revocations, each with the id of its entry.
    pub revocations: Vec<(Revocation, Uuid)>,
    /// The fields whose changes are lost.
    pub lost: Vec<String>,
}

/// The trails of a restored key, oldest entry first.
pub struct Trails {
    /// In the restored table.
    pub restored: Vec<Entry>,
    /// In the old table.
    pub old: Vec<Entry>,
}

impl Trails {
    /// Whether both are trails of one key: after a restore, an id may be given again.
    #[must_use]
    pub fn are_of_one_key(&self) -> bool {
        let creation = |trail: &[Entry]| {
            let mut firsts = trail.iter().filter(|entry| matches!(entry.action, Action::Create | Action::Import));
            firsts.next().map(|entry| entry.id)
        };
        match (creation(&self.restored), creation(&self.old)) {
            (Some(restored), Some(old)) => restored == old,
            (None, _) | (_, None) => true,
        }
    }

    /// What the record lacks of the old trail. Changes before `since` do not count. A revocation that was repeated, or that
    /// a later change in the restored table overrules, is not missed.
    #[must_use]
    pub fn missed(&self, key: &Key, since: Option<DateTime<Utc>>, now: Timestamp) -> Missed {
        let known: BTreeSet<Uuid> = self.restored.iter().map(|entry| entry.id).collect();
        // The backup may hold an entry and not yet its change of the record.
        let unknown = self.old.iter().filter(|entry| !known.contains(&entry.id) || entry.at > key.entry_at);
        let unknown: Vec<&Entry> = unknown.collect();
        let counted: Vec<&Entry> =
            unknown.iter().copied().filter(|entry| since.is_none_or(|at| entry.at >= at)).collect();
        let last = |concerns: &dyn Fn(&Entry) -> bool| {
            let last = counted.iter().copied().rfind(|entry| concerns(entry))?;
            let mut later = self.restored.iter().filter(|entry| entry.at > last.at && concerns(entry));
            let is_repeated = self.restored.iter().any(|entry| entry.request_id == last.id.to_string());
            (later.next().is_none() && !is_repeated).then_some(last)
        };
        let last_of = |field: &str| last(&|entry| entry.changes.contains_key(field));

        if let Some(deletion) = last(&|entry| entry.action == Action::Delete) {
            return Missed { revocations: vec![(Revocation::Deleted, deletion.id)], lost: Vec::new() };
        }
        let mut missed = Missed::default();
        let is_rotation = |entry: &Entry| entry.action == Action::Rotate;
        if let Some(rotation) = last(&is_rotation) {
            // Of several rotations, all but the first replaced a string that the record does not have.
            let is_only = unknown.iter().filter(|entry| is_rotation(entry)).count() == 1;
            let old_until = time_after(rotation, "previous_key_until").filter(|until| is_only && *until > now);
            missed.revocations.push((Revocation::Rotated { old_until }, rotation.id));
        }
        if let Some(entry) = last_of("status")
            && value_after(entry, "status").as_str() == Some(Status::Paused.as_str())
            && key.stored_status == Status::Active
        {
            missed.revocations.push((Revocation::Paused, entry.id));
        }
        if let Some(entry) = last_of("expiry_at")
            && let Some(expiry) = time_after(entry, "expiry_at")
            && key.expires_at.is_none_or(|restored| expiry < restored)
        {
            missed.revocations.push((Revocation::Expiry(expiry), entry.id));
        }
        // Expiry is final.
        if key.status(now) == Status::Expired {
            missed.revocations.clear();
        }

        let mut becomes: BTreeMap<&str, Value> = key.audited().into_iter().collect();
        becomes.insert("status", key.status(now).as_str().into());
        for (revocation, _) in &missed.revocations {
            match revocation {
                Revocation::Paused => becomes.insert("status", Status::Paused.as_str().into()),
                Revocation::Expiry(expiry) => becomes.insert("expiry_at", expiry.to_string().into()),
                Revocation::Deleted | Revocation::Rotated { .. } => None,
            };
        }
        let fields: BTreeSet<&str> =
            counted.iter().flat_map(|entry| entry.changes.keys()).map(String::as_str).collect();
        let is_lost = |field: &&str| {
            let value = last_of(field).map(|entry| value_after(entry, field));
            let expires = *field == "status" && value.and_then(Value::as_str) == Some(Status::Expired.as_str());
            *field != "previous_key_until" && !expires && value.is_some_and(|value| becomes.get(field) != Some(value))
        };
        missed.lost = fields.into_iter().filter(is_lost).map(str::to_owned).collect();
        missed
    }
}

fn value_after<'a>(entry: &'a Entry, field: &str) -> &'a Value {
    entry.changes.get(field).map_or(&Value::Null, |change| &change.to)
}

fn time_after(entry: &Entry, field: &str) -> Option<Timestamp> {
    value_after(entry, field).as_str().and_then(Timestamp::parse)
}
