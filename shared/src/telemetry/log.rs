//! Structured logs: one JSON object per line on standard output, where Lambda picks them up.
//!
//! Each call or run has one line, written by [`Log`], which also holds the values of its metrics. Everything else is an
//! event of `tracing`. A function handles one call at a time, so lines do not mix.

use std::fmt;
use std::io::Write as _;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Serialize, Serializer};
pub use tracing::Level;

use super::metrics::{CALLS, DAMAGED_ITEMS, FAILURES, LIMIT_HITS, Measured, Metadata, Metric, REFUSALS, Values};
use super::round_trips::RoundTrips;
use crate::damage::Damaged;
use crate::error::Error;

/// Most lines are shorter, in bytes.
const LINE_BYTES: usize = 1_024;

/// Starts the log of `tracing` events. Levels from `INFO` up are written.
pub fn init() {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_target(false)
        // The runtime's spans repeat what the lines say.
        .with_current_span(false)
        .with_span_list(false)
        .with_max_level(Level::INFO)
        .init();
}

/// The sink of a deployment's lines; tests read them.
#[derive(Clone)]
pub struct Log {
    service: Arc<str>,
    sink: Arc<Sink>,
}

type Sink = dyn Fn(&[u8]) + Send + Sync;

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

#[derive(Serialize)]
struct Line<'a, T> {
    #[serde(serialize_with = "rfc_3339")]
    timestamp: DateTime<Utc>,
    level: &'static str,
    message: &'static str,
    service: &'a str,
    #[serde(flatten)]
    facts: &'a T,
    #[serde(flatten)]
    values: Values<'a>,
    #[serde(rename = "_aws")]
    metadata: Metadata<'a>,
}

impl Log {
    /// The log of a Lambda function.
    #[must_use]
    pub fn stdout(service: &str) -> Self {
        // A failure could not be reported anywhere.
        Self::new(service, |line| drop(std::io::stdout().write_all(line)))
    }

    /// A log whose lines, each with its line break, go to `sink`.
    pub fn new(service: &str, sink: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        Self { service: service.into(), sink: Arc::new(sink) }
    }

    /// Writes a line with some facts and the values of some metrics. Every field that is a dimension of one of these must
    /// be among the facts.
    ///
    /// # Panics
    ///
    /// If the facts are not what a JSON object can hold.
    pub fn write(
        &self,
        at: DateTime<Utc>,
        level: Level,
        message: &'static str,
        facts: &impl Serialize,
        measured: &[Option<Measured>],
    ) {
        let line = Line {
            timestamp: at,
            level: level.as_str(),
            message,
            service: &self.service,
            facts,
            values: Values(measured),
            metadata: Metadata::new(at, measured),
        };
        let mut bytes = Vec::with_capacity(LINE_BYTES);
        serde_json::to_writer(&mut bytes, &line).expect("facts are JSON");
        bytes.push(b'\n');
        (self.sink)(&bytes);
    }
}

/// The fields of a call's line.
#[derive(Serialize)]
pub(crate) struct CallFacts<'a> {
    pub(crate) operation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) route: Option<Route<'a>>,
    pub(crate) request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<u64>,
    /// The user that a presented key names, where nothing has confirmed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) claimed_user_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_id: Option<u64>,
    pub(crate) status: u16,
    /// The stable code of the refusal or failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'static str>,
    /// The limit that was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<&'static str>,
    /// The full cause of the refusal or failure. It is logged here and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<Cause<'a>>,
    /// The damaged items that the call did without.
    #[serde(skip_serializing_if = "LeftOut::is_empty")]
    pub(crate) damaged: LeftOut<'a>,
    pub(crate) duration_ms: i64,
    pub(crate) round_trips: u32,
    pub(crate) aws_calls: u32,
}

/// Method and path of a route, as in `GET /api/apiKeys/{id}`.
pub(crate) struct Route<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
}

impl Serialize for Route<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{} {}", self.method, self.path))
    }
}

/// The text of an error, for operators.
pub struct Cause<'a>(pub &'a Error);

impl Serialize for Cause<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

/// The damaged items that a call or a run did without; a line names the first ten.
#[derive(Serialize)]
#[serde(transparent)]
pub struct LeftOut<'a>(#[serde(serialize_with = "first_ten")] pub &'a [Damaged]);

impl LeftOut<'_> {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn first_ten<S: Serializer>(items: &[Damaged], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter().take(10))
}

/// The number of damaged items that were met: those left out, and the one that a call failed by.
#[must_use]
pub fn measured_damage(left_out: &[Damaged], failure: Option<&Error>) -> Option<Measured> {
    let left_out = i64::try_from(left_out.len()).unwrap_or(i64::MAX);
    let met = left_out + i64::from(matches!(failure, Some(Error::Damaged(_))));
    (met > 0).then_some((&DAMAGED_ITEMS, met))
}

impl<'a> CallFacts<'a> {
    /// A call that succeeded without calling AWS.
    pub(crate) fn new(operation: &'a str, request_id: &'a str, status: u16, duration_ms: i64) -> Self {
        Self {
            operation,
            route: None,
            request_id,
            user_id: None,
            claimed_user_id: None,
            key_id: None,
            status,
            reason: None,
            limit: None,
            cause: None,
            damaged: LeftOut(&[]),
            duration_ms,
            round_trips: 0,
            aws_calls: 0,
        }
    }

    /// The same, refused or failed with an error.
    pub(crate) fn with_error(self, error: &Error) -> Self {
        Self { reason: Some(error.kind().as_str()), limit: error.limit(), ..self }
    }

    /// The same, with its calls to AWS.
    pub(crate) fn with_round_trips(self, RoundTrips { aws_calls, round_trips }: RoundTrips) -> Self {
        Self { round_trips, aws_calls, ..self }
    }

    /// Writes the call's one line.
    pub(crate) fn write(&self, log: &Log, at: DateTime<Utc>, latency: &'static Metric) {
        let failed = self.status >= 500;
        let message = match self.reason {
            Some(_) if failed => "failed",
            Some(_) if self.status >= 400 => "refused",
            Some(_) | None => "done",
        };
        let is_error = failed && self.reason.is_some() || !self.damaged.is_empty();
        let level = if is_error { Level::ERROR } else { Level::INFO };
        let measured = [
            Some((&CALLS, 1)),
            Some((latency, self.duration_ms)),
            failed.then_some((&FAILURES, 1)),
            self.reason.filter(|_| !failed).map(|_| (&REFUSALS, 1)),
            self.limit.map(|_| (&LIMIT_HITS, 1)),
            measured_damage(self.damaged.0, self.cause.as_ref().map(|cause| cause.0)),
        ];
        log.write(at, level, message, self, &measured);
    }
}

fn rfc_3339<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    // The fastest way that `chrono` has to this format.
    serializer.collect_str(&format_args!("{:?}", at.trunc_subsecs(3)))
}
