//! FHIR R4 (4.0.1) resources in JSON.
//!
//! A key is a `Basic` with extensions; requests are `Parameters` with the fields' JSON names, or a `Basic`. Ids and
//! counts are strings, because FHIR's integers have 32 bits (R4, Data Types, "Primitive Types").

mod audit_event;
mod basic;
mod bundle;
mod element;
mod node;
mod outcome;
mod parameters;
#[cfg(test)]
mod properties;
mod request;
mod resource;
mod response;
mod result;

pub(super) use self::request::read;
pub(super) use self::response::write;

/// The name of a key's profile and resource type, and the beginning of its extensions' names.
const API_KEY: &str = "api-key";

/// The extensions of a key by their JSON names, with the end of their URLs.
const EXTENSIONS: [(&str, &str); 9] = [
    ("key", "api-key-value"),
    ("name", "api-key-name"),
    ("type", "api-key-type"),
    ("status", "api-key-status"),
    ("is_default", "api-key-is-default"),
    ("created_at", "api-key-created-at"),
    ("expiry_at", "api-key-expiry-at"),
    ("last_used_at", "api-key-last-used-at"),
    ("usage_count", "api-key-usage-count"),
];
