//! The members of the two JSON objects of a token.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A member that is there, `null` or not.
pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
