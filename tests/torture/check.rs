//! Checks the history of a run and the final table against the model.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;

use serde_json::Value;
use shared::ids::UserId;
use shared::store::{Item, PrimaryKey};
use tests::consistency::text;
use tests::fault_proxy::Update;

use crate::counts;
use crate::histories::Histories;
use crate::history::{Attempt, Change, End, Request};
use crate::linearize::linearize;
use crate::model::{KeyState, is_meta};
use crate::plan::Invalid;
use crate::stored::{Entry, Stored};

/// The evidence of a run.
#[derive(Clone, Debug)]
pub struct Evidence {
    pub attempts: Vec<Attempt>,
    pub stored: Stored,
    /// The applied `UpdateItem`s.
    pub updates: Vec<Update>,
    /// The request ids of the table's responses that reached the containers.
    pub answers_received: Vec<String>,
    /// The published events: detail type and detail.
    pub events: Vec<(String, Value)>,
    /// The key of each forwarded transcription, by request.
    pub transcribed: HashMap<String, u64>,
}

/// The result of the checks.
#[derive(Debug, Default)]
pub struct Verdict {
    pub violations: Vec<String>,
    /// The number of checks by kind.
    pub checks: BTreeMap<&'static str, u64>,
}

impl Verdict {
    /// Records a check and its result.
    pub fn check(&mut self, what: &'static str, holds: bool, violation: impl FnOnce() -> String) {
        *self.checks.entry(what).or_default() += 1;
        if !holds {
            self.violations.push(format!("{what}: {}", violation()));
        }
    }

    /// Records a comparison with an expected value.
    pub fn equal<T: PartialEq + Debug>(&mut self, what: &'static str, found: &T, expected: &T, place: &str) {
        self.check(what, found == expected, || format!("{place}: {found:?} instead of {expected:?}"));
    }
}

/// Runs all checks.
pub fn check(evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict::default();
    answers(evidence, &mut verdict);
    let histories = Histories::of(evidence, &mut verdict);
    keys(evidence, &histories, &mut verdict);
    users(evidence, &histories, &mut verdict);
    ids(evidence, &mut verdict);
    idempotency(evidence, &mut verdict);
    trails(evidence, &mut verdict);
    counts::uses(evidence, &mut verdict);
    counts::calls(evidence, &mut verdict);
    sweeps(evidence, &mut verdict);
    verdict
}

/// Checks that each answer is possible for its request, whatever the state.
fn answers(evidence: &Evidence, verdict: &mut Verdict) {
    let ids: BTreeSet<&str> = evidence.attempts.iter().map(|attempt| attempt.id.as_str()).collect();
    for attempt in &evidence.attempts {
        let Attempt { id, request, status, .. } = attempt;
        if !attempt.is_answered() {
            // On a busy machine, a timeout may be real.
            let is_explained = *status == 503 && (!attempt.faults.is_empty() || attempt.is_slow);
            verdict.check("a 5xx is a 503, and has its reason in a fault", is_explained, || format!("{attempt:?}"));
            let (step, number) = id.rsplit_once('-').expect("ids end in a number");
            let next = number.parse::<u32>().expect("a number") + 1;
            let is_repeated = ids.contains(format!("{step}-{next}").as_str());
            verdict.check("a 5xx is repeated until it is answered", is_repeated, || format!("{attempt:?}"));
            continue;
        }
        if attempt.is_over_rate_limit() {
            continue;
        }
        let is_past = |time: Option<i64>| time.is_some_and(|time| time <= attempt.now());
        let expected: &[u16] = match request {
            Request::Create { end: End::At(time), .. } if is_past(Some(*time)) && !attempt.replayed => &[400],
            Request::Create { .. } => &[201, 409],
            Request::Update { change: Change::ExpiresAt(time), .. } if is_past(*time) => &[400],
            Request::Update { .. }
            | Request::Pause(_)
            | Request::Resume(_)
            | Request::Rotate { .. }
            | Request::SetDefault { .. } => &[200, 404, 409],
            Request::Get(_)
            | Request::RemoveDefault(_)
            | Request::Delete(_)
            | Request::Usage(_)
            | Request::Audit(_) => &[200, 404],
            Request::List { .. } | Request::Verify { .. } | Request::Sweep => &[200],
            Request::Transcribe { key: Some(_) } => &[200, 401, 403, 429],
            Request::Transcribe { key: None } => &[200, 403, 409, 429],
            Request::Misuse { .. } => &[409],
            Request::Invalid(invalid) => match invalid {
                Invalid::NoBody
                | Invalid::UnknownType
                | Invalid::UnknownField
                | Invalid::BadId
                | Invalid::BadFormat
                | Invalid::BadIdempotencyKey
                | Invalid::TranscribeIncomplete => &[400],
                Invalid::NoToken | Invalid::BadToken => &[401],
                Invalid::OthersList | Invalid::VerifyAsUser | Invalid::TranscribeForOther => &[403],
                Invalid::UnknownId | Invalid::OthersKey => &[404],
                Invalid::TooLarge => &[413],
            },
        };
        verdict
            .check("an answer is one that its request can get", expected.contains(status), || format!("{attempt:?}"));
    }
}

