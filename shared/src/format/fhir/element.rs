//! What parameters and extensions share: an element that carries one field's value in a `value[x]` (R4,
//! Parameters and Extensibility).

use serde_json::Value;

use super::API_KEY;
use super::node::{Member, Node};
use crate::error::{Reason, Violation};
use crate::format::fields::MAX_VIOLATIONS;
use crate::format::{Fields, ReadContext};
use crate::ids::KeyId;

const DATA_ABSENT_REASON: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// A request on the way to its fields.
pub(super) struct Reading<'a> {
    pub(super) expected: ReadContext<'a>,
    fields: Fields,
    refused: usize,
    /// The inputs that were there, also those that could not be read.
    seen: Vec<&'static str>,
    place: fn(&str) -> String,
}

impl<'a> Reading<'a> {
    pub(super) fn new(expected: ReadContext<'a>, place: fn(&str) -> String) -> Self {
        let fields = Fields::placed(place);
        Self { expected, fields, refused: 0, seen: Vec::new(), place }
    }

    /// Notes what is wrong with the request at a place.
    pub(super) fn refuse(&mut self, field: &'static str, reason: Reason, message: impl Into<String>, at: &str) {
        self.fields.refuse(Violation::new(field, reason, message).at(at));
        self.refused += 1;
    }

    /// Notes that a field which the key has is not one of this request.
    pub(super) fn refuse_field(&mut self, field: &'static str, at: &str) {
        self.refuse(field, Reason::Unknown, format!("{field} is not a field of this request"), at);
    }

    /// Whether it makes no sense to look on.
    pub(super) fn is_hopeless(&self) -> bool {
        self.refused >= MAX_VIOLATIONS
    }

    /// Takes the values of fields from a list of elements, which are told apart by a label. FHIR has no empty lists (R4,
    /// "JSON Representation of Resources").
    pub(super) fn take_all(
        &mut self,
        nodes: &[Node<'_>],
        list: &str,
        label_name: &str,
        field_of: impl Fn(&str) -> Option<&'static str>,
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
            if self.is_hopeless() {
                break;
            }
        }
    }

    fn take(&mut self, field: &'static str, element: &Element<'_, '_>, at: &str) {
        let Some(field) = self.expected.operation.inputs().iter().find(|input| **input == field) else {
            return self.refuse_field(field, at);
        };
        if self.seen.contains(field) {
            return self.refuse(field, Reason::Structure, format!("{field} must not be repeated"), at);
        }
        self.seen.push(field);
        match read_value(field, element, self.expected.fhir_base) {
            Ok(value) => self.fields.insert(*field, value),
            Err(message) => {
                let place = (self.place)(field);
                self.refuse(field, Reason::Type, format!("{field} {message}"), &place);
            }
        }
    }

    pub(super) fn finish(self) -> Fields {
        self.fields
    }
}

/// A parameter or an extension.
struct Element<'e, 'a> {
    /// What tells it from others: a parameter's name, an extension's URL.
    label: &'e str,
    value: Option<&'e Member<'a>>,
}

impl<'e, 'a> Element<'e, 'a> {
    /// Reads an element whose label is in the named member; the error says what is wrong with it.
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
                return Err(format!("must have nothing but a {label_name} and a value"));
            };
            if repeated {
                return Err(format!("must have one {label_name} and one value"));
            }
        }
        let label = label.ok_or_else(|| format!("must have a {label_name}"))?;
        Ok(Self { label, value })
    }
}

/// Reads an element's value, given its name and the FHIR base.
type ReadValue = fn(&str, &Node<'_>, &str) -> Option<Value>;

/// The value of a field as JSON has it; the error says what would be right.
fn read_value(field: &str, element: &Element<'_, '_>, base: &str) -> Result<Value, String> {
    let (allowed, read): (_, ReadValue) = match field {
        "type" | "status" => ("valueCode", |name, node, _| (name == "valueCode").then(|| string(node))?),
        "expiry_at" => ("valueInstant", |name, node, _| match name {
            "valueInstant" => string(node),
            "_valueInstant" => is_not_applicable(node).then_some(Value::Null),
            _ => None,
        }),
        "grace_period_seconds" => ("a valueInteger of 0 or more", |name, node, _| {
            let seconds = (name == "valueInteger").then(|| node.number())??.as_u64()?;
            Some(seconds.into())
        }),
        "id" | "old_id" => ("valueReference to a Basic, a positive valueInteger or their valueString", id),
        _ => ("valueString", |name, node, _| (name == "valueString").then(|| string(node))?),
    };
    let value = element.value.and_then(|(name, node)| read(name, node, base));
    value.ok_or_else(|| format!("must be given as {allowed}"))
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

/// Whether a primitive's shadow says that there is no value on purpose.
fn is_not_applicable(shadow: &Node<'_>) -> bool {
    let code = || {
        let [extensions] = shadow.exactly(["extension"], [])?;
        let [extension] = extensions.list()? else { return None };
        let [url, code] = extension.exactly(["url", "valueCode"], [])?;
        (url.text()? == DATA_ABSENT_REASON).then(|| code.text())?
    };
    code() == Some("not-applicable")
}

/// The field of an extension of the `api-key` profile.
pub(super) fn field_of_extension(url: &str, base: &str) -> Option<&'static str> {
    let name = url.strip_prefix(base)?.strip_prefix("/StructureDefinition/")?;
    super::EXTENSIONS.iter().find_map(|(field, extension)| (*extension == name).then_some(*field))
}

/// The canonical URL of the `api-key` profile.
pub(super) fn is_profile(url: &str, base: &str) -> bool {
    url.strip_prefix(base).and_then(|rest| rest.strip_prefix("/StructureDefinition/")) == Some(API_KEY)
}
