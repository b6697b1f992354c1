//! The checks of a request's MSH segment.

use super::charset::Charset;
use super::message::{Given, MAX_CONTROL_ID, Segment};
use super::zak::ZAK;
use crate::error::{Reason, Violation};
use crate::keys::free_text::holds_key_string;
use crate::operation::Operation;

/// The versions whose messages are taken: those of MSH and ZAK do not differ. Responses are of version 2.5.1.
const VERSIONS: [&str; 13] =
    ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2"];

const PRODUCTION: &str =
    "MSH-11 (processing id) must be P: a message for training (T) or debugging (D) would change keys that are in use";
const CHARSETS: &str = "MSH-18 (character set) must be empty, ASCII, 8859/1, 8859/15 or UNICODE UTF-8";

/// Checks the type of the message, MSH-9: `ZAK` with the event of the operation.
pub(super) fn check_type(header: Segment<'_>, operation: Operation) -> Option<Violation> {
    let message_type = header.field(9);
    let event = operation.trigger_event();
    // The structure follows from the type and the event, so it may be left out.
    let known_type = message_type.component(1) == ZAK && matches!(&*message_type.component(3), "" | "ZAK_Z01");
    let (reason, part) = if !known_type {
        (Reason::MessageType, "message type")
    } else if message_type.component(2) != event {
        (Reason::EventCode, "trigger event")
    } else {
        return None;
    };
    Some(in_body("MSH-9", reason, format!("MSH-9 ({part}) must be ZAK^{event}^ZAK_Z01 for this endpoint")))
}

/// Checks the rest of the header (sections 2.15.9.10 to 2.15.9.18). Routing, times and acknowledgement conditions do not
/// affect the response.
pub(super) fn check_header(header: Segment<'_>) -> impl Iterator<Item = Violation> {
    let control_id = match header.field(10).single() {
        Ok(Given::Value(id)) if holds_key_string(&id) => {
            Some((Reason::Value, "MSH-10 (control id) must not contain an API key"))
        }
        Ok(Given::Value(id)) if id.chars().count() <= MAX_CONTROL_ID => None,
        Ok(Given::Value(_)) => Some((Reason::TooLong, "MSH-10 (control id) must be at most 199 characters long")),
        Ok(Given::Absent | Given::Null) => Some((Reason::Required, "MSH-10 (control id) is required")),
        Err(_) => Some((Reason::Type, "MSH-10 (control id) must be a single, properly escaped value")),
    };
    // "Not present" and "T" both mean current processing (table 0207).
    let processing = header.field(11);
    let production = processing.component(1) == "P" && matches!(&*processing.component(2), "" | "T");
    let known_version = VERSIONS.contains(&&*header.field(12).component(1));
    let known_charset = Charset::of_header(&header.field(18).component(1)).is_some();
    let violation_if = |fails: bool, at, reason, message: &str| fails.then(|| in_body(at, reason, message));
    [
        control_id.map(|(reason, message)| in_body("MSH-10", reason, message)),
        violation_if(!production, "MSH-11", Reason::ProcessingId, PRODUCTION),
        violation_if(!known_version, "MSH-12", Reason::VersionId, "MSH-12 (version) must be one from 2.1 to 2.8"),
        violation_if(!known_charset, "MSH-18", Reason::Value, CHARSETS),
    ]
    .into_iter()
    .flatten()
}

/// A violation that is located in the message rather than in a field of the request.
pub(super) fn in_body(at: &str, reason: Reason, message: impl Into<String>) -> Violation {
    Violation::new("body", reason, message).at(at)
}

#[cfg(test)]
mod tests {
    use super::super::message::Message;
    use super::*;

    #[test]
    fn every_operation_has_its_event() {
        for operation in Operation::ALL {
            for sent in Operation::ALL {
                let event = sent.trigger_event();
                let text = format!("MSH|^~\\&|LABGW|HOSP|NUXERA|APIKEYS|20260303||ZAK^{event}^ZAK_Z01|C00001|P|2.5.1");
                let message = Message::parse(&text).expect("a message");
                assert_eq!(check_header(message.header()).count(), 0);
                let violation = check_type(message.header(), operation);
                let found = violation.iter().map(|violation| (violation.at.as_deref(), violation.reason));
                let expected = (sent != operation).then_some((Some("MSH-9"), Reason::EventCode));
                assert_eq!(found.collect::<Vec<_>>(), Vec::from_iter(expected), "{sent:?} to {operation:?}");
            }
        }
    }
}