/// Checks that each key's history and record are linearizable.
fn keys(evidence: &Evidence, histories: &Histories<'_>, verdict: &mut Verdict) {
    for ((user, id), operations) in &histories.keys {
        let record = evidence.stored.keys.get(&(*user, *id));
        let accepts = |state: &KeyState| match (state, record) {
            (KeyState::Held(key), Some(record)) => key.is_stored_as(record),
            (KeyState::NotMade | KeyState::Deleted, None) => true,
            _ => false,
        };
        let result = linearize(operations, KeyState::NotMade, accepts);
        verdict.check("a key's history and record are those of calls one after the other", result.is_ok(), || {
            let stuck = result.as_ref().expect_err("not in order");
            let next = stuck.next.iter().map(|index| format!("\n  {:?}", operations[*index]));
            let next: String = next.collect();
            format!("key {id} of user {user}\nat {:?}\nrecord {record:?}\nnext would be one of{next}", stuck.state)
        });
        *verdict.checks.entry("an operation has its place in these histories").or_default() += operations.len() as u64;
        let Some(record) = record else { continue };
        let entries = evidence.stored.entries.iter().filter(|entry| (entry.user_id, entry.key_id) == (*user, *id));
        let by_trail = entries.count() as u64;
        // Notices of the sweep have no entry, but change the record's version.
        let notices = record.version.checked_sub(by_trail);
        let awaited = histories.notices.get(&(*user, *id)).copied().unwrap_or(0);
        verdict.check(
            "a record has a version for each entry",
            notices.is_some_and(|notices| notices <= awaited),
            || format!("key {id} of user {user}: version {} and {by_trail} by its trail", record.version),
        );
    }
    for (user, id) in evidence.stored.keys.keys() {
        verdict.check("a record has a history", histories.keys.contains_key(&(*user, *id)), || {
            format!("key {id} of user {user}")
        });
    }
}

/// Checks the same for each user's default and number of keys.
fn users(evidence: &Evidence, histories: &Histories<'_>, verdict: &mut Verdict) {
    for (user, operations) in &histories.users {
        let meta = evidence.stored.metas.get(user).copied().unwrap_or_default();
        let result = linearize(operations, (None, 0), |state| is_meta(*state, meta));
        verdict.check("a user's default and count are those of calls one after the other", result.is_ok(), || {
            let stuck = result.as_ref().expect_err("not in order");
            let next = stuck.next.iter().map(|index| format!("\n  {:?}", operations[*index]));
            let next: String = next.collect();
            format!("user {user}\nat {:?}\nrecord {meta:?}\nnext would be one of{next}", stuck.state)
        });
        *verdict.checks.entry("an operation has its place in these histories").or_default() += operations.len() as u64;
        let held: Vec<u64> = evidence.stored.keys.keys().filter(|key| key.0 == *user).map(|key| key.1).collect();
        verdict.equal(
            "key_count is the number of keys",
            &meta.key_count,
            &(held.len() as u64),
            &format!("user {user}"),
        );
        let is_there = meta.default_id.is_none_or(|id| held.contains(&id));
        verdict.check("a default is a key that is there", is_there, || format!("user {user}: {meta:?}"));
    }
}

