//! A request's body as fields, whatever its format, and the checks every endpoint needs.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::error::{Error, Reason, Violation};
use crate::ids::KeyId;
use crate::keys::{GracePeriod, KeyName, KeyType, Status};

/// No client needs to hear of more mistakes at once; a body of thousands of unknown fields must not have an answer many
/// times its size.
pub(super) const MAX_VIOLATIONS: usize = 20;

/// The fields of a request body by their JSON names. Every format's reader makes one; endpoints take their inputs from it.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    values: Vec<(String, Value)>,
    violations: Vec<Violation>,
    /// Where the request has a field, or should have it, in the request's own terms.
    place: Option<fn(&str) -> String>,
}

/// Says that a violation has been noted: an endpoint reads all its fields before it gives up, so that the client learns of all mistakes at once.
#[derive(Clone, Copy, Debug)]
pub struct Noted;

/// A type that a field can be read as.
pub trait FromField: Sized {
    /// Reads the value, which is not `null`.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the value and what would be right ("must be …").
    fn from_field(value: &Value) -> Result<Self, (Reason, String)>;
}

impl Fields {
    /// No fields: what a request without a body has.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// No fields yet, of a request whose format has its own terms for where a field is.
    pub(super) fn placed(place: fn(&str) -> String) -> Self {
        Self { place: Some(place), ..Self::default() }
    }

    /// Notes what a reader found: the endpoint's own findings join it, so that the client learns of all mistakes at once.
    pub(super) fn refuse(&mut self, violation: Violation) {
        self.violations.push(violation);
    }

    /// A field as it was sent.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Adds a field; a repeated one is a violation.
    pub fn insert(&mut self, name: impl Into<String>, value: Value) {
        let name = name.into();
        if self.values.iter().any(|(known, _)| *known == name) {
            let message = format!("{name} must not be repeated");
            self.violations.push(Violation::new(name, Reason::Structure, message));
        } else {
            self.values.push((name, value));
        }
    }

    /// A field that must be there.
    ///
    /// # Errors
    ///
    /// If it is absent, `null` or wrong; the violation is noted.
    pub fn required<T: FromField>(&mut self, name: &'static str) -> Result<T, Noted> {
        match self.nullable(name)? {
            Some(Some(value)) => Ok(value),
            Some(None) => Err(self.note(name, Reason::Type, "must not be null")),
            None => Err(self.note(name, Reason::Required, "is required")),
        }
    }

    /// A field that may be absent, but not `null`.
    ///
    /// # Errors
    ///
    /// If it is `null` or wrong; the violation is noted.
    pub fn optional<T: FromField>(&mut self, name: &'static str) -> Result<Option<T>, Noted> {
        match self.nullable(name)? {
            Some(Some(value)) => Ok(Some(value)),
            Some(None) => Err(self.note(name, Reason::Type, "must not be null")),
            None => Ok(None),
        }
    }

    /// A field that may be absent (`None`) or `null` (`Some(None)`).
    ///
    /// # Errors
    ///
    /// If it is wrong; the violation is noted.
    pub fn nullable<T: FromField>(&mut self, name: &'static str) -> Result<Option<Option<T>>, Noted> {
        let index = self.values.iter().position(|(known, _)| known == name);
        let value = index.map(|index| self.values.remove(index).1);
        if self.violations.iter().any(|violation| violation.field == name) {
            return Err(Noted);
        }
        match value {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(value) => match T::from_field(&value) {
                Ok(value) => Ok(Some(Some(value))),
                Err((reason, message)) => Err(self.note(name, reason, message)),
            },
        }
    }

    /// The fields as a JSON object, in one order and with each time in one notation, whatever the format.
    pub(crate) fn canonical(&self) -> String {
        let value = |name: &str, value: &Value| match Timestamp::from_field(value) {
            Ok(time) if name == "expiry_at" => time.to_string().into(),
            Ok(_) | Err(_) => value.clone(),
        };
        let fields: BTreeMap<&str, Value> =
            self.values.iter().map(|(name, found)| (name.as_str(), value(name, found))).collect();
        serde_json::to_string(&fields).expect("names are strings")
    }

