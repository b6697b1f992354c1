//! Checks the counters of the table (uses of keys, calls of users) against the answers.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::DateTime;
use shared::clock::Timestamp;
use shared::keys::Day;
use tests::fault_proxy::Update;

use crate::check::{Evidence, Verdict};
use crate::client::rate_limits;
use crate::histories::use_of;
use crate::history::Attempt;

/// The daily limit of a test key.
pub const TEST_KEY_DAILY_LIMIT: u64 = 3;

/// Updates that were applied without an answer, by item. The SDK or the client may have repeated them.
pub struct Lost<'a>(HashMap<(&'a str, &'a str), u64>);

impl<'a> Lost<'a> {
    /// Counts the applied updates whose answers were lost.
    pub fn of(evidence: &'a Evidence) -> Self {
        let received: HashSet<&str> = evidence.answers_received.iter().map(String::as_str).collect();
        let mut lost: HashMap<_, u64> = HashMap::new();
        for Update { item: (partition, sort), .. } in
            evidence.updates.iter().filter(|update| !received.contains(update.answer.as_str()))
        {
            *lost.entry((partition.as_str(), sort.as_str())).or_default() += 1;
        }
        Self(lost)
    }

    fn of_item(&self, partition: &str, sort: &str) -> u64 {
        self.0.get(&(partition, sort)).copied().unwrap_or(0)
    }

    /// The lost answers of a key's record.
    pub fn of_key(&self, (user, id): (u64, u64)) -> u64 {
        self.of_item(&format!("USER#{user}"), &format!("KEY#{id:016}"))
    }

    fn of_limit(&self, user: u64, hour: i64) -> u64 {
        self.of_item(&format!("LIMIT#{user}"), &hour.to_string())
    }
}

/// The uses of keys by their answers.
#[derive(Default)]
pub struct Uses<'a> {
    /// Accepted uses by user and key.
    pub accepted: BTreeMap<(u64, u64), Vec<&'a Attempt>>,
    /// The number of uses accepted as those of a test key, by key and day.
    pub accepted_as_test: BTreeMap<(u64, i64), u64>,
    /// Uses refused because of a test key's daily limit, by user, key and day.
    pub over_limit: BTreeMap<(u64, u64, i64), Vec<&'a Attempt>>,
}

impl<'a> Uses<'a> {
    /// Collects the uses of a run.
    pub fn of(evidence: &'a Evidence) -> Self {
        let mut uses = Self::default();
        for attempt in &evidence.attempts {
            let Some((id, outcome)) = use_of(evidence, attempt) else { continue };
            let day = attempt.now().div_euclid(86_400);
            match outcome.as_str() {
                "valid" => {
                    uses.accepted.entry((attempt.owner, id)).or_default().push(attempt);
                    if attempt.body["type"] == "test" {
                        *uses.accepted_as_test.entry((id, day)).or_default() += 1;
                    }
                }
                "limit" => uses.over_limit.entry((attempt.owner, id, day)).or_default().push(attempt),
                _ => {}
            }
        }
        uses
    }

    /// The number of accepted uses of a key.
    pub fn accepted(&self, key: (u64, u64)) -> u64 {
        self.accepted.get(&key).map_or(0, Vec::len) as u64
    }
}

/// The name of a day, as days since 1970, in a record.
pub fn name_of(day: i64) -> String {
    Day::of(Timestamp::from_seconds(day * 86_400).expect("a time")).attribute()
}

