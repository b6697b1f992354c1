//! Sorts the history by key and by user, and assigns each audit entry to its attempt.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

use crate::check::{Evidence, Verdict, entries_by_request};
use crate::history::{Attempt, Change, Request, View};
use crate::model::{KeyOperation, MetaOperation, MetaWhat, What};
use crate::stored::Entry;

/// The histories of keys and users.
#[derive(Default)]
pub struct Histories<'a> {
    /// By user and id.
    pub keys: BTreeMap<(u64, u64), Vec<KeyOperation<'a>>>,
    pub users: BTreeMap<u64, Vec<MetaOperation<'a>>>,
    /// The number of notices that may have been due, by key.
    pub notices: BTreeMap<(u64, u64), u64>,
}

/// The end of an unanswered change, which may be carried out at any time.
const OPEN: i64 = i64::MAX;

impl<'a> Histories<'a> {
    /// Sorts a run.
    pub fn of(evidence: &'a Evidence, verdict: &mut Verdict) -> Self {
        let mut histories = Self::default();
        let mut entries = entries_by_request(evidence);
        let first_answers = first_answers(evidence);
        let mut made: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for entry in evidence.stored.entries.iter().filter(|entry| entry.action == "create") {
            made.entry(entry.user_id).or_default().push(entry.key_id);
        }
        let times: HashSet<(u64, i64)> =
            evidence.stored.entries.iter().map(|entry| (entry.user_id, entry.at)).collect();
        for attempt in &evidence.attempts {
            histories.users.entry(attempt.owner).or_default();
            let own = entries.remove(attempt.id.as_str()).unwrap_or_default();
            // The sweep has no caller.
            let actor = (attempt.request != Request::Sweep).then_some(attempt.caller);
            for entry in &own {
                // If another call's clock was ahead, the entry is a millisecond later than that call's.
                let follows = entry.at > attempt.start && times.contains(&(entry.user_id, entry.at - 1));
                let is_right = (entry.at == attempt.start || follows) && entry.actor == actor;
                verdict.check("an entry says who did it, and when", is_right, || format!("{entry:?} of {attempt:?}"));
            }
            let repeated = attempt.idempotency().and_then(|key| first_answers.get(&(attempt.owner, key)));
            let mut sorter =
                Sorter { evidence, histories: &mut histories, attempt, entries: own, repeated: repeated.copied() };
            match &attempt.request {
                Request::Sweep => sorter.sweep(),
                Request::List { .. } => {
                    sorter.list(made.get(&attempt.owner).map(Vec::as_slice).unwrap_or_default(), verdict);
                }
                Request::Verify { .. } | Request::Transcribe { .. } => sorter.used(),
                Request::Create { .. } => sorter.creation(verdict),
                Request::Misuse { .. } | Request::Invalid(_) => {}
                Request::Get(id)
                | Request::Usage(id)
                | Request::Audit(id)
                | Request::Pause(id)
                | Request::Resume(id)
                | Request::Update { id, .. }
                | Request::Rotate { id, .. }
                | Request::Delete(id)
                | Request::SetDefault { id, .. }
                | Request::RemoveDefault(id) => sorter.asked(*id, verdict),
            }
            let left = sorter.entries;
            verdict.check("a call has no entry but its own", left.is_empty(), || format!("{left:?} of {attempt:?}"));
        }
        verdict.check("an entry is of a call", entries.is_empty(), || format!("{entries:?}"));
        histories
    }
}

/// The first answers to requests with an `Idempotency-Key`, replays included.
fn first_answers(evidence: &Evidence) -> HashMap<(u64, &str), &Attempt> {
    let mut first: HashMap<_, &Attempt> = HashMap::new();
    for attempt in evidence.attempts.iter().filter(|attempt| matches!(attempt.status, 200 | 201)) {
        let Some(key) = attempt.idempotency() else { continue };
        let known = first.entry((attempt.owner, key)).or_insert(attempt);
        // An answer in JSON holds more than an earlier one in another format.
        let tells_more = known.view().is_none() && attempt.view().is_some();
        if tells_more || (attempt.end < known.end && (attempt.view().is_some() || known.view().is_none())) {
            *known = attempt;
        }
    }
    first
}

