//! Falsifies what a run left, in one place at a time, to see that the checks notice: a check that cannot fail is none.

use serde_json::{Value, json};

use crate::check::{Evidence, check};
use crate::history::{Attempt, Request};

/// A falsification: what it is, the checks of which one at least must notice it, and how it is done. It says whether there
/// was something to falsify.
type Falsification = (&'static str, &'static [&'static str], fn(&mut Evidence) -> bool);

const HISTORY: &str = "a key's history and record are those of calls one after the other";
const USER: &str = "a user's default and count are those of calls one after the other";

const FALSIFICATIONS: [Falsification; 25] = [
    ("an entry is missing", &[USER, HISTORY], |evidence| evidence.stored.entries.pop().is_some()),
    ("an entry is there twice", &["a call has no entry but its own"], |evidence| {
        let twice = evidence
            .stored
            .entries
            .first()
            .cloned()
            .map(|entry| crate::stored::Entry { id: "other".to_owned(), ..entry });
        let is_there = twice.is_some();
        evidence.stored.entries.extend(twice);
        is_there
    }),
    ("an entry says something else", &[HISTORY], |evidence| {
        let entry = evidence.stored.entries.iter_mut().find(|entry| entry.action == "update");
        entry.map(|entry| entry.changes.values_mut().for_each(|(_, to)| *to = json!("something else"))).is_some()
    }),
    ("a record is missing", &["key_count is the number of keys"], |evidence| {
        evidence.stored.keys.pop_first().is_some()
    }),
    ("a change is lost", &[HISTORY], |evidence| {
        let record = evidence.stored.keys.values_mut().find(|record| record.status == "paused");
        record.map(|record| "active".clone_into(&mut record.status)).is_some()
    }),
    ("a record has another string", &[HISTORY], |evidence| {
        evidence.stored.keys.values_mut().next().map(|record| record.hash = vec![0; 32]).is_some()
    }),
    ("a record was changed twice", &["a record has a version for each entry"], |evidence| {
        evidence.stored.keys.values_mut().next_back().map(|record| record.version += 30).is_some()
    }),
    ("a use is lost", &["uses are counted exactly", "uses are counted, lost answers at most twice"], |evidence| {
        let record = evidence.stored.keys.values_mut().find(|record| record.uses > 0);
        record.map(|record| record.uses -= 1).is_some()
    }),
    // Of all keys, for with some it may be the SDK's repetition.
    ("uses are counted too often", &["uses are counted exactly"], |evidence| {
        for record in evidence.stored.keys.values_mut() {
            record.uses += 1;
            *record.days.entry("day".to_owned()).or_default() += 1;
        }
        !evidence.stored.keys.is_empty()
    }),
    ("calls are counted too often", &["calls are counted exactly"], |evidence| {
        for count in evidence.stored.limits.values_mut().flat_map(|counters| counters.values_mut()) {
            *count += 1;
        }
        !evidence.stored.limits.is_empty()
    }),
    ("key_count is wrong", &["key_count is the number of keys"], |evidence| {
        evidence.stored.metas.values_mut().next().map(|meta| meta.key_count += 1).is_some()
    }),
    ("another key is the default", &[USER], |evidence| {
        let meta = evidence.stored.metas.values_mut().find(|meta| meta.default_id.is_some());
        meta.map(|meta| meta.default_id = meta.default_id.map(|id| id + 1)).is_some()
    }),
    ("an id is given twice", &["a key's id is its own"], |evidence| {
        let mut made = evidence.stored.entries.iter_mut().filter(|entry| entry.action == "create");
        let Some(id) = made.next().map(|entry| entry.key_id) else { return false };
        made.next().map(|entry| entry.key_id = id).is_some()
    }),
    ("a refused key is accepted", &[HISTORY], |evidence| {
        let refused =
            |attempt: &&mut Attempt| attempt.body["reason"] == "paused" || attempt.body["reason"] == "expired";
        evidence.attempts.iter_mut().find(refused).map(|attempt| attempt.body = json!({"valid": true})).is_some()
    }),
    ("a key that works is refused", &[HISTORY], |evidence| {
        let accepted = evidence.attempts.iter_mut().find(|attempt| attempt.body["valid"] == true);
        accepted.map(|attempt| attempt.body = json!({"valid": false, "reason": "unknown"})).is_some()
    }),
    ("a change is acknowledged that is not made", &[HISTORY], |evidence| {
        let refused = |attempt: &&mut Attempt| matches!(attempt.request, Request::Pause(_)) && attempt.status == 409;
        evidence.attempts.iter_mut().find(refused).map(|attempt| attempt.status = 200).is_some()
    }),
    (
        "a call is not counted",
        &["calls are counted exactly", "calls are counted, lost answers at most twice"],
        |evidence| {
            let counters = evidence.stored.limits.values_mut().next();
            counters.and_then(|counters| counters.get_mut("hour")).map(|count| *count = 0).is_some()
        },
    ),
    ("a 5xx has no reason", &["a 5xx is a 503, and has its reason in a fault"], |evidence| {
        let unanswered = evidence.attempts.iter_mut().find(|attempt| !attempt.is_answered());
        unanswered.map(|attempt| (attempt.faults, attempt.is_slow) = (Vec::new(), false)).is_some()
    }),
    ("an outcome is forgotten", &["what was done is remembered"], |evidence| {
        evidence.stored.outcomes.pop_first().is_some()
    }),
    ("a test key is used too often", &["a test key is used as often as it may be"], |evidence| {
        let refused = evidence.attempts.iter_mut().filter(|attempt| attempt.body["reason"] == "limit");
        refused.map(|attempt| attempt.body = json!({"valid": true, "type": "test"})).count() > 0
    }),
    ("a test key is refused too early", &["a test key is refused when it is used up"], |evidence| {
        let used = evidence.stored.keys.values_mut().filter(|record| !record.days.is_empty());
        used.map(|record| record.days.clear()).count() > 0
    }),
    ("a trail is shown without its newest entry", &["a trail is shown whole, newest first"], |evidence| {
        let shown = |attempt: &mut Attempt| match (&attempt.request, &mut attempt.body) {
            (Request::Audit(_), Value::Array(entries)) if !entries.is_empty() => Some(entries.remove(0)),
            _ => None,
        };
        evidence.attempts.iter_mut().filter_map(shown).count() > 0
    }),
    ("a sweep says that it did more", &["a sweep says what it did"], |evidence| {
        let swept = |attempt: &&mut Attempt| attempt.request == Request::Sweep && attempt.body["expired"].is_u64();
        evidence.attempts.iter_mut().find(swept).map(|attempt| attempt.body["expired"] = json!(1_000)).is_some()
    }),
    ("nobody hears of a key's end", &["subscribers hear of a key's end"], |evidence| {
        !std::mem::take(&mut evidence.events).is_empty()
    }),
    ("a journal is left", &["no journal is left"], |evidence| {
        evidence.stored.journals += 1;
        true
    }),
];

/// What is wrong with the checks: the falsifications that went unnoticed, and in a long run also those for which there was
/// nothing.
pub fn unnoticed(evidence: &Evidence, is_long: bool) -> Vec<String> {
    let mut problems = Vec::new();
    let mut tried = 0;
    for (what, checks, falsify) in FALSIFICATIONS {
        let mut evidence = evidence.clone();
        if falsify(&mut evidence) {
            tried += 1;
            let violations = check(&evidence).violations;
            if !checks.iter().any(|check| violations.iter().any(|violation| violation.starts_with(check))) {
                problems.push(format!("{} does not notice that {what}", checks.join(" or ")));
            }
        } else if is_long {
            problems.push(format!("there is nothing to falsify so that {what}"));
        }
    }
    println!("falsified afterwards in {tried} ways, {} problems", problems.len());
    problems
}
