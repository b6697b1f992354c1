//! A call as an endpoint sees it: typed, authenticated, and free of HTTP and formats.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::auth::Caller;
use crate::clock::Timestamp;
use crate::error::{Error, Reason};
use crate::format::{AuditPage, Content, Fields, Noted};
use crate::http::MAX_CARRIED_BYTES;
use crate::keys::{Checked, Key, KeyId, KeyPage, KeyView, Keys, Made, PlainKey, Refusal, UserId, Verification};
use crate::limits::Admission;
use crate::operation::Operation;
use crate::usage::UsageView;

/// Who may call an endpoint; `serve` demands one, so no endpoint can forget it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody with a valid JWT, within the rate limits.
    User,
    /// A service: a valid JWT with the role `service`.
    Service,
    /// Anybody with an API key, or with a valid JWT for the caller's default key; without rate limits. The key is not
    /// looked up before the endpoint asks for it by [`Call::use_key`].
    Key,
}

/// A call that passed authentication.
#[derive(Clone)]
pub struct Call {
    /// What is called.
    pub operation: Operation,
    /// Who is calling. With [`Access::Key`] it is whom the presented key names, until [`Call::use_key`] confirms it.
    pub caller: Caller,
    /// When the call began.
    pub now: DateTime<Utc>,
    /// The id that the response carries as `x-request-id`.
    pub request_id: String,
    /// The caller's address.
    pub source_ip: Option<String>,
    /// Whether the call is within the caller's rate limits; every write waits for it.
    pub admission: Admission,
    /// The header `Idempotency-Key`, as it is; empty when it is not ASCII.
    pub(crate) idempotency_key: Option<String>,
    pub(crate) path: HashMap<String, String>,
    pub(crate) query: HashMap<String, Vec<String>>,
    pub(crate) fields: Fields,
    pub(crate) form: Form,
    pub(crate) presented: Option<PlainKey>,
}

/// The body of an operation that takes a form, as it was sent.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// The header `Content-Type`, which says how the body is to be read.
    pub content_type: Option<String>,
    /// The body.
    pub bytes: Bytes,
}

/// The part of a list that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// At most so many, 1 to 1,000; all without it.
    pub limit: Option<u32>,
    /// Only what follows this.
    pub cursor: Option<Cursor>,
}

/// A place in a list. Its text is opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// The place after an element.
    pub fn after(element: &impl ToString) -> Self {
        Self(element.to_string())
    }

    /// The element's name.
    #[must_use]
    pub fn element(&self) -> &str {
        &self.0
    }

    /// The text for clients.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0)
    }

    fn decode(text: &str) -> Option<Self> {
        String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok().map(Self)
    }

    /// What a client is told whose cursor is not one of ours.
    #[must_use]
    pub fn invalid() -> Error {
        Error::invalid("cursor", Reason::Value, "cursor must be one that a Link header gave")
    }
}

impl Call {
    /// The time of the call, in whole seconds.
    ///
    /// # Panics
    ///
    /// After the year 9999.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        Timestamp::from_time(self.now).expect("the clock is before the year 10000")
    }

    /// The key's id in the path.
    ///
    /// # Errors
    ///
    /// If it is not a positive integer below 2^53.
    pub fn key_id(&self) -> Result<KeyId, Error> {
        self.path_id("id", KeyId::parse)
    }

    /// The user's id in the path.
    ///
    /// # Errors
    ///
    /// If it is not a positive integer below 2^53.
    pub fn user_id(&self) -> Result<UserId, Error> {
        self.path_id("user_id", UserId::parse)
    }

    fn path_id<T>(&self, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
        self.path.get(name).and_then(|text| parse(text)).ok_or_else(|| {
            Error::invalid(
                name,
                Reason::Type,
                format!("{name} in the path must be an integer from 1 to 9007199254740991"),
            )
        })
    }

    /// The page asked for by `limit` and `cursor`.
    ///
    /// # Errors
    ///
    /// If one of them is wrong.
    pub fn page(&self) -> Result<PageRequest, Error> {
        let limit = match self.parameter("limit")? {
            None => None,
            Some(text) => {
                let digits = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
                let limit = text.parse().ok().filter(|limit| digits && (1..=1_000).contains(limit));
                let invalid = || Error::invalid("limit", Reason::Value, "limit must be an integer from 1 to 1000");
                Some(limit.ok_or_else(invalid)?)
            }
        };
        let cursor = self.parameter("cursor")?.map(|text| Cursor::decode(text).ok_or_else(Cursor::invalid));
        Ok(PageRequest { limit, cursor: cursor.transpose()? })
    }

    /// A parameter of the query that may be there once.
    fn parameter(&self, name: &'static str) -> Result<Option<&str>, Error> {
        match self.query.get(name).map(Vec::as_slice) {
            None | Some([]) => Ok(None),
            Some([value]) => Ok(Some(value)),
            Some(_) => Err(Error::invalid(name, Reason::Structure, format!("{name} must not be repeated"))),
        }
    }

    /// What is asked for, in words that are the same in every format: two calls with the same words are the same call.
    pub(crate) fn canonical(&self) -> String {
        let id = self.path.get("id").map(String::as_str).unwrap_or_default();
        format!("{} {id} {}", self.operation.name(), self.fields.canonical())
    }

    /// Reads the endpoint's input from the body.
    ///
    /// # Errors
    ///
    /// If a field is missing, wrong or unknown; all such fields are named.
    pub fn read<T>(&self, input: impl FnOnce(&mut Fields) -> Result<T, Noted>) -> Result<T, Error> {
        self.fields.clone().read(input)
    }

    /// The form in the body.
    ///
    /// # Errors
    ///
    /// If it is larger than `limit` bytes.
    pub fn form(&self, limit: usize) -> Result<&Form, Error> {
        if self.form.bytes.len() > limit { Err(Error::TooLarge { limit }) } else { Ok(&self.form) }
    }

    /// Checks the presented key, or else the caller's default key, and counts the use.
    ///
    /// # Errors
    ///
    /// If there is no such key or it does not work, or when the table fails; no use is counted then.
    pub async fn use_key(&self, keys: &Keys) -> Result<Key, Error> {
        let now = self.timestamp();
        let checked = match &self.presented {
            Some(key) => keys.check(key.reveal(), now).await?,
            None => keys.use_default(self.caller.user_id, now).await?,
        };
        match checked {
            Checked::Accepted(key) => Ok(*key),
            // The default key was deleted while it was looked up: nobody presented a wrong one.
            Checked::Refused(Refusal::Unknown) if self.presented.is_none() => Err(Error::NoDefault),
            Checked::Refused(refusal) => Err(refusal.error(now)),
        }
    }
}

