//! Usage of a key: a total, and daily counts of the last 31 days, kept in the key's record.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::clock::Timestamp;
use crate::ids::KeyId;

/// The number of days with counts, the current one included.
pub const DAYS_SHOWN: u32 = 31;

const SECONDS_PER_DAY: i64 = 86_400;

/// 9999-12-31.
const LAST_DAY: u32 = 2_932_896;

/// A day in UTC, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(u32);

impl Day {
    /// The day of a time.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        Self(u32::try_from(time.seconds().div_euclid(SECONDS_PER_DAY)).unwrap_or(0))
    }

    /// Reads [`Day::attribute`].
    #[must_use]
    pub fn from_attribute(name: &str) -> Option<Self> {
        u32::from_str_radix(name, 36).ok().filter(|day| *day <= LAST_DAY).map(Self)
    }

    /// The day's name within a record: the number in base 36, three characters until 2097, because 31 of them must fit
    /// into a record of 1 KB.
    #[must_use]
    pub fn attribute(self) -> String {
        let digit = |place: u32| char::from_digit(self.0 / 36_u32.pow(place) % 36, 36);
        (0..=self.0.checked_ilog(36).unwrap_or(0)).rev().filter_map(digit).collect()
    }

    /// Whether the day is no longer shown on `today`.
    #[must_use]
    pub fn is_past(self, today: Self) -> bool {
        self.0 + DAYS_SHOWN <= today.0
    }

    /// Seconds from a time within the day to its end.
    #[must_use]
    pub fn seconds_left(time: Timestamp) -> u64 {
        u64::try_from(SECONDS_PER_DAY - time.seconds().rem_euclid(SECONDS_PER_DAY)).unwrap_or(0)
    }

    /// As in ISO 8601: `2026-11-23`.
    #[must_use]
    pub fn date(self) -> String {
        let time: Option<DateTime<Utc>> = DateTime::from_timestamp(i64::from(self.0) * SECONDS_PER_DAY, 0);
        time.map(|time| time.format("%Y-%m-%d").to_string()).unwrap_or_default()
    }
}

/// The usage in a key's record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The number of accepted uses.
    pub count: u64,
    /// The last accepted use.
    pub last_used_at: Option<Timestamp>,
    /// The accepted uses of each day; days past the window may remain.
    pub days: BTreeMap<Day, u64>,
}

/// The usage object of responses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsageView {
    /// The key's id.
    pub id: KeyId,
    /// The number of accepted uses.
    pub usage_count: u64,
    /// Its last accepted use; `null` for none.
    pub last_used_at: Option<Timestamp>,
    /// The days with uses among the last 31, oldest first.
    pub daily: Vec<DailyUsage>,
}

/// The uses of one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DailyUsage {
    /// The day in UTC, `2026-11-23`.
    pub date: String,
    /// The number of accepted uses on it.
    pub count: u64,
}

impl UsageView {
    /// The view at a time.
    #[must_use]
    pub fn new(id: KeyId, usage: Usage, now: Timestamp) -> Self {
        let Usage { count, last_used_at, days } = usage;
        let today = Day::of(now);
        let shown = days.into_iter().filter(|(day, _)| !day.is_past(today));
        let daily = shown.map(|(day, count)| DailyUsage { date: day.date(), count }).collect();
        Self { id, usage_count: count, last_used_at, daily }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_a_short_name_and_a_date() {
        for (day, name, date) in [
            (0, "0", "1970-01-01"),
            (35, "z", "1970-02-05"),
            (36, "10", "1970-02-06"),
            (20_513, "ftt", "2026-03-01"),
            (46_655, "zzz", "2097-09-26"),
            (46_656, "1000", "2097-09-27"),
        ] {
            assert_eq!((Day(day).attribute().as_str(), Day(day).date().as_str()), (name, date));
            assert_eq!(Day::from_attribute(name), Some(Day(day)));
        }
        assert_eq!(Day(LAST_DAY).date(), "9999-12-31");
        assert_eq!(Day::from_attribute(&Day(LAST_DAY + 1).attribute()), None);
    }
}
