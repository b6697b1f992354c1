//! The fields of a request, whatever its format, and the checks that every endpoint needs.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::from_field::{Elements, FromField};
use crate::clock::Timestamp;
use crate::error::{Error, Reason, Violation};
use crate::fields::SHOWN;
use crate::ids::UserId;
use crate::keys::free_text::holds_key_string;
use crate::keys::{KeyType, Unchanged};
use crate::operation::Operation;

/// The most violations in one response. A body of thousands of unknown fields must not cause a response many times its size.
pub(super) const MAX_VIOLATIONS: usize = 20;

/// The fields of a request body by their JSON names. Every format is read into these; endpoints take their inputs from them.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    values: Vec<(String, Value)>,
    violations: Vec<Violation>,
    /// The place of a field in the terms of the request's format.
    place: Option<fn(&str) -> String>,
    /// The places of fields that differ from request to request.
    own_places: Vec<(&'static str, String)>,
    /// The users that the request names as its sender.
    senders: Vec<UserId>,
}

/// A rejected field, whose violation is recorded in [`Fields`]: an endpoint reads all its fields before it returns, so that
/// the client gets all violations at once.
#[derive(Clone, Copy, Debug)]
pub struct Rejected;

impl Fields {
    /// The fields of a request without a body: none.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// No fields yet, of a request in a format with its own terms for places.
    pub(super) fn placed(place: fn(&str) -> String) -> Self {
        Self { place: Some(place), ..Self::default() }
    }

    /// Says where a field stands in this request, or where it should.
    pub(super) fn set_place(&mut self, name: &'static str, place: String) {
        self.own_places.push((name, place));
    }

    /// Records a user that the request names as its sender.
    pub(super) fn add_sender(&mut self, user: UserId) {
        self.senders.push(user);
    }

    /// Whether the request names somebody else than this user as its sender.
    #[must_use]
    pub fn is_sent_for_another_than(&self, user: UserId) -> bool {
        self.senders.iter().any(|sender| *sender != user)
    }

    /// Records a violation found by a format's reader.
    pub(super) fn add_violation(&mut self, violation: Violation) {
        self.violations.push(violation);
    }

    /// A field's value as sent.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Adds a field; a repeated one is a violation.
    pub fn insert(&mut self, name: impl Into<String>, value: Value) {
        let name = name.into();
        if self.values.iter().any(|(known, _)| *known == name) {
            self.violations.push(field_violation(name, Reason::Structure, "must not be repeated"));
        } else {
            self.values.push((name, value));
        }
    }

    /// A required field.
    ///
    /// # Errors
    ///
    /// If it is absent, `null` or invalid; the violation is recorded.
    pub fn required<T: FromField>(&mut self, name: &'static str) -> Result<T, Rejected> {
        match self.nullable(name)? {
            Some(Some(value)) => Ok(value),
            Some(None) => Err(self.reject(name, Reason::Type, "must not be null")),
            None => Err(self.reject(name, Reason::Required, "is required")),
        }
    }

    /// An optional field that must not be `null`.
    ///
    /// # Errors
    ///
    /// If it is `null` or invalid; the violation is recorded.
    pub fn optional<T: FromField>(&mut self, name: &'static str) -> Result<Option<T>, Rejected> {
        match self.nullable(name)? {
            Some(Some(value)) => Ok(Some(value)),
            Some(None) => Err(self.reject(name, Reason::Type, "must not be null")),
            None => Ok(None),
        }
    }

    /// An optional field: absent (`None`) or `null` (`Some(None)`).
    ///
    /// # Errors
    ///
    /// If it is invalid; the violation is recorded.
    pub fn nullable<T: FromField>(&mut self, name: &'static str) -> Result<Option<Option<T>>, Rejected> {
        let index = self.values.iter().position(|(known, _)| known == name);
        let value = index.map(|index| self.values.remove(index).1);
        if self.violations.iter().any(|violation| violation.field == name) {
            return Err(Rejected);
        }
        match value {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(value) => match T::from_field(&value) {
                Ok(value) => Ok(Some(Some(value))),
                Err((reason, message)) => Err(self.reject(name, reason, message)),
            },
        }
    }

    /// A required list of objects, each with fields of its own.
    ///
    /// # Errors
    ///
    /// If it is absent, no list, or has fewer or more elements; the violation is recorded. An element that is no object is a
    /// violation of its own.
    pub fn objects(&mut self, name: &'static str, count: RangeInclusive<usize>) -> Result<Vec<Self>, Rejected> {
        let Elements(elements) = self.required(name)?;
        if !count.contains(&elements.len()) {
            let rule = format!("must have {} to {} elements", count.start(), count.end());
            return Err(self.reject(name, Reason::Value, rule));
        }
        let fields = elements.into_iter().map(|element| {
            let mut fields = Self::none();
            match element {
                Value::Object(members) => members.into_iter().for_each(|(name, value)| fields.insert(name, value)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                    let message = format!("each element of {name} must be an object");
                    fields.add_violation(Violation::new(name, Reason::Type, message));
                }
            }
            fields
        });
        Ok(fields.collect())
    }

