//! Properties of every key and every text.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{read, write};
use crate::fields::{Field, FieldType};
use crate::format::exchange::{Content, ReadContext};
use crate::format::samples::{cases, context, key_view, name, read_back, values};
use crate::keys::{KeyPage, KeyView};
use crate::operation::Operation;

const BASE: &str = "https://nuxera.cloud/fhir";

/// The key of a `Basic`, by `serde_json`.
fn key(basic: &Value) -> Option<KeyView> {
    let extension = |field: &Field| {
        let url = format!("{BASE}/StructureDefinition/{}", field.extension?);
        let extension = basic["extension"].as_array()?.iter().find(|extension| extension["url"] == *url)?;
        extension.as_object()?.iter().find_map(|(member, value)| member.starts_with("value").then_some(value))
    };
    let number = |value: &Value| Some(value.as_str()?.parse::<u64>().ok()?.into());
    let read = read_back(|field| match (field.name, field.kind) {
        ("id", _) => number(&basic["id"]),
        ("user_id", _) => number(&basic["subject"]["identifier"]["value"]),
        (_, FieldType::Id | FieldType::Count | FieldType::Seconds) => number(extension(field)?),
        (_, FieldType::Time) => Some(extension(field).map_or(Value::Null, Value::clone)),
        (_, FieldType::Text | FieldType::Code | FieldType::Flag) => extension(field).cloned(),
    })?;
    let of_the_same_key = basic["id"] == basic["identifier"][0]["value"];
    let of_the_same_day = read.created_at.to_string().starts_with(basic["created"].as_str()?);
    (of_the_same_key && of_the_same_day).then_some(read)
}

fn expected() -> ReadContext<'static> {
    ReadContext { operation: Operation::CreateKey, path_id: None, path_field: None, fhir_base: BASE, charset: None }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn keys_survive_writing_and_reading(views in proptest::collection::vec(key_view(), 1..4)) {
        let page = KeyPage { total: Some(3), next: None, keys: views.clone() };
        let bundle: Value = serde_json::from_slice(&write(&Content::Keys(page), &context())).expect("JSON");
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        let read: Vec<_> = entries.iter().filter_map(|entry| key(&entry["resource"])).collect();
        prop_assert_eq!(read, views);
    }

    #[test]
    fn names_are_read_from_both_resources(name in name()) {
        let name = name.as_str();
        let parameter = json!({"name": "name", "valueString": name});
        let parameters = json!({"resourceType": "Parameters", "parameter": [parameter]});
        let extension = json!({"url": format!("{BASE}/StructureDefinition/api-key-name"), "valueString": name});
        let code = json!({"system": format!("{BASE}/CodeSystem/resource-type"), "code": "api-key"});
        let basic = json!({"resourceType": "Basic", "code": {"coding": [code]}, "extension": [extension]});
        for resource in [parameters, basic] {
            let incoming = read(resource.to_string().as_bytes(), expected());
            prop_assert_eq!(values(incoming, &["name"]), Ok(vec![name.into()]));
        }
    }

    #[test]
    fn the_reader_survives_any_bytes(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(&body, expected()).fields.is_err());
    }
}
