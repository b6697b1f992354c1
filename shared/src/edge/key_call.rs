//! A call that uses an API key. Until the key is checked, nothing it says is a fact.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::presented_key::PresentedKey;
use super::subpath::Subpath;
use crate::clock::Timestamp;
use crate::error::{Error, KeyRefused, Refusal};
use crate::format::Format;
use crate::ids::UserId;
use crate::keys::{Caller, Checked, Key};
use crate::store::Keys;

/// A call with a presented API key, or with a JWT for the caller's default key. There are no rate limits.
pub struct KeyCall {
    /// The beginning of the call.
    pub now: DateTime<Utc>,
    /// The id that the response carries as `x-request-id`.
    pub request_id: String,
    /// The format that the body is announced to be in.
    pub request_format: Format,
    /// The format that the answer is to be in.
    pub response_format: Format,
    /// What the path has in the place of `{path+}`.
    pub(super) path: Option<String>,
    /// The query parameters, sorted by name.
    pub(super) query: Vec<(String, String)>,
    pub(super) body: RawBody,
    pub(super) presented: Presented,
    pub(super) verified: Verified,
}

/// The body of an operation that takes a form or anything, as it was sent.
#[derive(Clone, Debug, Default)]
pub struct RawBody {
    /// The header `Content-Type`, which says how the body is to be read.
    pub content_type: Option<String>,
    /// The body.
    pub bytes: Bytes,
}

/// The credential of a call that uses a key.
pub(super) enum Presented {
    /// A key string.
    Key(PresentedKey),
    /// The default key of a user whose JWT was verified.
    Default(Caller),
}

/// Whether the presented key was found to be one of its user's.
#[derive(Clone, Default)]
pub(super) struct Verified(Arc<AtomicBool>);

impl Verified {
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl KeyCall {
    /// The user that the credential names. A presented key only claims it, until [`KeyCall::use_key`] confirms it.
    #[must_use]
    pub fn claimed_user(&self) -> UserId {
        match &self.presented {
            Presented::Key(PresentedKey(claim)) => claim.locator.user_id,
            Presented::Default(caller) => caller.user_id,
        }
    }

    /// The body.
    ///
    /// # Errors
    ///
    /// If it is larger than `limit` bytes.
    pub fn body(&self, limit: usize) -> Result<&RawBody, Error> {
        if self.body.bytes.len() > limit { Err(Error::TooLarge { limit }) } else { Ok(&self.body) }
    }

    /// The end of the path, on a route with `{path+}`.
    ///
    /// # Errors
    ///
    /// If it may not be passed on.
    pub fn subpath(&self) -> Result<Subpath, Error> {
        Subpath::read(self.path.as_deref().unwrap_or_default())
    }

    /// The query parameters, sorted by name.
    #[must_use]
    pub fn query(&self) -> &[(String, String)] {
        &self.query
    }

    /// Checks the presented key, or else the caller's default key, and counts the use.
    ///
    /// # Errors
    ///
    /// If there is no such key or it does not work, or when the table fails; no use is counted then.
    ///
    /// # Panics
    ///
    /// After the year 9999.
    pub async fn use_key(&self, keys: &Keys) -> Result<Key, Error> {
        let now = self.timestamp();
        let checked = match &self.presented {
            Presented::Key(PresentedKey(claim)) => keys.check_key(*claim, now).await?,
            Presented::Default(caller) => keys.use_default(caller.user_id, now).await?,
        };
        match checked {
            Checked::Accepted(key) => {
                self.verified.0.store(true, Ordering::Relaxed);
                Ok(*key)
            }
            Checked::Refused(refused) => Err(self.refused(refused)),
        }
    }

    /// Judges the presented key, or else the caller's default key, without counting a use.
    ///
    /// # Errors
    ///
    /// As [`KeyCall::use_key`].
    ///
    /// # Panics
    ///
    /// After the year 9999.
    pub async fn judge_key(&self, keys: &Keys) -> Result<(), Error> {
        let now = self.timestamp();
        let refused = match &self.presented {
            Presented::Key(PresentedKey(claim)) => keys.judge_key(*claim, now).await?,
            Presented::Default(caller) => keys.judge_default(caller.user_id, now).await?,
        };
        match refused {
            None => {
                self.verified.0.store(true, Ordering::Relaxed);
                Ok(())
            }
            Some(refused) => Err(self.refused(refused)),
        }
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_time(self.now).expect("the clock is before the year 10000")
    }

    fn refused(&self, refused: KeyRefused) -> Error {
        match (&self.presented, refused.reason) {
            (Presented::Key(_), Refusal::Unknown) => Error::KeyRefused(refused),
            // The default key was deleted while it was looked up: nobody presented a wrong one.
            (Presented::Default(_), Refusal::Unknown) => Error::NoDefault,
            (_, Refusal::Paused | Refusal::Expired | Refusal::Limit) => {
                self.verified.0.store(true, Ordering::Relaxed);
                Error::KeyRefused(refused)
            }
        }
    }
}
