//! Errors, and the one place that gives them an HTTP status and a public text.
//!
//! The client gets a [`Problem`]; the causes inside an [`Error`] are for the log only.

use std::borrow::Cow;

use crate::allowance::Allowance;
use crate::damage::Damaged;
use crate::names::named;
use crate::operation::Operation;

/// The reason why a call failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The request breaks the contract; every violation found is listed.
    #[error("invalid request: {}", redacted(.0))]
    Invalid(Vec<Violation>),
    /// The body is larger than the endpoint accepts.
    #[error("request body over {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// No JWT was sent.
    #[error("no JWT")]
    TokenRequired,
    /// The JWT has expired.
    #[error("JWT refused: expired")]
    TokenExpired,
    /// The JWT is not accepted; the cause is for the log only.
    #[error("JWT refused: {cause}")]
    TokenInvalid {
        /// What its bearer may know.
        fault: TokenFault,
        /// The cause.
        cause: Cow<'static, str>,
    },
    /// The caller may not do this.
    #[error("access denied")]
    AccessDenied,
    /// There is no such key, or it belongs to another user.
    #[error("no such key")]
    NotFound,
    /// An expired key cannot be changed in this way.
    #[error("the key is expired")]
    ChangeOfExpired,
    /// The user has as many keys as the deployment allows.
    #[error("key limit reached")]
    LimitReached,
    /// The caller named no key and has no default.
    #[error("no default key")]
    NoDefault,
    /// No API key was presented.
    #[error("no API key")]
    KeyRequired,
    /// The presented API key does not work.
    #[error("API key refused: {}", .0.reason.as_str())]
    KeyRefused(KeyRefused),
    /// The `Idempotency-Key` was used with a different request.
    #[error("Idempotency-Key was used with a different request")]
    IdempotencyMismatch,
    /// The key has changed since the client read it.
    #[error("the key has changed")]
    PreconditionFailed,
    /// The caller is over the rate limit.
    #[error("rate limit exceeded")]
    RateLimited(Allowance),
    /// A service we depend on throttles, times out or cannot be reached; a retry may succeed.
    #[error("unavailable: {0}")]
    Unavailable(Cow<'static, str>),
    /// The token issuer's keys cannot be fetched, and are not tried again for some seconds.
    #[error("unavailable: there is no key set from JWT_JWKS_URL")]
    NoKeySet {
        /// Seconds until the next attempt.
        retry_after: u64,
    },
    /// The transcription service cannot be reached, or its response cannot be passed on; the cause is for the log only.
    #[error("transcription service failed: {0}")]
    TranscriptionFailed(Cow<'static, str>),
    /// The transcription service did not respond in time.
    #[error("transcription service timed out")]
    TranscriptionTimedOut,
    /// A stored item that the call needs is damaged; the cause is for the log only.
    #[error("damaged: {0}")]
    Damaged(#[from] Damaged),
    /// Anything else; the cause is for the log only.
    #[error("failed: {0}")]
    Failed(Cow<'static, str>),
}

named! {
    /// The kinds of error, by stable names of low cardinality: renaming one breaks dashboards and alarms.
    pub enum ErrorKind {
        /// [`Error::Invalid`]
        Invalid = "invalid_request",
        /// [`Error::TooLarge`]
        TooLarge = "too_large",
        /// [`Error::TokenRequired`]
        TokenRequired = "token_required",
        /// [`Error::TokenExpired`]
        TokenExpired = "token_expired",
        /// [`Error::TokenInvalid`]
        TokenInvalid = "token_invalid",
        /// [`Error::AccessDenied`]
        AccessDenied = "access_denied",
        /// [`Error::NotFound`]
        NotFound = "not_found",
        /// [`Error::ChangeOfExpired`]
        ChangeOfExpired = "expired",
        /// [`Error::LimitReached`]
        KeyLimitReached = "key_limit_reached",
        /// [`Error::NoDefault`]
        NoDefault = "no_default",
        /// [`Error::KeyRequired`]
        KeyRequired = "key_required",
        /// [`Refusal::Unknown`]
        KeyUnknown = "key_unknown",
        /// [`Refusal::Paused`]
        KeyPaused = "key_paused",
        /// [`Refusal::Expired`]
        KeyExpired = "key_expired",
        /// [`Refusal::Limit`]
        KeyLimited = "key_limited",
        /// [`Error::IdempotencyMismatch`]
        IdempotencyMismatch = "idempotency_mismatch",
        /// [`Error::PreconditionFailed`]
        PreconditionFailed = "precondition_failed",
        /// [`Error::RateLimited`]
        RateLimited = "rate_limited",
        /// [`Error::Unavailable`]
        Unavailable = "unavailable",
        /// [`Error::TranscriptionFailed`]
        TranscriptionFailed = "transcription_failed",
        /// [`Error::TranscriptionTimedOut`]
        TranscriptionTimedOut = "transcription_timed_out",
        /// [`Error::Damaged`]
        Damaged = "damaged",
        /// [`Error::Failed`]
        Failed = "failed",
    }
}

impl ErrorKind {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::TokenRequired | Self::TokenExpired | Self::TokenInvalid | Self::KeyRequired | Self::KeyUnknown => 401,
            Self::AccessDenied | Self::KeyPaused | Self::KeyExpired => 403,
            Self::NotFound => 404,
            Self::ChangeOfExpired | Self::KeyLimitReached | Self::NoDefault | Self::IdempotencyMismatch => 409,
            Self::PreconditionFailed => 412,
            Self::TooLarge => 413,
            Self::RateLimited | Self::KeyLimited => 429,
            Self::Damaged | Self::Failed => 500,
            Self::TranscriptionFailed => 502,
            Self::Unavailable => 503,
            Self::TranscriptionTimedOut => 504,
        }
    }

    /// The documented text.
    #[must_use]
    pub const fn text(self, operation: Operation) -> &'static str {
        match self {
            Self::Invalid => "Invalid request data",
            Self::TooLarge => "Request body too large",
            Self::TokenRequired => "JWT token required",
            Self::TokenExpired | Self::TokenInvalid => "Invalid or expired JWT token",
            Self::AccessDenied => "Access denied",
            Self::NotFound => "API Key not found",
            Self::ChangeOfExpired => "API Key is expired",
            Self::KeyLimitReached => "API Key limit reached",
            Self::NoDefault => "No default API Key",
            Self::KeyRequired => "API key required",
            Self::KeyUnknown => "Invalid API key",
            Self::KeyPaused => "API key is paused",
            Self::KeyExpired => "API key is expired",
            Self::KeyLimited | Self::RateLimited => "Rate limit exceeded",
            Self::IdempotencyMismatch => "Idempotency-Key was used with a different request",
            Self::PreconditionFailed => "API Key has changed",
            Self::Unavailable => "Service temporarily unavailable",
            Self::TranscriptionFailed => "Transcription service failed",
            Self::TranscriptionTimedOut => "Transcription service timed out",
            Self::Damaged | Self::Failed => operation.failure(),
        }
    }
}

