//! Replies of endpoints that succeed.

use std::borrow::Cow;

use bytes::Bytes;

use crate::error::{Error, Refusal};
use crate::format::Content;
use crate::ids::{KeyId, UserId};
use crate::keys::{AuditPage, ImportOutcome, Issued, Key, KeyPage, KeyType, KeyView, UsageView, Verification};

/// The largest body that a form or an answer passed on may be, as Lambda carries it: as text or base64 within JSON. Lambda
/// takes and returns 6 MB (6,291,456 bytes); the rest is for everything else in an event, chiefly the headers: API Gateway
/// takes 10 KB of them and lists them twice.
pub const MAX_CARRIED_BYTES: usize = 6_000_000;
/// The largest binary body within it: base64 writes four bytes for three.
pub const MAX_BINARY_BYTES: usize = MAX_CARRIED_BYTES / 4 * 3;

/// The reply of an endpoint that succeeds.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) payload: Payload,
    pub(crate) created: Option<KeyId>,
    pub(crate) next: Option<String>,
    pub(crate) replayed: bool,
}

/// The payload of a reply.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    /// Content of this service, in the format that the client asked for.
    Content(Content),
    /// The outcomes of an import, in JSON.
    Imported(Vec<ImportOutcome>),
    /// The answer of a service behind this one, unchanged.
    Upstream {
        /// The key that was used.
        key_id: KeyId,
        /// Its `Content-Type`.
        content_type: String,
        /// Its body.
        body: Bytes,
    },
    /// The key of a request to another service, in headers, where a proxy takes it from.
    Authorization {
        /// The owner.
        user_id: UserId,
        /// The key's id.
        key_id: KeyId,
        /// Its type.
        kind: KeyType,
    },
}

impl Payload {
    /// The version of the one key in it.
    pub(super) fn version(&self) -> Option<u64> {
        match self {
            Self::Content(Content::Key(key) | Content::Created(key)) => Some(key.version),
            Self::Content(_) | Self::Imported(_) | Self::Upstream { .. } | Self::Authorization { .. } => None,
        }
    }

    /// The same with the number of a list's elements alone.
    pub(super) fn without_elements(self) -> Self {
        match self {
            Self::Content(Content::Keys(page)) => {
                Self::Content(Content::Keys(KeyPage { keys: Vec::new(), next: None, ..page }))
            }
            other @ (Self::Content(_) | Self::Imported(_) | Self::Upstream { .. } | Self::Authorization { .. }) => {
                other
            }
        }
    }
}

impl Reply {
    fn new(status: u16, content: Content) -> Self {
        Self { status, payload: Payload::Content(content), created: None, next: None, replayed: false }
    }

    /// The answer of a service behind this one, unchanged. `status` is from 200 to 599.
    ///
    /// # Errors
    ///
    /// If it is larger than Lambda returns.
    pub fn passed_on(key_id: KeyId, status: u16, content_type: String, body: Bytes) -> Result<Self, Error> {
        if carried_len(&body) > MAX_CARRIED_BYTES {
            return Err(Error::TranscriptionFailed(Cow::Borrowed("the answer is larger than Lambda returns")));
        }
        let payload = Payload::Upstream { key_id, content_type, body };
        Ok(Self { status, payload, created: None, next: None, replayed: false })
    }

    /// The one key in the reply, if there is one.
    pub(crate) fn key_id(&self) -> Option<KeyId> {
        match &self.payload {
            Payload::Content(Content::Key(key) | Content::Created(key)) => Some(key.id),
            Payload::Content(Content::Usage(usage)) => Some(usage.id),
            Payload::Content(Content::Verification(Verification::Valid { id, .. })) => Some(*id),
            Payload::Upstream { key_id, .. } | Payload::Authorization { key_id, .. } => Some(*key_id),
            Payload::Content(
                Content::Verification(Verification::Invalid(_))
                | Content::Keys(_)
                | Content::Deleted
                | Content::Audit(_)
                | Content::Problem(_),
            )
            | Payload::Imported(_) => None,
        }
    }

    /// The reason of a verification that found the key invalid.
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

    /// 201 with a new key and its `Location`.
    #[must_use]
    pub fn created(Issued { key, replayed }: Issued) -> Self {
        Self { created: Some(key.id), replayed, ..Self::new(201, Content::Created(Box::new(key))) }
    }

    /// 200 with a key that has a new string.
    #[must_use]
    pub fn rotated(Issued { key, replayed }: Issued) -> Self {
        Self { replayed, ..Self::key(key) }
    }

    /// 200 with the usage of a key.
    #[must_use]
    pub fn usage(usage: UsageView) -> Self {
        Self::new(200, Content::Usage(usage))
    }

    /// 200 with the outcome of a check.
    #[must_use]
    pub fn verification(verification: Verification) -> Self {
        Self::new(200, Content::Verification(verification))
    }

    /// 200 for a request whose key works.
    #[must_use]
    pub fn authorization(key: &Key) -> Self {
        let payload = Payload::Authorization { user_id: key.user_id, key_id: key.id, kind: key.kind };
        Self { status: 200, payload, created: None, next: None, replayed: false }
    }

    /// 200 with a page of keys.
    #[must_use]
    pub fn keys(page: KeyPage) -> Self {
        Self { next: page.next.clone(), ..Self::new(200, Content::Keys(page)) }
    }

    /// 200 with the outcomes of an import.
    #[must_use]
    pub fn imported(outcomes: Vec<ImportOutcome>) -> Self {
        let payload = Payload::Imported(outcomes);
        Self { status: 200, payload, created: None, next: None, replayed: false }
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