/// Checks the counts of uses: each acknowledged use, and no other except those with a lost answer.
pub fn uses(evidence: &Evidence, verdict: &mut Verdict) {
    let lost = Lost::of(evidence);
    let answered = Uses::of(evidence);
    for (key, record) in &evidence.stored.keys {
        let (user, id) = key;
        let (acknowledged, lost) = (answered.accepted(*key), lost.of_key(*key));
        let what = if lost == 0 { "uses are counted exactly" } else { "uses are counted, lost answers at most twice" };
        let is_between = (acknowledged..=acknowledged + lost).contains(&record.uses);
        let place =
            || format!("key {id} of user {user}: {} uses, {acknowledged} acknowledged, {lost} lost", record.uses);
        verdict.check(what, is_between, place);
        verdict.equal(
            "uses by day add up",
            &record.days.values().sum::<u64>(),
            &record.uses,
            &format!("key {id} of user {user}"),
        );
    }
    for (place, count) in &answered.accepted_as_test {
        verdict.check("a test key is used as often as it may be", *count <= TEST_KEY_DAILY_LIMIT, || {
            format!("{place:?} {count}")
        });
    }
    for (user, id, day) in answered.over_limit.keys() {
        if let Some(record) = evidence.stored.keys.get(&(*user, *id)) {
            let count = record.days.get(&name_of(*day)).copied().unwrap_or(0);
            verdict.check("a test key is refused when it is used up", count >= TEST_KEY_DAILY_LIMIT, || {
                format!("key {id} of user {user}: {count}")
            });
        }
    }
    // A count shown during the run lies between the uses completed and those begun by then.
    for attempt in evidence.attempts.iter().filter(|attempt| !attempt.replayed) {
        for (id, shown) in shown_uses(attempt) {
            let key = (attempt.owner, id);
            let accepted = answered.accepted.get(&key).map(Vec::as_slice).unwrap_or_default();
            let least = accepted.iter().filter(|used| used.end < attempt.start).count() as u64;
            let begun = accepted.iter().filter(|used| used.start < attempt.end).count() as u64;
            let most = begun + lost.of_key(key);
            verdict.check("uses are shown as they are", (least..=most).contains(&shown), || {
                format!("key {id}: {shown}, not {least} to {most}, in {attempt:?}")
            });
        }
    }
}

/// The use counts in an answer.
fn shown_uses(attempt: &Attempt) -> Vec<(u64, u64)> {
    let bodies = attempt.body.as_array().map_or(std::slice::from_ref(&attempt.body), Vec::as_slice);
    bodies.iter().filter_map(|body| Some((body["id"].as_u64()?, body["usage_count"].as_u64()?))).collect()
}

/// A user's calls in an hour or a minute.
#[derive(Default)]
pub struct Calls {
    pub admitted: u64,
    /// Answered with a 5xx, or counted with a lost answer.
    pub uncertain: u64,
    pub refused: u64,
}

/// The calls of each user, by hour since 1970 and, within it, by window: the hour itself, or a minute.
pub fn calls_by_window(evidence: &Evidence) -> BTreeMap<(u64, i64, String), Calls> {
    let lost = Lost::of(evidence);
    let mut windows: BTreeMap<(u64, i64, String), Calls> = BTreeMap::new();
    for attempt in evidence.attempts.iter().filter(|attempt| attempt.is_limited()) {
        let hour = attempt.now().div_euclid(3_600);
        let minute = DateTime::from_timestamp(attempt.now(), 0).expect("a time").format("m%-M").to_string();
        for window in ["hour".to_owned(), minute] {
            let calls = windows.entry((attempt.caller, hour, window)).or_default();
            match attempt.status {
                429 => calls.refused += 1,
                500.. => calls.uncertain += 1,
                _ => calls.admitted += 1,
            }
        }
    }
    for ((user, hour, _), calls) in &mut windows {
        calls.uncertain += lost.of_limit(*user, *hour);
    }
    windows
}

/// Checks the counters of the rate limits: each admitted call, and no other except those with a lost answer.
pub fn calls(evidence: &Evidence, verdict: &mut Verdict) {
    let mut full = BTreeSet::new();
    let mut refused = BTreeSet::new();
    for ((user, hour, window), calls) in &calls_by_window(evidence) {
        let counted = evidence.stored.limits.get(&(*user, *hour)).and_then(|counters| counters.get(window));
        let counted = counted.copied().unwrap_or(0);
        let most = calls.admitted + calls.uncertain;
        let what = if calls.uncertain == 0 {
            "calls are counted exactly"
        } else {
            "calls are counted, lost answers at most twice"
        };
        verdict.check(what, (calls.admitted..=most).contains(&counted), || {
            format!("user {user}, hour {hour}, {window}: {counted}, not {} to {most}", calls.admitted)
        });
        let limits = rate_limits(*user);
        let limit = u64::from(if window == "hour" { limits.per_hour } else { limits.per_minute });
        verdict.check("a rate limit is never passed", counted <= limit, || {
            format!("user {user}, hour {hour}, {window}: {counted}")
        });
        if counted == limit {
            full.insert((*user, *hour, window.clone()));
        }
        if calls.refused > 0 {
            refused.insert((*user, *hour, window.clone()));
        }
    }
    for (user, hour, window) in refused.iter().filter(|(_, _, window)| window != "hour") {
        let is_due =
            full.contains(&(*user, *hour, window.clone())) || full.contains(&(*user, *hour, "hour".to_owned()));
        verdict.check("a call is refused when a limit is reached", is_due, || {
            format!("user {user}, hour {hour}, {window}")
        });
    }
}