impl Error {
    /// A single violation, as an error.
    #[must_use]
    pub fn invalid(field: impl Into<Cow<'static, str>>, reason: Reason, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation::new(field, reason, message)])
    }

    /// The kind, which decides the status and the public text.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid(_) => ErrorKind::Invalid,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::TokenRequired => ErrorKind::TokenRequired,
            Self::TokenExpired => ErrorKind::TokenExpired,
            Self::TokenInvalid { .. } => ErrorKind::TokenInvalid,
            Self::AccessDenied => ErrorKind::AccessDenied,
            Self::NotFound => ErrorKind::NotFound,
            Self::ChangeOfExpired => ErrorKind::ChangeOfExpired,
            Self::LimitReached => ErrorKind::KeyLimitReached,
            Self::NoDefault => ErrorKind::NoDefault,
            Self::KeyRequired => ErrorKind::KeyRequired,
            Self::KeyRefused(KeyRefused { reason, .. }) => match reason {
                Refusal::Unknown => ErrorKind::KeyUnknown,
                Refusal::Paused => ErrorKind::KeyPaused,
                Refusal::Expired => ErrorKind::KeyExpired,
                Refusal::Limit => ErrorKind::KeyLimited,
            },
            Self::IdempotencyMismatch => ErrorKind::IdempotencyMismatch,
            Self::PreconditionFailed => ErrorKind::PreconditionFailed,
            Self::RateLimited(_) => ErrorKind::RateLimited,
            Self::Unavailable(_) | Self::NoKeySet { .. } => ErrorKind::Unavailable,
            Self::TranscriptionFailed(_) => ErrorKind::TranscriptionFailed,
            Self::TranscriptionTimedOut => ErrorKind::TranscriptionTimedOut,
            Self::Damaged(_) => ErrorKind::Damaged,
            Self::Failed(_) => ErrorKind::Failed,
        }
    }

    /// The public part of the error.
    #[must_use]
    pub fn problem(&self, operation: Operation) -> Problem {
        let kind = self.kind();
        let violations = if let Self::Invalid(violations) = self {
            violations.clone()
        } else if let Self::TooLarge { limit } = self {
            let recording = if operation.waits_for_upstream() { recording_of(*limit) } else { String::new() };
            let message = format!("body must not be larger than {limit} bytes{recording}");
            vec![Violation::new("body", Reason::TooLong, message)]
        } else {
            Vec::new()
        };
        Problem { kind, text: kind.text(operation), violations }
    }

    /// The limit that was reached, by a stable name of low cardinality.
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

    /// How to authenticate, for a 401 (RFC 6750, section 3).
    #[must_use]
    pub fn challenge(&self) -> Option<Cow<'static, str>> {
        let description = if let Self::TokenInvalid { fault, .. } = self {
            fault.description()
        } else if matches!(self, Self::TokenExpired) {
            Some("The token has expired")
        } else {
            // Whoever sends no token learns no more than how to send one.
            return (self.kind().status() == 401).then_some(Cow::Borrowed("Bearer"));
        };
        let description = description.map(|text| format!(", error_description=\"{text}\"")).unwrap_or_default();
        Some(Cow::Owned(format!("Bearer error=\"invalid_token\"{description}")))
    }

    /// Seconds to wait before a retry, if a retry can succeed.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        if let Self::RateLimited(allowance) = self {
            Some(allowance.retry_after())
        } else if let Self::KeyRefused(refused) = self {
            refused.retry_after
        } else if let Self::NoKeySet { retry_after } = self {
            Some(*retry_after)
        } else {
            matches!(self, Self::Unavailable(_)).then_some(1)
        }
    }
}

