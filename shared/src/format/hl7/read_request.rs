//! A `ZAK^Znn^ZAK_Z01` message, or one of Nuxera's web client → the fields of a request.

use super::charset::decode;
use super::message::{Field, Given, Message, ONE_MESSAGE, Segment};
use super::read_header::{check_header, check_type, in_body};
use super::read_operation::no_operation;
use super::read_value::{check_path_id, is_segment_name, read_value};
use super::zak::{ZAK, is_set_id, place};
use super::{read_adt, time};
use crate::error::{Reason, Violation};
use crate::fields;
use crate::format::exchange::{Incoming, ReadContext, Sender};
use crate::format::request_fields::Fields;
use crate::operation::Operation;

/// Reads a request.
pub(crate) fn read(body: &[u8], expected: ReadContext<'_>) -> Incoming {
    // The sender is read even where the rest cannot be decoded, so that the response reaches it.
    let (text, undecodable) = decode(body, expected.charset);
    match Message::parse(&text) {
        Ok(message) => {
            let header = message.header();
            let adt = read_adt::verb(header, expected.operation);
            let wrong_type = if expected.operation == Operation::ReceiveMessage {
                Some(no_operation(header))
            } else if adt.is_some() {
                None
            } else {
                check_type(header, expected.operation)
            };
            let violations = undecodable.into_iter().chain(wrong_type).chain(check_header(header)).collect();
            let fields = match adt {
                Some(verb) => read_adt::read(&message, violations, verb, expected),
                None => read_segments(&message, violations, expected),
            };
            Incoming { sender: Some(message.sender()), fields }
        }
        Err(violation) => Incoming { sender: Message::sender_of_unparsed(&text), fields: Err(vec![violation]) },
    }
}

/// Reads who sent a message.
pub(crate) fn sender(body: &[u8]) -> Option<Sender> {
    let (text, _) = decode(body, None);
    Message::parse(&text).ok().map(|message| message.sender())
}

/// The segments of other trades that engines put into every message.
const IGNORED: [&str; 4] = ["SFT", "EVN", "PID", "NTE"];
/// The segments of responses. A client that sends them would believe that they took effect.
const OF_RESPONSES: [&str; 3] = ["ZUS", "ZVF", "ZAU"];
/// The headers and trailers of messages, files and batches.
const ENVELOPES: [&str; 5] = ["MSH", "FHS", "BHS", "BTS", "FTS"];

/// Finds the ZAK segment. Violations of the message as a whole are returned without those of its fields.
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
            ZAK => in_body("ZAK[2]", Reason::Sequence, "the ZAK segment must not be repeated"),
            name if is_ignored(name) => continue,
            name if ENVELOPES.contains(&name) => in_body(name, Reason::Sequence, ONE_MESSAGE),
            name => {
                let message = format!(
                    "unexpected segment {}; only MSH and ZAK are read, and only SFT, EVN, PID, NTE and Z segments of others \
                     are ignored",
                    index + 2
                );
                let violation = Violation::new("body", Reason::Sequence, message);
                if is_segment_name(name) { violation.at(name) } else { violation }
            }
        };
        violations.push(problem);
        // One is enough: the rest are probably of the same unrelated message.
        break;
    }
    if violations.is_empty() && zak.is_none() && expected.operation.needs_zak() {
        violations.push(in_body("ZAK", Reason::Sequence, "a ZAK segment is required"));
    }
    let sent_at = message.header().field(7).component(1);
    if violations.is_empty() { Ok(read_zak(zak, time::offset(&sent_at), expected)) } else { Err(violations) }
}

fn is_ignored(name: &str) -> bool {
    IGNORED.contains(&name) || name.starts_with('Z') && is_segment_name(name) && !OF_RESPONSES.contains(&name)
}

/// Reads the fields of the ZAK segment.
fn read_zak(zak: Option<Segment<'_>>, offset: Option<&str>, expected: ReadContext<'_>) -> Fields {
    let mut fields = Fields::placed(place);
    for (index, field) in zak.iter().flat_map(Segment::fields).enumerate().filter(|(_, field)| !field.is_empty()) {
        let number = index + 1;
        let known = fields::Field::of_zak(number);
        let problem = match known {
            None if is_set_id(number) => check_set_id(field).err().map(|message| ("body", Reason::Value, message)),
            Some(fields::Field { name: "id", .. }) if expected.path_id.is_some() => {
                check_path_id(field, expected.path_id).err().map(|message| ("id", Reason::Value, message))
            }
            Some(known) if known.may_be_in(expected.operation) || expected.is_path_field(known.name) => {
                match read_value(known.kind, field, offset) {
                    Ok(value) => {
                        fields.insert(known.name, value);
                        None
                    }
                    Err(message) => Some((known.name, Reason::Type, format!("{} {message}", known.name))),
                }
            }
            Some(known) => {
                Some((known.name, Reason::Unknown, format!("{} is not a field of this request", known.name)))
            }
            None => Some(("body", Reason::Unknown, format!("ZAK-{number} is not a field of the ZAK segment"))),
        };
        if let Some((name, reason, message)) = problem {
            fields.add_violation(Violation::new(name, reason, message).at(format!("ZAK-{number}")));
        }
        if known.is_none() && !is_set_id(number) {
            // One field too many is enough.
            break;
        }
    }
    fields
}

