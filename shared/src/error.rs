//! What can go wrong, and the one place where it gets a status and a public text.
//!
//! What the client is told ([`Problem`]) and what is logged ([`Error`]'s causes) are two things.

use std::borrow::Cow;

use crate::allowance::Allowance;
use crate::operation::Operation;

/// Why a call was not done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The request breaks the contract; every violation found is listed.
    #[error("invalid request: {}", told(.0))]
    Invalid(Vec<Violation>),
    /// The body is larger than the endpoint takes.
    #[error("request body over {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// No JWT was sent.
    #[error("no JWT")]
    TokenRequired,
    /// The JWT was valid once.
    #[error("JWT refused: expired")]
    TokenExpired,
    /// The JWT is not accepted; the reason is for the log only.
    #[error("JWT refused: {0}")]
    TokenInvalid(Cow<'static, str>),
    /// The caller may not do this.
    #[error("access denied")]
    AccessDenied,
    /// There is no such key, or it is somebody else's.
    #[error("no such key")]
    NotFound,
    /// The change is not possible: expired is final.
    #[error("the key is expired")]
    ChangeOfExpired,
    /// The user has as many keys as the deployment allows.
    #[error("key limit reached")]
    LimitReached,
    /// The caller has no default key, and named none.
    #[error("no default key")]
    NoDefault,
    /// No API key was presented.
    #[error("no API key")]
    KeyRequired,
    /// The presented API key does not work.
    #[error("API key refused: {}", .0.reason.as_str())]
    KeyRefused(KeyRefused),
    /// The `Idempotency-Key` belongs to a request with another body.
    #[error("Idempotency-Key was used with a different request")]
    IdempotencyMismatch,
    /// The caller is over the rate limit.
    #[error("rate limit exceeded")]
    RateLimited(Allowance),
    /// A service we depend on throttles, times out or cannot be reached; a later try may succeed.
    #[error("unavailable: {0}")]
    Unavailable(Cow<'static, str>),
    /// The transcription service cannot be reached, or its answer cannot be passed on; the cause is for the log only.
    #[error("transcription service failed: {0}")]
    TranscriptionFailed(Cow<'static, str>),
    /// The transcription service did not answer in time.
    #[error("transcription service timed out")]
    TranscriptionTimedOut,
    /// Anything else; the cause is for the log only.
    #[error("failed: {0}")]
    Failed(Cow<'static, str>),
}

impl Error {
    /// A single violation, as an error.
    #[must_use]
    pub fn invalid(field: impl Into<Cow<'static, str>>, reason: Reason, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation::new(field, reason, message)])
    }

    /// What the client is told.
    #[must_use]
    pub fn problem(&self, operation: Operation) -> Problem {
        let (status, text) = self.status_and_text(operation);
        let violations = if let Self::Invalid(violations) = self {
            violations.clone()
        } else if let Self::TooLarge { limit } = self {
            vec![Violation::new("body", Reason::TooLong, format!("body must not be larger than {limit} bytes"))]
        } else {
            Vec::new()
        };
        Problem { status, text, violations }
    }

    /// The HTTP status and the documented text.
    pub(crate) const fn status_and_text(&self, operation: Operation) -> (u16, &'static str) {
        match self {
            Self::Invalid(_) => (400, "Invalid request data"),
            Self::TokenRequired => (401, "JWT token required"),
            Self::TokenExpired | Self::TokenInvalid(_) => (401, "Invalid or expired JWT token"),
            Self::AccessDenied => (403, "Access denied"),
            Self::NotFound => (404, "API Key not found"),
            Self::ChangeOfExpired => (409, "API Key is expired"),
            Self::LimitReached => (409, "API Key limit reached"),
            Self::NoDefault => (409, "No default API Key"),
            Self::KeyRequired => (401, "API key required"),
            Self::KeyRefused(KeyRefused { reason, .. }) => match reason {
                Refusal::Unknown => (401, "Invalid API key"),
                Refusal::Paused => (403, "API key is paused"),
                Refusal::Expired => (403, "API key is expired"),
                Refusal::Limit => (429, "Rate limit exceeded"),
            },
            Self::IdempotencyMismatch => (409, "Idempotency-Key was used with a different request"),
            Self::TooLarge { .. } => (413, "Request body too large"),
            Self::RateLimited(_) => (429, "Rate limit exceeded"),
            Self::Failed(_) => (500, operation.failure()),
            Self::TranscriptionFailed(_) => (502, "Transcription service failed"),
            Self::Unavailable(_) => (503, "Service temporarily unavailable"),
            Self::TranscriptionTimedOut => (504, "Transcription service timed out"),
        }
    }

    /// The error as one of few words, for the log and as a dimension of metrics. What operators have built on them breaks
    /// when they change.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_request",
            Self::TooLarge { .. } => "too_large",
            Self::TokenRequired => "token_required",
            Self::TokenExpired => "token_expired",
            Self::TokenInvalid(_) => "token_invalid",
            Self::AccessDenied => "access_denied",
            Self::NotFound => "not_found",
            Self::ChangeOfExpired => "expired",
            Self::LimitReached => "key_limit_reached",
            Self::NoDefault => "no_default",
            Self::KeyRequired => "key_required",
            Self::KeyRefused(KeyRefused { reason, .. }) => match reason {
                Refusal::Unknown => "key_unknown",
                Refusal::Paused => "key_paused",
                Refusal::Expired => "key_expired",
                Refusal::Limit => "key_limited",
            },
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::RateLimited(_) => "rate_limited",
            Self::Unavailable(_) => "unavailable",
            Self::TranscriptionFailed(_) => "transcription_failed",
            Self::TranscriptionTimedOut => "transcription_timed_out",
            Self::Failed(_) => "failed",
        }
    }

    /// Which limit was reached, in one of few words as well, where one was.
    #[must_use]
    pub fn limit(&self) -> Option<&'static str> {
        if let Self::RateLimited(allowance) = self {
            Some(allowance.limit_reached())
        } else if let Self::KeyRefused(KeyRefused { reason: Refusal::Limit, .. }) = self {
            Some("test_key_uses_per_day")
        } else {
            matches!(self, Self::LimitReached).then_some("keys_per_user")
        }
    }

    /// Seconds after which another try makes sense, where one does.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        if let Self::RateLimited(allowance) = self {
            Some(allowance.retry_after())
        } else if let Self::KeyRefused(refused) = self {
            refused.retry_after
        } else {
            matches!(self, Self::Unavailable(_)).then_some(1)
        }
    }
}

