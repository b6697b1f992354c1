//! The formats of requests and responses.

use crate::names::named;

named! {
    /// The formats of requests and responses.
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

    /// The format of a media type with its parameters. Any other type is JSON.
    #[must_use]
    pub fn of_media_type(value: &str) -> Self {
        let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/fhir+json" | "application/json+fhir" => Self::Fhir,
            "application/hl7-v2" | "application/hl7-v2+er7" | "x-application/hl7-v2+er7" => Self::Hl7,
            _ => Self::Json,
        }
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
