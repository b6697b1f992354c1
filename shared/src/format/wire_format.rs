//! The formats of requests and responses.

use crate::names::named;

named! {
    /// The formats of requests and responses, by the headers `x-request-format` and `x-response-format`.
    #[derive(Default)]
    pub enum Format {
        /// JSON (RFC 8259), the default.
        #[default]
        Json = "json",
        /// HL7 v2.5.1 messages, ER7-encoded.
        Hl7 = "hl7",
        /// FHIR R4 (4.0.1) resources in JSON.
        Fhir = "fhir",
    }
}

impl Format {
    /// The format that a header names, in any case.
    #[must_use]
    pub fn of_header(value: &str) -> Option<Self> {
        Self::parse(&value.trim().to_ascii_lowercase())
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
