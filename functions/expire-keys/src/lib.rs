//! The scheduled sweep: records the expiry of keys in the table, the audit trail and events, and sends expiry notices
//! 30, 7 and 1 days ahead.
//!
//! A key stops working at its expiry without a sweep. Sweeps may overlap, and the next one completes an interrupted one.

use std::future::ready;
use std::ops::Add;

use futures_util::{StreamExt, stream};
use serde::Serialize;
use shared::clock::Timestamp;
use shared::damage::{Damaged, noted};
use shared::edge::event_bus::Publisher;
use shared::edge::schedule::Run;
use shared::keys::Event;
use shared::keys::{Author, Step};
use shared::store::{DueKey, EXPIRY_SHARDS, Journal, Left, Planned, Position};
use shared::telemetry::log::{Cause, LeftOut, Level, measured_damage};
use shared::telemetry::metrics::{EXPIRIES, NOTICES, SWEEP_LAG};
use shared::telemetry::round_trips::{RoundTrips, counted};
use shared::{App, Error};

/// Shards of the index that are walked in parallel.
const SHARDS_AT_ONCE: usize = 4;
/// Keys of a page that are written in parallel.
const WRITES_AT_ONCE: usize = 16;
/// Seconds before Lambda's timeout at which the sweep starts no new work. Work in progress takes less, even with all
/// retries of the AWS clients.
const MARGIN_SECONDS: i64 = 10;

/// Result of a sweep, in keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Found in the index with a due expiry or notice.
    pub scanned: u64,
    /// Set to `expired`.
    pub expired: u64,
    /// With an expiry notice sent.
    pub notified: u64,
    /// No longer due: changed, deleted or swept by another run since they were found.
    pub skipped: u64,
    /// Left to the next run: not reached in time, or not written because of an error.
    pub remaining: u64,
}

/// Runs one sweep.
///
/// # Errors
///
/// The first failure, after the rest of the sweep is complete. The next run retries the keys concerned.
pub async fn handle(app: App, publisher: Publisher, run: Run) -> Result<Swept, Error> {
    let sweep = Sweep { app, publisher, run };
    let ((tally, damaged), round_trips) = counted(noted(Box::pin(sweep.all()))).await;
    sweep.log(&tally, &damaged, round_trips);
    match tally.failure {
        None => Ok(tally.swept),
        Some(error) => Err(error),
    }
}

struct Sweep {
    app: App,
    publisher: Publisher,
    run: Run,
}

/// Log line of a run.
#[derive(Serialize)]
struct LogLine<'a> {
    /// Also in the audit entries of the run.
    request_id: &'a str,
    #[serde(flatten)]
    swept: Swept,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause<'a>>,
    /// Damaged items, which the sweep skipped.
    #[serde(skip_serializing_if = "LeftOut::is_empty")]
    damaged: LeftOut<'a>,
    round_trips: u32,
    aws_calls: u32,
}

/// Result of a part of the sweep, with its first failure.
#[derive(Default)]
struct Tally {
    swept: Swept,
    /// Lower bound of the time since when the remaining keys are due.
    due_since: Option<Timestamp>,
    /// A part of the index could not be read, so the number of remaining keys is unknown.
    is_incomplete: bool,
    failure: Option<Error>,
}

impl Tally {
    fn failed(result: Result<(), Error>) -> Self {
        Self { failure: result.err(), ..Self::default() }
    }

    fn unread(error: Error) -> Self {
        Self { is_incomplete: true, failure: Some(error), ..Self::default() }
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let Swept { scanned, expired, notified, skipped, remaining } = other.swept;
        Self {
            swept: Swept {
                scanned: self.swept.scanned + scanned,
                expired: self.swept.expired + expired,
                notified: self.swept.notified + notified,
                skipped: self.swept.skipped + skipped,
                remaining: self.swept.remaining + remaining,
            },
            due_since: self.due_since.into_iter().chain(other.due_since).min(),
            is_incomplete: self.is_incomplete || other.is_incomplete,
            failure: self.failure.or(other.failure),
        }
    }
}

/// Result for one key.
enum Outcome {
    Taken(Event, Step),
    Skipped,
    Left,
    Failed(Error),
}

impl Sweep {
    fn time_is_up(&self) -> bool {
        (self.run.deadline - self.app.clock.now()).num_seconds() < MARGIN_SECONDS
    }

    async fn all(&self) -> Tally {
        let caught_up = Tally::failed(self.publish_left_events().await);
        let shards = stream::iter(0..EXPIRY_SHARDS).map(|shard| self.shard(shard)).buffer_unordered(SHARDS_AT_ONCE);
        shards.fold(caught_up, |sum, tally| ready(sum + tally)).await
    }

    /// Writes the run's log line. The lag is left out if it is unknown.
    fn log(&self, tally: &Tally, damaged: &[Damaged], RoundTrips { aws_calls, round_trips }: RoundTrips) {
        let Tally { swept, due_since, is_incomplete, failure } = tally;
        let now = self.app.clock.now();
        let lag = due_since.map_or(0, |since| (now - since.time()).num_seconds());
        let measured = [
            Some((&EXPIRIES, signed(swept.expired))),
            Some((&NOTICES, signed(swept.notified))),
            (!is_incomplete).then_some((&SWEEP_LAG, lag)),
            measured_damage(damaged, None),
        ];
        let (level, message) = match failure {
            None if damaged.is_empty() => (Level::INFO, "swept"),
            None => (Level::ERROR, "swept"),
            Some(_) => (Level::ERROR, "swept with failures"),
        };
        let cause = failure.as_ref().map(Cause);
        let facts = LogLine {
            request_id: &self.run.id,
            swept: *swept,
            cause,
            damaged: LeftOut(damaged),
            round_trips,
            aws_calls,
        };
        self.app.log.write(now, level, message, &facts, &measured);
    }