/// How long a recording of so many bytes lasts, in the formats that clients send most.
fn recording_of(bytes: usize) -> String {
    const WAV_BYTES_PER_MINUTE: usize = 16_000 * 2 * 60;
    const OPUS_BYTES_PER_MINUTE: usize = 24_000 / 8 * 60;
    let (wav, opus) = (bytes / WAV_BYTES_PER_MINUTE, bytes / OPUS_BYTES_PER_MINUTE);
    format!(", which hold {wav} minutes of WAV (16 kHz, 16 bits, mono) or {opus} minutes of Opus (24 kbit/s)")
}

/// What is wrong with a JWT, as far as its bearer may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// It begins to hold later.
    NotYetValid,
    /// No key that the deployment knows verifies its signature.
    Signature,
    /// It is by another issuer.
    Issuer,
    /// It is for another audience.
    Audience,
    /// It names no user.
    NoUserId,
    /// It is an API key.
    ApiKey,
    /// Anything else.
    Other,
}

impl TokenFault {
    const fn description(self) -> Option<&'static str> {
        match self {
            Self::NotYetValid => Some("The token is not yet valid"),
            Self::Signature => Some("The signature of the token is not valid"),
            Self::Issuer => Some("The token is of another issuer"),
            Self::Audience => Some("The token is for another audience"),
            Self::NoUserId => Some("The token has no user id"),
            Self::ApiKey => Some("An API key is no token; send it in the header x-api-key"),
            Self::Other => None,
        }
    }
}

named! {
    /// The reason why a presented key is refused.
    pub enum Refusal {
        /// There is no such key, or it was deleted.
        Unknown = "unknown",
        /// The key is paused.
        Paused = "paused",
        /// The key is expired.
        Expired = "expired",
        /// The key is of type `test` and has reached its daily limit.
        Limit = "limit",
    }
}

/// The refusal of a presented key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRefused {
    /// The reason.
    pub reason: Refusal,
    /// Seconds until the key works again, if it reached a limit.
    pub retry_after: Option<u64>,
}

impl From<Refusal> for KeyRefused {
    fn from(reason: Refusal) -> Self {
        Self { reason, retry_after: None }
    }
}

/// The public part of an [`Error`], before it is written in a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The kind, which formats choose their codes by.
    pub kind: ErrorKind,
    /// The documented text.
    pub text: &'static str,
    /// The violations in the request, for 400 and 413; otherwise empty.
    pub violations: Vec<Violation>,
}

/// A rule that a request breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The JSON name of the field, the name of a parameter or header, or `body`.
    pub field: Cow<'static, str>,
    /// The rule, for a person to read.
    pub message: String,
    /// The kind of violation, which formats choose their codes by.
    pub reason: Reason,
    /// The place in the terms of the request's format, if it has its own: `MSH-12`, or a `FHIRPath` expression.
    pub at: Option<String>,
}

impl Violation {
    /// A violation located by its field alone.
    #[must_use]
    pub fn new(field: impl Into<Cow<'static, str>>, reason: Reason, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), reason, at: None }
    }

    /// Adds the place in the terms of the request's format.
    #[must_use]
    pub fn at(self, place: impl Into<String>) -> Self {
        Self { at: Some(place.into()), ..self }
    }
}

/// Violations for the log. A field name that the client chose may be a misplaced secret, and the message repeats it: neither
/// is logged.
fn redacted(violations: &[Violation]) -> String {
    let redacted = violations.iter().map(|Violation { field, message, reason, at: _ }| match field {
        Cow::Borrowed(_) => Cow::Borrowed(message.as_str()),
        Cow::Owned(_) => Cow::Owned(format!("{reason:?} of a field that the client named")),
    });
    redacted.collect::<Vec<_>>().join("; ")
}

/// The kinds of violation; HL7 table 0357 and FHIR's issue types are derived from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A required field is missing.
    Required,
    /// The value has the wrong type, or cannot be parsed as its type.
    Type,
    /// The value has the right type but is not allowed.
    Value,
    /// The field is not accepted here.
    Unknown,
    /// The query parameter is not accepted here.
    UnknownParameter,
    /// The body, or a parameter's encoding, cannot be parsed.
    Structure,
    /// Larger than allowed.
    TooLong,
    /// HL7: segments missing, repeated or out of order.
    Sequence,
    /// HL7: not a message type that this API accepts.
    MessageType,
    /// HL7: the event does not belong to the route.
    EventCode,
    /// HL7: not a production message.
    ProcessingId,
    /// HL7: not version 2.5.1.
    VersionId,
}
