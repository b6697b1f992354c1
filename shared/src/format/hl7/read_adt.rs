//! An `ADT^A08` message of Nuxera's web client → the fields of a request.
//!
//! The client writes every request as an update of a patient: PID-3 names the user, and each OBX holds one field of the
//! key's record, named by the code in OBX-3.1. It sends the whole record each time, so fields that the operation does not
//! take are skipped.

use std::borrow::Cow;

use super::message::{Field, Given, Message, Segment};
use super::read_header::in_body;
use super::read_value::{check_path_id, is_segment_name, read_value};
use crate::error::{Reason, Violation};
use crate::fields;
use crate::format::exchange::ReadContext;
use crate::format::request_fields::Fields;
use crate::ids::UserId;
use crate::operation::Operation;

/// The codes of OBX-3.1 that name fields.
const FIELD_CODES: [(&str, &str); 6] = [
    ("API_KEY_NAME", "name"),
    ("API_KEY_TYPE", "type"),
    ("API_KEY_STATUS", "status"),
    ("API_KEY_ID", "id"),
    ("OLD_API_KEY_ID", "old_id"),
    ("IS_DEFAULT", "is_default"),
];
const USER_CODE: &str = "USER_ID";
const OPERATION_CODE: &str = "OPERATION";

/// The field numbers of an OBX segment (section 7.4.2).
const IDENTIFIER: usize = 3;
const VALUE: usize = 5;

/// Whether a message is of the type that the client sends.
pub(super) fn is_adt(header: Segment<'_>) -> bool {
    let message_type = header.field(9);
    message_type.component(1) == "ADT"
        && message_type.component(2) == "A08"
        && matches!(&*message_type.component(3), "" | "ADT_A08")
}

/// The verb of the operation that a message asks for.
pub(super) fn operation_code<'a>(message: &Message<'a>) -> Option<Cow<'a, str>> {
    let mut observations = message.segments().filter(|segment| segment.name() == "OBX");
    let named = observations.find(|segment| segment.numbered(IDENTIFIER).component(1) == OPERATION_CODE)?;
    Some(named.numbered(VALUE).component(1))
}