/// What an endpoint answers when it succeeds.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) payload: Payload,
    pub(crate) created: Option<KeyId>,
    pub(crate) next: Option<String>,
    pub(crate) replayed: bool,
}

/// What a reply holds.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    /// Something of ours, in the format that the client asked for.
    Content(Content),
    /// The answer of a service behind ours, as it is.
    Foreign {
        /// The key that was used.
        key_id: KeyId,
        /// Its `Content-Type`.
        content_type: String,
        /// Its body.
        body: Bytes,
    },
}

impl Reply {
    fn new(status: u16, content: Content) -> Self {
        Self { status, payload: Payload::Content(content), created: None, next: None, replayed: false }
    }

    /// The answer of a service behind ours, unchanged. `status` is from 200 to 599.
    ///
    /// # Errors
    ///
    /// If it is larger than Lambda returns.
    pub fn passed_on(key_id: KeyId, status: u16, content_type: String, body: Bytes) -> Result<Self, Error> {
        if carried_len(&body) > MAX_CARRIED_BYTES {
            return Err(Error::TranscriptionFailed(Cow::Borrowed("the answer is larger than Lambda returns")));
        }
        let payload = Payload::Foreign { key_id, content_type, body };
        Ok(Self { status, payload, created: None, next: None, replayed: false })
    }

    /// The one key it speaks of, if it does.
    pub(crate) fn key_id(&self) -> Option<KeyId> {
        match &self.payload {
            Payload::Content(Content::Key(key)) => Some(key.id),
            Payload::Content(Content::Usage(usage)) => Some(usage.id),
            Payload::Content(Content::Verification(Verification::Valid { id, .. })) => Some(*id),
            Payload::Foreign { key_id, .. } => Some(*key_id),
            Payload::Content(
                Content::Verification(Verification::Invalid(_))
                | Content::Keys(_)
                | Content::Deleted
                | Content::Audit(_)
                | Content::Problem(_),
            ) => None,
        }
    }

    /// Why the key that was to be verified is not valid, if that is what it says.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        if let Payload::Content(Content::Verification(Verification::Invalid(refusal))) = &self.payload {
            Some(*refusal)
        } else {
            None
        }
    }

    /// 200 with a key.
    #[must_use]
    pub fn key(key: KeyView) -> Self {
        Self::new(200, Content::Key(Box::new(key)))
    }

    /// 201 with a new key and its place.
    #[must_use]
    pub fn created(Made { key, replayed }: Made) -> Self {
        Self { created: Some(key.id), replayed, ..Self::new(201, Content::Key(Box::new(key))) }
    }

    /// 200 with a key that has a new string.
    #[must_use]
    pub fn rotated(Made { key, replayed }: Made) -> Self {
        Self { replayed, ..Self::key(key) }
    }

    /// 200 with the use of a key.
    #[must_use]
    pub fn usage(usage: UsageView) -> Self {
        Self::new(200, Content::Usage(usage))
    }

    /// 200 with what a check of a key found.
    #[must_use]
    pub fn verification(verification: Verification) -> Self {
        Self::new(200, Content::Verification(verification))
    }

    /// 200 with a page of keys.
    #[must_use]
    pub fn keys(page: KeyPage) -> Self {
        Self { next: page.next.clone(), ..Self::new(200, Content::Keys(page)) }
    }

    /// 200 for a deleted key.
    #[must_use]
    pub fn deleted() -> Self {
        Self::new(200, Content::Deleted)
    }

    /// 200 with a page of audit entries.
    #[must_use]
    pub fn audit(page: AuditPage) -> Self {
        Self { next: page.next.clone(), ..Self::new(200, Content::Audit(page)) }
    }
}

/// The length of a body as Lambda carries it: text as a JSON string, else base64.
fn carried_len(body: &[u8]) -> usize {
    if std::str::from_utf8(body).is_err() {
        return body.len().div_ceil(3) * 4;
    }
    let escaped_len = |byte: &u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    };
    body.iter().map(escaped_len).sum()
}