    /// The fields as a JSON object, sorted by name, with times in UTC and types by their own names: the same for the same
    /// request in any format. What could not be read makes it another request.
    pub(crate) fn canonical(&self) -> String {
        let value = |name: &str, value: &Value| match name {
            "expiry_at" => Timestamp::from_field(value).map_or_else(|_| value.clone(), |time| time.to_string().into()),
            "type" => KeyType::from_field(value).map_or_else(|_| value.clone(), |kind| kind.as_str().into()),
            _ => value.clone(),
        };
        let fields: BTreeMap<&str, Value> =
            self.values.iter().map(|(name, found)| (name.as_str(), value(name, found))).collect();
        let fields = serde_json::to_string(&fields).expect("names are strings");
        if self.violations.is_empty() { fields } else { format!("{fields} {:?}", self.violations) }
    }

    /// `expiry_at`: absent (`None`), never (`Some(None)`), or after `now`.
    ///
    /// # Errors
    ///
    /// If it is invalid or not in the future; the violation is recorded.
    pub fn expiry(&mut self, now: Timestamp) -> Result<Option<Option<Timestamp>>, Rejected> {
        match self.nullable("expiry_at")? {
            Some(Some(expiry)) if expiry <= now => {
                Err(self.reject("expiry_at", Reason::Value, "must be in the future"))
            }
            expiry => Ok(expiry),
        }
    }

    /// `expiry_at` as [`Fields::expiry`] reads it. A past one is not to be changed: the key may be one that was read when it
    /// had expired.
    ///
    /// # Errors
    ///
    /// If it is invalid; the violation is recorded.
    pub fn expiry_or_unchanged(
        &mut self,
        now: Timestamp,
        unchanged: &mut Vec<Unchanged>,
    ) -> Result<Option<Option<Timestamp>>, Rejected> {
        match self.nullable("expiry_at")? {
            Some(Some(expiry)) if expiry <= now => {
                unchanged.push(self.unchanged("expiry_at", Timestamp::to_string(&expiry).into()));
                Ok(None)
            }
            expiry => Ok(expiry),
        }
    }

    /// Takes the fields that responses have and requests of an operation do not set.
    #[must_use]
    pub fn take_unchanged(&mut self, operation: Operation) -> Vec<Unchanged> {
        let names = SHOWN.iter().filter(|field| !field.is_input_of(operation)).map(|field| field.name);
        let taken = names.filter_map(|name| {
            let index = self.values.iter().position(|(known, _)| known == name)?;
            let (_, value) = self.values.remove(index);
            Some(self.unchanged(name, value))
        });
        taken.collect()
    }

    fn unchanged(&self, name: &'static str, value: Value) -> Unchanged {
        Unchanged { name, value, at: self.place_of(name) }
    }

    /// Where a field stands, in the terms of the request's format.
    fn place_of(&self, name: &str) -> Option<String> {
        let own = self.own_places.iter().find(|(known, _)| *known == name).map(|(_, place)| place.clone());
        own.or_else(|| self.place.map(|place| place(name)))
    }

    /// Records a violation of a field's rule.
    pub fn reject(&mut self, name: &'static str, reason: Reason, message: impl Into<String>) -> Rejected {
        let violation = Violation::new(name, reason, format!("{name} {}", message.into()));
        self.violations.push(Violation { at: self.place_of(name), ..violation });
        Rejected
    }

    /// Takes the field that names what the request is about, before an endpoint reads the others.
    ///
    /// # Errors
    ///
    /// All violations so far, if it is absent, `null` or invalid.
    pub(crate) fn take<T: FromField>(mut self, name: &'static str) -> Result<(T, Self), Error> {
        if let Ok(value) = self.required(name) {
            return Ok((value, self));
        }
        self.violations.truncate(MAX_VIOLATIONS);
        Err(Error::Invalid(self.violations))
    }

    /// Reads an endpoint's inputs.
    ///
    /// # Errors
    ///
    /// All recorded violations, and one for each field that the endpoint does not read.
    pub fn read<T>(self, input: impl FnOnce(&mut Self) -> Result<T, Rejected>) -> Result<T, Error> {
        self.checked(input).map_err(Error::Invalid)
    }

    /// Reads inputs that are judged by themselves, such as an element of a list.
    ///
    /// # Errors
    ///
    /// As [`Fields::read`].
    pub fn checked<T>(mut self, input: impl FnOnce(&mut Self) -> Result<T, Rejected>) -> Result<T, Vec<Violation>> {
        let read = input(&mut self);
        let unknown = std::mem::take(&mut self.values).into_iter().map(|(name, _)| {
            let at = self.place_of(&name);
            Violation { at, ..field_violation(name, Reason::Unknown, "is not a field of this request") }
        });
        let unknown: Vec<_> = unknown.collect();
        self.violations.extend(unknown);
        self.violations.truncate(MAX_VIOLATIONS);
        match read {
            Ok(value) if self.violations.is_empty() => Ok(value),
            Ok(_) | Err(Rejected) => Err(self.violations),
        }
    }
}

/// A violation of a field that the client named. An API key in the place of a name is not repeated.
fn field_violation(name: String, reason: Reason, rule: &str) -> Violation {
    if holds_key_string(&name) {
        return Violation::new("body", reason, "body must not have an API key in the place of a field name");
    }
    let message = format!("{name} {rule}");
    Violation::new(name, reason, message)
}
