//! Encryption at rest: key strings are sealed with AES-256-GCM (NIST SP 800-38D) under a data key.
//!
//! Data keys come from KMS. Their wrapped copies are in the table, by version; each is unwrapped once per container.
//! A new version is made once the newest is older than [`DATA_KEY_LIFETIME`]; old ones stay, for what they sealed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce};
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use aws_types::SdkConfig;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::try_join_all;
use tokio::sync::RwLock;
use zeroize::Zeroizing;

use super::aws_requests::Request as _;
use super::data_key::{DataKey, Ring};
use super::item::{Item, number};
use super::pages;
use super::primary_key::{DATA_KEY_PREFIX, PrimaryKey};
use super::table::{Table, failure};
use crate::clock::Random;
use crate::damage::{Damaged, note};
use crate::error::Error;
use crate::ids::Locator;
use crate::keys::{PlainKey, Sealed};

/// The time for which a data key seals new keys.
const DATA_KEY_LIFETIME: TimeDelta = TimeDelta::days(365);

/// A version, and its key unless it is damaged.
type Unwrapped = (u32, Result<DataKey, Damaged>);

/// Errors of KMS by which it says that it cannot unwrap a data key, and never will.
const NOT_OURS: [&str; 2] = ["IncorrectKeyException", "InvalidCiphertextException"];

/// The longest ciphertext that KMS takes, in bytes.
const MAX_WRAPPED: usize = 6_144;

/// Seals and opens key strings.
pub struct Vault {
    table: Table,
    sdk: SdkConfig,
    kms: OnceLock<aws_sdk_kms::Client>,
    kms_key_id: String,
    /// The name that wrapped data keys are bound to. It survives a restore of the table under another name.
    name: String,
    /// `None` until the data keys have been read.
    ring: RwLock<Option<Ring>>,
}

impl Vault {
    /// A vault whose data keys are wrapped by a KMS key; nothing is called yet.
    #[must_use]
    pub fn new(table: Table, sdk: SdkConfig, kms_key_id: String, name: String) -> Self {
        Self { table, sdk, kms: OnceLock::new(), kms_key_id, name, ring: RwLock::new(None) }
    }

    /// The same, already holding a data key, so that the table is not asked for it.
    #[must_use]
    pub fn holding(self, version: u32, key: DataKey) -> Self {
        let keys = BTreeMap::from([(version, Arc::new(key))]);
        Self { ring: RwLock::new(Some(Ring { keys, ..Ring::default() })), ..self }
    }

    /// Reads and unwraps the data keys once. Endpoints do this in parallel with their first read.
    ///
    /// # Errors
    ///
    /// If the table or KMS fails.
    pub async fn ready(&self) -> Result<(), Error> {
        if self.ring.read().await.is_some() {
            return Ok(());
        }
        let mut ring = self.ring.write().await;
        if ring.is_none() {
            *ring = Some(self.load().await?);
        }
        Ok(())
    }