/// The client's verb for the operation, if a message is of the type that the client sends and the client has the operation.
pub(super) fn verb(header: Segment<'_>, operation: Operation) -> Option<&'static str> {
    operation.web_client_verb().filter(|_| is_adt(header))
}

/// Reads the segments. Violations of the message as a whole are returned without those of its fields.
pub(super) fn read(
    message: &Message<'_>,
    mut violations: Vec<Violation>,
    verb: &'static str,
    expected: ReadContext<'_>,
) -> Result<Fields, Vec<Violation>> {
    let mut reading = Reading { expected, fields: Fields::none(), codes: Vec::new(), has_patient: false };
    for (index, segment) in message.segments().enumerate() {
        match segment.name() {
            "EVN" => {}
            "PID" if !reading.has_patient => reading.read_patient(segment),
            "PID" => violations.push(in_body("PID[2]", Reason::Sequence, "the PID segment must not be repeated")),
            "OBX" => reading.read_observation(segment, verb),
            name => {
                let message = format!("unexpected segment {}; only MSH, EVN, PID and OBX are allowed", index + 2);
                let violation = Violation::new("body", Reason::Sequence, message);
                violations.push(if is_segment_name(name) { violation.at(name) } else { violation });
            }
        }
        if !violations.is_empty() {
            // One is enough: the rest are probably of the same unrelated message.
            break;
        }
    }
    if violations.is_empty() { Ok(reading.finish(verb)) } else { Err(violations) }
}

struct Reading<'a, 'm> {
    expected: ReadContext<'a>,
    fields: Fields,
    /// The codes so far, of one OBX each.
    codes: Vec<Cow<'m, str>>,
    has_patient: bool,
}

impl<'m> Reading<'_, 'm> {
    fn refuse(&mut self, name: &'static str, reason: Reason, message: impl Into<String>, at: String) {
        self.fields.add_violation(Violation::new(name, reason, message).at(at));
    }

    fn read_patient(&mut self, segment: Segment<'m>) {
        self.has_patient = true;
        self.read_user(&segment.numbered(3).component(1), "PID-3".to_owned());
    }

    fn read_user(&mut self, text: &str, at: String) {
        match text {
            "" | r#""""# | "unknown" => {}
            text => match UserId::parse(text) {
                Some(user) => self.fields.add_sender(user),
                None => self.refuse("user_id", Reason::Type, USER_EXPECTED, at),
            },
        }
    }

    fn read_observation(&mut self, segment: Segment<'m>, verb: &str) {
        let number = self.codes.len() + 1;
        let at = |field: usize| format!("OBX[{number}]-{field}");
        let (code, value) = (segment.numbered(IDENTIFIER).component(1), segment.numbered(VALUE));
        let is_repeated = self.codes.contains(&code);
        self.codes.push(code.clone());
        if is_repeated {
            return self.refuse("body", Reason::Structure, "body must not have two OBX with one code", at(IDENTIFIER));
        }
        match FIELD_CODES.iter().find(|(known, _)| *known == code).and_then(|(_, name)| fields::Field::named(name)) {
            Some(field) => self.read_field(field, value, at(VALUE)),
            None if code == USER_CODE => self.read_user(&value.component(1), at(VALUE)),
            None if code == OPERATION_CODE => {
                if !value.component(1).eq_ignore_ascii_case(verb) {
                    self.refuse("body", Reason::Value, operation_expected(verb), at(VALUE));
                }
            }
            None => {
                let message = "body must have only the codes of a key's record in OBX-3";
                self.refuse("body", Reason::Unknown, message, at(IDENTIFIER));
            }
        }
    }

    fn read_field(&mut self, field: &'static fields::Field, value: Field<'m>, at: String) {
        let operation = self.expected.operation;
        if field.name == "id" && self.expected.path_id.is_some() {
            let is_absent = value.single() == Ok(Given::Absent);
            if let (false, Err(message)) = (is_absent, check_path_id(value, self.expected.path_id)) {
                self.refuse("id", Reason::Value, message, at);
            }
        } else if (field.is_input_of(operation) || self.expected.is_path_field(field.name)) && !value.is_empty() {
            match read_value(field.kind, value, None) {
                Ok(value) => {
                    self.fields.set_place(field.name, at);
                    self.fields.insert(field.name, value);
                }
                Err(message) => self.refuse(field.name, Reason::Type, format!("{} {message}", field.name), at),
            }
        }
    }

    fn finish(mut self, verb: &str) -> Fields {
        // What is missing is missed behind what is there.
        let next = format!("OBX[{}]", self.codes.len() + 1);
        if !self.codes.iter().any(|code| code == OPERATION_CODE) {
            self.refuse("body", Reason::Required, operation_expected(verb), next.clone());
        }
        for (_, name) in FIELD_CODES {
            self.fields.set_place(name, next.clone());
        }
        self.fields
    }
}

const USER_EXPECTED: &str = "user_id must be an integer from 1 to 9007199254740991";

