//! Falsifies what a run left, in one place at a time, to see that the checks notice: a check that cannot fail is none.

use serde_json::json;

use crate::check::{Evidence, check};
use crate::history::{Attempt, Request};

/// A falsification: what it is, and how it is done. It says whether there was something to falsify.
type Falsification = (&'static str, fn(&mut Evidence) -> bool);

const FALSIFICATIONS: [Falsification; 19] = [
    ("an entry is missing", |evidence| evidence.stored.entries.pop().is_some()),
    ("an entry is there twice", |evidence| {
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
    ("an entry says something else", |evidence| {
        let entry = evidence.stored.entries.iter_mut().find(|entry| entry.action == "update");
        entry.map(|entry| entry.changes.values_mut().for_each(|(_, to)| *to = json!("something else"))).is_some()
    }),
    ("a record is missing", |evidence| evidence.stored.keys.pop_first().is_some()),
    ("a change is lost", |evidence| {
        let record = evidence.stored.keys.values_mut().find(|record| record.status == "paused");
        record.map(|record| "active".clone_into(&mut record.status)).is_some()
    }),
    ("a record has another string", |evidence| {
        evidence.stored.keys.values_mut().next().map(|record| record.hash = vec![0; 32]).is_some()
    }),
    ("a record was changed twice", |evidence| {
        evidence.stored.keys.values_mut().next_back().map(|record| record.version += 30).is_some()
    }),
    ("a use is lost", |evidence| {
        let record = evidence.stored.keys.values_mut().find(|record| record.uses > 0);
        record.map(|record| record.uses -= 1).is_some()
    }),
    // Of all keys, for with some it may be the SDK's repetition.
    ("uses are counted too often", |evidence| {
        for record in evidence.stored.keys.values_mut() {
            record.uses += 1;
            *record.days.entry("day".to_owned()).or_default() += 1;
        }
        !evidence.stored.keys.is_empty()
    }),
    ("calls are counted too often", |evidence| {
        for count in evidence.stored.limits.values_mut().flat_map(|counters| counters.values_mut()) {
            *count += 1;
        }
        !evidence.stored.limits.is_empty()
    }),
    ("key_count is wrong", |evidence| {
        evidence.stored.metas.values_mut().next().map(|meta| meta.key_count += 1).is_some()
    }),
    ("another key is the default", |evidence| {
        let meta = evidence.stored.metas.values_mut().find(|meta| meta.default_id.is_some());
        meta.map(|meta| meta.default_id = meta.default_id.map(|id| id + 1)).is_some()
    }),
    ("an id is given twice", |evidence| {
        let mut made = evidence.stored.entries.iter_mut().filter(|entry| entry.action == "create");
        let Some(id) = made.next().map(|entry| entry.key_id) else { return false };
        made.next().map(|entry| entry.key_id = id).is_some()
    }),
    ("a refused key is accepted", |evidence| {
        let refused =
            |attempt: &&mut Attempt| attempt.body["reason"] == "paused" || attempt.body["reason"] == "expired";
        evidence.attempts.iter_mut().find(refused).map(|attempt| attempt.body = json!({"valid": true})).is_some()
    }),
    ("a key that works is refused", |evidence| {
        let accepted = evidence.attempts.iter_mut().find(|attempt| attempt.body["valid"] == true);
        accepted.map(|attempt| attempt.body = json!({"valid": false, "reason": "unknown"})).is_some()
    }),
    ("a change is acknowledged that is not made", |evidence| {
        let refused = |attempt: &&mut Attempt| matches!(attempt.request, Request::Pause(_)) && attempt.status == 409;
        evidence.attempts.iter_mut().find(refused).map(|attempt| attempt.status = 200).is_some()
    }),
    ("a call is not counted", |evidence| {
        let counters = evidence.stored.limits.values_mut().next();
        counters.and_then(|counters| counters.get_mut("hour")).map(|count| *count = 0).is_some()
    }),
    ("a 5xx has no reason", |evidence| {
        let unanswered = evidence.attempts.iter_mut().find(|attempt| !attempt.is_answered());
        unanswered.map(|attempt| (attempt.faults, attempt.is_slow) = (Vec::new(), false)).is_some()
    }),
    ("an outcome is forgotten", |evidence| evidence.stored.outcomes.pop_first().is_some()),
];

/// The falsifications that no check noticed.
pub fn unnoticed(evidence: &Evidence) -> Vec<String> {
    let mut unnoticed = Vec::new();
    let mut tried = 0;
    for (what, falsify) in FALSIFICATIONS {
        let mut evidence = evidence.clone();
        // A short run may have nothing of a kind.
        if falsify(&mut evidence) {
            tried += 1;
            if check(&evidence).violations.is_empty() {
                unnoticed.push(format!("no check notices that {what}"));
            }
        }
    }
    println!("falsified afterwards in {tried} ways, {} of them unnoticed", unnoticed.len());
    unnoticed
}