/// The key of a use and its result: `valid` or the reason of refusal. `None` for other calls.
pub fn use_of(evidence: &Evidence, attempt: &Attempt) -> Option<(u64, String)> {
    if let Request::Verify { id, .. } = &attempt.request
        && attempt.status == 200
    {
        let is_valid = attempt.body["valid"] == true;
        let outcome = if is_valid { "valid" } else { attempt.body["reason"].as_str()? };
        return Some((*id, outcome.to_owned()));
    }
    let Request::Transcribe { key } = &attempt.request else { return None };
    let outcome = match (attempt.status, attempt.error()) {
        (200, _) => "valid",
        (401, "Invalid API key") => "unknown",
        (403, "API key is paused") => "paused",
        (403, "API key is expired") => "expired",
        (429, _) => "limit",
        _ => return None,
    };
    let passed_on = || evidence.transcribed.get(&attempt.id).copied();
    let id = if attempt.status == 200 { passed_on()? } else { key.as_ref()?.0 };
    Some((id, outcome.to_owned()))
}

struct Sorter<'a, 'b> {
    evidence: &'a Evidence,
    histories: &'b mut Histories<'a>,
    attempt: &'a Attempt,
    /// Its entries that are still to be assigned.
    entries: Vec<&'a Entry>,
    /// The first answer to the same request, if any.
    repeated: Option<&'a Attempt>,
}

