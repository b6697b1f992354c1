//! A key string that a client presents.

use crate::clock::Timestamp;
use crate::error::{Error, Refusal};
use crate::keys::{Checked, Key};
use crate::store::{Claim, Keys};

/// The header of a client's key.
pub(super) const API_KEY: &str = "x-api-key";

/// A string that can be a key's, and the place that it claims. Until the key is checked, nothing it says is a fact.
pub struct PresentedKey(pub(super) Claim);

impl PresentedKey {
    /// Reads the value of a header `x-api-key`. Nothing is looked up, unless the string is from before this service.
    ///
    /// # Errors
    ///
    /// If there is none, or the deployment neither issued nor imported it; or when the table fails.
    pub async fn read(header: Option<&str>, keys: &Keys) -> Result<Self, Error> {
        let string = header.map(str::trim).filter(|string| !string.is_empty()).ok_or(Error::KeyRequired)?;
        keys.locate(string).await?.map(Self).ok_or(Error::KeyRefused(Refusal::Unknown.into()))
    }

    /// Checks the key, and counts the use.
    ///
    /// # Errors
    ///
    /// If it does not work, or when the table fails; no use is counted then.
    pub async fn check(&self, keys: &Keys, now: Timestamp) -> Result<Key, Error> {
        match keys.check_key(self.0, now).await? {
            Checked::Accepted(key) => Ok(*key),
            Checked::Refused(refused) => Err(Error::KeyRefused(refused)),
        }
    }
}
