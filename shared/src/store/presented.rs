//! Where a presented key string leads: it names its record itself, or an item that its keyed hash finds does.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;

use super::item::{Item, count_of, number};
use super::keys::Keys;
use super::primary_key::PrimaryKey;
use crate::damage::Damaged;
use crate::error::Error;
use crate::ids::{KeyId, Locator, UserId};
use crate::keys::{Author, KeyView, PlainKey};

/// The most items that are read at once.
const MAX_BATCH: usize = 100;

/// The place that a presented string claims, and the hash by which its record knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The place of the record.
    pub locator: Locator,
    /// SHA-256 of the string or, for one from before this service, its keyed hash.
    pub hash: [u8; 32],
}

impl Keys {
    /// Finds the place that a presented string claims; `None` for one that cannot be a key. Only a string from before this
    /// service costs a read.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn locate(&self, presented: &str) -> Result<Option<Claim>, Error> {
        let checksums = self.checksums()?;
        if let Some((key, locator)) = PlainKey::parse(presented, checksums) {
            return Ok(Some(Claim { locator, hash: key.hash() }));
        }
        let Some(key) = PlainKey::existing(presented) else { return Ok(None) };
        let hashes = checksums.keyed_hashes(&key.hash());
        let items = try_join_all(hashes.iter().map(|hash| self.table.get(PrimaryKey::existing(hash)))).await?;
        let found = items.iter().zip(hashes).find_map(|(item, hash)| Some((item.as_ref()?, hash)));
        found.map(|(item, hash)| Ok(Claim { locator: place_of(item)?, hash })).transpose()
    }

    /// Finds the key of a string that works, or would if its key were active: also in its grace, paused or expired. The
    /// string is masked, and no use is counted.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn lookup(&self, author: &Author, presented: &str) -> Result<KeyView, Error> {
        let Claim { locator, hash } = self.locate(presented).await?.ok_or(Error::NotFound)?;
        let (key, meta) = self.read_one(locator).await?;
        if !key.knows(&hash, author.timestamp()) {
            return Err(Error::NotFound);
        }
        self.show_masked(author, key, &meta).await
    }

    /// The places that keyed hashes lead to, of those that do. No hash may be there twice.
    pub(super) async fn places_of(&self, hashes: Vec<[u8; 32]>) -> Result<BTreeMap<[u8; 32], Locator>, Error> {
        let batches = hashes
            .chunks(MAX_BATCH)
            .map(|hashes| self.batch_get(hashes.iter().map(|hash| PrimaryKey::existing(hash).into()).collect()));
        let items = try_join_all(batches).await?.concat();
        items.iter().map(|item| Ok((hash_of(item)?, place_of(item)?))).collect()
    }
}

/// The item by which a string from before this service is found. It is never deleted, so that the string is never given to
/// another key.
pub(super) fn existing_item(hash: &[u8; 32], place: Locator) -> Item {
    let mut item = Item::from(PrimaryKey::existing(hash));
    for (name, id) in [("user_id", place.user_id.get()), ("key_id", place.key_id.get())] {
        item.insert(name.to_owned(), count_of(id));
    }
    item
}

/// The place that such an item leads to.
pub(super) fn place_of(item: &Item) -> Result<Locator, Damaged> {
    let id = |name| item.get(name).and_then(number::<u64>);
    let user_id = id("user_id").and_then(UserId::new).ok_or_else(|| damaged("user_id"))?;
    let key_id = id("key_id").and_then(KeyId::new).ok_or_else(|| damaged("key_id"))?;
    Ok(Locator { user_id, key_id })
}

fn hash_of(item: &Item) -> Result<[u8; 32], Damaged> {
    PrimaryKey::parse_existing(item).ok_or_else(|| damaged("PK"))
}

fn damaged(name: &'static str) -> Damaged {
    Damaged::new("the item of an existing string", name)
}
