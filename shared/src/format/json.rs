//! JSON, the default format.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::exchange::{Content, Incoming};
use super::request_fields::Fields;
use super::wire_format::Format;
use crate::error::{Problem, Reason, Violation};
use crate::fields::SHOWN;
use crate::ids::KeyId;
use crate::keys::{ImportOutcome, KeyView};

/// Reads an object of fields. A body in another format is told how it is announced.
pub(super) fn read(body: &[u8]) -> Incoming {
    if is_message(body) {
        return Incoming { sender: None, fields: Err(vec![announced("an HL7 message", Format::Hl7)]) };
    }
    let fields = serde_json::from_slice::<Fields>(body).map_err(|error| {
        let message = match error.classify() {
            serde_json::error::Category::Data => "body must be a JSON object".to_owned(),
            serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof
            | serde_json::error::Category::Io => {
                format!("body must be valid JSON; parsing failed at line {}, column {}", error.line(), error.column())
            }
        };
        vec![Violation::new("body", Reason::Structure, message)]
    });
    let fields = fields.and_then(|fields| {
        let is_resource = fields.get("resourceType").is_some_and(Value::is_string);
        if is_resource { Err(vec![announced("a FHIR resource", Format::Fhir)]) } else { Ok(fields) }
    });
    Incoming { sender: None, fields }
}

/// Whether a body begins as an HL7 message does, after a byte order mark, the framing of MLLP and blanks.
fn is_message(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let body = body.strip_prefix(b"\x0b").unwrap_or(body);
    body.trim_ascii_start().starts_with(b"MSH")
}

fn announced(content: &str, format: Format) -> Violation {
    let (name, content_type) = (format.as_str(), format.content_type().split(';').next().unwrap_or_default());
    let message =
        format!("body is {content}: send it with Content-Type: {content_type}, or with x-request-format: {name}");
    Violation::new("body", Reason::Structure, message)
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// Sees repeated names, which `serde_json::Map` would merge.
struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::none();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            fields.insert(name, value);
        }
        Ok(fields)
    }
}

/// Writes a response.
pub(super) fn write(content: &Content) -> Vec<u8> {
    let json = match content {
        Content::Key(key) => serde_json::to_vec(key),
        Content::Created(key) => serde_json::to_vec(&Created(key)),
        Content::Keys(page) => serde_json::to_vec(&page.keys),
        Content::Deleted => serde_json::to_vec(&Message { message: "API Key deleted successfully" }),
        Content::Audit(page) => serde_json::to_vec(&page.entries),
        Content::Usage(usage) => serde_json::to_vec(usage),
        Content::Verification(verification) => serde_json::to_vec(verification),
        Content::Problem(problem) => serde_json::to_vec(&ErrorBody::from(problem)),
    };
    json.expect("views have string keys and no failing serializers")
}

/// A new key: its object, with a message at the end.
struct Created<'a>(&'a KeyView);

impl Serialize for Created<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(SHOWN.len() + 1))?;
        for (field, value) in SHOWN.iter().zip(&self.0.values()) {
            object.serialize_entry(field.name, value)?;
        }
        object.serialize_entry("message", "API Key created")?;
        object.end()
    }
}

/// Writes the outcomes of an import.
///
/// # Panics
///
/// Never: the view has string keys and no failing serializers.
#[must_use]
pub fn write_import(outcomes: &[ImportOutcome]) -> Vec<u8> {
    let results = outcomes.iter().map(|outcome| match outcome {
        ImportOutcome::Imported { id, left_out } => {
            let field = "is_default";
            let detail =
                |left_out: &&str| Detail { field, message: format!("{field} was left out: {left_out}").into() };
            ImportResult { outcome: "imported", id: Some(*id), details: left_out.iter().map(detail).collect() }
        }
        ImportOutcome::Exists(id) => ImportResult { outcome: "exists", id: Some(*id), details: Vec::new() },
        ImportOutcome::Invalid(violations) => {
            let details = violations.iter().map(|violation| {
                let Violation { field, message, reason: _, at: _ } = violation;
                Detail { field, message: message.into() }
            });
            ImportResult { outcome: "invalid", id: None, details: details.collect() }
        }
    });
    let body = Imported { results: results.collect() };
    serde_json::to_vec(&body).expect("views have string keys and no failing serializers")
}

#[derive(Serialize)]
struct Imported<'a> {
    results: Vec<ImportResult<'a>>,
}

#[derive(Serialize)]
struct ImportResult<'a> {
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<KeyId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Detail<'a>>,
}

#[derive(Serialize)]
struct Message {
    message: &'static str,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Detail<'a>>,
}

#[derive(Serialize)]
struct Detail<'a> {
    field: &'a str,
    message: Cow<'a, str>,
}

impl<'a> From<&'a Problem> for ErrorBody<'a> {
    fn from(problem: &'a Problem) -> Self {
        let details = problem.violations.iter().map(|violation| {
            let Violation { field, message, reason: _, at: _ } = violation;
            Detail { field, message: message.into() }
        });
        Self { error: problem.text, details: details.collect() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::samples::{cases, key_view, read_back};

    proptest! {
        #![proptest_config(cases())]

        #[test]
        fn keys_survive_writing_and_reading(view in key_view()) {
            let json: Value = serde_json::from_slice(&write(&Content::Key(Box::new(view.clone())))).expect("JSON");
            prop_assert_eq!(json.as_object().map(serde_json::Map::len), Some(SHOWN.len()));
            prop_assert_eq!(read_back(|field| json.get(field.name).cloned()), Some(view));
        }

        #[test]
        fn a_new_key_is_a_key_with_a_message_at_the_end(view in key_view()) {
            let text = |content: &Content| String::from_utf8(write(content)).expect("UTF-8");
            let key = text(&Content::Key(Box::new(view.clone())));
            let expected = key.strip_suffix('}').map(|key| format!("{key},\"message\":\"API Key created\"}}"));
            prop_assert_eq!(Some(text(&Content::Created(Box::new(view)))), expected);
        }

        #[test]
        fn values_have_the_types_of_their_fields(view in key_view()) {
            for (field, value) in SHOWN.iter().zip(view.values()) {
                prop_assert!(value.is_none_or(|value| value.kind() == field.kind), "{}: {:?}", field.name, value);
            }
        }
    }
}
