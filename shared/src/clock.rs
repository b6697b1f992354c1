//! Time and randomness as values: the only module that may ask the system for either.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use uuid::Uuid;

/// A source of time; tests pass a fixed or a stepped one.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// The system's clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may ask")]
    pub fn system() -> Self {
        Self::new(Utc::now)
    }

    /// A clock that reads what `now` says.
    pub fn new(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The current time, in the precision of the source.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// A source of random bytes; tests pass a seeded one.
#[derive(Clone)]
pub struct Random(Arc<Fill>);

type Fill = dyn Fn(&mut [u8]) + Send + Sync;

impl Random {
    /// The operating system's generator, through AWS-LC.
    ///
    /// # Panics
    ///
    /// If the generator fails, which AWS-LC treats as fatal as well: nothing safe can be done without randomness.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may ask")]
    pub fn system() -> Self {
        Self::new(|bytes| aws_lc_rs::rand::fill(bytes).expect("the system's random generator works"))
    }

    /// A source that fills slices as `fill` does.
    pub fn new(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0)(&mut bytes);
        bytes
    }

    /// A `UUIDv7` (RFC 9562, section 5.7) of the given time, to a fraction of the millisecond (section 6.2, method 3).
    #[must_use]
    pub fn uuid_v7(&self, at: DateTime<Utc>) -> Uuid {
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or_default();
        let fraction = (at.timestamp_subsec_nanos() % 1_000_000) * 4_096 / 1_000_000;
        let mut bytes: [u8; 10] = self.bytes();
        [_, _, bytes[0], bytes[1]] = fraction.to_be_bytes();
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

/// A timestamp of the API: UTC, whole seconds, years 0 to 9999 (RFC 3339).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// Reads an RFC 3339 timestamp; other offsets are converted to UTC, fractions of a second cut off.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let time = DateTime::parse_from_rfc3339(text).ok().filter(|_| is_well_formed(text))?;
        Self::from_time(time.with_timezone(&Utc))
    }

    /// A Unix time in seconds.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        Self::from_time(DateTime::from_timestamp(seconds, 0)?)
    }

    /// Cuts off the fraction of a second, and a leap second with it; nothing outside the years 0 to 9999.
    #[must_use]
    pub fn from_time(time: DateTime<Utc>) -> Option<Self> {
        let whole = DateTime::from_timestamp(time.timestamp(), 0)?;
        (0..=9999).contains(&whole.year()).then_some(Self(whole))
    }

    /// Unix time in seconds.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// As a `chrono` time.
    #[must_use]
    pub fn time(self) -> DateTime<Utc> {
        self.0
    }

    /// This time and a number of seconds; nothing past the year 9999.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Option<Self> {
        Self::from_seconds(self.seconds().checked_add(seconds)?)
    }
}

/// The grammar of RFC 3339, section 5.6, which `chrono` reads more generously; without leap seconds, and with the offsets that
/// are in use, of up to 14 hours.
fn is_well_formed(text: &str) -> bool {
    let matches = |text: &str, pattern: &str| {
        let fits = |(byte, kind): (u8, u8)| {
            if kind == b'0' { byte.is_ascii_digit() } else { byte.eq_ignore_ascii_case(&kind) }
        };
        text.len() == pattern.len() && text.bytes().zip(pattern.bytes()).all(fits)
    };
    let Some((time, rest)) = text.split_at_checked("0000-00-00T00:00:00".len()) else { return false };
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|char: char| char.is_ascii_digit()),
        None => rest,
    };
    let has_empty_fraction = rest.len() == zone.len() + 1;
    let is_offset = matches(zone, "+00:00") || matches(zone, "-00:00");
    let in_use = matches(zone, "Z") || is_offset && zone.get(1..).is_some_and(|offset| offset <= "14:00");
    matches(time, "0000-00-00T00:00:00") && !time.ends_with("60") && !has_empty_fraction && in_use
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_utc_in_whole_seconds() {
        let parsed = |text| Timestamp::parse(text).map(|time| time.to_string());
        assert_eq!(parsed("2026-03-01T14:00:00.987+02:00").as_deref(), Some("2026-03-01T12:00:00Z"));
        assert_eq!(parsed("9999-12-31T23:59:59Z").as_deref(), Some("9999-12-31T23:59:59Z"));
        assert_eq!(parsed("9999-12-31T23:59:59-01:00"), None, "the year 10000 in UTC");
        assert_eq!(parsed("2026-03-01T12:00:00+14:00").as_deref(), Some("2026-02-28T22:00:00Z"));
        assert_eq!(parsed("2026-03-01t12:00:00.000000000z").as_deref(), Some("2026-03-01T12:00:00Z"));
        for text in [
            "2016-12-31T23:59:60Z",
            "2016-12-31T23:59:60.5Z",
            "2026-03-01 12:00:00Z",
            "2026-03-01T12:00:00.Z",
            "2026-03-01T12:00:00\u{2212}01:00",
            "2026-03-01T12:00:00+14:01",
            "2026-03-01T12:00:00-23:59",
            "2026-03-01T12:00:00+0100",
            "2026-03-01T12:00Z",
            "+2026-03-01T12:00:00Z",
            "2026-03-01T12:00:00 Z",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
        assert_eq!(parsed("2026-02-30T00:00:00Z"), None);
        assert_eq!(parsed("2026-03-01"), None);
    }

    #[test]
    fn a_uuid_v7_carries_its_time() {
        let at = Timestamp::parse("2026-03-01T12:00:00Z").unwrap().time();
        let random = Random::new(|bytes| bytes.fill(0xff));
        assert_eq!(random.uuid_v7(at).to_string(), "019ca945-0a00-7000-bfff-ffffffffffff");
        let later = at + chrono::TimeDelta::microseconds(500);
        assert_eq!(random.uuid_v7(later).to_string(), "019ca945-0a00-7800-bfff-ffffffffffff");
    }
}
