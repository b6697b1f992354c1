//! What is left of a user's rate limits. The windows are clock minutes and clock hours in UTC.

use chrono::{DateTime, Timelike, Utc};

use crate::config::RateLimits;

/// The calls that a user has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    limits: RateLimits,
    used_in_minute: u32,
    used_in_hour: u32,
    /// Seconds until the minute ends, 1 to 60.
    minute_reset: u64,
    /// Seconds until the hour ends, 1 to 3,600.
    hour_reset: u64,
}

impl Allowance {
    /// The same allowance at a later time, while its windows last.
    #[must_use]
    pub fn at(&self, now: DateTime<Utc>) -> Self {
        Self::new(self.limits, self.used_in_minute, self.used_in_hour, now)
    }

    /// The seconds in the window of the limit that a refused call reached.
    #[must_use]
    pub fn window_seconds(&self) -> i64 {
        if self.hour_is_used_up() { 3_600 } else { 60 }
    }

    /// The header `RateLimit-Policy` (IETF draft "`RateLimit` header fields for HTTP").
    #[must_use]
    pub fn policy_header(&self) -> String {
        let RateLimits { per_minute, per_hour } = self.limits;
        format!("\"minute\";q={per_minute};w=60, \"hour\";q={per_hour};w=3600")
    }

    /// The header `RateLimit` (same draft): the calls left, and the seconds until the window ends.
    #[must_use]
    pub fn header(&self) -> String {
        let minute_left = self.limits.per_minute.saturating_sub(self.used_in_minute);
        let hour_left = self.limits.per_hour.saturating_sub(self.used_in_hour);
        format!("\"minute\";r={minute_left};t={}, \"hour\";r={hour_left};t={}", self.minute_reset, self.hour_reset)
    }

    /// Seconds until a refused call can succeed.
    #[must_use]
    pub fn retry_after(&self) -> u64 {
        if self.hour_is_used_up() { self.hour_reset } else { self.minute_reset }
    }

    /// The limit that a refused call reached, named for metrics.
    #[must_use]
    pub fn limit_reached(&self) -> &'static str {
        if self.hour_is_used_up() { "calls_per_hour" } else { "calls_per_minute" }
    }

    fn hour_is_used_up(&self) -> bool {
        self.used_in_hour >= self.limits.per_hour
    }

    /// The allowance of a user who made so many calls in the current clock minute and clock hour.
    #[must_use]
    pub fn new(limits: RateLimits, used_in_minute: u32, used_in_hour: u32, now: DateTime<Utc>) -> Self {
        let second = u64::from(now.second().min(59));
        Self {
            limits,
            used_in_minute,
            used_in_hour,
            minute_reset: 60 - second,
            hour_reset: 3_600 - u64::from(now.minute()) * 60 - second,
        }
    }
}
