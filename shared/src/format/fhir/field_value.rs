//! Reads the value of a field from a parameter or an extension, which both carry it in a `value[x]` (R4, Parameters and
//! Extensibility).

use serde_json::Value;

use super::node::{Member, Node};
use crate::error::{Reason, Violation};
use crate::fields::{Field, FieldType};
use crate::format::exchange::ReadContext;
use crate::format::request_fields::{Fields, MAX_VIOLATIONS};
use crate::ids::{KeyId, UserId};

const DATA_ABSENT_REASON: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// A request that is being read.
pub(super) struct Reading<'a> {
    pub(super) expected: ReadContext<'a>,
    fields: Fields,
    refused: usize,
    /// The inputs found so far, including invalid ones.
    seen: Vec<&'static str>,
    place: fn(&str) -> String,
}

impl<'a> Reading<'a> {
    pub(super) fn new(expected: ReadContext<'a>, place: fn(&str) -> String) -> Self {
        let fields = Fields::placed(place);
        Self { expected, fields, refused: 0, seen: Vec::new(), place }
    }

    /// Records a violation at a place.
    pub(super) fn refuse(&mut self, field: &'static str, reason: Reason, message: impl Into<String>, at: &str) {
        self.fields.add_violation(Violation::new(field, reason, message).at(at));
        self.refused += 1;
    }

    /// Records that a field of keys is not accepted in this request.
    pub(super) fn refuse_field(&mut self, field: &'static str, at: &str) {
        self.refuse(field, Reason::Unknown, format!("{field} is not a field of this request"), at);
    }

    /// Whether there are as many violations as a response may have.
    pub(super) fn too_many_errors(&self) -> bool {
        self.refused >= MAX_VIOLATIONS
    }

