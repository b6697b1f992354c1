//! Falsifies the evidence of a run, one place at a time, and expects the checks to notice: a check that cannot fail
//! checks nothing.
//!
//! Each falsification picks a place where nothing can explain it, so every run notices it. Two kinds of place are safe.
//! Some alterations result from no order of the calls and no lost answer; their functions say why. The others concern
//! undisturbed calls ([`undisturbed`]): until then, the state of the key or user is certain, and in that state the
//! altered call cannot have its outcome.

use serde_json::{Value, json};

use crate::check::{Evidence, Verdict, attempts_by_id, check, is_made_before};
use crate::counts::{Calls, Lost, TEST_KEY_DAILY_LIMIT, Uses, calls_by_window, name_of};
use crate::histories::Histories;
use crate::history::{Attempt, Request};
use crate::linearize::{linearize, undisturbed};
use crate::model::{Key, KeyOperation, KeyState, MetaOperation, MetaWhat, Secret, What};
use crate::stored::{Entry, Record};

/// A falsification.
struct Falsification {
    what: &'static str,
    /// The check that must notice it.
    check: &'static str,
    /// Alters the evidence of the run. `None` if the run has no place for it.
    alter: fn(&Run<'_>, &mut Evidence) -> Option<()>,
}

const fn falsification(
    what: &'static str,
    check: &'static str,
    alter: fn(&Run<'_>, &mut Evidence) -> Option<()>,
) -> Falsification {
    Falsification { what, check, alter }
}

const HISTORY: &str = "a key's history and record are those of calls one after the other";
const USER: &str = "a user's default and count are those of calls one after the other";
const USES: &str = "uses are counted exactly";
const CALLS: &str = "calls are counted exactly";

const FALSIFICATIONS: [Falsification; 30] = [
    falsification("an entry is missing", HISTORY, entry_missing),
    falsification("an entry of a default is missing", USER, default_entry_missing),
    falsification("an entry is there twice", "a call has no entry but its own", entry_twice),
    falsification("an entry says something else", HISTORY, entry_changed),
    falsification("an entry is older than the one before it", HISTORY, entry_too_old),
    falsification("a record is missing", "key_count is the number of keys", record_missing),
    falsification("a change is lost", HISTORY, change_lost),
    falsification("a record has another string", HISTORY, other_string),
    falsification("a record was changed twice", "a record has a version for each entry", changed_twice),
    falsification("a use is lost", USES, use_lost),
    falsification("a use is lost", "uses are counted, lost answers at most twice", use_lost_among_lost_answers),
    falsification("a use is counted too often", USES, use_counted_twice),
    falsification("a call is not counted", CALLS, call_lost),
    falsification("a call is not counted", "calls are counted, lost answers at most twice", call_lost_among_uncertain),
    falsification("a call is counted too often", CALLS, call_counted_twice),
    falsification("key_count is wrong", "key_count is the number of keys", count_wrong),
    falsification("another key is the default", USER, other_default),
    falsification("an id is given twice", "a key's id is its own", id_given_twice),
    falsification("a refused key is accepted", HISTORY, refused_key_accepted),
    falsification("a key that works is refused", HISTORY, working_key_refused),
    falsification("a change is acknowledged that is not made", HISTORY, change_not_made),
    falsification("a 5xx has no reason", "a 5xx is a 503, and has its reason in a fault", no_reason),
    falsification("an outcome is forgotten", "what was done is remembered", outcome_forgotten),
    falsification("a replaced string is kept", "a string that is kept is its key's", string_kept),
    falsification("a test key is used too often", "a test key is used as often as it may be", test_key_overused),
    falsification(
        "a test key is refused too early",
        "a test key is refused when it is used up",
        test_key_refused_early,
    ),
    falsification("a trail is shown without its newest entry", "a trail is shown whole, newest first", trail_cut),
    falsification("a sweep says that it did more", "a sweep says what it did", sweep_exaggerates),
    falsification("nobody hears of a key's end", "subscribers hear of a key's end", end_untold),
    falsification("a journal is left", "no journal is left", journal_left),
];

/// The falsifications that went unnoticed and, in a long run, those without a place.
pub fn unnoticed(evidence: &Evidence, is_long: bool) -> Vec<String> {
    let run = Run::of(evidence);
    let mut problems = Vec::new();
    let mut without_place = Vec::new();
    for Falsification { what, check: name, alter } in &FALSIFICATIONS {
        let mut altered = evidence.clone();
        if alter(&run, &mut altered).is_none() {
            without_place.push(format!("there is no place to falsify, so that {what}: \"{name}\" was not tried"));
        } else if !check(&altered).violations.iter().any(|violation| violation.starts_with(&format!("{name}: "))) {
            problems.push(format!("\"{name}\" does not notice that {what}"));
        }
    }
    let tried = FALSIFICATIONS.len() - without_place.len();
    println!("falsified afterwards in {tried} of {} ways, {} unnoticed", FALSIFICATIONS.len(), problems.len());
    if is_long {
        problems.extend(without_place);
    } else {
        for place in &without_place {
            println!("  {place}");
        }
    }
    problems
}

/// A run in which all checks hold.
struct Run<'a> {
    evidence: &'a Evidence,
    histories: Histories<'a>,
    uses: Uses<'a>,
    lost: Lost<'a>,
}

impl<'a> Run<'a> {
    fn of(evidence: &'a Evidence) -> Self {
        let histories = Histories::of(evidence, &mut Verdict::default());
        Self { evidence, histories, uses: Uses::of(evidence), lost: Lost::of(evidence) }
    }