fn check_set_id(field: Field<'_>) -> Result<(), String> {
    match field.single() {
        Ok(Given::Value(id)) if id == "1" => Ok(()),
        Ok(Given::Value(_) | Given::Null | Given::Absent) | Err(_) => Err("ZAK-1 (set id) must be 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::Error;
    use crate::format::samples::values;
    use crate::ids::KeyId;
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
            | Operation::AuthorizeRequest
            | Operation::Transcribe
            | Operation::ForwardTranscription
            | Operation::Dictate
            | Operation::LookupKey
            | Operation::ImportKeys
            | Operation::ReceiveMessage => None,
        };
        ReadContext { operation, path_id, path_field: None, fhir_base: "https://nuxera.cloud/fhir", charset: None }
    }

    fn message(operation: Operation, rest: &str) -> String {
        let event = operation.trigger_event();
        format!("MSH|^~\\&|LABGW|HOSP|NUXERA|APIKEYS|20260303||ZAK^{event}^ZAK_Z01|C00001|P|2.5.1\r{rest}")
    }

    /// The values of the named fields, or the places and reasons of the violations.
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
        assert_eq!(fields(Operation::PauseKey, "ZAK|1", &[]), Ok(vec![]), "the path has the id");
        assert_eq!(fields(Operation::ListKeys, "", &[]), Ok(vec![]));
        let grace = "ZAK|1|42||||||||||||3600";
        assert_eq!(fields(Operation::RotateKey, grace, &["grace_period_seconds"]), Ok(vec![json!(3_600)]));
        assert_eq!(fields(Operation::VerifyKey, "ZAK|1||nux_live_x", &["key"]), Ok(vec![json!("nux_live_x")]));
        assert_eq!(fields(Operation::ListUserKeys, "ZAK|1", &[]), Ok(vec![]));
    }

    #[test]
    fn unsupported_messages_are_refused_each_for_its_reason() {
        let good = message(Operation::CreateKey, "ZAK|1|||Lab gateway|live|active");
        let (longest, too_long) = ("C".repeat(199), "C".repeat(200));
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
            ("|2.5.1", "|2.1", None),
            ("|2.5.1", "|2.8", None),
            ("|2.5.1", "|2.0", Some(("MSH-12", Reason::VersionId))),
            ("|2.5.1", "|3.0", Some(("MSH-12", Reason::VersionId))),
            ("|2.5.1", "", Some(("MSH-12", Reason::VersionId))),
            ("|2.5.1", "|2.5.1||||||UNICODE UTF-8", None),
            ("|2.5.1", "|2.5.1||||||8859/15", None),
            ("|2.5.1", "|2.5.1||||||UNICODE UTF-16", Some(("MSH-18", Reason::Value))),
            ("C00001", "", Some(("MSH-10", Reason::Required))),
            ("C00001", &longest, None),
            ("C00001", &too_long, Some(("MSH-10", Reason::TooLong))),
            ("C00001", "C^1", Some(("MSH-10", Reason::Type))),
            ("MSH|", "BHS|", Some(("MSH", Reason::Sequence))),
            ("MSH|", "FHS|", Some(("MSH", Reason::Sequence))),
            ("MSH|", "\u{b}MSH|", None),
            ("^~\\&", "^~\\&#", None),
            ("^~\\&", "^~\\", None),
            ("^~\\&", "^~", None),
            ("^~\\&", "^", None),
            ("^~\\&", "", Some(("MSH-2", Reason::Structure))),
            ("\rZAK", "\rSFT|a\rEVN|A01\rPID|1\rNTE|1\rZZ9|1\rZAK", None),
            ("\rZAK", "\rZUS|1\rZAK", Some(("ZUS", Reason::Sequence))),
            ("\rZAK", "\rPV1|1\rZAK", Some(("PV1", Reason::Sequence))),
            ("\rZAK", "\rBTS|1\rZAK", Some(("BTS", Reason::Sequence))),
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
    fn all_violations_of_the_header_are_returned_at_once() {
        let refused = refusal("MSH|^~\\&|LABGW|HOSP|||||ADT^A01||T|2.0\rPID|1\rPV1|1");
        let reasons: Vec<_> = refused.into_iter().map(|(_, reason)| reason).collect();
        let expected =
            [Reason::MessageType, Reason::Required, Reason::ProcessingId, Reason::VersionId, Reason::Sequence];
        assert_eq!(reasons, expected);
    }

    #[test]
    fn a_body_that_is_not_utf8_is_refused_and_its_sender_read() {
        let mut body = message(Operation::CreateKey, "ZAK|1|||Lab ").into_bytes();
        body.push(0xe9);
        let incoming = read(&body, expected(Operation::CreateKey));
        let sender = Sender {
            application: "LABGW".into(),
            facility: "HOSP".into(),
            control_id: "C00001".into(),
            ..Sender::default()
        };
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
    fn violations_found_by_the_endpoint_have_places_too() {
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
    fn violations_do_not_repeat_the_input() {
        let body = message(Operation::UpdateKey, "ZAK|1|SECRET|SECRET|SE^CRET|SECRET|SECRET||SECRET|SECRET");
        let incoming = read(body.as_bytes(), expected(Operation::UpdateKey));
        assert!(!format!("{:?}", incoming.fields.map(|fields| fields.read(|_| Ok(())))).contains("SECRET"));
    }
}
