//! Keys as `Basic` resources.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::data_types::{Identifier, Meta, Reference, instant, user_text};
use super::definitions::Definitions;
use crate::fields::SHOWN;
use crate::format::digits::decimal;
use crate::keys::{FieldValue, KeyView};

/// A key to be written as a `Basic`.
pub(super) struct ApiKey<'a> {
    pub(super) view: &'a KeyView,
    pub(super) definitions: &'a Definitions,
}

impl Serialize for ApiKey<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { view, definitions } = self;
        let id = decimal(view.id.get());
        let version = decimal(view.version);
        let user = user_text(view.user_id);
        let created = instant(view.created_at.time());
        let basic = Basic {
            resource_type: "Basic",
            id: &id,
            meta: Meta { version_id: &version, profile: [&definitions.profile] },
            extension: Extensions { urls: &definitions.extensions, values: view.values() },
            identifier: [definitions.key(&id)],
            code: &definitions.code,
            subject: definitions.user(&user),
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
    meta: Meta<'a>,
    extension: Extensions<'a>,
    identifier: [Identifier<'a>; 1],
    code: &'a RawValue,
    subject: Reference<'a>,
    created: &'a str,
}

struct Extensions<'a> {
    urls: &'a [Option<Box<RawValue>>; SHOWN.len()],
    values: [Option<FieldValue<'a>>; SHOWN.len()],
}

impl Serialize for Extensions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.urls.iter().zip(self.values);
        // FHIR has no nulls: a field without a value has no extension.
        serializer
            .collect_seq(fields.filter_map(|(url, value)| Some(Extension { url: url.as_deref()?, value: value? })))
    }
}

struct Extension<'a> {
    url: &'a RawValue,
    value: FieldValue<'a>,
}

impl Serialize for Extension<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut extension = serializer.serialize_struct("Extension", 2)?;
        extension.serialize_field("url", self.url)?;
        match self.value {
            FieldValue::Text(text) => extension.serialize_field("valueString", text)?,
            FieldValue::Id(number) | FieldValue::Count(number) => {
                extension.serialize_field("valueString", &decimal(number))?;
            }
            FieldValue::Code(code) => extension.serialize_field("valueCode", code)?,
            FieldValue::Flag(flag) => extension.serialize_field("valueBoolean", &flag)?,
            FieldValue::Time(time) => extension.serialize_field("valueInstant", &instant(time.time()))?,
        }
        extension.end()
    }
}