    /// Seals a key string.
    ///
    /// # Errors
    ///
    /// If no data key can be read or made.
    pub async fn seal(
        &self,
        key: &PlainKey,
        locator: Locator,
        random: &Random,
        now: DateTime<Utc>,
    ) -> Result<Sealed, Error> {
        let (version, data_key) = self.current(now).await?;
        let nonce: [u8; NONCE_LEN] = random.bytes();
        // Encrypted in place, so that no copy of the plain text is left.
        let mut sealed = std::mem::take(&mut *key.secret_part()).into_bytes();
        let tag = data_key
            .cipher
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), associated_data(locator), &mut sealed)
            .map_err(|_| Error::Failed(Cow::Borrowed("a key could not be sealed")))?;
        let ciphertext = [nonce.as_slice(), &sealed, tag.as_ref()].concat();
        Ok(Sealed { data_key: version, ciphertext })
    }

    /// Opens a sealed key string.
    ///
    /// # Errors
    ///
    /// If it was not sealed for this key, or the data key cannot be read.
    pub async fn open(&self, sealed: &Sealed, locator: Locator) -> Result<PlainKey, Error> {
        let damaged = || Damaged::key(locator, "ciphertext");
        let data_key = self.version(sealed.data_key, locator).await?;
        let (nonce, ciphertext) = sealed.ciphertext.split_first_chunk::<NONCE_LEN>().ok_or_else(damaged)?;
        let mut part = Zeroizing::new(ciphertext.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let part = data_key.cipher.open_in_place(nonce, associated_data(locator), &mut part).map_err(|_| damaged())?;
        let part = std::str::from_utf8(part).ok().and_then(|part| PlainKey::from_secret_part(part, locator));
        Ok(part.ok_or_else(damaged)?)
    }

    /// The version by which a key says that it is sealed.
    async fn version(&self, version: u32, locator: Locator) -> Result<Arc<DataKey>, Error> {
        self.ready().await?;
        let known =
            |ring: &Ring| ring.keys.get(&version).map(Arc::clone).ok_or_else(|| ring.damaged.get(&version).cloned());
        match self.ring.read().await.as_ref().map(known) {
            Some(Ok(key)) => return Ok(key),
            Some(Err(Some(damaged))) => return Err(damaged.into()),
            Some(Err(None)) | None => {}
        }
        // Made by another container since this one read them.
        let loaded = self.load().await?;
        let mut ring = self.ring.write().await;
        let found = known(ring.insert(loaded));
        found.map_err(|damaged| damaged.unwrap_or_else(|| Damaged::key(locator, "data_key")).into())
    }

    async fn current(&self, now: DateTime<Utc>) -> Result<(u32, Arc<DataKey>), Error> {
        self.ready().await?;
        // A time of creation in the future is as good as none.
        let fresh = |(_, key): &(u32, Arc<DataKey>)| (now - key.created_at).abs() < DATA_KEY_LIFETIME;
        if let Some(current) = self.ring.read().await.as_ref().and_then(Ring::newest).filter(fresh) {
            return Ok(current);
        }
        let mut ring = self.ring.write().await;
        if let Some(current) = ring.as_ref().and_then(Ring::newest).filter(fresh) {
            return Ok(current);
        }
        let version = ring.as_ref().map_or(Some(1), Ring::next_version);
        let version = version.ok_or(Error::Failed(Cow::Borrowed("the versions of data keys are used up")))?;
        self.generate(version, now).await?;
        // Read back rather than kept: of two containers that make a version at once, one stores its own, and both use it.
        let ring = ring.insert(self.load().await?);
        ring.newest().ok_or(Error::Failed(Cow::Borrowed("no data key after one was made")))
    }

    async fn load(&self) -> Result<Ring, Error> {
        let query = self
            .table
            .query()
            .consistent_read(true)
            .key_condition_expression("PK = :system AND begins_with(SK, :prefix)")
            .expression_attribute_values(":system", AttributeValue::S(PrimaryKey::SYSTEM.to_owned()))
            .expression_attribute_values(":prefix", AttributeValue::S(DATA_KEY_PREFIX.to_owned()));
        let (items, _) = pages::all_or_some(None, None, |start, limit| {
            query.clone().set_exclusive_start_key(start).set_limit(limit).send_boxed()
        })
        .await?;
        let mut ring = Ring::default();
        for (version, unwrapped) in try_join_all(items.iter().filter_map(|item| self.unwrap(item))).await? {
            match unwrapped {
                Ok(key) => drop(ring.keys.insert(version, Arc::new(key))),
                Err(damaged) => {
                    note(damaged.clone());
                    ring.damaged.insert(version, damaged);
                }
            }
        }
        // That none can be unwrapped is the fault of the settings or of KMS: lists must not be empty then.
        match ring.damaged.first_key_value() {
            Some((_, damaged)) if ring.keys.is_empty() => Err(damaged.clone().into()),
            _ => Ok(ring),
        }
    }

    /// Unwraps the data key of an item, whose sort key says the version.
    fn unwrap(&self, item: &Item) -> Option<impl Future<Output = Result<Unwrapped, Error>>> {
        let Some(version) = PrimaryKey::parse_data_key(item) else {
            note(Damaged::new("a data key", "SK"));
            return None;
        };
        let damaged = move |name| Damaged::new(format!("data key {version}"), name);
        let wrapped = item.get("wrapped").and_then(|wrapped| wrapped.as_b().ok()).map(AsRef::<[u8]>::as_ref);
        let wrapped = wrapped.filter(|wrapped| (1..=MAX_WRAPPED).contains(&wrapped.len()));
        let wrapped = wrapped.map(Blob::new).ok_or_else(|| damaged("wrapped"));
        let created_at = item.get("created_at").and_then(number).and_then(|at| DateTime::from_timestamp(at, 0));
        // It opens what it sealed all the same, but seals nothing more.
        let created_at = created_at.unwrap_or_else(|| {
            note(damaged("created_at"));
            DateTime::UNIX_EPOCH
        });
        Some(async move {
            let wrapped = match wrapped {
                Ok(wrapped) => wrapped,
                Err(damaged) => return Ok((version, Err(damaged))),
            };
            let decrypt = self
                .kms()
                .decrypt()
                .key_id(&self.kms_key_id)
                .set_encryption_context(Some(self.encryption_context()))
                .ciphertext_blob(wrapped);
            let plaintext = match decrypt.send_boxed().await {
                Ok(output) => output.plaintext,
                Err(error) if error.code().is_some_and(|code| NOT_OURS.contains(&code)) => None,
                Err(error) => return Err(failure(&error)),
            };
            let key =
                plaintext.and_then(|plaintext| DataKey::new(&Zeroizing::new(plaintext.into_inner()), created_at).ok());
            Ok((version, key.ok_or_else(|| damaged("wrapped"))))
        })
    }

    /// Stores a new version; if another container was faster, its version stays.
    async fn generate(&self, version: u32, now: DateTime<Utc>) -> Result<(), Error> {
        let generate = self
            .kms()
            .generate_data_key_without_plaintext()
            .key_id(&self.kms_key_id)
            .key_spec(DataKeySpec::Aes256)
            .set_encryption_context(Some(self.encryption_context()));
        let wrapped = generate.send_boxed().await.map_err(|error| failure(&error))?.ciphertext_blob;
        let wrapped = wrapped.ok_or(Error::Failed(Cow::Borrowed("KMS made no data key")))?;
        let mut item = Item::from(PrimaryKey::data_key(version));
        item.insert("created_at".to_owned(), AttributeValue::N(now.timestamp().to_string()));
        item.insert("wrapped".to_owned(), AttributeValue::B(Blob::new(wrapped)));
        let put = self.table.put_item(item);
        match put.condition_expression("attribute_not_exists(PK)").send_boxed().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
                Ok(())
            }
            Err(error) => Err(failure(&error)),
        }
    }

    fn kms(&self) -> &aws_sdk_kms::Client {
        self.kms.get_or_init(|| aws_sdk_kms::Client::new(&self.sdk))
    }

    /// Binds a wrapped data key to this vault: KMS does not unwrap it for anything else.
    fn encryption_context(&self) -> std::collections::HashMap<String, String> {
        [("application", "nuxera-api-keys"), ("vault", &self.name)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }
}

