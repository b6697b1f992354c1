//! Times as HL7 writes them (v2.5.1, section 2.A.22, DTM): `YYYYMMDDHHMMSS[.S[S[S[S]]]]+/-ZZZZ`.

use chrono::{DateTime, Datelike, Timelike, Utc};

use crate::clock::Timestamp;
use crate::format::digits::push_padded;

/// The rule for times. Without an offset every reader would place an expiry by its own clock.
pub(super) const EXPECTED: &str =
    "must be a time (YYYYMMDDHHMMSS) with a UTC offset, its own or that of MSH-7, such as 20270301120000+0000";

/// The UTC offset at the end of a time, if it has one. That of MSH-7 holds for the whole message (section 2.15.9.7).
pub(super) fn offset(text: &str) -> Option<&str> {
    let offset = text.get(text.find(['+', '-'])?..)?;
    (offset.len() == 5).then_some(offset)
}

/// Reads a time of at least seconds with an offset, or without one if there is that of the message.
pub(super) fn parse(text: &str, of_message: Option<&str>) -> Option<Timestamp> {
    let (digits, rest) = text.split_at_checked(14)?;
    let zone = match rest.strip_prefix('.') {
        Some(rest) => {
            let zone = rest.trim_start_matches(|char: char| char.is_ascii_digit());
            (1..=4).contains(&(rest.len() - zone.len())).then_some(zone)?
        }
        None => rest,
    };
    let zone = if zone.is_empty() { of_message? } else { zone };
    if zone.len() != 5 || !zone.starts_with(['+', '-']) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |start: usize, end: usize| digits.get(start..end);
    // The fraction is dropped: the service keeps whole seconds.
    Timestamp::parse(&format!(
        "{}-{}-{}T{}:{}:{}{}:{}",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?,
        zone.get(..3)?,
        zone.get(3..)?
    ))
}

/// Appends a time in UTC with milliseconds.
pub(super) fn push(out: &mut String, time: DateTime<Utc>) {
    let time = time.naive_utc();
    push_padded::<4>(out, time.year().unsigned_abs());
    for part in [time.month(), time.day(), time.hour(), time.minute(), time.second()] {
        push_padded::<2>(out, part);
    }
    out.push('.');
    push_padded::<3>(out, (time.nanosecond() / 1_000_000).min(999));
    out.push_str("+0000");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<String> {
        parse(text, None).map(|time| time.to_string())
    }

    #[test]
    fn the_offset_of_the_message_is_for_times_without_one() {
        let parsed = |text, header| parse(text, offset(header)).map(|time| time.to_string());
        for (text, header, utc) in [
            ("20270301120000", "20260301+0100", Some("2027-03-01T11:00:00Z")),
            ("20270301120000.5", "20260301120000.123-0530", Some("2027-03-01T17:30:00Z")),
            ("20270301120000+0000", "20260301120000+0100", Some("2027-03-01T12:00:00Z")),
            ("20270301120000", "20260301120000", None),
            ("20270301120000", "20260301120000+01", None),
            ("20270301120000", "20260301120000+01é", None),
            ("20270301", "20260301120000+0100", None),
        ] {
            assert_eq!(parsed(text, header).as_deref(), utc, "{text} after {header}");
        }
    }

    #[test]
    fn times_are_converted_to_utc_and_cut_to_seconds() {
        assert_eq!(parsed("20270301120000+0000").as_deref(), Some("2027-03-01T12:00:00Z"));
        assert_eq!(parsed("20270301120000.9999-0530").as_deref(), Some("2027-03-01T17:30:00Z"));
        assert_eq!(parsed("20270301120000.5+0100").as_deref(), Some("2027-03-01T11:00:00Z"));
    }

    #[test]
    fn a_time_without_a_zone_or_seconds_is_refused() {
        for bad in [
            "20270301120000",
            "20270301120000.000",
            "20270301120000Z",
            "202703011200+0000",
            "20270301+0000",
            "2027",
            "",
        ] {
            assert_eq!(parsed(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn impossible_times_are_refused() {
        for bad in [
            "20270230120000+0000",
            "20270301240000+0000",
            "20270301120000+9900",
            "20270301120000.+0000",
            "20270301120000.00000+0000",
            "20270301120000+000",
            "20270301120000+00000",
            "2027030112000é+0000",
            "2027-3-1120000+0000",
            "20270301120000+0é0",
            "20270301120000++000",
        ] {
            assert_eq!(parsed(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn times_are_written_in_utc_with_milliseconds() {
        let mut out = String::new();
        push(&mut out, DateTime::from_timestamp_millis(1_772_528_400_045).expect("a time"));
        assert_eq!(out, "20260303090000.045+0000");
    }
}
