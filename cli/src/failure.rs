//! Failures, with what a person can do about them.

use std::fmt;
use std::process::ExitCode;

use serde_json::Value;

/// The reason why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The arguments or settings are not complete.
    Usage(String),
    /// The service answered with an error.
    Refused(Refusal),
    /// There was no answer.
    Unreachable(String),
    /// The result could not be written.
    Output(std::io::Error),
}

/// An error that the service answered with.
#[derive(Debug)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The `error`.
    pub error: String,
    /// The `details`: what is wrong with each field.
    pub details: Vec<String>,
    /// What is wrong with the token, where the service says it.
    pub token_fault: Option<String>,
    /// The id by which the call is found in the service's log.
    pub request_id: Option<String>,
    /// Seconds after which a repeat makes sense.
    pub retry_after: Option<u64>,
}

impl Refusal {
    /// Reads an answer.
    pub fn new(status: u16, body: &[u8], header: impl Fn(&str) -> Option<String>) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let error = body["error"].as_str().unwrap_or("The service sent no reason").to_owned();
        let details = body["details"].as_array().into_iter().flatten();
        let details = details.filter_map(|detail| detail["message"].as_str()).map(str::to_owned).collect();
        // API Gateway renames the header.
        let challenge = header("www-authenticate").or_else(|| header("x-amzn-remapped-www-authenticate"));
        let description = challenge.as_deref().and_then(|text| text.split_once("error_description=\""));
        Self {
            status,
            error,
            details,
            token_fault: description.and_then(|(_, text)| text.split_once('"')).map(|(text, _)| text.to_owned()),
            request_id: header("x-request-id"),
            retry_after: header("retry-after").and_then(|seconds| seconds.parse().ok()),
        }
    }
}

impl Failure {
    /// The exit status, as the help documents it.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 7,
            Self::Output(_) => 1,
            Self::Refused(refusal) => match refusal.status {
                401 | 403 => 3,
                404 => 4,
                409 | 412 => 5,
                429 => 6,
                500.. => 7,
                _ => 1,
            },
        })
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Unreachable(text) => write!(f, "error: {text}"),
            Self::Output(error) => write!(f, "error: the result cannot be written: {error}"),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {} ({})", self.error, self.status)?;
        for line in self.details.iter().chain(&self.token_fault) {
            write!(f, "\n  {line}")?;
        }
        if let Some(seconds) = self.retry_after {
            write!(f, "\n  try again in {seconds} s")?;
        }
        match &self.request_id {
            Some(id) => write!(f, "\n  request id: {id}"),
            None => Ok(()),
        }
    }
}