    /// Undisturbed calls on keys. The end of none of them comes from another call's answer.
    fn key_calls(&self) -> impl Iterator<Item = &KeyOperation<'a>> {
        let operations = self.histories.keys.values().flat_map(|operations| undisturbed(operations));
        operations.filter(|operation| operation.end == operation.attempt.end)
    }

    /// Undisturbed calls on users' defaults.
    fn user_calls(&self) -> impl Iterator<Item = &MetaOperation<'a>> {
        self.histories.users.values().flat_map(|operations| undisturbed(operations))
    }

    /// Existing keys with undisturbed calls only, whose final state is certain.
    fn certain_keys(&self) -> impl Iterator<Item = ((u64, u64), Key)> {
        self.histories.keys.iter().filter_map(|(place, operations)| {
            if undisturbed(operations).len() < operations.len() {
                return None;
            }
            let Ok(KeyState::Held(key)) = linearize(operations, KeyState::NotMade, |_| true) else { return None };
            Some((*place, key))
        })
    }

    /// The windows with admitted calls, and their counts.
    fn windows(&self) -> impl Iterator<Item = ((u64, i64), String, Calls)> {
        let windows = calls_by_window(self.evidence).into_iter();
        let windows = windows.map(|((user, hour, window), calls)| ((user, hour), window, calls));
        windows.filter(|(.., calls)| calls.admitted > 0)
    }
}

fn attempt<'a>(altered: &'a mut Evidence, id: &str) -> Option<&'a mut Attempt> {
    altered.attempts.iter_mut().find(|attempt| attempt.id == id)
}

fn record(altered: &mut Evidence, place: (u64, u64)) -> Option<&mut Record> {
    altered.stored.keys.get_mut(&place)
}

/// The entry of an undisturbed change.
fn undisturbed_entry<'a>(run: &Run<'a>) -> Option<&'a Entry> {
    let mut changes = run.key_calls().filter(|call| matches!(call.what, What::Asked) && call.status == Some(200));
    changes.find_map(|call| call.entry.filter(|_| !call.attempt.replayed))
}

/// An undisturbed change without its entry: it changed the state, and a change has an entry.
fn entry_missing(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let entry = undisturbed_entry(run)?;
    altered.stored.entries.retain(|other| other.id != entry.id);
    Some(())
}

/// A change of default without its entry: the call then claims to have changed nothing.
fn default_entry_missing(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let (attempt, id) = run.user_calls().find_map(|call| match call.what {
        MetaWhat::DefaultSet { id, .. } | MetaWhat::DefaultRemoved(id) => Some((call.attempt, id)),
        MetaWhat::Created
        | MetaWhat::Full
        | MetaWhat::Deleted(_)
        | MetaWhat::DefaultKept(_)
        | MetaWhat::NotDefault(_)
        | MetaWhat::DefaultAmong { .. } => None,
    })?;
    let action = attempt.request.action()?;
    let is_its = |entry: &Entry| (&*entry.request_id, &*entry.action, entry.key_id) == (&*attempt.id, action, id);
    altered.stored.entries.retain(|entry| !is_its(entry));
    Some(())
}

/// A call other than a sweep has one entry per action at most.
fn entry_twice(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let entry = run.evidence.stored.entries.iter().find(|entry| entry.action != "expire")?;
    altered.stored.entries.push(Entry { id: "other".to_owned(), ..entry.clone() });
    Some(())
}