fn operation_expected(verb: &str) -> String {
    format!(
        "body must have an OBX with the code OPERATION and the value {} for this endpoint",
        verb.to_ascii_uppercase()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::read_request::read;
    use super::*;
    use crate::format::samples::values;
    use crate::ids::KeyId;

    const NAMES: [&str; 5] = ["id", "old_id", "name", "type", "status"];

    fn expected(operation: Operation) -> ReadContext<'static> {
        let is_in_path = !matches!(operation, Operation::CreateKey | Operation::SetDefault | Operation::RemoveDefault);
        let path_id = is_in_path.then(|| KeyId::new(42)).flatten();
        ReadContext { operation, path_id, path_field: None, fhir_base: "https://nuxera.cloud/fhir", charset: None }
    }

    /// A message as the client writes it, with these OBX lines in the middle.
    fn message(verb: &str, observations: &[&str]) -> String {
        let user = "USER_ID^User ID||123";
        let operation = format!("OPERATION^Operation Type||{}", verb.to_uppercase());
        let lines = observations.iter().copied().chain([user, "IS_DEFAULT^Is Default||N^No", &operation]);
        let lines = lines.zip(1..).map(|(line, number)| format!("OBX|{number}|TX|{line}|||||F|||20260303T090000\r\n"));
        format!(
            "MSH|^~\\&|Nuxera-Client|CLIENT_FACILITY|Nuxera-ApiKeys|Nuxera|20260303T090000||ADT^A08^ADT_A08|\
             APIKEY_1772528400000a1b2c3d4e|P|2.5\r\nEVN|A04|20260303T090000|||SYS^SYSTEM^NUXERA\r\n\
             PID|1||123||API_KEY_USER^||20260303T090000|U|||unknown||||||||123|||||||||||||||\r\n{}",
            lines.collect::<String>()
        )
    }

    fn fields(operation: Operation, body: &str) -> Result<Vec<Value>, Vec<(String, Reason)>> {
        values(read(body.as_bytes(), expected(operation)), &NAMES)
    }

    fn refusals(operation: Operation, body: &str) -> Vec<(String, Reason)> {
        fields(operation, body).expect_err(body)
    }

    const NAME: &str = "API_KEY_NAME^API Key Name||Ward 3";
    const TYPE: &str = "API_KEY_TYPE^API Key Type||ai-medical-note";
    const STATUS: &str = "API_KEY_STATUS^API Key Status||active";
    const ID: &str = "API_KEY_ID^API Key ID||42";
    const OLD_ID: &str = "OLD_API_KEY_ID^Old API Key ID||41";

    #[test]
    fn each_operation_takes_its_fields_of_the_record() {
        let absent = || json!("absent");
        let all = [NAME, TYPE, STATUS, ID, OLD_ID];
        let (name, kind, status) = (json!("Ward 3"), json!("ai-medical-note"), json!("active"));
        for (operation, expected) in [
            (Operation::CreateKey, [absent(), absent(), name.clone(), kind.clone(), status]),
            (Operation::UpdateKey, [absent(), absent(), name, kind, absent()]),
            (Operation::SetDefault, [json!(42), json!(41), absent(), absent(), absent()]),
            (Operation::RemoveDefault, [json!(42), absent(), absent(), absent(), absent()]),
            (Operation::PauseKey, [(); 5].map(|()| absent())),
            (Operation::ResumeKey, [(); 5].map(|()| absent())),
            (Operation::DeleteKey, [(); 5].map(|()| absent())),
        ] {
            let verb = operation.web_client_verb().expect("the client has it");
            assert_eq!(fields(operation, &message(verb, &all)), Ok(expected.to_vec()), "{operation:?}");
        }
    }

    #[test]
    fn the_sender_and_the_users_are_read() {
        let body = message("create", &[NAME, TYPE, STATUS]);
        let incoming = read(body.as_bytes(), expected(Operation::CreateKey));
        let sender = incoming.sender.expect("a sender");
        assert_eq!((&*sender.control_id, &*sender.application), ("APIKEY_1772528400000a1b2c3d4e", "Nuxera-Client"));
        let is_for = |body: &str, user| {
            let fields = read(body.as_bytes(), expected(Operation::CreateKey)).fields.expect("fields");
            !fields.is_sent_for_another_than(UserId::new(user).expect("an id"))
        };
        assert!(is_for(&body, 123) && !is_for(&body, 7));
        // Both places count, in either order.
        for (from, to) in [("PID|1||123|", "PID|1||7|"), ("User ID||123", "User ID||7")] {
            let body = body.replace(from, to);
            assert!(!is_for(&body, 123) && !is_for(&body, 7), "{to}");
        }
        for absent in ["unknown", "", "\"\""] {
            let nobody = body.replace("||123|", &format!("||{absent}|"));
            assert!(is_for(&nobody, 123) && is_for(&nobody, 7), "{absent}");
        }
        let odd = body.replace("User ID||123", "User ID||me");
        assert_eq!(refusals(Operation::CreateKey, &odd), [("OBX[4]-5".to_owned(), Reason::Type)]);
    }

    #[test]
    fn what_does_not_fit_is_refused_at_its_place() {
        let create = message("create", &[NAME, TYPE, STATUS]);
        for (operation, from, to, at, reason) in [
            (Operation::CreateKey, "||CREATE", "||UPDATE", "OBX[6]-5", Reason::Value),
            (Operation::CreateKey, "OPERATION^", "COLOUR^", "OBX[6]-3", Reason::Unknown),
            (Operation::CreateKey, "IS_DEFAULT^", "API_KEY_NAME^", "OBX[5]-3", Reason::Structure),
            (Operation::CreateKey, "||Ward 3", "||Ward^3", "OBX[1]-5", Reason::Type),
            (Operation::CreateKey, "EVN|", "PV1|", "PV1", Reason::Sequence),
            (Operation::CreateKey, "EVN|", "PID|", "PID[2]", Reason::Sequence),
            (Operation::CreateKey, "EVN|", "ZAK|", "ZAK", Reason::Sequence),
            (Operation::CreateKey, "^A08^", "^A04^", "MSH-9", Reason::MessageType),
            (Operation::CreateKey, "_A08", "_A01", "MSH-9", Reason::MessageType),
            (Operation::CreateKey, "|P|2.5", "|T|2.5", "MSH-11", Reason::ProcessingId),
            // The client has no such requests.
            (Operation::GetKey, "", "", "MSH-9", Reason::MessageType),
            (Operation::RotateKey, "", "", "MSH-9", Reason::MessageType),
        ] {
            let refused = refusals(operation, &create.replacen(from, to, 1));
            assert_eq!(refused[0], (at.to_owned(), reason), "{from} → {to}: {refused:?}");
        }
        let last = "OBX|6|TX|OPERATION^Operation Type||CREATE";
        let without = create.split(last).next().expect("the lines before").to_owned();
        assert_eq!(refusals(Operation::CreateKey, &without), [("OBX[6]".to_owned(), Reason::Required)]);
        let other = message("update", &[NAME, "API_KEY_ID^API Key ID||43"]);
        assert_eq!(refusals(Operation::UpdateKey, &other), [("OBX[2]-5".to_owned(), Reason::Value)]);
        let other = message("setDefault", &["API_KEY_ID^API Key ID||first"]);
        assert_eq!(refusals(Operation::SetDefault, &other)[0], ("OBX[1]-5".to_owned(), Reason::Type));
    }

    #[test]
    fn endpoints_find_the_places_of_their_violations() {
        let body = message("create", &["API_KEY_TYPE^API Key Type||gold", STATUS]);
        let fields = read(body.as_bytes(), expected(Operation::CreateKey)).fields.expect("fields to look at");
        let error = fields.read(|fields| {
            let name = fields.required::<crate::keys::KeyName>("name");
            let kind = fields.required::<crate::keys::KeyType>("type");
            let status = fields.required::<crate::keys::Status>("status");
            Ok((name?, kind?, status?))
        });
        let Err(crate::error::Error::Invalid(violations)) = error else { panic!("{error:?}") };
        let places: Vec<_> = violations.iter().map(|violation| (violation.at.as_deref(), violation.reason)).collect();
        assert_eq!(places, [(Some("OBX[6]"), Reason::Required), (Some("OBX[1]-5"), Reason::Value)]);
    }
}