    /// `expiry_at`: absent (`None`), for never (`Some(None)`), or after `now`.
    ///
    /// # Errors
    ///
    /// If it is wrong or not in the future; the violation is noted.
    pub fn expiry(&mut self, now: Timestamp) -> Result<Option<Option<Timestamp>>, Noted> {
        match self.nullable("expiry_at")? {
            Some(Some(expiry)) if expiry <= now => Err(self.note("expiry_at", Reason::Value, "must lie in the future")),
            expiry => Ok(expiry),
        }
    }

    /// Notes a violation.
    pub fn note(&mut self, name: &'static str, reason: Reason, message: impl Into<String>) -> Noted {
        let violation = Violation::new(name, reason, format!("{name} {}", message.into()));
        self.violations.push(Violation { at: self.place.map(|place| place(name)), ..violation });
        Noted
    }

    /// Reads an endpoint's input.
    ///
    /// # Errors
    ///
    /// Every violation that was noted, and one for each field that was not asked for.
    pub fn read<T>(mut self, input: impl FnOnce(&mut Self) -> Result<T, Noted>) -> Result<T, Error> {
        let read = input(&mut self);
        let unknown = self.values.drain(..).map(|(name, _)| {
            let message = format!("{name} is not a field of this request");
            Violation::new(name, Reason::Unknown, message)
        });
        self.violations.extend(unknown);
        self.violations.truncate(MAX_VIOLATIONS);
        match read {
            Ok(value) if self.violations.is_empty() => Ok(value),
            Ok(_) | Err(Noted) => Err(Error::Invalid(self.violations)),
        }
    }
}

impl FromField for String {
    fn from_field(value: &Value) -> Result<Self, (Reason, String)> {
        string(value).map(str::to_owned)
    }
}

impl FromField for GracePeriod {
    fn from_field(value: &Value) -> Result<Self, (Reason, String)> {
        let seconds = value.as_u64().ok_or_else(|| (Reason::Type, Self::EXPECTED.to_owned()))?;
        Self::new(seconds).ok_or_else(|| (Reason::Value, Self::EXPECTED.to_owned()))
    }
}

impl FromField for KeyName {
    fn from_field(value: &Value) -> Result<Self, (Reason, String)> {
        Self::new(string(value)?).map_err(|message| (Reason::Value, message.to_owned()))
    }
}

impl FromField for KeyType {
    fn from_field(value: &Value) -> Result<Self, (Reason, String)> {
        Self::parse(string(value)?)
            .ok_or_else(|| (Reason::Value, format!("must be one of {}", names(Self::ALL.map(Self::as_str)))))
    }
}

impl FromField for Status {
    fn from_field(value: &Value) -> Result<Self, (Reason, String)> {
        Self::parse(string(value)?)
            .ok_or_else(|| (Reason::Value, format!("must be one of {}", names(Self::ALL.map(Self::as_str)))))
    }
}

impl FromField for Timestamp {
    fn from_field(value: &Value) -> Result<Self, (Reason, String)> {
        Self::parse(string(value)?)
            .ok_or_else(|| (Reason::Type, "must be an RFC 3339 timestamp, such as 2027-03-01T12:00:00Z".to_owned()))
    }
}

impl FromField for KeyId {
    fn from_field(value: &Value) -> Result<Self, (Reason, String)> {
        value
            .as_u64()
            .and_then(Self::new)
            .ok_or_else(|| (Reason::Type, "must be an integer from 1 to 9007199254740991".to_owned()))
    }
}

fn string(value: &Value) -> Result<&str, (Reason, String)> {
    value.as_str().ok_or_else(|| (Reason::Type, "must be a string".to_owned()))
}

fn names<const N: usize>(names: [&str; N]) -> String {
    names.map(|name| format!("\"{name}\"")).join(", ")
}