    /// Publishes the events that earlier runs committed but did not publish.
    async fn publish_left_events(&self) -> Result<(), Error> {
        let keys = &self.app.keys;
        let mut from = None;
        loop {
            let page = keys.left_journals(self.app.clock.now(), from).await?;
            for journal in page.elements {
                if self.time_is_up() {
                    return Ok(());
                }
                if keys.claim_journal(&journal, self.run.deadline).await? {
                    let events = keys.events_of(&journal).await?;
                    tracing::warn!(run = self.run.id, events = events.len(), "publishing events of an earlier run");
                    self.publish(&journal, &events).await?;
                }
            }
            from = page.next;
            if from.is_none() {
                return Ok(());
            }
        }
    }

    /// Sweeps a shard of the index, page by page.
    async fn shard(&self, shard: u8) -> Tally {
        let mut tally = Tally::default();
        let mut from = None;
        loop {
            match self.page(shard, from).await {
                Ok((page, next)) => {
                    tally = tally + page;
                    from = next;
                    if from.is_none() {
                        return tally;
                    }
                }
                Err(error) => return tally + Tally::unread(error),
            }
        }
    }

    async fn page(&self, shard: u8, from: Option<Position>) -> Result<(Tally, Option<Position>), Error> {
        let now = self.now();
        if self.time_is_up() {
            let Left { count: remaining, since: due_since } = self.app.keys.left_due(shard, now, from).await?;
            return Ok((Tally { swept: Swept { remaining, ..Swept::default() }, due_since, ..Tally::default() }, None));
        }
        let page = self.app.keys.due(shard, now, from).await?;
        let mut tally = match self.sweep(&page.elements, now).await {
            Ok(tally) => tally,
            Err(error) => {
                let all = count(page.elements.len());
                let swept = Swept { scanned: all, remaining: all, ..Swept::default() };
                Tally { swept, failure: Some(error), ..Tally::default() }
            }
        };
        if tally.swept.remaining > 0 {
            // The index is sorted by due time.
            tally.due_since = page.elements.first().and_then(DueKey::due_at);
        }
        Ok((tally, page.next))
    }

    /// Sweeps the keys of a page. An error means that nothing was written.
    async fn sweep(&self, due: &[DueKey], now: Timestamp) -> Result<Tally, Error> {
        let mut tally = Tally { swept: Swept { scanned: count(due.len()), ..Swept::default() }, ..Tally::default() };
        if due.is_empty() {
            return Ok(tally);
        }
        let (steps, unreadable): (Vec<_>, Vec<_>) =
            self.app.keys.plan(due, now).await?.into_iter().partition(Result::is_ok);
        let steps: Vec<Planned> = steps.into_iter().filter_map(Result::ok).collect();
        tally.swept.skipped = count(due.len() - steps.len() - unreadable.len());
        let mut damaged = Tally::default();
        for error in unreadable.into_iter().filter_map(Result::err) {
            damaged.left(Some(error));
        }
        if steps.is_empty() {
            return Ok(tally + damaged);
        }
        let journal = self.app.keys.open_journal(&steps, self.run.deadline, self.app.clock.now()).await?;
        let mut outcomes = stream::iter(&steps).map(|step| self.take(step)).buffer_unordered(WRITES_AT_ONCE);
        let mut events = Vec::with_capacity(steps.len());
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Outcome::Taken(event, step) => {
                    events.push(event);
                    match step {
                        Step::Notice { .. } => tally.swept.notified += 1,
                        Step::Expire => tally.swept.expired += 1,
                    }
                }
                Outcome::Skipped => tally.swept.skipped += 1,
                Outcome::Left => tally.left(None),
                Outcome::Failed(error) => tally.left(Some(error)),
            }
        }
        if tally.failure.is_some() {
            // A write that timed out may have been committed. The journal stays, so a later run publishes its event.
            return Ok(tally + damaged);
        }
        Ok(tally + damaged + Tally::failed(self.publish(&journal, &events).await))
    }

    async fn take(&self, planned: &Planned) -> Outcome {
        if self.time_is_up() {
            return Outcome::Left;
        }
        match self.app.keys.take(planned, &self.author()).await {
            Ok(true) => Outcome::Taken(planned.event(&self.app.config.service_name), planned.step()),
            Ok(false) => Outcome::Skipped,
            Err(error) => Outcome::Failed(error),
        }
    }

    /// Publishes the events and then deletes the journal, which otherwise stays for a later run.
    async fn publish(&self, journal: &Journal, events: &[Event]) -> Result<(), Error> {
        self.publisher.publish(events).await?;
        self.app.keys.close_journal(journal).await
    }

    /// The sweep as the author of a change made now.
    fn author(&self) -> Author {
        Author::system(self.run.id.clone(), self.app.clock.now())
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_time(self.app.clock.now()).expect("the clock is before the year 10000")
    }
}

impl Tally {
    fn left(&mut self, failure: Option<Error>) {
        self.swept.remaining += 1;
        self.failure = self.failure.take().or(failure);
    }
}

fn count(keys: usize) -> u64 {
    u64::try_from(keys).unwrap_or(u64::MAX)
}

fn signed(keys: u64) -> i64 {
    i64::try_from(keys).unwrap_or(i64::MAX)
}