/// Why a presented key does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such key, or no longer.
    Unknown,
    /// It is paused.
    Paused,
    /// It is expired.
    Expired,
    /// It is of type `test`, and today's uses are used up.
    Limit,
}

impl Refusal {
    /// The refusal's name in every format.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Paused => "paused",
            Self::Expired => "expired",
            Self::Limit => "limit",
        }
    }
}

/// The refusal of a presented key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRefused {
    /// Why.
    pub reason: Refusal,
    /// Seconds until the key can work again, where a limit was reached.
    pub retry_after: Option<u64>,
}

impl From<Refusal> for KeyRefused {
    fn from(reason: Refusal) -> Self {
        Self { reason, retry_after: None }
    }
}

/// What the client is told of an [`Error`], before it is put into a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status, 400 to 504.
    pub status: u16,
    /// The documented text.
    pub text: &'static str,
    /// What is wrong with the request, for 400 and 413; else empty.
    pub violations: Vec<Violation>,
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field by its JSON name, a parameter's or header's name, or `body`.
    pub field: Cow<'static, str>,
    /// What is wrong and what would be right, for a person.
    pub message: String,
    /// What kind of thing is wrong, for the formats' code tables.
    pub reason: Reason,
    /// The place in the request's own terms, where its format has some: `MSH-12`, or a `FHIRPath` expression.
    pub at: Option<String>,
}

impl Violation {
    /// A violation whose place is its field.
    #[must_use]
    pub fn new(field: impl Into<Cow<'static, str>>, reason: Reason, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), reason, at: None }
    }

    /// The same with the place in the request's own terms.
    #[must_use]
    pub fn at(self, place: impl Into<String>) -> Self {
        Self { at: Some(place.into()), ..self }
    }
}

/// Violations as they are logged. A name that the client chose may be anything, also a secret at the wrong place, and so may
/// the message that repeats it.
fn told(violations: &[Violation]) -> String {
    let told = violations.iter().map(|Violation { field, message, reason, at: _ }| match field {
        Cow::Borrowed(_) => Cow::Borrowed(message.as_str()),
        Cow::Owned(_) => Cow::Owned(format!("{reason:?} of a field that the client named")),
    });
    told.collect::<Vec<_>>().join("; ")
}

/// The kinds of violation; HL7 table 0357 and FHIR's issue types are derived from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A required field is missing.
    Required,
    /// The value is of the wrong type, or not readable as its type.
    Type,
    /// The value is of the right type but not allowed.
    Value,
    /// The field is not known here.
    Unknown,
    /// The body, or a parameter's encoding, cannot be parsed.
    Structure,
    /// Larger than allowed.
    TooLong,
    /// HL7: segments missing, repeated or out of order.
    Sequence,
    /// HL7: not a message this API takes.
    MessageType,
    /// HL7: the event does not belong to the route.
    EventCode,
    /// HL7: not a production message.
    ProcessingId,
    /// HL7: not version 2.5.1.
    VersionId,
}
