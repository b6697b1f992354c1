//! What the formats' tests write and read.

use chrono::DateTime;

use super::{Context, Format};
use crate::clock::Timestamp;
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
