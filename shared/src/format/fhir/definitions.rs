//! The URLs of the definitions that `get-conformance` publishes.

use serde_json::value::RawValue;

use super::data_types::{Coding, Concept, Identifier, Reference, json};
use crate::fields::{Field, SHOWN};

/// The name of a key's profile and resource type.
pub(super) const API_KEY: &str = "api-key";

/// The field of an extension of the `api-key` profile.
pub(super) fn field_of_extension(url: &str, base: &str) -> Option<&'static Field> {
    Field::of_extension(url.strip_prefix(base)?.strip_prefix("/StructureDefinition/")?)
}

/// Whether a URL is that of the `api-key` profile.
pub(super) fn is_profile(url: &str, base: &str) -> bool {
    url.strip_prefix(base).and_then(|rest| rest.strip_prefix("/StructureDefinition/")) == Some(API_KEY)
}

/// The URLs of the definitions, and the elements that are the same for every key, built once per response. They are most
/// of a list of keys; as ready JSON they are copied rather than searched for characters to escape.
pub(super) struct Definitions {
    /// The URLs of the extensions, in the order of [`SHOWN`].
    pub(super) extensions: [Option<Box<RawValue>>; SHOWN.len()],
    pub(super) profile: Box<RawValue>,
    pub(super) code: Box<RawValue>,
    /// The code system of the audit trail's actions.
    pub(super) action: String,
    key_id: Box<RawValue>,
    user_id: Box<RawValue>,
}

impl Definitions {
    pub(super) fn new(base: &str) -> Self {
        let url = |path: &str| json(&format!("{base}/{path}"));
        let extension = |name| url(&format!("StructureDefinition/{name}"));
        let profile = format!("{base}/StructureDefinition/{API_KEY}");
        let system = format!("{base}/CodeSystem/resource-type");
        let coding = Coding { system: &system, code: API_KEY, display: Some("API key") };
        Self {
            extensions: SHOWN.map(|field| field.extension.map(extension)),
            profile: json(&profile),
            code: json(&Concept { coding: Some([coding]), text: None }),
            action: format!("{base}/CodeSystem/api-key-action"),
            key_id: url("sid/api-key-id"),
            user_id: url("sid/user-id"),
        }
    }

    /// The identifier of a key.
    pub(super) fn key<'a>(&'a self, id: &'a str) -> Identifier<'a> {
        Identifier { system: &self.key_id, value: id }
    }

    /// A reference to a user, by an identifier: users are not resources.
    pub(super) fn user<'a>(&'a self, id: &'a str) -> Reference<'a> {
        let identifier = Identifier { system: &self.user_id, value: id };
        Reference { kind: Some("Person"), identifier: Some(identifier), ..Reference::default() }
    }
}
