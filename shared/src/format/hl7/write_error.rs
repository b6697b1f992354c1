//! Problems as MSA-1 and ERR segments (HL7 v2.5.1, sections 2.15.5 and 2.15.8).

use super::writer::Writer;
use crate::error::{ErrorKind, Problem, Reason, Violation};
use crate::fields::{Field, FieldType};

/// MSA-1 (table 0008): `AE` for errors in the content of a message; `AR`, reject, for unsupported messages and for
/// refusals that do not depend on the message.
pub(super) fn acknowledgement(problem: &Problem) -> &'static str {
    let is_unsupported = problem.violations.iter().any(|violation| match violation.reason {
        Reason::MessageType | Reason::EventCode | Reason::ProcessingId | Reason::VersionId => true,
        Reason::Required
        | Reason::Type
        | Reason::Value
        | Reason::Unknown
        | Reason::UnknownParameter
        | Reason::Structure
        | Reason::TooLong
        | Reason::Sequence => false,
    });
    match problem.kind {
        ErrorKind::Invalid if is_unsupported => "AR",
        ErrorKind::Invalid
        | ErrorKind::TooLarge
        | ErrorKind::NotFound
        | ErrorKind::ChangeOfExpired
        | ErrorKind::KeyLimitReached
        | ErrorKind::NoDefault
        | ErrorKind::IdempotencyMismatch
        | ErrorKind::PreconditionFailed => "AE",
        ErrorKind::TokenRequired
        | ErrorKind::TokenExpired
        | ErrorKind::TokenInvalid
        | ErrorKind::AccessDenied
        | ErrorKind::KeyRequired
        | ErrorKind::KeyUnknown
        | ErrorKind::KeyPaused
        | ErrorKind::KeyExpired
        | ErrorKind::KeyLimited
        | ErrorKind::RateLimited
        | ErrorKind::Unavailable
        | ErrorKind::TranscriptionFailed
        | ErrorKind::TranscriptionTimedOut
        | ErrorKind::Damaged
        | ErrorKind::Failed => "AR",
    }
}

/// One ERR per violation, or one for the problem as a whole.
pub(super) fn write(writer: &mut Writer, problem: &Problem) {
    let status = problem.kind.status();
    if problem.violations.is_empty() {
        write_one(writer, status, "", of_kind(problem.kind), problem.text);
    }
    for violation in &problem.violations {
        let place = place(violation).unwrap_or_default();
        write_one(writer, status, &place, of_violation(violation), &violation.message);
    }
}

fn write_one(writer: &mut Writer, status: u16, place: &str, code: &str, message: &str) {
    let status = format!("{status}^{}^L", phrase(status));
    // ERR-2 replaces ERR-1; ERR-6 and ERR-7 are for parameters and internal diagnostics.
    writer.segment("ERR").empty(1).encoded(place).encoded(code).encoded("E").encoded(&status);
    writer.empty(2).text(message).end();
}

/// ERR-2 (ERL): segment, its number among those of its name, and the field.
fn place(violation: &Violation) -> Option<String> {
    if violation.reason == Reason::UnknownParameter {
        return None;
    }
    let in_message = violation.at.as_deref().and_then(location);
    in_message.or_else(|| Field::named(&violation.field).map(|field| format!("ZAK^1^{}", field.zak)))
}

/// The location of `SEG`, `SEG-n`, `SEG[k]` or `SEG[k]-n`.
fn location(at: &str) -> Option<String> {
    let (segment, rest) = at.split_at_checked(3)?;
    let number = |text: &str| text.parse::<u32>().ok();
    let (sequence, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((sequence, rest)) => (number(sequence)?, rest),
        None => (1, rest),
    };
    if !segment.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
        return None;
    }
    match rest.strip_prefix('-') {
        Some(field) => Some(format!("{segment}^{sequence}^{}", number(field)?)),
        None => rest.is_empty().then(|| format!("{segment}^{sequence}")),
    }
}

const SEQUENCE: &str = "100^Segment sequence error^HL70357";
const REQUIRED: &str = "101^Required field missing^HL70357";
const DATA_TYPE: &str = "102^Data type error^HL70357";
const TABLE_VALUE: &str = "103^Table value not found^HL70357";
const UNKNOWN_KEY: &str = "204^Unknown key identifier^HL70357";
const DUPLICATE_KEY: &str = "205^Duplicate key identifier^HL70357";
const CHANGED: &str = "206^Application record locked^HL70357";
const INTERNAL: &str = "207^Application internal error^HL70357";

/// ERR-3 (table 0357) of a violation.
fn of_violation(violation: &Violation) -> &'static str {
    match violation.reason {
        Reason::Sequence => SEQUENCE,
        Reason::Required => REQUIRED,
        Reason::Value if Field::named(&violation.field).is_some_and(|field| field.kind == FieldType::Code) => {
            TABLE_VALUE
        }
        Reason::Value
        | Reason::Type
        | Reason::Unknown
        | Reason::UnknownParameter
        | Reason::Structure
        | Reason::TooLong => DATA_TYPE,
        Reason::MessageType => "200^Unsupported message type^HL70357",
        Reason::EventCode => "201^Unsupported event code^HL70357",
        Reason::ProcessingId => "202^Unsupported processing id^HL70357",
        Reason::VersionId => "203^Unsupported version id^HL70357",
    }
}

