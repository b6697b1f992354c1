//! Problems and confirmations as `OperationOutcome` resources (R4).

use serde::Serialize;

use super::data_types::Concept;
use crate::error::{ErrorKind, Problem, Reason, Violation};
use crate::fields::Field;
use crate::format::exchange::WriteContext;
use crate::format::wire_format::Format;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OperationOutcome<'a> {
    resource_type: &'static str,
    issue: Vec<Issue<'a>>,
}

#[derive(Serialize)]
struct Issue<'a> {
    severity: &'static str,
    code: &'static str,
    details: Concept<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnostics: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression: Option<[String; 1]>,
}

impl<'a> OperationOutcome<'a> {
    /// A confirmation.
    pub(super) fn information(text: &'a str) -> Self {
        Self::new(vec![Issue::new("information", "informational", text)])
    }

    /// One issue per violation, or one for the problem as a whole.
    pub(super) fn problem(problem: &'a Problem, about: &WriteContext<'_>) -> Self {
        let Problem { kind, text, violations } = problem;
        if violations.is_empty() {
            let severity = if matches!(kind, ErrorKind::Damaged | ErrorKind::Failed) { "fatal" } else { "error" };
            return Self::new(vec![Issue::new(severity, of_kind(*kind), text)]);
        }
        let issues = violations.iter().map(|violation| {
            let (diagnostics, expression) = place(violation, about);
            Issue { diagnostics, expression, ..Issue::new("error", of_reason(violation.reason), text) }
        });
        Self::new(issues.collect())
    }

    fn new(issue: Vec<Issue<'a>>) -> Self {
        Self { resource_type: "OperationOutcome", issue }
    }
}

impl<'a> Issue<'a> {
    fn new(severity: &'static str, code: &'static str, text: &'a str) -> Self {
        let details = Concept { text: Some(text), ..Concept::default() };
        Self { severity, code, details, diagnostics: None, expression: None }
    }
}

/// Issue types of violations.
fn of_reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Required => "required",
        Reason::Type | Reason::Value => "value",
        Reason::Structure | Reason::Sequence => "structure",
        Reason::TooLong => "too-long",
        Reason::Unknown
        | Reason::UnknownParameter
        | Reason::MessageType
        | Reason::EventCode
        | Reason::ProcessingId
        | Reason::VersionId => "invalid",
    }
}

/// Issue types of problems that no field causes.
fn of_kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid => "invalid",
        ErrorKind::TooLarge => "too-long",
        ErrorKind::TokenRequired | ErrorKind::KeyRequired => "login",
        ErrorKind::TokenExpired | ErrorKind::TokenInvalid | ErrorKind::KeyUnknown => "unknown",
        ErrorKind::AccessDenied | ErrorKind::KeyPaused | ErrorKind::KeyExpired => "forbidden",
        ErrorKind::NotFound => "not-found",
        ErrorKind::ChangeOfExpired
        | ErrorKind::KeyLimitReached
        | ErrorKind::NoDefault
        | ErrorKind::IdempotencyMismatch
        | ErrorKind::PreconditionFailed => "conflict",
        ErrorKind::RateLimited | ErrorKind::KeyLimited => "throttled",
        ErrorKind::Unavailable | ErrorKind::TranscriptionFailed => "transient",
        ErrorKind::TranscriptionTimedOut => "timeout",
        ErrorKind::Damaged | ErrorKind::Failed => "exception",
    }
}

/// `diagnostics` and `expression`: the violation and its place. `expression` is `FHIRPath`, which also fits JSON bodies, or
/// `http.` and the name of a parameter or header. A place in an HL7 message is part of `diagnostics`.
fn place(violation: &Violation, about: &WriteContext<'_>) -> (Option<String>, Option<[String; 1]>) {
    let Violation { field, message, reason, at } = violation;
    let operation = about.operation;
    let is_input = Field::named(field).is_some_and(|field| field.is_input_of(operation));
    let in_body = *reason == Reason::Unknown || is_input || operation.form_parts().contains(&&**field);
    let expression = match (about.request_format, at) {
        (Format::Hl7, Some(at)) => return (Some(format!("{message} ({at})")), None),
        (_, Some(at)) => Some(at.clone()),
        (_, None) if field == "body" => None,
        (_, None) if *reason == Reason::UnknownParameter => is_identifier(field).then(|| format!("http.{field}")),
        (_, None) if !in_body => Some(format!("http.{field}")),
        (Format::Json, None) if is_identifier(field) => Some(field.to_string()),
        (_, None) => None,
    };
    (Some(message.clone()), expression.map(|expression| [expression]))
}

/// Whether a name is an identifier in `FHIRPath`.
fn is_identifier(name: &str) -> bool {
    !name.starts_with(|char: char| char.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
