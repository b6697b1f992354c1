//! What went wrong, or that nothing did, as an `OperationOutcome` (R4).

use serde::Serialize;

use super::resource::Concept;
use crate::error::{Problem, Reason, Violation};
use crate::format::{Format, WriteContext};

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
    /// Good news.
    pub(super) fn information(text: &'a str) -> Self {
        Self::new(vec![Issue::new("information", "informational", text)])
    }

    /// One issue for every violation, or one for the whole.
    pub(super) fn problem(problem: &'a Problem, about: &WriteContext<'_>) -> Self {
        let Problem { status, text, violations } = problem;
        if violations.is_empty() {
            let severity = if *status == 500 { "fatal" } else { "error" };
            return Self::new(vec![Issue::new(severity, of_status(*status, text), text)]);
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
        Reason::Unknown | Reason::MessageType | Reason::EventCode | Reason::ProcessingId | Reason::VersionId => {
            "invalid"
        }
    }
}

/// Issue types of problems that no field is to blame for.
fn of_status(status: u16, text: &str) -> &'static str {
    match status {
        // "JWT token required", "API key required": nobody is known. Else somebody is claimed who is not.
        401 if text.ends_with(" required") => "login",
        401 => "unknown",
        403 => "forbidden",
        404 => "not-found",
        409 => "conflict",
        413 => "too-long",
        429 => "throttled",
        502 | 503 => "transient",
        504 => "timeout",
        500.. => "exception",
        _ => "invalid",
    }
}

/// `diagnostics` and `expression`: what is wrong, and where. `expression` takes `FHIRPath`, which can speak of the
/// elements of JSON too, and `http.` with a name for what is not in the body. A place in an HL7 message is words.
fn place(violation: &Violation, about: &WriteContext<'_>) -> (Option<String>, Option<[String; 1]>) {
    let Violation { field, message, reason, at } = violation;
    let in_body = *reason == Reason::Unknown || about.operation.inputs().contains(&&**field);
    let expression = match (about.request_format, at) {
        (Format::Hl7, Some(at)) => return (Some(format!("{message} ({at})")), None),
        (_, Some(at)) => Some(at.clone()),
        (_, None) if field == "body" => None,
        (_, None) if !in_body => Some(format!("http.{field}")),
        (Format::Json, None) if is_identifier(field) => Some(field.to_string()),
        (_, None) => None,
    };
    (Some(message.clone()), expression.map(|expression| [expression]))
}

/// Whether a name can be written in `FHIRPath` as it is.
fn is_identifier(name: &str) -> bool {
    !name.starts_with(|char: char| char.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