/// Checks that ids and strings are unique.
fn ids(evidence: &Evidence, verdict: &mut Verdict) {
    let mut entries = BTreeSet::new();
    let mut made = BTreeSet::new();
    for entry in &evidence.stored.entries {
        verdict.check("an audit entry's id is its own", entries.insert(&entry.id), || entry.id.clone());
        if entry.action == "create" {
            verdict.check("a key's id is its own", made.insert(entry.key_id), || format!("key {}", entry.key_id));
            let last_id = evidence.stored.last_id;
            verdict.check("a key's id is not to be given again", entry.key_id <= last_id, || {
                format!("{entry:?} {last_id}")
            });
        }
    }
    let mut strings: HashMap<String, (u64, u64)> = HashMap::new();
    let views = evidence.attempts.iter().filter_map(|attempt| Some((attempt.owner, attempt.view()?)));
    for (owner, view) in views.filter(|(_, view)| !view.key.contains('…')) {
        let place = (owner, view.id);
        let known = *strings.entry(view.key).or_insert(place);
        verdict.equal("a string belongs to one key", &known, &place, &format!("key {}", view.id));
        verdict.equal("a key is shown to its owner", &view.user_id, &owner, &format!("key {}", view.id));
    }
}

/// Checks that requests with an `Idempotency-Key` were carried out once.
fn idempotency(evidence: &Evidence, verdict: &mut Verdict) {
    let entries = entries_by_request(evidence);
    let mut groups: BTreeMap<(u64, &str), Vec<&Attempt>> = BTreeMap::new();
    for attempt in &evidence.attempts {
        if let Some(key) = attempt.idempotency() {
            groups.entry((attempt.owner, key)).or_default().push(attempt);
        }
    }
    for ((user, key), attempts) in &groups {
        let done: Vec<_> = attempts.iter().filter(|attempt| entries.contains_key(attempt.id.as_str())).collect();
        let answered: Vec<_> = attempts.iter().filter(|attempt| matches!(attempt.status, 200 | 201)).collect();
        let place = || format!("{key} of user {user}: {attempts:?}");
        let is_once = done.len() <= 1 && (done.len() == 1 || answered.is_empty());
        verdict.check("a request with an Idempotency-Key is done once", is_once, place);
        let first = done.first().map(|attempt| attempt.id.as_str());
        // A call whose transaction was committed but not answered finds that out by itself.
        let told = answered.iter().all(|attempt| {
            if first == Some(attempt.id.as_str()) {
                !attempt.replayed || !attempt.faults.is_empty() || attempt.is_slow
            } else {
                attempt.replayed
            }
        });
        verdict.check("a repeated answer says so", told, place);
        let views: Vec<_> = answered.iter().filter_map(|attempt| attempt.view()).collect();
        let is_same = views.windows(2).all(|pair| pair[0].is_like(&pair[1]));
        verdict.check("a repeated answer is the first one", is_same, place);
        let made = first.and_then(|id| entries[id].first());
        let is_replaced = made.is_some_and(|made| {
            let of_key = |entry: &&Entry| (entry.user_id, entry.key_id) == (made.user_id, made.key_id);
            let later = evidence.stored.entries.iter().filter(of_key).filter(|entry| entry.at > made.at);
            later.into_iter().any(|entry| matches!(entry.action.as_str(), "rotate" | "delete"))
        });
        let is_whole = views.iter().all(|view| !view.is_masked());
        verdict.check("a repeated answer is masked for a reason", is_whole || is_replaced, place);
        let made = made.map(|entry| entry.key_id);
        let outcome = evidence.stored.outcomes.get(&outcome_place(*user, key)).copied().flatten();
        verdict.equal("what was done is remembered", &outcome, &made, &format!("{key} of user {user}"));
    }
    let known: BTreeSet<_> = groups.keys().map(|(user, key)| outcome_place(*user, key)).collect();
    for place in evidence.stored.outcomes.keys() {
        verdict.check("what is remembered was asked for", known.contains(place), || format!("{place:?}"));
    }
    for (place, hash) in &evidence.stored.issued {
        let is_current = evidence.stored.keys.get(place).is_some_and(|record| record.hash == *hash);
        verdict.check("a string that is kept is its key's", is_current, || format!("{place:?}"));
    }
}