/// ERR-3 of a problem that no field causes. The contract promises 205 for every conflict: the table has no closer code.
fn of_kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => UNKNOWN_KEY,
        ErrorKind::ChangeOfExpired
        | ErrorKind::KeyLimitReached
        | ErrorKind::NoDefault
        | ErrorKind::IdempotencyMismatch => DUPLICATE_KEY,
        ErrorKind::PreconditionFailed => CHANGED,
        ErrorKind::Invalid | ErrorKind::TooLarge => DATA_TYPE,
        ErrorKind::TokenRequired
        | ErrorKind::TokenExpired
        | ErrorKind::TokenInvalid
        | ErrorKind::AccessDenied
        | ErrorKind::KeyRequired
        | ErrorKind::KeyUnknown
        | ErrorKind::KeyPaused
        | ErrorKind::KeyExpired
        | ErrorKind::KeyLimited
        | ErrorKind::RateLimited
        | ErrorKind::Unavailable
        | ErrorKind::TranscriptionFailed
        | ErrorKind::TranscriptionTimedOut
        | ErrorKind::Damaged
        | ErrorKind::Failed => INTERNAL,
    }
}

/// The reason phrases of RFC 9110, section 15.
fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(kind: ErrorKind, text: &'static str, violations: Vec<Violation>) -> (&'static str, String) {
        let problem = Problem { kind, text, violations };
        let mut writer = Writer::with_capacity(0);
        write(&mut writer, &problem);
        (acknowledgement(&problem), String::from_utf8(writer.into_bytes()).expect("UTF-8"))
    }

    #[test]
    fn a_violation_names_its_field() {
        let missing = Violation::new("name", Reason::Required, "name is required");
        let expected = "ERR||ZAK^1^4|101^Required field missing^HL70357|E|400^Bad Request^L|||name is required\r";
        assert_eq!(written(ErrorKind::Invalid, "Invalid request data", vec![missing]), ("AE", expected.to_owned()));
    }

    #[test]
    fn a_problem_without_violations_has_one_err() {
        let expected = "ERR|||204^Unknown key identifier^HL70357|E|404^Not Found^L|||API Key not found\r";
        assert_eq!(written(ErrorKind::NotFound, "API Key not found", vec![]), ("AE", expected.to_owned()));
        for kind in ErrorKind::ALL {
            let (code, acknowledgement) = match kind.status() {
                400 | 413 => ("102", "AE"),
                404 => ("204", "AE"),
                409 => ("205", "AE"),
                412 => ("206", "AE"),
                401 | 403 | 429 | 500.. => ("207", "AR"),
                status => panic!("{status}"),
            };
            let (written_acknowledgement, err) = written(kind, "text", vec![]);
            assert_eq!(written_acknowledgement, acknowledgement, "{kind:?}");
            assert!(err.starts_with(&format!("ERR|||{code}^")), "{err}");
            assert!(err.contains(&format!("|{}^", kind.status())), "{err}");
            assert!(!err.contains("^Error^L"), "the status has a phrase: {err}");
        }
    }

    #[test]
    fn every_reason_has_its_code() {
        for (reason, field, code, acknowledgement) in [
            (Reason::Required, "name", "101", "AE"),
            (Reason::Type, "expiry_at", "102", "AE"),
            (Reason::Value, "name", "102", "AE"),
            (Reason::Value, "type", "103", "AE"),
            (Reason::Value, "status", "103", "AE"),
            (Reason::Unknown, "key", "102", "AE"),
            (Reason::UnknownParameter, "key", "102", "AE"),
            (Reason::Structure, "body", "102", "AE"),
            (Reason::TooLong, "body", "102", "AE"),
            (Reason::Sequence, "body", "100", "AE"),
            (Reason::MessageType, "body", "200", "AR"),
            (Reason::EventCode, "body", "201", "AR"),
            (Reason::ProcessingId, "body", "202", "AR"),
            (Reason::VersionId, "body", "203", "AR"),
        ] {
            let (written_acknowledgement, err) =
                written(ErrorKind::Invalid, "", vec![Violation::new(field, reason, "m")]);
            assert_eq!(written_acknowledgement, acknowledgement, "{reason:?}");
            assert_eq!(err.split('|').nth(3).and_then(|code| code.split('^').next()), Some(code), "{reason:?}");
        }
    }

    #[test]
    fn places_of_messages_become_locations_and_others_do_not() {
        let located = |field: &'static str, at: &str| place(&Violation::new(field, Reason::Type, "m").at(at));
        assert_eq!(located("body", "MSH-12").as_deref(), Some("MSH^1^12"));
        assert_eq!(located("body", "PID").as_deref(), Some("PID^1"));
        assert_eq!(located("body", "ZAK[2]").as_deref(), Some("ZAK^2"));
        assert_eq!(located("body", "ZAK[2]-3").as_deref(), Some("ZAK^2^3"));
        assert_eq!(located("expiry_at", "Basic.extension[1]").as_deref(), Some("ZAK^1^9"));
        for not_a_place in ["", "é", "Basic.id", "ZAK-", "ZAK-x", "ZAK[", "ZAK[]", "ZAK[1", "ZAK4", "zak-1"] {
            assert_eq!(located("body", not_a_place), None, "{not_a_place:?}");
        }
        assert_eq!(place(&Violation::new("limit", Reason::Value, "m")), None);
        assert_eq!(place(&Violation::new("name", Reason::UnknownParameter, "m")), None);
    }

    #[test]
    fn messages_are_escaped() {
        let odd = Violation::new("body", Reason::Unknown, "a|b^c\rd");
        let (_, err) = written(ErrorKind::Invalid, "", vec![odd]);
        assert!(err.ends_with("|||a\\F\\b\\S\\c\\X0D\\d\r"), "{err}");
    }
}
