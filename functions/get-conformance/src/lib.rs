//! `GET /fhir/metadata` and `GET /fhir/{resource_type}/{id}`, and everything below `/fhir` that is not there
//!
//! The definitions that the URLs in FHIR responses name, for anybody to read. This is the one endpoint that knows a
//! format, since a format is its subject: it answers in FHIR whatever the format headers say.

use shared::config::{Config, DEFAULT_FHIR_BASE_URL};
use shared::edge::publish::{Found, Path};
use shared::format::Format;

/// What this function is called.
pub const NAME: &str = "get-conformance";

const NOT_FOUND: &str = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found","details":{"text":"Not found"}}]}"#;

/// Finds a definition, or the `CapabilityStatement` under `metadata`. 404 for one that does not exist, and for other methods.
#[must_use]
pub fn find(config: &Config, path: &Path) -> Found {
    let content_type = Format::Fhir.content_type();
    let place = path.get("path").filter(|_| path.is_read()).unwrap_or_default();
    let (kind, id) = match place {
        "metadata" => ("CapabilityStatement", "nuxera-api-keys"),
        place => place.split_once('/').unwrap_or_default(),
    };
    match RESOURCES.iter().find(|(known_kind, known_id, _)| (*known_kind, *known_id) == (kind, id)) {
        // To look for the URL in the largest definition takes as long as all the rest.
        Some((_, _, text)) if config.fhir_base_url == DEFAULT_FHIR_BASE_URL => Found::document(content_type, *text),
        Some((_, _, text)) => Found::document(content_type, text.replace(DEFAULT_FHIR_BASE_URL, &config.fhir_base_url)),
        None => Found::nothing(content_type, NOT_FOUND),
    }
}

macro_rules! resources {
    ($($folder:literal { $($kind:literal $id:literal,)* })*) => {
        &[$($(($kind, $id, include_str!(concat!("../", $folder, "/", $kind, "-", $id, ".json"))),)*)*]
    };
}

