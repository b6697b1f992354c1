//! The operation that a message asks for at the URL of all messages.

use std::borrow::Cow;

use super::charset::decode;
use super::message::{Message, Segment};
use super::read_adt;
use super::read_header::in_body;
use super::zak::ZAK;
use crate::error::{Reason, Violation};
use crate::operation::Operation;

/// Finds the operation by the event or, in a message of Nuxera's web client, by the OBX `OPERATION`.
pub(crate) fn read_operation(body: &[u8], charset: Option<&str>) -> Option<Operation> {
    let (text, _) = decode(body, charset);
    let message = Message::parse(&text).ok()?;
    let message_type = message.header().field(9);
    if read_adt::is_adt(message.header()) {
        let verb = read_adt::operation_code(&message)?;
        let is_meant = |known: &str| known.eq_ignore_ascii_case(&verb);
        Operation::in_messages().find(|operation| operation.web_client_verb().is_some_and(is_meant))
    } else if message_type.component(1) == ZAK {
        let event = message_type.component(2);
        Operation::in_messages().find(|operation| operation.trigger_event() == event)
    } else {
        None
    }
}

/// The violation of a message whose operation was not found.
pub(super) fn no_operation(header: Segment<'_>) -> Violation {
    if read_adt::is_adt(header) {
        let verbs = Operation::in_messages().filter_map(Operation::web_client_verb).map(str::to_ascii_uppercase);
        let verbs = verbs.collect::<Vec<_>>().join(", ");
        let message = format!("body must have an OBX with the code OPERATION and one of the values {verbs}");
        return in_body("OBX", Reason::Value, message);
    }
    let mut events: Vec<&str> = Operation::in_messages().map(Operation::trigger_event).collect();
    events.sort_unstable();
    let events = events.join(", ");
    let (reason, part): (_, Cow<'_, str>) = if header.field(9).component(1) == ZAK {
        (Reason::EventCode, "trigger event".into())
    } else {
        (Reason::MessageType, "message type".into())
    };
    in_body("MSH-9", reason, format!("MSH-9 ({part}) must be ZAK^Znn^ZAK_Z01 with one of the events {events}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(message_type: &str) -> String {
        format!("MSH|^~\\&|LABGW|HOSP|NUXERA|APIKEYS|20260303||{message_type}|C00001|P|2.5.1\r")
    }

    fn operation_of(text: &str) -> Option<Operation> {
        read_operation(text.as_bytes(), None)
    }

    #[test]
    fn every_event_and_every_verb_has_its_operation() {
        for operation in Operation::in_messages() {
            let event = operation.trigger_event();
            assert_eq!(operation_of(&header(&format!("ZAK^{event}^ZAK_Z01"))), Some(operation));
            assert_eq!(operation_of(&header(&format!("ZAK^{event}"))), Some(operation));
            if let Some(verb) = operation.web_client_verb() {
                let observation = format!("OBX|1|TX|OPERATION^Operation Type||{}", verb.to_uppercase());
                assert_eq!(operation_of(&format!("{}{observation}", header("ADT^A08^ADT_A08"))), Some(operation));
            }
        }
    }

    #[test]
    fn other_messages_have_none_and_are_told_what_to_send() {
        let refused = |text: &str| {
            assert_eq!(operation_of(text), None, "{text}");
            let message = Message::parse(text).expect("a message");
            let violation = no_operation(message.header());
            (violation.at.expect("a place"), violation.reason, violation.message)
        };
        for (message_type, reason) in [
            ("ZAK^Z99^ZAK_Z01", Reason::EventCode),
            ("ZAK", Reason::EventCode),
            // The recordings of transcriptions are no messages.
            ("ZAK^Z15^ZAK_Z01", Reason::EventCode),
            ("ADT^A01^ADT_A01", Reason::MessageType),
            ("ADT^Z06", Reason::MessageType),
            ("", Reason::MessageType),
        ] {
            let (at, found, message) = refused(&header(message_type));
            assert_eq!((&*at, found), ("MSH-9", reason), "{message_type}");
            assert!(message.contains("the events Z01, Z02,"), "{message}");
        }
        for observation in ["", "OBX|1|TX|OPERATION||ROTATE", "OBX|1|TX|OPERATION", "OBX|1|TX|API_KEY_NAME||PAUSE"] {
            let (at, reason, message) = refused(&format!("{}{observation}", header("ADT^A08^ADT_A08")));
            assert_eq!((&*at, reason), ("OBX", Reason::Value), "{observation}");
            assert!(message.contains("the values CREATE, UPDATE,"), "{message}");
        }
        assert_eq!(operation_of("{}"), None);
        assert_eq!(operation_of(""), None);
    }
}
