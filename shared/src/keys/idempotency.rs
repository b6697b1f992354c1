//! Requests that may be repeated: by the header `Idempotency-Key`, or by the identity of their message.

use aws_lc_rs::digest;

use crate::error::{Error, Reason};
use crate::keys::free_text::holds_key_string;
use crate::keys::view::KeyView;

/// The time for which an outcome is replayed, in seconds.
pub const SECONDS_KEPT: i64 = 24 * 60 * 60;
/// The longest `Idempotency-Key`, in characters.
const MAX_CHARS: usize = 255;

/// A key with a new string: just issued, or issued by an earlier request with the same `Idempotency-Key`.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The key.
    pub key: KeyView,
    /// Whether an earlier request issued it.
    pub replayed: bool,
}

impl Issued {
    /// A key that this request issued.
    #[must_use]
    pub fn new(key: KeyView) -> Self {
        Self { key, replayed: false }
    }
}

/// What a request is repeated under, and a fingerprint of the request.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// The value of the header `Idempotency-Key`, or the identity of a message.
    pub key: String,
    /// SHA-256 of the request in its canonical form.
    pub fingerprint: Vec<u8>,
}

impl Idempotency {
    /// Reads the header's value; `canonical` is the same for requests that ask for the same.
    ///
    /// # Errors
    ///
    /// If it is not 1 to 255 visible ASCII characters.
    pub fn new(key: &str, canonical: &str) -> Result<Self, Error> {
        if key.is_empty() || key.len() > MAX_CHARS || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = "Idempotency-Key must be 1 to 255 visible ASCII characters";
            return Err(Error::invalid("Idempotency-Key", Reason::Value, message));
        }
        if holds_key_string(key) {
            let message = "Idempotency-Key must not contain an API key";
            return Err(Error::invalid("Idempotency-Key", Reason::Value, message));
        }
        Ok(Self::of_message(key, canonical))
    }

    /// Takes the identity of a message in the place of the header.
    #[must_use]
    pub fn of_message(id: &str, canonical: &str) -> Self {
        let fingerprint = digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref().to_vec();
        Self { key: id.to_owned(), fingerprint }
    }
}
