//! Data keys, unwrapped.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use chrono::{DateTime, Utc};

use crate::damage::Damaged;
use crate::error::Error;

/// An unwrapped data key.
pub struct DataKey {
    pub(super) cipher: LessSafeKey,
    pub(super) created_at: DateTime<Utc>,
}

impl DataKey {
    /// A data key of 256 bits.
    ///
    /// # Errors
    ///
    /// If the bytes are not 32.
    pub fn new(bytes: &[u8], created_at: DateTime<Utc>) -> Result<Self, Error> {
        let key = UnboundKey::new(&AES_256_GCM, bytes);
        let key = key.map_err(|_| Error::Failed(Cow::Borrowed("a data key is not 256 bits long")))?;
        Ok(Self { cipher: LessSafeKey::new(key), created_at })
    }
}

/// The data keys, by version.
#[derive(Default)]
pub(super) struct Ring {
    pub(super) keys: BTreeMap<u32, Arc<DataKey>>,
    /// Versions that cannot be used.
    pub(super) damaged: BTreeMap<u32, Damaged>,
}

impl Ring {
    pub(super) fn newest(&self) -> Option<(u32, Arc<DataKey>)> {
        self.keys.last_key_value().map(|(version, key)| (*version, key.clone()))
    }

    /// A version that no item has.
    pub(super) fn next_version(&self) -> Option<u32> {
        let last = self.keys.keys().chain(self.damaged.keys()).max();
        last.map_or(Some(1), |last| last.checked_add(1))
    }
}