/// Binds a ciphertext to its record: it cannot be moved to another one.
fn associated_data(locator: Locator) -> Aad<String> {
    Aad::from(format!("{}#{}", locator.user_id, locator.key_id))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;
    use crate::checksum::Checksums;
    use crate::ids::{KeyId, UserId};
    use crate::keys::Prefix;

    /// A vault that holds version 1 of the data key, and cannot ask for another one.
    fn vault(data_key: [u8; 32]) -> Vault {
        let sdk = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).region(Region::new("eu-central-1"));
        let sdk = sdk.build();
        let table = Table::new(aws_sdk_dynamodb::Client::new(&sdk), "keys");
        let data_key = DataKey::new(&data_key, DateTime::UNIX_EPOCH).expect("256 bits");
        Vault::new(table, sdk, "alias/keys".to_owned(), "keys".to_owned()).holding(1, data_key)
    }

    fn locator(user_id: u64, key_id: u64) -> Locator {
        Locator { user_id: UserId::new(user_id).expect("an id"), key_id: KeyId::new(key_id).expect("an id") }
    }

    fn plain(prefix: Prefix, locator: Locator) -> PlainKey {
        let checksums = Checksums::parse(&"s".repeat(32)).expect("a secret");
        PlainKey::generate(prefix, locator, &Random::system(), &checksums)
    }

    fn seal(vault: &Vault, key: &PlainKey, locator: Locator) -> Sealed {
        let sealed = vault.seal(key, locator, &Random::system(), DateTime::UNIX_EPOCH).now_or_never();
        sealed.expect("there is nothing to wait for").expect("a data key")
    }

    fn open(vault: &Vault, sealed: &Sealed, locator: Locator) -> Result<PlainKey, String> {
        let opened = vault.open(sealed, locator).now_or_never().expect("there is nothing to wait for");
        opened.map_err(|error| error.to_string())
    }

    fn altered(sealed: &Sealed, ciphertext: Vec<u8>) -> Sealed {
        Sealed { ciphertext, ..sealed.clone() }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_sealed_for_a_record_opens_for_it_alone(user_id in 1..1_000_u64, key_id in 1..1_000_u64, live: bool) {
            let (vault, place) = (vault([7; 32]), locator(user_id, key_id));
            let key = plain(if live { Prefix::Live } else { Prefix::Test }, place);
            let sealed = seal(&vault, &key, place);
            prop_assert_eq!(open(&vault, &sealed, place), Ok(key.clone()));
            // The last two would have the same digits one after the other.
            for (user_id, key_id) in
                [(user_id + 1, key_id), (user_id, key_id + 1), (key_id * 1_000 + 1, user_id), (user_id * 10 + 1, key_id)]
            {
                let refused = open(&vault, &sealed, locator(user_id, key_id));
                prop_assert!(refused.is_err_and(|error| !error.contains(&key.secret_part()[1..])));
            }
        }

        #[test]
        fn neither_text_nor_debug_of_what_is_sealed_holds_the_secret(user_id in 1..1_000_u64) {
            let (vault, place) = (vault([7; 32]), locator(user_id, 1));
            let key = plain(Prefix::Live, place);
            let sealed = seal(&vault, &key, place);
            let secret = key.secret_part();
            prop_assert!(!sealed.ciphertext.windows(4).any(|part| secret.as_bytes().windows(4).any(|four| four == part)));
            prop_assert_eq!(format!("{sealed:?}"), "Sealed(data key 1)");
        }
    }

    #[test]
    fn a_ciphertext_with_any_bit_flipped_is_refused() {
        let (vault, place) = (vault([7; 32]), locator(7, 1));
        let sealed = seal(&vault, &plain(Prefix::Live, place), place);
        for bit in 0..sealed.ciphertext.len() * 8 {
            let mut ciphertext = sealed.ciphertext.clone();
            ciphertext[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&vault, &altered(&sealed, ciphertext), place).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_ciphertext_of_another_length_is_refused() {
        let (vault, place) = (vault([7; 32]), locator(7, 1));
        let sealed = seal(&vault, &plain(Prefix::Live, place), place);
        for length in 0..sealed.ciphertext.len() {
            assert!(open(&vault, &altered(&sealed, sealed.ciphertext[..length].to_vec()), place).is_err(), "{length}");
        }
        let longer = [sealed.ciphertext.as_slice(), &[0]].concat();
        assert!(open(&vault, &altered(&sealed, longer), place).is_err());
    }

    #[test]
    fn every_sealing_has_its_own_nonce_and_ciphertext() {
        let (vault, place) = (vault([7; 32]), locator(7, 1));
        let key = plain(Prefix::Live, place);
        let ciphertexts: Vec<Vec<u8>> = (0..100).map(|_| seal(&vault, &key, place).ciphertext).collect();
        for part in [0..NONCE_LEN, NONCE_LEN..ciphertexts[0].len()] {
            let distinct: std::collections::HashSet<&[u8]> =
                ciphertexts.iter().map(|ciphertext| &ciphertext[part.clone()]).collect();
            assert_eq!(distinct.len(), ciphertexts.len(), "bytes {part:?}");
        }
    }

    #[test]
    fn another_data_key_does_not_open_it() {
        let place = locator(7, 1);
        let sealed = seal(&vault([7; 32]), &plain(Prefix::Live, place), place);
        assert!(open(&vault([8; 32]), &sealed, place).is_err());
        assert!(DataKey::new(&[7; 16], DateTime::UNIX_EPOCH).is_err(), "128 bits");
    }
}