/// No call requests this value, so no state has it.
fn entry_changed(_: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let entry = altered.stored.entries.iter_mut().find(|entry| entry.action == "update")?;
    entry.changes.values_mut().for_each(|(_, to)| *to = json!("something else"));
    Some(())
}

/// An undisturbed change is later than the creation.
fn entry_too_old(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let entry = undisturbed_entry(run)?;
    altered.stored.entries.iter_mut().find(|other| other.id == entry.id)?.at = 0;
    Some(())
}

/// The count is stored apart from the records.
fn record_missing(_: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    altered.stored.keys.pop_first().map(|_| ())
}

/// The record of a key whose final state is certain: paused.
fn change_lost(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let (place, _) = run.certain_keys().find(|(_, key)| key.status == "paused")?;
    "active".clone_into(&mut record(altered, place)?.status);
    Some(())
}

/// The record of a key whose final string is certain and was shown. An unseen string may have any hash.
fn other_string(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let (place, _) = run.certain_keys().find(|(_, key)| matches!(key.current, Secret::Known(_)))?;
    record(altered, place)?.hash = vec![0; 32];
    Some(())
}

/// More versions than there are entries and possible notices.
fn changed_twice(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let (place, record) = altered.stored.keys.iter_mut().next_back()?;
    record.version += 1 + run.histories.notices.get(place).copied().unwrap_or(0);
    Some(())
}

/// No answer to a use of this key was lost.
fn use_lost(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let mut keys = altered.stored.keys.iter_mut();
    let (_, record) = keys.find(|(place, record)| record.uses > 0 && run.lost.of_key(**place) == 0)?;
    record.uses -= 1;
    Some(())
}

/// With lost answers there may be more uses than acknowledged, but not fewer.
fn use_lost_among_lost_answers(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let mut keys = altered.stored.keys.iter_mut();
    let (place, record) = keys.find(|(place, _)| run.uses.accepted(**place) > 0 && run.lost.of_key(**place) > 0)?;
    record.uses = run.uses.accepted(*place) - 1;
    Some(())
}

/// No answer to a use of this key was lost, so the SDK repeated none.
fn use_counted_twice(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let (_, record) = altered.stored.keys.iter_mut().find(|(place, _)| run.lost.of_key(**place) == 0)?;
    record.uses += 1;
    *record.days.entry("day".to_owned()).or_default() += 1;
    Some(())
}

/// Nothing is uncertain about the calls of this window.
fn call_lost(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let (place, window, calls) = run.windows().find(|(.., calls)| calls.uncertain == 0)?;
    *altered.stored.limits.get_mut(&place)?.get_mut(&window)? = calls.admitted - 1;
    Some(())
}

/// Some calls may be uncounted or counted twice, but admitted calls are counted.
fn call_lost_among_uncertain(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let (place, window, calls) = run.windows().find(|(.., calls)| calls.uncertain > 0)?;
    *altered.stored.limits.get_mut(&place)?.get_mut(&window)? = calls.admitted - 1;
    Some(())
}

/// Nothing is uncertain about the calls of this window.
fn call_counted_twice(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let (place, window, calls) = run.windows().find(|(.., calls)| calls.uncertain == 0)?;
    *altered.stored.limits.get_mut(&place)?.get_mut(&window)? = calls.admitted + 1;
    Some(())
}

/// The check counts the records themselves.
fn count_wrong(_: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    altered.stored.metas.values_mut().next()?.key_count += 1;
    Some(())
}

/// A key of the user that was never the default.
fn other_default(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let never_set = |(user, id): &(u64, u64)| {
        let mut calls = run.histories.users[user].iter();
        !calls.any(|call| matches!(call.what, MetaWhat::DefaultSet { id: set, .. } if set == *id))
    };
    let has_default = |user| run.evidence.stored.metas.get(&user).is_some_and(|meta| meta.default_id.is_some());
    let mut keys = run.evidence.stored.keys.keys().filter(|(user, _)| has_default(*user));
    let (user, id) = keys.find(|place| never_set(place))?;
    altered.stored.metas.get_mut(user)?.default_id = Some(*id);
    Some(())
}

/// Both answers report a creation.
fn id_given_twice(_: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let mut made = altered.stored.entries.iter_mut().filter(|entry| entry.action == "create");
    let id = made.next()?.key_id;
    made.next()?.key_id = id;
    Some(())
}

/// A use of a key that must be refused.
fn refused_key_accepted(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let call = run.key_calls().find(|call| is_verified(call, &["paused", "expired"]))?;
    attempt(altered, &call.attempt.id)?.body = json!({"valid": true});
    Some(())
}

