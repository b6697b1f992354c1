//! What is exchanged with clients, whatever the format.

use chrono::{DateTime, Utc};

use super::request_fields::Fields;
use super::wire_format::Format;
use crate::error::{Problem, Violation};
use crate::ids::KeyId;
use crate::keys::{AuditPage, KeyPage, KeyView, UsageView, Verification};
use crate::names::named;
use crate::operation::Operation;

/// The content of a response.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// One key.
    Key(Box<KeyView>),
    /// A new key.
    Created(Box<KeyView>),
    /// A page of keys.
    Keys(KeyPage),
    /// The confirmation of a deletion.
    Deleted,
    /// A page of a key's audit trail.
    Audit(AuditPage),
    /// The usage of a key.
    Usage(UsageView),
    /// The result of a key's verification.
    Verification(Verification),
    /// An error.
    Problem(Problem),
}

/// The sender of a request, in a format whose responses name it (HL7 v2: MSH-3, MSH-4 and MSH-10).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// Sending application, with its components (HD) in the encoding of responses.
    pub application: String,
    /// Sending facility, likewise.
    pub facility: String,
    /// The message's control id, decoded; at most 199 characters.
    pub control_id: String,
    /// The processing id, which the response repeats.
    pub processing_id: ProcessingId,
}

impl Sender {
    /// The identity of the message, which an engine that repeats the message repeats with it: MSH-3, MSH-4 and MSH-10. There
    /// is none without a control id. A CR between them keeps it apart from every `Idempotency-Key`.
    #[must_use]
    pub fn message_id(&self) -> Option<String> {
        let Self { application, facility, control_id, processing_id: _ } = self;
        (!control_id.is_empty()).then(|| format!("{application}\r{facility}\r{control_id}"))
    }
}

named! {
    /// The processing ids of HL7 (table 0103).
    #[derive(Default)]
    pub enum ProcessingId {
        /// Production, the only one that is accepted.
        #[default]
        Production = "P",
        /// Training.
        Training = "T",
        /// Debugging.
        Debugging = "D",
    }
}

/// The route that a body was sent to.
#[derive(Clone, Copy, Debug)]
pub struct ReadContext<'a> {
    /// The operation of the route.
    pub operation: Operation,
    /// The key's id in the path, if the route has one.
    pub path_id: Option<KeyId>,
    /// The field that the message holds because its URL, that of all messages, does not.
    pub path_field: Option<&'static str>,
    /// The base URL of the FHIR definitions, without a trailing slash.
    pub fhir_base: &'a str,
    /// The `charset` of the header `Content-Type`, if it has one.
    pub charset: Option<&'a str>,
}

impl ReadContext<'_> {
    /// Whether a field names what the message is about.
    pub(super) fn is_path_field(&self, name: &str) -> bool {
        self.path_field == Some(name)
    }
}

/// A body that was read.
#[derive(Debug)]
pub struct Incoming {
    /// The sender, if the format names one: even of a message that is refused.
    pub sender: Option<Sender>,
    /// The fields, or the violations that kept them from being read.
    pub fields: Result<Fields, Vec<Violation>>,
}

/// The call that a response belongs to.
#[derive(Clone, Debug)]
pub struct WriteContext<'a> {
    /// The operation.
    pub operation: Operation,
    /// The response's `x-request-id`.
    pub request_id: &'a str,
    /// The time of the response.
    pub now: DateTime<Utc>,
    /// The sender of the request, if its format names one.
    pub sender: Option<&'a Sender>,
    /// The base URL of the FHIR definitions, without a trailing slash.
    pub fhir_base: &'a str,
    /// The base URL of the FHIR resources, beside what the client called.
    pub service_base: &'a str,
    /// The absolute URL, or the path, of the request.
    pub self_url: &'a str,
    /// The same for the next page, if there is one.
    pub next_url: Option<&'a str>,
    /// The format of the request's body, which decides how FHIR errors name places in it.
    pub request_format: Format,
}
