//! Linearizability of overlapping operations (Herlihy and Wing): an order in which each operation takes effect between
//! its start and its end and has its observed outcome. The search is Wing and Gong's, with a memory of visited states.

use std::collections::HashSet;
use std::hash::Hash;

/// The states after which the search gives up, more than any linearizable history needs.
const MAX_STATES: usize = 200_000;

/// An operation on a state.
pub trait Step<S> {
    /// Its start and end.
    fn interval(&self) -> (i64, i64);

    /// The state after it; `None` if its outcome is impossible in this state.
    fn apply(&self, state: &S) -> Option<S>;
}

/// The undisturbed operations at the beginning of a history: each ended before the next one started, and none is open.
/// In every order, these come first, sorted by start, so each has met a certain state. If one is altered such that its
/// outcome is impossible in that state, no order exists.
pub fn undisturbed<S, O: Step<S>>(operations: &[O]) -> Vec<&O> {
    let mut by_start: Vec<&O> = operations.iter().collect();
    by_start.sort_by_key(|operation| operation.interval().0);
    // An open operation ends at the end of time.
    let starts = by_start.iter().skip(1).map(|next| next.interval().0).chain([i64::MAX]);
    let count = by_start.iter().zip(starts).take_while(|(operation, next)| operation.interval().1 < *next).count();
    by_start.truncate(count);
    by_start
}

/// The point at which the search failed.
#[derive(Debug)]
pub struct Stuck<S> {
    /// The state in which it got stuck, with the most operations done.
    pub state: S,
    /// The next operations then, by index. Empty if all were done but the final state differs.
    pub next: Vec<usize>,
}

/// Finds an order of the operations and returns the last state. `accepts` compares a state with the actual one.
pub fn linearize<S, O>(operations: &[O], initial: S, accepts: impl Fn(&S) -> bool) -> Result<S, Stuck<S>>
where
    S: Clone + Eq + Hash,
    O: Step<S>,
{
    let mut by_start: Vec<usize> = (0..operations.len()).collect();
    by_start.sort_by_key(|index| operations[*index].interval().0);
    let stuck = Stuck { state: initial.clone(), next: by_start.clone() };
    let mut search = Search { operations, by_start, accepts, seen: HashSet::new(), furthest: 0, stuck };
    let done = vec![false; operations.len()];
    search.from(done, initial).ok_or(search.stuck)
}

struct Search<'a, S, O, F> {
    operations: &'a [O],
    by_start: Vec<usize>,
    accepts: F,
    seen: HashSet<(Vec<bool>, S)>,
    furthest: usize,
    stuck: Stuck<S>,
}

impl<S: Clone + Eq + Hash, O: Step<S>, F: Fn(&S) -> bool> Search<'_, S, O, F> {
    fn from(&mut self, mut done: Vec<bool>, state: S) -> Option<S> {
        // An operation that fits and changes nothing is taken at once, because it excludes nothing.
        loop {
            let next = self.next(&done);
            let fitting: Vec<usize> = next
                .into_iter()
                .filter(|index| self.operations[*index].apply(&state).is_some_and(|after| after == state))
                .collect();
            if fitting.is_empty() {
                break;
            }
            for index in fitting {
                done[index] = true;
            }
        }
        let next = self.next(&done);
        let count = done.iter().filter(|done| **done).count();
        if count >= self.furthest {
            (self.furthest, self.stuck) = (count, Stuck { state: state.clone(), next: next.clone() });
        }
        if next.is_empty() {
            return (self.accepts)(&state).then_some(state);
        }
        if self.seen.len() >= MAX_STATES || !self.seen.insert((done.clone(), state.clone())) {
            return None;
        }
        next.into_iter().find_map(|index| {
            let after = self.operations[index].apply(&state)?;
            let mut done = done.clone();
            done[index] = true;
            self.from(done, after)
        })
    }

    /// The possible next operations: no pending one ended before they started.
    fn next(&self, done: &[bool]) -> Vec<usize> {
        let mut next = Vec::new();
        let mut first_end = i64::MAX;
        for index in self.by_start.iter().filter(|index| !done[**index]) {
            let (start, end) = self.operations[*index].interval();
            if start > first_end {
                break;
            }
            next.push(*index);
            first_end = first_end.min(end);
        }
        next
    }
}
