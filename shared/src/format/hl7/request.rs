//! A `ZAK^Znn^ZAK_Z01` message → the fields of a request.

use serde_json::Value;

use super::message::{Field, Given, MAX_CONTROL_ID, Message, Segment};
use super::{FIRST_FIELD, ZAK, field_at, position, time};
use crate::error::{Reason, Violation};
use crate::format::{Fields, Incoming, ReadContext, Sender};
use crate::ids::KeyId;
use crate::operation::Operation;

/// Reads a request.
pub(in crate::format) fn read(body: &[u8], expected: ReadContext<'_>) -> Incoming {
    // The sender is read even from a body that is not UTF-8, so that it gets its answer.
    let text = String::from_utf8_lossy(body);
    match Message::parse(&text) {
        Ok(message) => {
            let encoding =
                std::str::from_utf8(body).err().map(|_| body_violation("MSH-18", Reason::Structure, NOT_UTF8));
            let violations = encoding.into_iter().chain(check_header(message.header(), expected.operation)).collect();
            Incoming { sender: Some(message.sender()), fields: read_segments(&message, violations, expected) }
        }
        Err(violation) => Incoming { sender: None, fields: Err(vec![violation]) },
    }
}

/// Reads who sent a message.
pub(in crate::format) fn sender(body: &[u8]) -> Option<Sender> {
    Message::parse(&String::from_utf8_lossy(body)).ok().map(|message| message.sender())
}

const NOT_UTF8: &str = "body must be UTF-8";

/// Checks what MSH says of the message (sections 2.15.9.9 to 2.15.9.18); routing, times and acknowledgement
/// conditions make no difference to the answer.
fn check_header(header: Segment<'_>, operation: Operation) -> impl Iterator<Item = Violation> {
    let message_type = header.field(9);
    let event = operation.trigger_event();
    // The structure follows from the type and the event, so it may be left out.
    let known_type = message_type.component(1) == ZAK && matches!(&*message_type.component(3), "" | "ZAK_Z01");
    let control_id = match header.field(10).single() {
        Ok(Given::Value(id)) if id.chars().count() <= MAX_CONTROL_ID => None,
        Ok(Given::Value(_)) => Some((Reason::TooLong, "MSH-10 (control id) must not be longer than 20 characters")),
        Ok(Given::Absent | Given::Null) => Some((Reason::Required, "MSH-10 (control id) is required")),
        Err(_) => Some((Reason::Type, "MSH-10 (control id) must be a single, properly escaped value")),
    };
    // "Not present" and "T" both mean current processing (table 0207).
    let processing = header.field(11);
    let production = processing.component(1) == "P" && matches!(&*processing.component(2), "" | "T");
    let known_version = header.field(12).component(1) == "2.5.1";
    // An empty field means ASCII, of which UTF-8 is a superset (table 0211).
    let character_set = header.field(18).component(1);
    let utf8 = ["", "UNICODE UTF-8", "UTF-8", "ASCII"].iter().any(|known| character_set.eq_ignore_ascii_case(known));
    let refuse = |fails: bool, at, reason, message: &str| fails.then(|| body_violation(at, reason, message));
    let refuse_event = |reason, what| {
        let message = format!("MSH-9 ({what}) must be ZAK^{event}^ZAK_Z01 here");
        body_violation("MSH-9", reason, message)
    };
    let known_event = message_type.component(2) == event;
    [
        (!known_type).then(|| refuse_event(Reason::MessageType, "message type")),
        (known_type && !known_event).then(|| refuse_event(Reason::EventCode, "trigger event")),
        control_id.map(|(reason, message)| body_violation("MSH-10", reason, message)),
        refuse(!production, "MSH-11", Reason::ProcessingId, "MSH-11 (processing id) must be P"),
        refuse(!known_version, "MSH-12", Reason::VersionId, "MSH-12 (version) must be 2.5.1"),
        refuse(!utf8, "MSH-18", Reason::Value, "MSH-18 (character set) must be UNICODE UTF-8"),
    ]
    .into_iter()
    .flatten()
}

