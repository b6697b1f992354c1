//! What is exchanged with clients, and the formats it is exchanged in. Endpoints never know which one is in use.

mod digits;
mod fhir;
mod fields;
mod hl7;
mod json;
#[cfg(test)]
mod samples;

use chrono::{DateTime, Utc};

pub use self::fields::{Fields, FromField, Noted};
use crate::error::{Problem, Violation};
use crate::ids::KeyId;
use crate::keys::{AuditPage, KeyPage, KeyView, UsageView, Verification};
use crate::operation::Operation;

/// The formats of requests and responses, by the headers `x-request-format` and `x-response-format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// JSON (RFC 8259), the default.
    #[default]
    Json,
    /// HL7 v2.5.1 messages, ER7-encoded.
    Hl7,
    /// FHIR R4 (4.0.1) resources in JSON.
    Fhir,
}

impl Format {
    /// The format of a header's value, in any case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [("json", Self::Json), ("hl7", Self::Hl7), ("fhir", Self::Fhir)]
            .into_iter()
            .find_map(|(known, format)| name.trim().eq_ignore_ascii_case(known).then_some(format))
    }

    /// The `Content-Type` of a response.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Hl7 => "application/hl7-v2; charset=utf-8",
            Self::Fhir => "application/fhir+json; charset=utf-8",
        }
    }
}

/// Everything a response can hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// One key.
    Key(Box<KeyView>),
    /// A page of keys.
    Keys(KeyPage),
    /// A key was deleted.
    Deleted,
    /// A page of a key's audit trail.
    Audit(AuditPage),
    /// How a key is used.
    Usage(UsageView),
    /// What a check of a key found.
    Verification(Verification),
    /// What went wrong.
    Problem(Problem),
}

/// The sender of a request in a format whose responses speak to the sender (HL7 v2: MSH-3, MSH-4 and MSH-10).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// Sending application, with its components (HD) in the encoding of responses.
    pub application: String,
    /// Sending facility, likewise.
    pub facility: String,
    /// The message's control id, without encoding; at most 20 characters.
    pub control_id: String,
}

/// What a body is read for.
#[derive(Clone, Copy, Debug)]
pub struct ReadContext<'a> {
    /// The operation of the route.
    pub operation: Operation,
    /// The key's id in the route's path, where it has one.
    pub path_id: Option<KeyId>,
    /// The URL under which the FHIR definitions are published, without a slash at its end.
    pub fhir_base: &'a str,
}

/// A body that was read.
#[derive(Debug)]
pub struct Incoming {
    /// Who sent it, as far as the format says and it could be read: also of a message that is refused.
    pub sender: Option<Sender>,
    /// The fields, or why they could not be read.
    pub fields: Result<Fields, Vec<Violation>>,
}

/// What a response says besides its content.
#[derive(Clone, Debug)]
pub struct WriteContext<'a> {
    /// What was asked for.
    pub operation: Operation,
    /// The id that the response carries as `x-request-id`.
    pub request_id: &'a str,
    /// The time of the response.
    pub now: DateTime<Utc>,
    /// The sender of the request, where its format names one.
    pub sender: Option<&'a Sender>,
    /// The URL under which the FHIR definitions are published, without a slash at its end.
    pub fhir_base: &'a str,
    /// The absolute URL, or the path, that the client asked for.
    pub self_url: &'a str,
    /// The same for the next page, where there is one.
    pub next_url: Option<&'a str>,
    /// The format of the request's body: FHIR errors name the place in the request by it.
    pub request_format: Format,
}

/// Reads a request body.
#[must_use]
pub fn read(format: Format, body: &[u8], expected: ReadContext<'_>) -> Incoming {
    match format {
        Format::Json => json::read(body),
        Format::Hl7 => hl7::read(body, expected),
        Format::Fhir => fhir::read(body, expected),
    }
}

/// Reads no more than who sent a body: the beginning of one that is too large to be read is enough.
#[must_use]
pub fn sender(format: Format, body: &[u8]) -> Option<Sender> {
    match format {
        Format::Json | Format::Fhir => None,
        Format::Hl7 => hl7::sender(body),
    }
}

/// Writes a response body.
#[must_use]
pub fn write(format: Format, content: &Content, about: &WriteContext<'_>) -> Vec<u8> {
    match format {
        Format::Json => json::write(content),
        Format::Hl7 => hl7::write(content, about),
        Format::Fhir => fhir::write(content, about),
    }
}

/// The fields of a key by their JSON names, those of requests and those of the server. HL7 has them in this order.
const FIELDS: [&str; 13] = [
    "id",
    "key",
    "name",
    "type",
    "status",
    "is_default",
    "created_at",
    "expiry_at",
    "user_id",
    "old_id",
    "last_used_at",
    "usage_count",
    "grace_period_seconds",
];
