//! Pages of lists, and the cursors that lead to the next one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Timestamp;
use crate::error::{Error, Reason};
use crate::ids::KeyId;
use crate::keys::audit::Entry;
use crate::keys::key::Key;
use crate::keys::key_type::KeyType;
use crate::keys::status::Status;
use crate::keys::view::KeyView;

/// The most elements of a page, also of one for which no limit was requested: more might exceed the 6 MB of a response.
pub const MAX_PAGE: u32 = 1_000;

/// The requested page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The size of the page, 1 to [`MAX_PAGE`].
    pub limit: u32,
    /// The place after which the page starts.
    pub cursor: Option<Cursor>,
}

/// The keys that a list is to hold; an empty condition is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFilter {
    /// Keys with one of these ids.
    pub ids: Vec<KeyId>,
    /// Keys with one of these statuses.
    pub statuses: Vec<Status>,
    /// Keys of one of these types.
    pub kinds: Vec<KeyType>,
}

impl KeyFilter {
    /// Whether it holds back nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a key meets all conditions.
    #[must_use]
    pub fn admits(&self, key: &Key, now: Timestamp) -> bool {
        let Self { ids, statuses, kinds } = self;
        (ids.is_empty() || ids.contains(&key.id))
            && (statuses.is_empty() || statuses.contains(&key.status(now)))
            && (kinds.is_empty() || kinds.contains(&key.kind))
    }

    /// The first and the last key that it may admit, if it names them.
    #[must_use]
    pub fn bounds(&self) -> Option<(KeyId, KeyId)> {
        Some((*self.ids.iter().min()?, *self.ids.iter().max()?))
    }
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

    /// Reads the text that a client sent.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok().map(Self)
    }

    /// The error for a cursor that the service did not issue.
    #[must_use]
    pub fn invalid() -> Error {
        Error::invalid("cursor", Reason::Value, "cursor must come from a Link header")
    }
}

/// A page of a user's keys, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys.
    pub keys: Vec<KeyView>,
    /// The number of keys on all pages, unless nobody has counted them.
    pub total: Option<u64>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

/// A page of audit entries, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<Entry>,
    /// The cursor of the next page.
    pub next: Option<String>,
}
