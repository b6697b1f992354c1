//! CloudWatch metrics. Their values are in the log lines, in the embedded metric format: CloudWatch Logs extracts them, and
//! no call waits for it (CloudWatch user guide, "Specification: Embedded metric format").
//!
//! Each value of a dimension is a metric that costs money. So ids are no dimensions; they are in the lines, to be searched.

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

/// The namespace of all of them.
pub const NAMESPACE: &str = "Nuxera/ApiKeys";

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// The unit of its values.
    pub unit: Unit,
    /// The sets of dimensions, by the names of a line's fields.
    pub dimensions: &'static [&'static [&'static str]],
}

/// Units of CloudWatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A time.
    Milliseconds,
    /// A long time.
    Seconds,
}

/// A metric and a value of it.
pub type Measured = (&'static Metric, i64);

const BY_SERVICE: &[&str] = &["service"];
const BY_OPERATION: &[&str] = &["service", "operation"];

/// Calls that were answered, whatever the answer.
pub const CALLS: Metric = Metric { name: "Calls", unit: Unit::Count, dimensions: &[BY_OPERATION] };
/// Latency of calls.
pub const LATENCY: Metric =
    Metric { name: "Latency", unit: Unit::Milliseconds, dimensions: &[BY_OPERATION, BY_SERVICE] };
/// Latency of calls that wait for a service behind this one, which says nothing about this one.
pub const UPSTREAM_LATENCY: Metric = Metric { dimensions: &[BY_OPERATION], ..LATENCY };
/// Calls that failed: status 500 and above.
pub const FAILURES: Metric = Metric { name: "Failures", unit: Unit::Count, dimensions: &[BY_OPERATION] };
/// Calls that were refused, and keys that were not valid when they were verified.
pub const REFUSALS: Metric = Metric { name: "Refusals", unit: Unit::Count, dimensions: &[&["service", "reason"]] };
/// Refusals by a limit.
pub const LIMIT_HITS: Metric = Metric { name: "LimitHits", unit: Unit::Count, dimensions: &[&["service", "limit"]] };
/// Stored items that a call or a run found damaged.
pub const DAMAGED_ITEMS: Metric = Metric { name: "DamagedItems", unit: Unit::Count, dimensions: &[BY_SERVICE] };
/// Keys that a sweep made `expired`.
pub const EXPIRIES: Metric = Metric { name: "Expiries", unit: Unit::Count, dimensions: &[BY_SERVICE] };
/// Keys whose owners were told that the end is near.
pub const NOTICES: Metric = Metric { name: "Notices", unit: Unit::Count, dimensions: &[BY_SERVICE] };
/// How long overdue the oldest of those keys is that a sweep left; 0 when it left none.
pub const SWEEP_LAG: Metric = Metric { name: "SweepLag", unit: Unit::Seconds, dimensions: &[BY_SERVICE] };

/// Every metric.
pub const ALL: [&Metric; 10] = [
    &CALLS,
    &LATENCY,
    &UPSTREAM_LATENCY,
    &FAILURES,
    &REFUSALS,
    &LIMIT_HITS,
    &DAMAGED_ITEMS,
    &EXPIRIES,
    &NOTICES,
    &SWEEP_LAG,
];

/// The values, as members of a line.
pub(crate) struct Values<'a>(pub(crate) &'a [Option<Measured>]);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().flatten().map(|(metric, value)| (metric.name, value)))
    }
}

/// What tells CloudWatch which members of a line are values of metrics: the member `_aws`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Metadata<'a> {
    timestamp: i64,
    cloud_watch_metrics: Directives<'a>,
}

impl<'a> Metadata<'a> {
    pub(crate) fn new(at: DateTime<Utc>, measured: &'a [Option<Measured>]) -> Self {
        Self { timestamp: at.timestamp_millis(), cloud_watch_metrics: Directives(measured) }
    }
}

struct Directives<'a>(&'a [Option<Measured>]);

impl Serialize for Directives<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().flatten().map(|(metric, _)| Directive::from(*metric)))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: &'static [&'static [&'static str]],
    metrics: [Definition; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
    unit: Unit,
}

impl From<&Metric> for Directive {
    fn from(Metric { name, unit, dimensions }: &Metric) -> Self {
        Self { namespace: NAMESPACE, dimensions, metrics: [Definition { name, unit: *unit }] }
    }
}
