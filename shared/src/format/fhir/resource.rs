//! A key as a `Basic` resource, and the data types that our resources share (R4, Data Types and References).

use chrono::{DateTime, Datelike, Timelike, Utc};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use super::{API_KEY, EXTENSIONS};
use crate::clock::Timestamp;
use crate::format::digits::{decimal, push_padded};
use crate::ids::UserId;
use crate::keys::KeyView;

/// The URLs of our definitions, and what holds for every key, put together once for a response. They are most of a
/// list of keys, and as JSON already they are copied rather than looked through for what has to be escaped.
pub(super) struct Urls {
    extensions: [Box<RawValue>; EXTENSIONS.len()],
    key_id: Box<RawValue>,
    user_id: Box<RawValue>,
    meta: Box<RawValue>,
    code: Box<RawValue>,
    /// The code system of the audit trail's actions.
    pub(super) action: String,
}

impl Urls {
    pub(super) fn new(base: &str) -> Self {
        let url = |path: &str| json(&format!("{base}/{path}"));
        let profile = format!("{base}/StructureDefinition/{API_KEY}");
        let system = format!("{base}/CodeSystem/resource-type");
        let coding = Coding { system: &system, code: API_KEY, display: Some("API key") };
        Self {
            extensions: EXTENSIONS.map(|(_, extension)| url(&format!("StructureDefinition/{extension}"))),
            key_id: url("sid/api-key-id"),
            user_id: url("sid/user-id"),
            meta: json(&Meta { profile: [&profile] }),
            code: json(&Concept { coding: Some([coding]), text: None }),
            action: format!("{base}/CodeSystem/api-key-action"),
        }
    }

    /// The identifier of a key.
    pub(super) fn key<'a>(&'a self, id: &'a str) -> Identifier<'a> {
        Identifier { system: &self.key_id, value: id }
    }

    /// The reference to a user: there is no resource to point to, only an identifier.
    pub(super) fn user<'a>(&'a self, id: &'a str) -> Reference<'a> {
        let identifier = Identifier { system: &self.user_id, value: id };
        Reference { kind: Some("Person"), identifier: Some(identifier), ..Reference::default() }
    }
}

/// A key and what it takes to write it as a `Basic`.
pub(super) struct ApiKey<'a> {
    pub(super) view: &'a KeyView,
    pub(super) urls: &'a Urls,
}

impl Serialize for ApiKey<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let KeyView {
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
        } = self.view;
        let id = decimal(id.get());
        let user = user_text(*user_id);
        let usage = decimal(*usage_count);
        let created = instant(created_at.time());
        let when = |time: &Option<Timestamp>| time.map(|time| instant(time.time()));
        let (expiry, last_used) = (when(expiry_at), when(last_used_at));
        // In the order of EXTENSIONS.
        let values = [
            Some(Value::String(key.as_str())),
            Some(Value::String(name.as_str())),
            Some(Value::Code(kind.as_str())),
            Some(Value::Code(status.as_str())),
            Some(Value::Boolean(*is_default)),
            Some(Value::Instant(&created)),
            expiry.as_deref().map(Value::Instant),
            last_used.as_deref().map(Value::Instant),
            Some(Value::String(&usage)),
        ];
        let basic = Basic {
            resource_type: "Basic",
            id: &id,
            meta: &self.urls.meta,
            extension: Extensions { urls: &self.urls.extensions, values },
            identifier: [self.urls.key(&id)],
            code: &self.urls.code,
            subject: self.urls.user(&user),
            created: created.split_once('T').map_or(&*created, |(date, _)| date),
        };
        basic.serialize(serializer)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Basic<'a> {
    resource_type: &'static str,
    id: &'a str,
    meta: &'a RawValue,
    extension: Extensions<'a>,
    identifier: [Identifier<'a>; 1],
    code: &'a RawValue,
    subject: Reference<'a>,
    created: &'a str,
}

#[derive(Serialize)]
struct Meta<'a> {
    profile: [&'a str; 1],
}

struct Extensions<'a> {
    urls: &'a [Box<RawValue>; EXTENSIONS.len()],
    values: [Option<Value<'a>>; EXTENSIONS.len()],
}

impl Serialize for Extensions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let present = self.urls.iter().zip(&self.values).filter_map(|(url, value)| Some((url, value.as_ref()?)));
        serializer.collect_seq(present.map(|(url, value)| Extension { url, value }))
    }
}

struct Extension<'a> {
    url: &'a RawValue,
    value: &'a Value<'a>,
}

/// A `value[x]`.
enum Value<'a> {
    String(&'a str),
    Code(&'a str),
    Instant(&'a str),
    Boolean(bool),
}

impl Serialize for Extension<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut extension = serializer.serialize_struct("Extension", 2)?;
        extension.serialize_field("url", self.url)?;
        match self.value {
            Value::String(text) => extension.serialize_field("valueString", text)?,
            Value::Code(code) => extension.serialize_field("valueCode", code)?,
            Value::Instant(instant) => extension.serialize_field("valueInstant", instant)?,
            Value::Boolean(boolean) => extension.serialize_field("valueBoolean", boolean)?,
        }
        extension.end()
    }
}

#[derive(Serialize)]
pub(super) struct Identifier<'a> {
    pub(super) system: &'a RawValue,
    pub(super) value: &'a str,
}

/// A `CodeableConcept`.
#[derive(Default, Serialize)]
pub(super) struct Concept<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) coding: Option<[Coding<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Coding<'a> {
    pub(super) system: &'a str,
    pub(super) code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display: Option<&'a str>,
}

#[derive(Default, Serialize)]
pub(super) struct Reference<'a> {
    #[serde(rename = "reference", skip_serializing_if = "Option::is_none")]
    pub(super) literal: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identifier: Option<Identifier<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display: Option<&'a str>,
}

/// A part of a resource as JSON.
fn json(part: &(impl Serialize + ?Sized)) -> Box<RawValue> {
    to_raw_value(part).expect("parts have string keys and no failing serializers")
}

/// The text of a user's id.
pub(super) fn user_text(id: UserId) -> String {
    decimal(id.get())
}

/// An instant (R4, Data Types): UTC, with milliseconds.
pub(super) fn instant(time: DateTime<Utc>) -> String {
    let time = time.naive_utc();
    let mut text = String::with_capacity(24);
    push_padded::<4>(&mut text, time.year().unsigned_abs());
    for (before, part) in
        [('-', time.month()), ('-', time.day()), ('T', time.hour()), (':', time.minute()), (':', time.second())]
    {
        text.push(before);
        push_padded::<2>(&mut text, part);
    }
    text.push('.');
    push_padded::<3>(&mut text, (time.nanosecond() / 1_000_000).min(999));
    text.push('Z');
    text
}
