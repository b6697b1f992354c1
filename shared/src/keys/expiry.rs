//! Expiry of keys: notices 30, 7 and 1 days before it, then the end.

use crate::clock::Timestamp;
use crate::keys::status::Status;

/// The days before the expiry on which the owner is notified.
pub const NOTICE_DAYS: [u32; 3] = [30, 7, 1];

const SECONDS_PER_DAY: i64 = 86_400;

/// A step that falls due for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A notice to the owner that the key expires in so many days, one of [`NOTICE_DAYS`].
    Notice {
        /// The days.
        days_left: u32,
    },
    /// The expiry.
    Expire,
}

/// The moment of the next step of a key: the next notice, or else the expiry. Missed notices are skipped. `None` for a key
/// that never expires or has expired.
#[must_use]
pub fn next_due(status: Status, expires_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let expires_at = expires_at.filter(|_| status != Status::Expired)?;
    let notices = NOTICE_DAYS.into_iter().filter_map(|days| notice_at(expires_at, days));
    Some(notices.into_iter().find(|notice_at| *notice_at > now).unwrap_or(expires_at))
}

/// The moment of the notice so many days before an expiry.
#[must_use]
pub fn notice_at(expires_at: Timestamp, days: u32) -> Option<Timestamp> {
    expires_at.plus_seconds(-i64::from(days) * SECONDS_PER_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a timestamp")
    }

    fn due(expires_at: &str, now: &str) -> String {
        next_due(Status::Active, Some(at(expires_at)), at(now)).expect("it ends").to_string()
    }

    #[test]
    fn notices_fall_due_30_7_and_1_days_before_the_end() {
        let end = "2026-03-31T12:00:00Z";
        assert_eq!(due(end, "2026-01-01T00:00:00Z"), "2026-03-01T12:00:00Z");
        assert_eq!(due(end, "2026-03-01T11:59:59Z"), "2026-03-01T12:00:00Z");
        assert_eq!(due(end, "2026-03-01T12:00:00Z"), "2026-03-24T12:00:00Z", "a moment that has come is not awaited");
        assert_eq!(due(end, "2026-03-24T12:00:00Z"), "2026-03-30T12:00:00Z");
        assert_eq!(due(end, "2026-03-30T12:00:00Z"), end);
        assert_eq!(due(end, "2026-04-01T00:00:00Z"), end);
    }

    #[test]
    fn nothing_falls_due_for_a_key_that_never_ends_or_has_ended() {
        let now = at("2026-03-01T12:00:00Z");
        assert_eq!(next_due(Status::Active, None, now), None);
        assert_eq!(next_due(Status::Expired, Some(at("2027-03-01T12:00:00Z")), now), None);
    }
}