/// Type, id and text of each definition. A `StructureDefinition` of `resources/` is a differential; `make generated` adds
/// the snapshot, without which a client cannot validate by it.
const RESOURCES: &[(&str, &str, &str)] = resources![
    "resources" {
        "CapabilityStatement" "nuxera-api-keys",
        "CodeSystem" "api-key-action",
        "CodeSystem" "api-key-refusal",
        "CodeSystem" "api-key-status",
        "CodeSystem" "api-key-type",
        "CodeSystem" "resource-type",
        "NamingSystem" "api-key-id",
        "NamingSystem" "user-id",
        "OperationDefinition" "get-usage",
        "OperationDefinition" "list-audit",
        "OperationDefinition" "lookup-key",
        "OperationDefinition" "pause-key",
        "OperationDefinition" "remove-default",
        "OperationDefinition" "resume-key",
        "OperationDefinition" "rotate-key",
        "OperationDefinition" "set-default",
        "OperationDefinition" "verify-key",
        "ValueSet" "api-key-refusal",
        "ValueSet" "api-key-status",
        "ValueSet" "api-key-type",
    }
    "generated" {
        "StructureDefinition" "api-key",
        "StructureDefinition" "api-key-created-at",
        "StructureDefinition" "api-key-expiry-at",
        "StructureDefinition" "api-key-is-default",
        "StructureDefinition" "api-key-last-used-at",
        "StructureDefinition" "api-key-name",
        "StructureDefinition" "api-key-status",
        "StructureDefinition" "api-key-type",
        "StructureDefinition" "api-key-usage-count",
        "StructureDefinition" "api-key-value",
    }
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;
    use shared::Operation;
    use shared::edge::fhir_query::SEARCH_PARAMETERS;
    use shared::error::Refusal;
    use shared::keys::Action;
    use shared::keys::{KeyType, Status};

    use super::*;

    fn resources() -> Vec<Value> {
        RESOURCES.iter().map(|(_, _, text)| serde_json::from_str(text).expect("JSON")).collect()
    }

    fn resource(kind: &str, id: &str) -> Value {
        let found = resources().into_iter().find(|resource| resource["resourceType"] == kind && resource["id"] == id);
        found.unwrap_or_else(|| panic!("{kind}/{id}"))
    }

    fn texts<'a>(list: &'a Value, name: &str) -> BTreeSet<&'a str> {
        list.as_array().expect("a list").iter().map(|element| element[name].as_str().expect("a string")).collect()
    }

    /// Every string in a value, however deep.
    fn strings(value: &Value) -> Vec<&str> {
        match value {
            Value::String(text) => vec![text],
            Value::Array(values) => values.iter().flat_map(strings).collect(),
            Value::Object(members) => members.values().flat_map(strings).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
        }
    }

    #[test]
    fn every_file_is_served_under_its_name() {
        let names = |folder: &str| -> BTreeSet<String> {
            let files = std::fs::read_dir(format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"))).expect("a folder");
            files.map(|file| file.expect("a file").file_name().into_string().expect("UTF-8")).collect()
        };
        let (files, generated) = (names("resources"), names("generated"));
        let structures = files.iter().filter(|name| name.starts_with("StructureDefinition-")).cloned();
        assert_eq!(structures.collect::<BTreeSet<_>>(), generated);
        let served = RESOURCES.iter().map(|(kind, id, _)| format!("{kind}-{id}.json")).collect();
        assert_eq!(files, served);
        for ((kind, id, _), resource) in RESOURCES.iter().zip(resources()) {
            assert_eq!((&resource["resourceType"], &resource["id"]), (&(*kind).into(), &(*id).into()));
            if *kind != "NamingSystem" {
                assert_eq!(resource["url"], format!("{DEFAULT_FHIR_BASE_URL}/{kind}/{id}"));
            }
            assert_eq!(resource["snapshot"].is_object(), *kind == "StructureDefinition", "{kind}/{id}");
        }
    }

    #[test]
    fn every_url_of_ours_is_published() {
        let resources = resources();
        let mut published: BTreeSet<_> = resources.iter().filter_map(|resource| resource["url"].as_str()).collect();
        published.insert(DEFAULT_FHIR_BASE_URL);
        for resource in &resources {
            published
                .extend(resource["uniqueId"].as_array().into_iter().flatten().filter_map(|id| id["value"].as_str()));
        }
        let named = resources.iter().flat_map(strings).filter(|text| text.starts_with(DEFAULT_FHIR_BASE_URL)).collect();
        assert_eq!(published, named);
    }

    #[test]
    fn the_code_systems_have_the_codes_of_the_api() {
        let types = resource("CodeSystem", "api-key-type");
        assert_eq!(texts(&types["concept"], "code"), KeyType::ALL.map(KeyType::as_str).into());
        let statuses = resource("CodeSystem", "api-key-status");
        assert_eq!(texts(&statuses["concept"], "code"), Status::ALL.map(Status::as_str).into());
        let actions = resource("CodeSystem", "api-key-action");
        assert_eq!(texts(&actions["concept"], "code"), Action::ALL.map(Action::as_str).into());
        let refusals = resource("CodeSystem", "api-key-refusal");
        let all = [Refusal::Unknown, Refusal::Paused, Refusal::Expired, Refusal::Limit];
        assert_eq!(texts(&refusals["concept"], "code"), all.map(Refusal::as_str).into());
    }

    #[test]
    fn every_operation_is_defined_and_stated() {
        let statement = resource("CapabilityStatement", "nuxera-api-keys");
        let basic = &statement["rest"][0]["resource"][0];
        let (mut interactions, mut operations) = (BTreeSet::new(), BTreeSet::new());
        for operation in Operation::ALL {
            for route in operation.fhir_routes() {
                let Some((place, code)) = route.split_once("/$") else {
                    interactions.insert(interaction(route));
                    continue;
                };
                operations.insert(code);
                let definition = resource("OperationDefinition", operation.name());
                assert_eq!(definition["code"], code);
                let is_of_instance = place.ends_with("/{id}");
                assert_eq!(
                    (&definition["instance"], &definition["type"]),
                    (&is_of_instance.into(), &(!is_of_instance).into())
                );
                let first = operation.fhir_routes()[0];
                assert!(definition["comment"].as_str().expect("a comment").starts_with(&format!("Called as {first}.")));
                let stated =
                    basic["operation"].as_array().expect("a list").iter().find(|stated| stated["name"] == code);
                assert_eq!(stated.map(|stated| &stated["definition"]), Some(&definition["url"]));
            }
        }
        assert_eq!(texts(&basic["interaction"], "code"), interactions);
        assert_eq!(texts(&basic["operation"], "name"), operations);
        assert_eq!(RESOURCES.iter().filter(|(kind, _, _)| *kind == "OperationDefinition").count(), operations.len());
        assert_eq!(texts(&basic["searchParam"], "name"), SEARCH_PARAMETERS.into());
    }

    /// The interaction of a route (R4, `RESTful` API).
    fn interaction(route: &str) -> &'static str {
        match route {
            "POST /fhir/Basic" => "create",
            "GET /fhir/Basic" => "search-type",
            "GET /fhir/Basic/{id}" => "read",
            "PUT /fhir/Basic/{id}" => "update",
            "DELETE /fhir/Basic/{id}" => "delete",
            other => panic!("{other}"),
        }
    }

    #[test]
    fn the_types_of_definitions_are_stated() {
        let statement = resource("CapabilityStatement", "nuxera-api-keys");
        let stated = texts(&statement["rest"][0]["resource"], "type");
        let served = RESOURCES.iter().map(|(kind, _, _)| *kind).chain(["Basic"]);
        assert_eq!(stated, served.collect());
    }
}
