//! What the formats' tests write and read.

use chrono::DateTime;
use serde_json::{Value, json};

use super::{Context, Format, FromField, Incoming};
use crate::clock::Timestamp;
use crate::error::{Error, Reason};
use crate::keys::{KeyId, KeyName, KeyType, KeyView, ShownKey, Status, UserId};
use crate::operation::Operation;

/// The key of the documentation's examples, masked.
pub(super) fn key() -> KeyView {
    KeyView {
        id: KeyId::new(42).expect("an id"),
        key: ShownKey::Masked("nux_live_…bm4k".to_owned()),
        name: KeyName::new("Lab gateway").expect("a name"),
        kind: KeyType::Live,
        status: Status::Active,
        is_default: true,
        created_at: Timestamp::parse("2026-03-01T12:00:00Z").expect("a time"),
        expiry_at: None,
        user_id: UserId::new(7).expect("an id"),
        last_used_at: None,
        usage_count: 0,
    }
}

/// A response to nobody in particular.
pub(super) fn context() -> Context<'static> {
    Context {
        operation: Operation::GetKey,
        request_id: "8f14e45f-ceea-467f-a83c-9b1f1f1f1f1f",
        now: DateTime::from_timestamp_millis(1_772_528_400_045).expect("a time"),
        sender: None,
        fhir_base: "https://nuxera.cloud/fhir",
        self_url: "https://api.nuxera.cloud/api/apiKeys/42",
        next_url: None,
        request_format: Format::Json,
    }
}

/// Any value, as it is.
struct Any(Value);

impl FromField for Any {
    fn from_field(value: &Value) -> Result<Self, (Reason, String)> {
        Ok(Self(value.clone()))
    }
}

/// The values of the named fields, or the places and reasons of what is wrong.
pub(super) fn values(incoming: Incoming, names: &[&'static str]) -> Result<Vec<Value>, Vec<(String, Reason)>> {
    let read = incoming.fields.map_err(Error::Invalid).and_then(|fields| {
        fields.read(|fields| {
            let found: Vec<_> = names.iter().map(|name| fields.nullable::<Any>(name)).collect();
            let json = |found: Option<Option<Any>>| {
                found.map_or(json!("absent"), |value| value.map_or(Value::Null, |value| value.0))
            };
            found.into_iter().map(|found| found.map(json)).collect()
        })
    });
    read.map_err(|error| {
        let Error::Invalid(violations) = error else { panic!("{error}") };
        violations.into_iter().map(|violation| (violation.at.unwrap_or_default(), violation.reason)).collect()
    })
}
