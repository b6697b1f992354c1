//! Reads a `Basic` of the `api-key` profile: the fields of a request to create or update a key.

use super::definitions::{API_KEY, field_of_extension, is_profile};
use super::field_value::Reading;
use super::node::{Member, Node};
use crate::error::Reason;
use crate::fields::Field;
use crate::format::exchange::ReadContext;
use crate::format::request_fields::Fields;
use crate::ids::KeyId;
use crate::keys::Unchanged;

/// Reads the members of the resource. Elements that only the server sets are refused where a key is made, and must be as they
/// are where one is updated: a client that sends back what it read must not believe that all of it took effect.
pub(super) fn read(members: &[Member<'_>], expected: ReadContext<'_>) -> Fields {
    let mut reading = Reading::new(expected, place);
    let mut seen: Vec<&str> = Vec::new();
    for (name, node) in members {
        match name.as_ref() {
            repeated if seen.contains(&repeated) => {
                reading.refuse("body", Reason::Structure, "Basic must not contain an element twice", "Basic");
            }
            "resourceType" => {}
            "id" => {
                seen.push("id");
                read_id(&mut reading, node);
            }
            "meta" => {
                seen.push("meta");
                read_meta(&mut reading, node);
            }
            "extension" => {
                seen.push("extension");
                read_extensions(&mut reading, node);
            }
            "code" => {
                seen.push("code");
                read_code(&mut reading, node);
            }
            "identifier" => {
                seen.push("identifier");
                read_server_owned(&mut reading, "id", "Basic.identifier", is_identifier(node, expected));
            }
            "subject" => {
                seen.push("subject");
                let owner = owner(node, expected);
                read_server_owned(&mut reading, "user_id", "Basic.subject", owner.is_some());
                if let Some(owner) = owner.filter(|_| expected.operation.takes_unchanged()) {
                    reading.insert("user_id", owner.into());
                }
            }
            // The time stands in an extension.
            "created" => {
                seen.push("created");
                read_server_owned(&mut reading, "created_at", "Basic.created", node.text().is_some());
            }
            _ => {
                let message = "Basic must contain only the elements that responses have";
                reading.refuse("body", Reason::Unknown, message, "Basic");
            }
        }
        if reading.too_many_errors() {
            break;
        }
    }
    if !seen.contains(&"code") {
        reading.refuse("body", Reason::Required, "Basic.code is required", "Basic.code");
    }
    reading.finish()
}

/// The `FHIRPath` expression of a field's extension.
fn place(field: &str) -> String {
    if field == "user_id" {
        return "Basic.subject".to_owned();
    }
    let extension = Field::named(field).and_then(|field| field.extension);
    extension.map_or_else(|| "Basic".to_owned(), |url| format!("Basic.extension.where(url.endsWith('/{url}'))"))
}

fn read_id(reading: &mut Reading<'_>, node: &Node<'_>) {
    match reading.expected.path_id {
        None => reading.refuse_field("id", "Basic.id"),
        Some(id) if node.text().and_then(KeyId::parse) == Some(id) => {}
        Some(_) => reading.refuse("id", Reason::Value, "id must match the id in the path", "Basic.id"),
    }
}

fn read_meta(reading: &mut Reading<'_>, node: &Node<'_>) {
    let base = reading.expected.fhir_base;
    // Of the version that a client knows, `If-Match` tells (R4, RESTful API, "update").
    let is_known = || {
        let [] = node.exactly([], ["profile", "versionId", "lastUpdated"])?;
        let profiles = node.object()?.iter().find(|(name, _)| name == "profile");
        let is_ours = |profile: &Node<'_>| profile.text().is_some_and(|url| is_profile(url, base));
        Some(profiles.is_none_or(|(_, profiles)| matches!(profiles.list(), Some([profile]) if is_ours(profile))))
    };
    if is_known() != Some(true) {
        let message = "Basic.meta must contain only the api-key profile and what responses have";
        reading.refuse("body", Reason::Value, message, "Basic.meta");
    }
}

fn read_code(reading: &mut Reading<'_>, node: &Node<'_>) {
    let base = reading.expected.fhir_base;
    let is_known = || {
        let [codings] = node.exactly(["coding"], ["text"])?;
        let [coding] = codings.list()? else { return None };
        let [system, code] = coding.exactly(["system", "code"], ["display"])?;
        let system = system.text()?.strip_prefix(base)?;
        Some(system == "/CodeSystem/resource-type" && code.text()? == API_KEY)
    };
    if is_known() != Some(true) {
        let message = "Basic.code must be the code api-key of the resource-type code system";
        reading.refuse("body", Reason::Value, message, "Basic.code");
    }
}

/// Reads an element that follows from the key's own data.
fn read_server_owned(reading: &mut Reading<'_>, field: &'static str, place: &str, is_right: bool) {
    if !reading.expected.operation.takes_unchanged() {
        reading.refuse_field(field, place);
    } else if !is_right {
        reading.refuse(field, Reason::Value, Unchanged::rule(field), place);
    }
}

/// Whether an element is the list of the one identifier of the key in the path.
fn is_identifier(node: &Node<'_>, expected: ReadContext<'_>) -> bool {
    let only = node.list().and_then(|list| if let [identifier] = list { Some(identifier) } else { None });
    let value = only.and_then(|identifier| identified(identifier, "/sid/api-key-id", expected.fhir_base));
    value.and_then(KeyId::parse) == expected.path_id
}

/// The id of the user that a reference names.
fn owner(node: &Node<'_>, expected: ReadContext<'_>) -> Option<u64> {
    let [identifier] = node.exactly(["identifier"], ["type"])?;
    identified(identifier, "/sid/user-id", expected.fhir_base)?.parse().ok()
}

/// The value of an identifier in a system of this API.
fn identified<'a>(identifier: &'a Node<'_>, system: &str, base: &str) -> Option<&'a str> {
    let [known, value] = identifier.exactly(["system", "value"], [])?;
    if known.text()?.strip_prefix(base)? == system { value.text() } else { None }
}

fn read_extensions(reading: &mut Reading<'_>, node: &Node<'_>) {
    let Some(extensions) = node.list() else {
        return reading.refuse("body", Reason::Type, "Basic.extension must be a list", "Basic.extension");
    };
    let base = reading.expected.fhir_base;
    reading.take_all(extensions, "Basic.extension", "url", |url| field_of_extension(url, base));
}
