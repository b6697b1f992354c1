//! A key string that a client presents.

use crate::checksum::Checksums;
use crate::clock::Timestamp;
use crate::error::{Error, Refusal};
use crate::ids::Locator;
use crate::keys::{Checked, Key, PlainKey};
use crate::store::Keys;

/// A string that can be a key's, and the place that it claims. Until the key is checked, nothing it says is a fact.
pub struct PresentedKey {
    pub(super) key: PlainKey,
    pub(super) claimed: Locator,
}

impl PresentedKey {
    /// Reads the value of a header `x-api-key`. Nothing is looked up.
    ///
    /// # Errors
    ///
    /// If there is none, or the deployment did not issue it.
    pub fn read(header: Option<&str>, checksums: &Checksums) -> Result<Self, Error> {
        let string = header.map(str::trim).filter(|string| !string.is_empty()).ok_or(Error::KeyRequired)?;
        let (key, claimed) = PlainKey::parse(string, checksums).ok_or(Error::KeyRefused(Refusal::Unknown.into()))?;
        Ok(Self { key, claimed })
    }

    /// Checks the key, and counts the use.
    ///
    /// # Errors
    ///
    /// If it does not work, or when the table fails; no use is counted then.
    pub async fn check(&self, keys: &Keys, now: Timestamp) -> Result<Key, Error> {
        match keys.check_key(&self.key, self.claimed, now).await? {
            Checked::Accepted(key) => Ok(*key),
            Checked::Refused(refused) => Err(Error::KeyRefused(refused)),
        }
    }
}