/// A use of a key that must be accepted.
fn working_key_refused(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let call = run.key_calls().find(|call| is_verified(call, &["valid"]))?;
    attempt(altered, &call.attempt.id)?.body = json!({"valid": false, "reason": "unknown"});
    Some(())
}

fn is_verified(call: &KeyOperation<'_>, as_one_of: &[&str]) -> bool {
    let is_it = matches!(&call.what, What::Used { verdict, .. } if as_one_of.contains(&verdict.as_str()));
    is_it && matches!(call.attempt.request, Request::Verify { .. })
}

/// A change of a key that was certainly expired.
fn change_not_made(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let is_change = |call: &KeyOperation| matches!(call.attempt.request, Request::Pause(_) | Request::Resume(_));
    let call = run.key_calls().find(|call| is_change(call) && call.status == Some(409))?;
    attempt(altered, &call.attempt.id)?.status = 200;
    Some(())
}

/// Neither a fault nor a slow machine.
fn no_reason(_: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let unanswered = altered.attempts.iter_mut().find(|attempt| !attempt.is_answered())?;
    (unanswered.faults, unanswered.is_slow) = (Vec::new(), false);
    Some(())
}

/// A request whose entry exists.
fn outcome_forgotten(_: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let (place, _) = altered.stored.outcomes.iter().find(|(_, outcome)| outcome.is_some())?;
    let place = place.clone();
    altered.stored.outcomes.remove(&place).map(|_| ())
}

/// The string of a key that was rotated or deleted since.
fn string_kept(_: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    altered.stored.issued.first_entry().map(|mut issued| *issued.get_mut() = vec![0; 32])
}

/// A key whose uses of the day all count as those of a test key and reach its limit.
fn test_key_overused(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let is_used_up = |id, day| run.uses.accepted_as_test.get(&(id, day)) == Some(&TEST_KEY_DAILY_LIMIT);
    let used_up = run.uses.over_limit.iter().filter(|((_, id, day), _)| is_used_up(*id, *day));
    let mut refused = used_up.flat_map(|(_, refused)| refused);
    let refused = refused.find(|attempt| matches!(attempt.request, Request::Verify { .. }))?;
    attempt(altered, &refused.id)?.body = json!({"valid": true, "type": "test"});
    Some(())
}

/// One use fewer than a day with a refusal must have.
fn test_key_refused_early(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let mut days = run.uses.over_limit.keys();
    let (user, id, day) = days.find(|(user, id, _)| run.evidence.stored.keys.contains_key(&(*user, *id)))?;
    record(altered, (*user, *id))?.days.insert(name_of(*day), TEST_KEY_DAILY_LIMIT - 1);
    Some(())
}

/// The newest entry belongs to a call that was answered before the trail was read.
fn trail_cut(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let attempts = attempts_by_id(run.evidence);
    let is_due = |shown: &Value, attempt: &Attempt| {
        let entry = run.evidence.stored.entries.iter().find(|entry| shown["id"] == entry.id.as_str());
        entry.is_some_and(|entry| is_made_before(&attempts, entry, attempt))
    };
    altered.attempts.iter_mut().find_map(|attempt| {
        let is_trail = matches!(attempt.request, Request::Audit(_));
        let is_cut = is_trail && attempt.body.get(0).is_some_and(|newest| is_due(newest, attempt));
        is_cut.then(|| attempt.body.as_array_mut().map(|entries| entries.remove(0)))?.map(|_| ())
    })
}

/// The check counts a sweep's entries themselves.
fn sweep_exaggerates(_: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let mut sweeps = altered.attempts.iter_mut().filter(|attempt| attempt.request == Request::Sweep);
    let (sweep, expired) = sweeps.find_map(|attempt| attempt.body["expired"].as_u64().map(|count| (attempt, count)))?;
    sweep.body["expired"] = json!(expired + 1);
    Some(())
}

/// The expiry of a key that still exists.
fn end_untold(run: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    let is_there = |entry: &&Entry| run.evidence.stored.keys.contains_key(&(entry.user_id, entry.key_id));
    let mut ends = run.evidence.stored.entries.iter().filter(|entry| entry.action == "expire");
    let id = ends.find(is_there)?.key_id;
    altered.events.retain(|(kind, detail)| kind != "API Key Expired" || detail["id"] != id);
    Some(())
}

/// There must be none.
#[expect(clippy::unnecessary_wraps, reason = "it is called like the others, which may find no place")]
fn journal_left(_: &Run<'_>, altered: &mut Evidence) -> Option<()> {
    altered.stored.journals += 1;
    Some(())
}