impl<'a> Sorter<'a, '_> {
    fn take(&mut self, id: u64, action: &str) -> Option<&'a Entry> {
        let owner = self.attempt.owner;
        let fits = |entry: &&Entry| (entry.user_id, entry.key_id, entry.action.as_str()) == (owner, id, action);
        self.entries.iter().position(fits).map(|index| self.entries.remove(index))
    }

    fn key(&mut self, id: u64, what: What<'a>, view: Option<View>, entry: Option<&'a Entry>) {
        let attempt = self.attempt;
        let answered = attempt.is_answered();
        let mut operation = KeyOperation {
            attempt,
            what,
            end: if answered { attempt.end } else { OPEN },
            status: answered.then_some(attempt.status),
            view,
            entry,
        };
        // The answer to the repeated request shows what this attempt did.
        if let (Some(repeated), Some(_)) = (self.repeated, entry) {
            operation.end = operation.end.min(repeated.end);
            operation.view = operation.view.or_else(|| repeated.view());
        }
        self.histories.keys.entry((attempt.owner, id)).or_default().push(operation);
    }

    fn user(&mut self, what: MetaWhat) {
        let attempt = self.attempt;
        let mut end = if attempt.is_answered() { attempt.end } else { OPEN };
        if let (Some(repeated), MetaWhat::Created) = (self.repeated, &what) {
            end = end.min(repeated.end);
        }
        self.histories.users.entry(attempt.owner).or_default().push(MetaOperation { attempt, what, end });
    }

    fn shows_default(&mut self, view: &View) {
        self.user(MetaWhat::DefaultAmong { listed: vec![view.id], shown: view.is_default.then_some(view.id) });
    }

    fn may_be_noticed(&mut self, id: u64) {
        *self.histories.notices.entry((self.attempt.owner, id)).or_default() += 1;
    }

    fn sweep(&mut self) {
        let attempt = self.attempt;
        let (expired, others) =
            std::mem::take(&mut self.entries).into_iter().partition(|entry| entry.action == "expire");
        self.entries = others;
        let expired: Vec<&Entry> = expired;
        for entry in expired {
            let operation = KeyOperation {
                attempt,
                what: What::Expired,
                end: if attempt.is_answered() { attempt.end } else { OPEN },
                status: None,
                view: None,
                entry: Some(entry),
            };
            self.histories.keys.entry((entry.user_id, entry.key_id)).or_default().push(operation);
        }
    }

    fn list(&mut self, made: &[u64], verdict: &mut Verdict) {
        let Value::Array(elements) = &self.attempt.body else { return };
        let views: Vec<View> = elements.iter().filter_map(View::read).collect();
        verdict.check(
            "a list is of keys, oldest first",
            views.len() == elements.len() && views.is_sorted_by(|a, b| a.id < b.id),
            || format!("{:?}", self.attempt),
        );
        let defaults: Vec<u64> = views.iter().filter(|view| view.is_default).map(|view| view.id).collect();
        verdict.check("a list shows one default at most", defaults.len() <= 1, || format!("{:?}", self.attempt));
        let listed = views.iter().map(|view| view.id).collect();
        self.user(MetaWhat::DefaultAmong { listed, shown: defaults.first().copied() });
        let absent = made.iter().filter(|id| views.iter().all(|view| view.id != **id));
        for id in absent {
            self.key(*id, What::Listed, None, None);
        }
        for view in views {
            self.key(view.id, What::Listed, Some(view), None);
        }
    }

    fn used(&mut self) {
        let Some((id, verdict)) = use_of(self.evidence, self.attempt) else { return };
        let string =
            if let Request::Verify { key, .. } | Request::Transcribe { key: Some((_, key)) } = &self.attempt.request {
                Some(key.as_str())
            } else {
                None
            };
        if string.is_none() {
            self.user(MetaWhat::DefaultAmong { listed: vec![id], shown: Some(id) });
        }
        self.key(id, What::Used { string, verdict }, None, None);
    }

    fn creation(&mut self, verdict: &mut Verdict) {
        let attempt = self.attempt;
        let entry = self.entries.first().copied();
        let entry = entry.and_then(|entry| self.take(entry.key_id, "create"));
        let is_told = attempt.status == 201 && !attempt.replayed;
        verdict.check("a key that was made has an entry", !is_told || entry.is_some(), || format!("{attempt:?}"));
        if let Some(entry) = entry {
            let view = attempt.view();
            let is_new = view.as_ref().is_none_or(|view| view.id == entry.key_id && !view.is_default && view.uses == 0);
            verdict.check("a new key is unused and no default", is_new, || format!("{attempt:?} {entry:?}"));
            self.key(entry.key_id, What::Asked, view, Some(entry));
            self.user(MetaWhat::Created);
            self.may_be_noticed(entry.key_id);
        }
        if attempt.error() == "API Key limit reached" {
            self.user(MetaWhat::Full);
        }
    }

    fn asked(&mut self, id: u64, verdict: &mut Verdict) {
        let attempt = self.attempt;
        // The history has the first of repeated answers.
        let is_repeated = attempt.replayed && self.entries.is_empty();
        if attempt.is_over_rate_limit() || is_repeated || attempt.status == 400 {
            return;
        }
        let view = attempt.view();
        verdict.check(
            "an answer is about the key that was asked for",
            view.as_ref().is_none_or(|view| view.id == id),
            || format!("{attempt:?}"),
        );
        if let Request::SetDefault { old_id, .. } = &attempt.request {
            self.default_set(id, *old_id, view, verdict);
        } else if matches!(attempt.request, Request::RemoveDefault(_)) {
            self.default_removed(id, view, verdict);
        } else {
            self.changed(id, view);
        }
    }

    fn default_set(&mut self, id: u64, old_id: Option<u64>, view: Option<View>, verdict: &mut Verdict) {
        let attempt = self.attempt;
        let entry = self.take(id, "set_default");
        let displaced = self.entries.iter().find(|entry| entry.action == "remove_default").copied();
        let displaced = displaced.and_then(|entry| self.take(entry.key_id, "remove_default"));
        for (entry, to) in [(entry, true), (displaced, false)] {
            says_default(entry, to, verdict);
        }
        if entry.is_some() {
            self.user(MetaWhat::DefaultSet { id, displaced: displaced.map(|entry| entry.key_id) });
        } else if attempt.status == 200 {
            self.user(MetaWhat::DefaultKept(id));
        }
        let is_default = view.as_ref().is_none_or(|view| view.is_default);
        verdict.check("a key that was made the default is shown as it", is_default, || format!("{attempt:?}"));
        // Either of the two named keys may be missing.
        if attempt.is_answered() && !(attempt.status == 404 && old_id.is_some()) {
            self.key(id, What::Asked, view, None);
        }
    }

    fn default_removed(&mut self, id: u64, view: Option<View>, verdict: &mut Verdict) {
        let attempt = self.attempt;
        let entry = self.take(id, "remove_default");
        says_default(entry, false, verdict);
        if entry.is_some() {
            self.user(MetaWhat::DefaultRemoved(id));
        } else if attempt.status == 200 {
            self.user(MetaWhat::NotDefault(id));
        }
        let is_default = view.as_ref().is_some_and(|view| view.is_default);
        verdict.check("a key that is no longer the default is not shown as it", !is_default, || format!("{attempt:?}"));
        if attempt.is_answered() {
            self.key(id, What::Asked, view, None);
        }
    }

    fn changed(&mut self, id: u64, view: Option<View>) {
        let request = &self.attempt.request;
        let entry = request.action().and_then(|action| self.take(id, action));
        if entry.is_some() && matches!(request, Request::Delete(_)) {
            self.user(MetaWhat::Deleted(id));
        }
        if matches!(request, Request::Update { change: Change::ExpiresAt(_), .. }) {
            self.may_be_noticed(id);
        }
        if let Some(view) = &view {
            self.shows_default(view);
        }
        if self.attempt.is_answered() || entry.is_some() {
            self.key(id, What::Asked, view, entry);
        }
    }
}

fn says_default(entry: Option<&Entry>, to: bool, verdict: &mut Verdict) {
    if let Some(entry) = entry {
        let is_right = entry.changes.len() == 1 && entry.changes.get("is_default") == Some(&(json!(!to), json!(to)));
        verdict.check("an entry says that the default changed", is_right, || format!("{entry:?}"));
    }
}