/// The user and the sort key of a remembered outcome.
fn outcome_place(user: u64, key: &str) -> (u64, String) {
    let place = Item::from(PrimaryKey::idempotency(UserId::new(user).expect("an id"), key));
    (user, text(&place, "SK"))
}

/// Checks that the trails in answers are complete.
fn trails(evidence: &Evidence, verdict: &mut Verdict) {
    let attempts = attempts_by_id(evidence);
    for attempt in &evidence.attempts {
        let (Request::Audit(id), Value::Array(shown)) = (&attempt.request, &attempt.body) else { continue };
        let shown: Vec<&str> = shown.iter().filter_map(|entry| entry["id"].as_str()).collect();
        let entries = evidence.stored.entries.iter();
        let entries: Vec<_> = entries.filter(|entry| (entry.user_id, entry.key_id) == (attempt.owner, *id)).collect();
        let mut must_be_there = entries.iter().filter(|entry| is_made_before(&attempts, entry, attempt));
        let is_whole = must_be_there.all(|entry| shown.contains(&entry.id.as_str()));
        let is_true = shown.iter().all(|id| entries.iter().any(|entry| entry.id == *id));
        let is_sorted = shown.is_sorted_by(|newer, older| newer > older);
        verdict
            .check("a trail is shown whole, newest first", is_whole && is_true && is_sorted, || format!("{attempt:?}"));
    }
}

/// Whether the call of an entry was answered before an attempt began.
pub fn is_made_before(attempts: &HashMap<&str, &Attempt>, entry: &Entry, attempt: &Attempt) -> bool {
    let change = attempts.get(entry.request_id.as_str());
    change.is_some_and(|change| change.is_answered() && change.end < attempt.start)
}

/// The attempts by their ids.
pub fn attempts_by_id(evidence: &Evidence) -> HashMap<&str, &Attempt> {
    evidence.attempts.iter().map(|attempt| (attempt.id.as_str(), attempt)).collect()
}

/// Checks that sweeps did what they report, and published it.
fn sweeps(evidence: &Evidence, verdict: &mut Verdict) {
    let entries = entries_by_request(evidence);
    for attempt in evidence.attempts.iter().filter(|attempt| attempt.request == Request::Sweep && attempt.is_answered())
    {
        let expired = entries.get(attempt.id.as_str()).map_or(0, Vec::len) as u64;
        verdict.equal("a sweep says what it did", &attempt.body["expired"].as_u64(), &Some(expired), &attempt.id);
    }
    let told: BTreeSet<u64> = evidence
        .events
        .iter()
        .filter(|(kind, _)| kind == "API Key Expired")
        .filter_map(|(_, detail)| detail["id"].as_u64())
        .collect();
    for entry in evidence.stored.entries.iter().filter(|entry| entry.action == "expire") {
        // The expiry of a key that was deleted before may remain unpublished.
        if evidence.stored.keys.contains_key(&(entry.user_id, entry.key_id)) {
            verdict.check("subscribers hear of a key's end", told.contains(&entry.key_id), || format!("{entry:?}"));
        }
    }
    verdict.equal("no journal is left", &evidence.stored.journals, &0, "the sweep");
}

/// The audit entries by request id.
pub fn entries_by_request(evidence: &Evidence) -> HashMap<&str, Vec<&Entry>> {
    let mut entries: HashMap<&str, Vec<_>> = HashMap::new();
    for entry in &evidence.stored.entries {
        entries.entry(entry.request_id.as_str()).or_default().push(entry);
    }
    entries
}