/// Finds the ZAK segment; anything wrong with the message as a whole is told before its fields are looked at.
fn read_segments(
    message: &Message<'_>,
    mut violations: Vec<Violation>,
    expected: ReadContext<'_>,
) -> Result<Fields, Vec<Violation>> {
    let mut zak = None;
    for (index, segment) in message.segments().enumerate() {
        let problem = match segment.name() {
            ZAK if zak.is_none() => {
                zak = Some(segment);
                continue;
            }
            ZAK => body_violation("ZAK[2]", Reason::Sequence, "the ZAK segment must not be repeated"),
            name => {
                let message = format!("segment {} is not one of this message, which has MSH and ZAK", index + 2);
                let violation = Violation::new("body", Reason::Sequence, message);
                if is_segment_name(name) { violation.at(name) } else { violation }
            }
        };
        violations.push(problem);
        // One is enough: the others may well be of the same message that is not for us.
        break;
    }
    if violations.is_empty() && zak.is_none() && expected.operation.needs_zak() {
        violations.push(body_violation("ZAK", Reason::Sequence, "a ZAK segment is required"));
    }
    if violations.is_empty() { Ok(read_zak(zak, expected)) } else { Err(violations) }
}

fn is_segment_name(name: &str) -> bool {
    name.len() == 3 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Reads the fields of the ZAK segment.
fn read_zak(zak: Option<Segment<'_>>, expected: ReadContext<'_>) -> Fields {
    let mut fields = Fields::placed(place);
    for (index, field) in zak.iter().flat_map(Segment::fields).enumerate().filter(|(_, field)| !field.is_empty()) {
        let number = index + 1;
        let known = field_at(number);
        let problem = match known {
            None if number < FIRST_FIELD => check_set_id(field).err().map(|message| ("body", Reason::Value, message)),
            Some("id") if expected.path_id.is_some() => {
                check_path_id(field, expected.path_id).err().map(|message| ("id", Reason::Value, message))
            }
            Some(name) if expected.operation.inputs().contains(&name) => match read_value(name, field) {
                Ok(value) => {
                    fields.insert(name, value);
                    None
                }
                Err(message) => Some((name, Reason::Type, format!("{name} {message}"))),
            },
            Some(name) => Some((name, Reason::Unknown, format!("{name} is not a field of this request"))),
            None => Some(("body", Reason::Unknown, format!("ZAK-{number} is not a field of the ZAK segment"))),
        };
        if let Some((name, reason, message)) = problem {
            fields.refuse(Violation::new(name, reason, message).at(format!("ZAK-{number}")));
        }
        if known.is_none() && number > FIRST_FIELD {
            // One field too many tells it all.
            break;
        }
    }
    fields
}

fn place(field: &str) -> String {
    position(field).map_or_else(|| ZAK.to_owned(), |number| format!("{ZAK}-{number}"))
}

fn check_set_id(field: Field<'_>) -> Result<(), String> {
    match field.single() {
        Ok(Given::Value(id)) if id == "1" => Ok(()),
        Ok(Given::Value(_) | Given::Null | Given::Absent) | Err(_) => Err("ZAK-1 (set id) must be 1".to_owned()),
    }
}

fn check_path_id(field: Field<'_>, path_id: Option<KeyId>) -> Result<(), String> {
    match field.single() {
        Ok(Given::Value(id)) if KeyId::parse(&id) == path_id => Ok(()),
        Ok(Given::Value(_) | Given::Null | Given::Absent) | Err(_) => Err("id must be the one in the path".to_owned()),
    }
}

/// The value of a field as JSON has it; the error says what would be right.
fn read_value(name: &str, field: Field<'_>) -> Result<Value, String> {
    let text = match field.single()? {
        Given::Absent | Given::Null => return Ok(Value::Null),
        Given::Value(text) => text,
    };
    match name {
        "id" | "old_id" => match KeyId::parse(&text) {
            Some(id) => Ok(id.get().into()),
            None => Err("must be an integer from 1 to 9007199254740991".to_owned()),
        },
        "grace_period_seconds" => match text.parse::<u32>() {
            Ok(seconds) => Ok(seconds.into()),
            Err(_) => Err("must be a whole number".to_owned()),
        },
        "expiry_at" => match time::parse(&text) {
            Some(time) => Ok(time.to_string().into()),
            None => Err(time::EXPECTED.to_owned()),
        },
        _ => Ok(text.into_owned().into()),
    }
}

fn body_violation(at: &str, reason: Reason, message: impl Into<String>) -> Violation {
    Violation::new("body", reason, message).at(at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::Error;
    use crate::format::samples::values;
    use crate::keys::{KeyName, KeyType, Status};

    fn expected(operation: Operation) -> ReadContext<'static> {
        let path_id = match operation {
            Operation::GetKey
            | Operation::UpdateKey
            | Operation::DeleteKey
            | Operation::PauseKey
            | Operation::ResumeKey
            | Operation::ListAudit
            | Operation::RotateKey
            | Operation::GetUsage => KeyId::new(42),
            Operation::CreateKey
            | Operation::ListKeys
            | Operation::ListUserKeys
            | Operation::SetDefault
            | Operation::RemoveDefault
            | Operation::VerifyKey
            | Operation::Transcribe => None,
        };
        ReadContext { operation, path_id, fhir_base: "https://nuxera.cloud/fhir" }
    }

    fn message(operation: Operation, rest: &str) -> String {
        let event = operation.trigger_event();
        format!("MSH|^~\\&|LABGW|HOSP|NUXERA|APIKEYS|20260303||ZAK^{event}^ZAK_Z01|C00001|P|2.5.1\r{rest}")
    }

    /// The values of the named fields, or the places and reasons of what is wrong.
    fn fields(operation: Operation, rest: &str, names: &[&'static str]) -> Result<Vec<Value>, Vec<(String, Reason)>> {
        values(read(message(operation, rest).as_bytes(), expected(operation)), names)
    }

    fn refusal(body: &str) -> Vec<(String, Reason)> {
        values(read(body.as_bytes(), expected(Operation::CreateKey)), &[]).expect_err("a refusal")
    }

    #[test]
    fn a_create_message_has_the_fields_of_a_create_request() {
        let names = ["name", "type", "status", "expiry_at"];
        let read = fields(Operation::CreateKey, "ZAK|1|||Lab gateway|live|active|||20270301130000+0100\r", &names);
        assert_eq!(read, Ok(vec![json!("Lab gateway"), json!("live"), json!("active"), json!("2027-03-01T12:00:00Z")]));
        let read = fields(Operation::CreateKey, "ZAK|1|||a\\F\\b|live|active|||\"\"", &names);
        assert_eq!(read, Ok(vec![json!("a|b"), json!("live"), json!("active"), Value::Null]));
        let read = fields(Operation::CreateKey, "ZAK||||\\X2222\\|live|active", &names);
        let two_quotes = json!("\"\"");
        assert_eq!(read, Ok(vec![two_quotes, json!("live"), json!("active"), json!("absent")]), "a name, not a null");
    }

    #[test]
    fn the_examples_of_the_documentation_are_read() {
        assert_eq!(fields(Operation::UpdateKey, "ZAK|1|42||New name", &["name"]), Ok(vec![json!("New name")]));
        assert_eq!(fields(Operation::UpdateKey, "ZAK|1|42|||||||\"\"", &["expiry_at"]), Ok(vec![Value::Null]));
        let ids = ["id", "old_id"];
        assert_eq!(fields(Operation::SetDefault, "ZAK|1|43|||||||||42", &ids), Ok(vec![json!(43), json!(42)]));
        assert_eq!(fields(Operation::SetDefault, "ZAK|1|43|||||||||\"\"", &ids), Ok(vec![json!(43), Value::Null]));
        assert_eq!(fields(Operation::RemoveDefault, "ZAK|1|42", &["id"]), Ok(vec![json!(42)]));
        assert_eq!(fields(Operation::PauseKey, "ZAK|1|42", &[]), Ok(vec![]));
        assert_eq!(fields(Operation::PauseKey, "ZAK|1", &[]), Ok(vec![]), "the path says it");
        assert_eq!(fields(Operation::ListKeys, "", &[]), Ok(vec![]));
        let grace = "ZAK|1|42||||||||||||3600";
        assert_eq!(fields(Operation::RotateKey, grace, &["grace_period_seconds"]), Ok(vec![json!(3_600)]));
        assert_eq!(fields(Operation::VerifyKey, "ZAK|1||nux_live_x", &["key"]), Ok(vec![json!("nux_live_x")]));
        assert_eq!(fields(Operation::ListUserKeys, "ZAK|1", &[]), Ok(vec![]));
    }

    #[test]
    fn every_operation_has_its_event() {
        for operation in Operation::ALL {
            for sent in Operation::ALL {
                let body = message(sent, "ZAK|1");
                let refused = read(body.as_bytes(), expected(operation)).fields.err();
                let wrong_event = vec![("MSH-9".to_owned(), Reason::EventCode)];
                let refused = refused.map(|violations| {
                    violations
                        .into_iter()
                        .map(|violation| (violation.at.unwrap_or_default(), violation.reason))
                        .collect()
                });
                assert_eq!(refused, (sent != operation).then_some(wrong_event), "{sent:?} to {operation:?}");
            }
        }
    }

    #[test]
    fn messages_that_are_not_for_us_are_refused_each_for_its_reason() {
        let good = message(Operation::CreateKey, "ZAK|1|||Lab gateway|live|active");
        let cases = [
            ("^ZAK_Z01", "", None),
            ("^ZAK_Z01", "^ADT_A01", Some(("MSH-9", Reason::MessageType))),
            ("ZAK^Z01", "ADT^A01", Some(("MSH-9", Reason::MessageType))),
            ("ZAK^Z01", "ZAK^Z02", Some(("MSH-9", Reason::EventCode))),
            ("ZAK^Z01^ZAK_Z01", "", Some(("MSH-9", Reason::MessageType))),
            ("|P|", "|P^T|", None),
            ("|P|", "|T|", Some(("MSH-11", Reason::ProcessingId))),
            ("|P|", "||", Some(("MSH-11", Reason::ProcessingId))),
            ("|P|", "|P^A|", Some(("MSH-11", Reason::ProcessingId))),
            ("|2.5.1", "|2.5.1^USA", None),
            ("|2.5.1", "|2.5", Some(("MSH-12", Reason::VersionId))),
            ("|2.5.1", "", Some(("MSH-12", Reason::VersionId))),
            ("|2.5.1", "|2.5.1||||||UNICODE UTF-8", None),
            ("|2.5.1", "|2.5.1||||||8859/1", Some(("MSH-18", Reason::Value))),
            ("C00001", "", Some(("MSH-10", Reason::Required))),
            ("C00001", "C0000000000000000000", None),
            ("C00001", "C00000000000000000000", Some(("MSH-10", Reason::TooLong))),
            ("C00001", "C^1", Some(("MSH-10", Reason::Type))),
            ("MSH|", "BHS|", Some(("MSH", Reason::Sequence))),
            ("MSH|", "\u{b}MSH|", Some(("MSH", Reason::Sequence))),
            ("^~\\&", "^~\\", Some(("MSH-2", Reason::Structure))),
            ("\rZAK", "\rPID|1\rZAK", Some(("PID", Reason::Sequence))),
            ("\rZAK", "\rMSH|^~\\&\rZAK", Some(("MSH", Reason::Sequence))),
            ("\rZAK", "\rZAK|1\rZAK", Some(("ZAK[2]", Reason::Sequence))),
            ("\rZAK", "\rzak", Some(("", Reason::Sequence))),
            ("ZAK|1|||Lab gateway|live|active", "", Some(("ZAK", Reason::Sequence))),
        ];
        for (from, to, refused) in cases {
            let body = good.replacen(from, to, 1);
            assert_ne!(body, good, "{from} occurs");
            let violations = read(body.as_bytes(), expected(Operation::CreateKey)).fields.err().unwrap_or_default();
            let found: Vec<_> = violations.iter().map(|v| (v.at.as_deref().unwrap_or_default(), v.reason)).collect();
            assert_eq!(found, Vec::from_iter(refused), "{from} → {to}");
        }
    }

    #[test]
    fn everything_wrong_with_the_header_is_told_at_once() {
        let refused = refusal("MSH|^~\\&|LABGW|HOSP|||||ADT^A01||T|2.3\rPID|1\rPV1|1");
        let reasons: Vec<_> = refused.into_iter().map(|(_, reason)| reason).collect();
        let expected =
            [Reason::MessageType, Reason::Required, Reason::ProcessingId, Reason::VersionId, Reason::Sequence];
        assert_eq!(reasons, expected);
    }

    #[test]
    fn a_body_that_is_not_utf8_is_refused_and_its_sender_answered() {
        let mut body = message(Operation::CreateKey, "ZAK|1|||Lab ").into_bytes();
        body.push(0xe9);
        let incoming = read(&body, expected(Operation::CreateKey));
        let sender = Sender { application: "LABGW".into(), facility: "HOSP".into(), control_id: "C00001".into() };
        assert_eq!(incoming.sender, Some(sender.clone()));
        assert_eq!(super::sender(&body), Some(sender));
        assert_eq!(super::sender(b"{}"), None);
        assert_eq!(values(incoming, &[]), Err(vec![("MSH-18".to_owned(), Reason::Structure)]));
    }

    #[test]
    fn fields_that_cannot_be_read_are_named_by_their_place() {
        let refused = |operation, rest, at: &str, reason| {
            assert_eq!(
                fields(operation, rest, &["id", "name", "expiry_at"]),
                Err(vec![(at.to_owned(), reason)]),
                "{rest}"
            );
        };
        refused(Operation::UpdateKey, "ZAK|1||||||||20270301120000", "ZAK-9", Reason::Type);
        refused(Operation::UpdateKey, "ZAK|1|||a^b", "ZAK-4", Reason::Type);
        refused(Operation::UpdateKey, "ZAK|1|||a\\b", "ZAK-4", Reason::Type);
        refused(Operation::RemoveDefault, "ZAK|1|042", "ZAK-2", Reason::Type);
        refused(Operation::UpdateKey, "ZAK|2|||a", "ZAK-1", Reason::Value);
        refused(Operation::UpdateKey, "ZAK|1|43||a", "ZAK-2", Reason::Value);
        refused(Operation::PauseKey, "ZAK|1|\"\"", "ZAK-2", Reason::Value);
        refused(Operation::PauseKey, "ZAK|1|||a", "ZAK-4", Reason::Unknown);
        refused(Operation::UpdateKey, "ZAK|1|||a||||||||||||1|1|1", "ZAK-16", Reason::Unknown);
    }

    #[test]
    fn fields_of_the_server_are_refused() {
        let owned = "ZAK|1|42|nux_live_x|a|live|active|Y|20260301120000+0000||7||20260301120000+0000|3|60";
        let refused = fields(Operation::CreateKey, owned, &["name", "type", "status"]);
        let places = ["ZAK-2", "ZAK-3", "ZAK-7", "ZAK-8", "ZAK-10", "ZAK-12", "ZAK-13", "ZAK-14"];
        assert_eq!(refused, Err(places.map(|place| (place.to_owned(), Reason::Unknown)).to_vec()));
    }

    #[test]
    fn what_the_endpoint_finds_has_a_place_too() {
        let body = message(Operation::CreateKey, "ZAK|1||||gold||||20270301120000");
        let fields = read(body.as_bytes(), expected(Operation::CreateKey)).fields.expect("fields to look at");
        let error = fields.read(|fields| {
            let name = fields.required::<KeyName>("name");
            let kind = fields.required::<KeyType>("type");
            let status = fields.required::<Status>("status");
            let expiry = fields.nullable::<crate::clock::Timestamp>("expiry_at");
            Ok((name?, kind?, status?, expiry?))
        });
        let Err(Error::Invalid(violations)) = error else { panic!("{error:?}") };
        let mut found: Vec<_> = violations.iter().filter_map(|v| Some((v.at.as_deref()?, v.reason))).collect();
        found.sort_unstable_by_key(|(at, _)| *at);
        let expected = [
            ("ZAK-4", Reason::Required),
            ("ZAK-5", Reason::Value),
            ("ZAK-6", Reason::Required),
            ("ZAK-9", Reason::Type),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn no_message_repeats_what_was_sent() {
        let body = message(Operation::UpdateKey, "ZAK|1|SECRET|SECRET|SE^CRET|SECRET|SECRET||SECRET|SECRET");
        let incoming = read(body.as_bytes(), expected(Operation::UpdateKey));
        assert!(!format!("{:?}", incoming.fields.map(|fields| fields.read(|_| Ok(())))).contains("SECRET"));
    }
}
