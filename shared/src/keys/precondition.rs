//! What a change depends on: that the key is still as its client knows it.

use serde_json::Value;

use crate::clock::Timestamp;
use crate::error::{Error, Reason, Violation};
use crate::fields::SHOWN;
use crate::keys::view::{FieldValue, KeyView, ShownKey};

/// The conditions of a change. Without any it is made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Precondition {
    /// The versions of which the record must have one, if they matter (the header `If-Match`).
    pub versions: Option<Vec<u64>>,
    /// The fields that a request repeats although it cannot set them.
    pub unchanged: Vec<Unchanged>,
}

/// A field that a request repeats although it cannot set it.
#[derive(Clone, Debug, PartialEq)]
pub struct Unchanged {
    /// Its JSON name.
    pub name: &'static str,
    /// Its value in the notation of JSON.
    pub value: Value,
    /// Its place in the terms of the request's format, if it has its own.
    pub at: Option<String>,
}

impl Precondition {
    /// Fails if the record has another version than the client knows.
    ///
    /// # Errors
    ///
    /// [`Error::PreconditionFailed`].
    pub fn check_version(&self, version: u64) -> Result<(), Error> {
        match &self.versions {
            Some(versions) if !versions.contains(&version) => Err(Error::PreconditionFailed),
            Some(_) | None => Ok(()),
        }
    }

    /// Fails if a field that cannot be set differs from the key.
    ///
    /// # Errors
    ///
    /// One violation for each.
    pub fn check_fields(&self, key: &KeyView) -> Result<(), Error> {
        let differing = self.unchanged.iter().filter(|field| !field.is_of(key));
        let violations: Vec<_> = differing.map(Unchanged::violation).collect();
        if violations.is_empty() { Ok(()) } else { Err(Error::Invalid(violations)) }
    }
}

impl Unchanged {
    /// The rule for a field that a request cannot set.
    #[must_use]
    pub fn rule(name: &str) -> String {
        format!("{name} must be left out or as it is: this request does not change it")
    }

    fn violation(&self) -> Violation {
        Violation { at: self.at.clone(), ..Violation::new(self.name, Reason::Value, Self::rule(self.name)) }
    }

    /// Whether the key has this value. What uses of the key move by themselves may be of an earlier time, and a string may be
    /// masked.
    fn is_of(&self, key: &KeyView) -> bool {
        let Self { name, value, at: _ } = self;
        let present =
            SHOWN.iter().zip(key.values()).find(|(field, _)| field.name == *name).and_then(|(_, value)| value);
        let time = || value.as_str().and_then(Timestamp::parse);
        match (*name, present) {
            ("key", _) => value.as_str().is_some_and(|text| is_string_of(text, &key.key)),
            ("usage_count", _) => value.as_u64().is_some_and(|count| count <= key.usage_count),
            ("last_used_at", _) => value.is_null() || time().is_some_and(|time| Some(time) <= key.last_used_at),
            (_, None) => value.is_null(),
            (_, Some(FieldValue::Id(number) | FieldValue::Count(number))) => value.as_u64() == Some(number),
            (_, Some(FieldValue::Text(text))) => value == text,
            (_, Some(FieldValue::Code(code))) => value == code,
            (_, Some(FieldValue::Flag(flag))) => *value == flag,
            (_, Some(FieldValue::Time(present))) => time() == Some(present),
        }
    }
}

/// Whether a text is the string of a key, whole or masked.
fn is_string_of(text: &str, shown: &ShownKey) -> bool {
    match shown {
        ShownKey::Whole(key) => text == key.reveal() || text == key.masked().as_str(),
        ShownKey::Masked(mask) => text == mask,
    }
}
