//! Whether operations that overlapped in time can have been done one after the other: in an order in which each operation
//! lies between its beginning and its end, and has the outcome that it had (Herlihy and Wing, "Linearizability"; the search
//! is Wing and Gong's, which remembers where it has been).

use std::collections::HashSet;
use std::hash::Hash;

/// More states than any history has that can be put in order; a search that comes by as many gives up.
const MAX_STATES: usize = 200_000;

/// An operation on a state.
pub trait Step<S> {
    /// When it began and ended.
    fn interval(&self) -> (i64, i64);

    /// The state after it; nothing if it cannot have had its outcome in this one.
    fn apply(&self, state: &S) -> Option<S>;
}

/// The operations at the beginning of a history that nothing disturbed: each ended before the next began, and none was left
/// open. However the others are put in order, these come first, in the order of their beginnings; so each of them has met
/// one certain state, and if it is altered, so that it cannot have its outcome in that state, nothing puts it in order.
pub fn undisturbed<S, O: Step<S>>(operations: &[O]) -> Vec<&O> {
    let mut by_start: Vec<&O> = operations.iter().collect();
    by_start.sort_by_key(|operation| operation.interval().0);
    // What is open ends at the end of time, not before it.
    let starts = by_start.iter().skip(1).map(|next| next.interval().0).chain([i64::MAX]);
    let count = by_start.iter().zip(starts).take_while(|(operation, next)| operation.interval().1 < *next).count();
    by_start.truncate(count);
    by_start
}

/// How far the search came.
#[derive(Debug)]
pub struct Stuck<S> {
    /// In which state it went no further, with the most operations done.
    pub state: S,
    /// Which were next then, by index. None, if all were done, but the state is not the one that there is in the end.
    pub next: Vec<usize>,
}

/// Puts operations in order, and returns the last state. `accepts` says whether a state is the one that there is.
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
        // What fits and changes nothing is best done at once: it takes nothing away from the others.
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

    /// The operations that may be next: those before whose beginning no other ended that is still to be done.
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
