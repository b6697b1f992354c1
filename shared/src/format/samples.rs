//! Sample keys and values for the formats' tests.

use chrono::DateTime;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::exchange::{Incoming, WriteContext};
use super::from_field::FromField;
use super::wire_format::Format;
use crate::checksum::Checksums;
use crate::clock::{Random, Timestamp};
use crate::error::{Error, Reason};
use crate::fields::Field;
use crate::ids::{KeyId, Locator, MAX_ID, UserId};
use crate::keys::{KeyName, KeyType, KeyView, PlainKey, Prefix, ShownKey, Status};
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
        version: 1,
    }
}

/// The context of a response to an anonymous sender.
pub(super) fn context() -> WriteContext<'static> {
    WriteContext {
        operation: Operation::GetKey,
        request_id: "8f14e45f-ceea-467f-a83c-9b1f1f1f1f1f",
        now: DateTime::from_timestamp_millis(1_772_528_400_045).expect("a time"),
        sender: None,
        fhir_base: "https://nuxera.cloud/fhir",
        service_base: "https://api.nuxera.cloud/fhir",
        self_url: "https://api.nuxera.cloud/api/apiKeys/42",
        next_url: None,
        request_format: Format::Json,
    }
}

/// Any value, unchecked.
struct Any(Value);

impl FromField for Any {
    fn from_field(value: &Value) -> Result<Self, (Reason, String)> {
        Ok(Self(value.clone()))
    }
}

/// The values of the named fields, or the places and reasons of the violations.
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

/// The number of cases per property; no files are left behind.
pub(super) fn cases() -> ProptestConfig {
    ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() }
}

/// Any text, rich in characters that a format has to escape.
pub(super) fn text() -> impl Strategy<Value = String> {
    let special =
        select("|^~\\&\"'{}[]<>:,/\r\n\t\u{0}\u{7f}\u{85}\u{2028}\u{feff}\u{fffd}FSTREX0D".chars().collect::<Vec<_>>());
    let scripts = select("aÉßЖ中ع๑ก한עक🙂e\u{301}\u{200d}\u{200f}\u{e000}".chars().collect::<Vec<_>>());
    vec(prop_oneof![special, scripts, any::<char>()], 0..40).prop_map(String::from_iter)
}

/// Any name.
pub(super) fn name() -> impl Strategy<Value = KeyName> {
    let text = prop_oneof![9 => text(), 1 => Just("\"\"".to_owned())];
    text.prop_filter_map("not a name", |text| KeyName::new(&text.replace(char::is_control, "|")).ok())
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    (0..=253_402_300_799_i64).prop_map(|seconds| Timestamp::from_seconds(seconds).expect("before the year 10000"))
}

/// Any key of a response.
pub(super) fn key_view() -> impl Strategy<Value = KeyView> {
    let ids = (1..=MAX_ID, 1..=MAX_ID).prop_map(|(id, user)| (KeyId::new(id), UserId::new(user)));
    let words = (name(), select(&KeyType::ALL[..]), select(&Status::ALL[..]), any::<bool>(), any::<bool>());
    let times = (timestamp(), proptest::option::of(timestamp()), proptest::option::of(timestamp()));
    (ids, words, times, any::<u64>(), 0..248_u8).prop_map(|(ids, words, times, usage_count, random)| {
        let (id, user_id) = (ids.0.expect("an id"), ids.1.expect("an id"));
        let (name, kind, status, is_default, is_whole) = words;
        let (created_at, expiry_at, last_used_at) = times;
        let random = Random::new(move |bytes| bytes.fill(random));
        let plain = PlainKey::generate(Prefix::of(kind), Locator { user_id, key_id: id }, &random, &checksums());
        let key = if is_whole { ShownKey::Whole(plain) } else { ShownKey::Masked(plain.masked().into()) };
        KeyView {
            id,
            key,
            name,
            kind,
            status,
            is_default,
            created_at,
            expiry_at,
            user_id,
            last_used_at,
            usage_count,
            version: 1,
        }
    })
}

fn checksums() -> Checksums {
    Checksums::parse(&"s".repeat(32)).expect("a secret")
}

/// The key whose fields have these values, in the notation of JSON and `null` where there is none.
pub(super) fn read_back(value: impl Fn(&Field) -> Option<Value>) -> Option<KeyView> {
    let value = |name: &str| value(Field::named(name)?);
    let text = |name: &str| Some(value(name)?.as_str()?.to_owned());
    let time = |name: &str| {
        let value = value(name)?;
        if value.is_null() { Some(None) } else { Timestamp::parse(value.as_str()?).map(Some) }
    };
    let shown = |text: String| {
        PlainKey::parse(&text, &checksums()).map_or(ShownKey::Masked(text), |(key, _)| ShownKey::Whole(key))
    };
    Some(KeyView {
        id: KeyId::new(value("id")?.as_u64()?)?,
        key: shown(text("key")?),
        name: KeyName::new(&text("name")?).ok()?,
        kind: KeyType::parse(&text("type")?)?,
        status: Status::parse(&text("status")?)?,
        is_default: value("is_default")?.as_bool()?,
        created_at: time("created_at")??,
        expiry_at: time("expiry_at")?,
        user_id: UserId::new(value("user_id")?.as_u64()?)?,
        last_used_at: time("last_used_at")?,
        usage_count: value("usage_count")?.as_u64()?,
        version: 1,
    })
}
