//! What holds for every key and every text.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{read, write};
use crate::clock::Timestamp;
use crate::format::samples::{cases, context, key_view, name, shown, values};
use crate::format::{Content, ReadContext};
use crate::ids::{KeyId, UserId};
use crate::keys::{KeyName, KeyPage, KeyType, KeyView, Status};
use crate::operation::Operation;

const BASE: &str = "https://nuxera.cloud/fhir";

/// The key of a `Basic`, by `serde_json`.
fn key(basic: &Value) -> Option<KeyView> {
    let value = |name: &str| {
        let url = format!("{BASE}/StructureDefinition/api-key-{name}");
        let extension = basic["extension"].as_array()?.iter().find(|extension| extension["url"] == *url)?;
        extension.as_object()?.iter().find_map(|(member, value)| member.starts_with("value").then_some(value))
    };
    let text = |name: &str| value(name)?.as_str();
    let time = |name: &str| Timestamp::parse(text(name)?);
    let created_at = time("created-at")?;
    let of_the_same_key = basic["id"] == basic["identifier"][0]["value"];
    let of_the_same_day = created_at.to_string().starts_with(basic["created"].as_str()?);
    if !of_the_same_key || !of_the_same_day {
        return None;
    }
    Some(KeyView {
        id: KeyId::parse(basic["id"].as_str()?)?,
        key: shown(text("value")?),
        name: KeyName::new(text("name")?).ok()?,
        kind: KeyType::parse(text("type")?)?,
        status: Status::parse(text("status")?)?,
        is_default: value("is-default")?.as_bool()?,
        created_at,
        expiry_at: time("expiry-at"),
        user_id: UserId::parse(basic["subject"]["identifier"]["value"].as_str()?)?,
        last_used_at: time("last-used-at"),
        usage_count: text("usage-count")?.parse().ok()?,
    })
}

fn expected() -> ReadContext<'static> {
    ReadContext { operation: Operation::CreateKey, path_id: None, fhir_base: BASE }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn keys_survive_the_way_there_and_back(views in proptest::collection::vec(key_view(), 1..4)) {
        let page = KeyPage { total: 3, next: None, keys: views.clone() };
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
    fn no_bytes_upset_the_reader(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(&body, expected()).fields.is_err());
    }
}
