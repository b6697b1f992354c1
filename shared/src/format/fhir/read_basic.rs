//! Reads a `Basic` of the `api-key` profile: the fields of a request to create or update a key.

use super::definitions::{API_KEY, field_of_extension, is_profile};
use super::field_value::Reading;
use super::node::{Member, Node};
use crate::error::Reason;
use crate::fields::Field;
use crate::format::exchange::ReadContext;
use crate::format::request_fields::Fields;
use crate::ids::KeyId;

/// Reads the members of the resource. Elements that only the server sets are refused rather than ignored: otherwise a client
/// that sends back a resource it read would believe that all of it took effect.
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
            "identifier" => reading.refuse_field("id", "Basic.identifier"),
            "subject" => reading.refuse_field("user_id", "Basic.subject"),
            "created" => reading.refuse_field("created_at", "Basic.created"),
            _ => {
                let message = "Basic must contain only id, meta, extension and code in a request";
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
    let is_known = || {
        let [profiles] = node.exactly(["profile"], [])?;
        let [profile] = profiles.list()? else { return None };
        Some(is_profile(profile.text()?, base))
    };
    if is_known() != Some(true) {
        let message = "Basic.meta must contain only the api-key profile in a request";
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

fn read_extensions(reading: &mut Reading<'_>, node: &Node<'_>) {
    let Some(extensions) = node.list() else {
        return reading.refuse("body", Reason::Type, "Basic.extension must be a list", "Basic.extension");
    };
    let base = reading.expected.fhir_base;
    reading.take_all(extensions, "Basic.extension", "url", |url| field_of_extension(url, base));
}