    /// Takes the values of fields from a list of elements, each identified by a label. FHIR has no empty lists (R4, "JSON
    /// Representation of Resources").
    pub(super) fn take_all(
        &mut self,
        nodes: &[Node<'_>],
        list: &str,
        label_name: &str,
        field_of: impl Fn(&str) -> Option<&'static Field>,
    ) {
        if nodes.is_empty() {
            self.refuse("body", Reason::Structure, format!("{list} must not be empty"), list);
        }
        for (index, node) in nodes.iter().enumerate() {
            let at = format!("{list}[{index}]");
            match Element::read(node, label_name).map(|element| (field_of(element.label), element)) {
                Ok((Some(field), element)) => self.take(field, &element, &at),
                Ok((None, _)) => {
                    let message = format!("{at} must have the {label_name} of a field of this request");
                    self.refuse("body", Reason::Unknown, message, &at);
                }
                Err(message) => self.refuse("body", Reason::Structure, format!("{at} {message}"), &at),
            }
            if self.too_many_errors() {
                break;
            }
        }
    }

    fn take(&mut self, field: &Field, element: &Element<'_, '_>, at: &str) {
        let name = field.name;
        if !field.may_be_in(self.expected.operation) {
            return self.refuse_field(name, at);
        }
        if self.seen.contains(&name) {
            return self.refuse(name, Reason::Structure, format!("{name} must not be repeated"), at);
        }
        self.seen.push(name);
        match read_value(field.kind, element, self.expected.fhir_base) {
            Ok(value) => self.fields.insert(name, value),
            Err(message) => {
                let place = (self.place)(name);
                self.refuse(name, Reason::Type, format!("{name} {message}"), &place);
            }
        }
    }

    /// Takes the value of a field in the notation of JSON.
    pub(super) fn insert(&mut self, field: &'static str, value: Value) {
        self.fields.insert(field, value);
    }

    /// Records a user that the resource names as its sender.
    pub(super) fn add_sender(&mut self, user: UserId) {
        self.fields.add_sender(user);
    }

    pub(super) fn finish(self) -> Fields {
        self.fields
    }
}

/// A parameter or an extension.
struct Element<'e, 'a> {
    /// Its identification: a parameter's name, an extension's URL.
    label: &'e str,
    value: Option<&'e Member<'a>>,
}

impl<'e, 'a> Element<'e, 'a> {
    /// Reads an element whose label is in the named member; the error is the rule that it breaks.
    fn read(node: &'e Node<'a>, label_name: &str) -> Result<Self, String> {
        let mut label = None;
        let mut value = None;
        for member in node.object().ok_or("must be an object")? {
            let (name, node) = member;
            let repeated = if name == label_name {
                let text = node.text().ok_or_else(|| format!("must have a {label_name} that is a string"))?;
                label.replace(text).is_some()
            } else if name.trim_start_matches('_').starts_with("value") {
                value.replace(member).is_some()
            } else {
                return Err(format!("must contain only a {label_name} and a value"));
            };
            if repeated {
                return Err(format!("must have exactly one {label_name} and one value"));
            }
        }
        let label = label.ok_or_else(|| format!("must have a {label_name}"))?;
        Ok(Self { label, value })
    }
}

/// Reads an element's value, given its name and the FHIR base.
type ReadValue = fn(&str, &Node<'_>, &str) -> Option<Value>;

/// The value of a field in the notation of JSON; the error is the rule that it breaks.
fn read_value(kind: FieldType, element: &Element<'_, '_>, base: &str) -> Result<Value, String> {
    let (allowed, read): (_, ReadValue) = match kind {
        FieldType::Code => ("valueCode", |name, node, _| (name == "valueCode").then(|| string(node))?),
        FieldType::Time => ("valueInstant", |name, node, _| match name {
            // In R4, `T` and `Z` are upper case (Data Types, "instant").
            "valueInstant" => string(node).filter(|text| text.as_str().is_some_and(|text| !text.contains(['t', 'z']))),
            "_valueInstant" => is_not_applicable(node).then_some(Value::Null),
            _ => None,
        }),
        FieldType::Seconds => ("a valueInteger of 0 or more", |name, node, _| {
            let seconds = (name == "valueInteger").then(|| node.number())??.as_u64()?;
            Some(seconds.into())
        }),
        FieldType::Id => ("a valueReference to a Basic, a positive valueInteger or a valueString", id),
        FieldType::Text => ("valueString", |name, node, _| (name == "valueString").then(|| string(node))?),
        FieldType::Flag => {
            ("valueBoolean", |name, node, _| (name == "valueBoolean").then(|| node.flag().map(Value::from))?)
        }
        FieldType::Count => ("a valueString of digits", |name, node, _| {
            let count: u64 = (name == "valueString").then(|| node.text())??.parse().ok()?;
            Some(count.into())
        }),
    };
    let value = element.value.and_then(|(name, node)| read(name, node, base));
    value.ok_or_else(|| format!("must be sent as {allowed}"))
}

fn string(node: &Node<'_>) -> Option<Value> {
    node.text().map(Value::from)
}

fn id(name: &str, node: &Node<'_>, base: &str) -> Option<Value> {
    let id = match name {
        "valueInteger" => node.number()?.as_u64().filter(|id| i32::try_from(*id).is_ok()).and_then(KeyId::new),
        "valueString" => KeyId::parse(node.text()?),
        "valueReference" => {
            let [reference] = node.exactly(["reference"], ["type", "display"])?;
            let reference = reference.text()?;
            let relative = reference.strip_prefix(base).and_then(|rest| rest.strip_prefix('/')).unwrap_or(reference);
            KeyId::parse(relative.strip_prefix("Basic/")?)
        }
        _ => None,
    };
    id.map(|id| id.get().into())
}

/// Whether the extensions of a primitive declare that it has no value on purpose.
fn is_not_applicable(shadow: &Node<'_>) -> bool {
    let code = || {
        let [extensions] = shadow.exactly(["extension"], [])?;
        let [extension] = extensions.list()? else { return None };
        let [url, code] = extension.exactly(["url", "valueCode"], [])?;
        (url.text()? == DATA_ABSENT_REASON).then(|| code.text())?
    };
    code() == Some("not-applicable")
}
