//! Items of DynamoDB and their attributes.

use std::collections::HashMap;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;

/// An item, by the names of its attributes.
pub type Item = HashMap<String, AttributeValue>;

/// A number attribute.
#[must_use]
pub fn number<T: FromStr>(value: &AttributeValue) -> Option<T> {
    value.as_n().ok()?.parse().ok()
}

/// The attribute of a number.
pub(super) fn count_of(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
