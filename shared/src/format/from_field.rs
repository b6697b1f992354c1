//! The types of request fields, and their rules.

use serde_json::Value;

use crate::clock::Timestamp;
use crate::error::Reason;
use crate::ids::{KeyId, UserId};
use crate::keys::{GracePeriod, KeyName, KeyType, Status};

/// A type that request fields can have.
pub trait FromField: Sized {
    /// Reads a value other than `null`.
    ///
    /// # Errors
    ///
    /// The rule that the value breaks ("must be …").
    fn from_field(value: &Value) -> Result<Self, (Reason, String)>;
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
        Self::of_request(string(value)?)
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
        value.as_u64().and_then(Self::new).ok_or_else(no_id)
    }
}

impl FromField for UserId {
    fn from_field(value: &Value) -> Result<Self, (Reason, String)> {
        value.as_u64().and_then(Self::new).ok_or_else(no_id)
    }
}

fn no_id() -> (Reason, String) {
    (Reason::Type, "must be an integer from 1 to 9007199254740991".to_owned())
}

impl FromField for bool {
    fn from_field(value: &Value) -> Result<Self, (Reason, String)> {
        value.as_bool().ok_or_else(|| (Reason::Type, "must be true or false".to_owned()))
    }
}

/// The elements of a list.
pub(super) struct Elements(pub(super) Vec<Value>);

impl FromField for Elements {
    fn from_field(value: &Value) -> Result<Self, (Reason, String)> {
        value.as_array().cloned().map(Self).ok_or_else(|| (Reason::Type, "must be an array".to_owned()))
    }
}

fn string(value: &Value) -> Result<&str, (Reason, String)> {
    value.as_str().ok_or_else(|| (Reason::Type, "must be a string".to_owned()))
}

fn names<const N: usize>(names: [&str; N]) -> String {
    names.map(|name| format!("\"{name}\"")).join(", ")
}
