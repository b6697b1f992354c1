//! Primary keys of the table: `PK` and `SK` are spelled here and nowhere else.

use aws_lc_rs::digest;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::item::Item;
use crate::ids::{KeyId, UserId};

/// The primary key of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrimaryKey {
    partition: String,
    sort: String,
}

/// The sort keys of all of a user's keys begin with this.
pub const KEY_PREFIX: &str = "KEY#";
/// The partitions of strings from before this service begin with this.
const EXISTING_PREFIX: &str = "EXISTING#";
/// The sort keys of ranges of ids for imported keys begin with this.
const IMPORT_RANGE_PREFIX: &str = "IMPORT_RANGE#";
/// The sort keys of all data keys begin with this.
pub const DATA_KEY_PREFIX: &str = "DATA_KEY#";

impl PrimaryKey {
    /// A key record.
    #[must_use]
    pub fn key(user_id: UserId, id: KeyId) -> Self {
        // Padded to the sixteen digits of 2^53, so that keys sort by id, which is by age.
        Self { partition: Self::user_partition(user_id), sort: format!("{KEY_PREFIX}{id:0>16}") }
    }

    /// The owner and the id of a key record; `None` for another item.
    #[must_use]
    pub fn parse_key(item: &Item) -> Option<(UserId, KeyId)> {
        let part = |name: &str, prefix: &str| item.get(name)?.as_s().ok()?.strip_prefix(prefix);
        let id = part("SK", KEY_PREFIX)?.trim_start_matches('0');
        Some((UserId::parse(part("PK", "USER#")?)?, KeyId::parse(id)?))
    }

    /// A user's meta item: the default's id and the number of keys.
    #[must_use]
    pub fn meta(user_id: UserId) -> Self {
        Self { partition: Self::user_partition(user_id), sort: "META".to_owned() }
    }

    /// An audit entry.
    #[must_use]
    pub fn audit(user_id: UserId, id: KeyId, entry: Uuid) -> Self {
        Self { partition: Self::audit_partition(user_id, id), sort: entry.to_string() }
    }

    /// The counters of a user's calls in an hour (hours since 1970).
    #[must_use]
    pub fn limit(user_id: UserId, hour: i64) -> Self {
        Self { partition: format!("LIMIT#{user_id}"), sort: hour.to_string() }
    }

    /// The outcome of a request that carried an `Idempotency-Key`, which itself is not stored.
    #[must_use]
    pub fn idempotency(user_id: UserId, key: &str) -> Self {
        let digest = digest::digest(&digest::SHA256, format!("{user_id}#{key}").as_bytes());
        Self { partition: format!("IDEMPOTENCY#{user_id}"), sort: URL_SAFE_NO_PAD.encode(digest) }
    }

    /// The string that a request with an `Idempotency-Key` has issued to a key.
    #[must_use]
    pub fn issued(user_id: UserId, id: KeyId) -> Self {
        Self { partition: Self::user_partition(user_id), sort: format!("ISSUED#{id:0>16}") }
    }

    /// A journal of the sweep.
    #[must_use]
    pub fn journal(id: Uuid) -> Self {
        Self { partition: Self::SWEEP.to_owned(), sort: id.to_string() }
    }

    /// The item by which a string from before this service is found, given its keyed hash. Nothing sorts such items: each has
    /// a partition of its own.
    #[must_use]
    pub fn existing(hash: &[u8; 32]) -> Self {
        Self { partition: format!("{EXISTING_PREFIX}{}", URL_SAFE_NO_PAD.encode(hash)), sort: "KEY".to_owned() }
    }

    /// The keyed hash of such an item; `None` for another item.
    #[must_use]
    pub fn parse_existing(item: &Item) -> Option<[u8; 32]> {
        let hash = item.get("PK")?.as_s().ok()?.strip_prefix(EXISTING_PREFIX)?;
        URL_SAFE_NO_PAD.decode(hash).ok()?.try_into().ok()
    }

    /// The item that keeps the id of an imported key from being given again.
    #[must_use]
    pub fn imported_id(id: KeyId) -> Self {
        Self { partition: format!("IMPORTED_ID#{id}"), sort: "KEY".to_owned() }
    }

    /// A range of ids that are given to imported keys alone, by its last id.
    #[must_use]
    pub fn import_range(last: KeyId) -> Self {
        Self { partition: Self::SYSTEM.to_owned(), sort: Self::import_range_sort(last) }
    }

    /// The beginning of the sort keys of all such ranges.
    #[must_use]
    pub fn import_ranges() -> String {
        IMPORT_RANGE_PREFIX.to_owned()
    }

    /// The sort key of such a range: they are in the order of their ids.
    #[must_use]
    pub fn import_range_sort(last: KeyId) -> String {
        format!("{IMPORT_RANGE_PREFIX}{last:0>16}")
    }

    /// The last id of such a range; `None` for another item.
    #[must_use]
    pub fn parse_import_range(item: &Item) -> Option<KeyId> {
        let id = item.get("SK")?.as_s().ok()?.strip_prefix(IMPORT_RANGE_PREFIX)?;
        KeyId::parse(id.trim_start_matches('0'))
    }

    /// The turn of the import that runs.
    #[must_use]
    pub fn import_turn() -> Self {
        Self { partition: Self::SYSTEM.to_owned(), sort: "IMPORT".to_owned() }
    }

    /// The counter of key ids.
    #[must_use]
    pub fn next_id() -> Self {
        Self { partition: Self::SYSTEM.to_owned(), sort: "NEXT_ID".to_owned() }
    }

    /// A wrapped data key.
    #[must_use]
    pub fn data_key(version: u32) -> Self {
        Self { partition: Self::SYSTEM.to_owned(), sort: format!("{DATA_KEY_PREFIX}{version:0>10}") }
    }

    /// The version of a wrapped data key; `None` for another item.
    #[must_use]
    pub fn parse_data_key(item: &Item) -> Option<u32> {
        item.get("SK")?.as_s().ok()?.strip_prefix(DATA_KEY_PREFIX)?.parse().ok()
    }

    /// The partition of items that belong to no user.
    pub const SYSTEM: &'static str = "SYSTEM";

    /// The partition of the sweep's journals.
    pub const SWEEP: &'static str = "SWEEP";

    /// The partition of a user's keys.
    #[must_use]
    pub fn user_partition(user_id: UserId) -> String {
        format!("USER#{user_id}")
    }

    /// The partition of a key's audit trail.
    #[must_use]
    pub fn audit_partition(user_id: UserId, id: KeyId) -> String {
        format!("AUDIT#{user_id}#{id}")
    }
}

impl From<PrimaryKey> for Item {
    fn from(PrimaryKey { partition, sort }: PrimaryKey) -> Self {
        Self::from([("PK".to_owned(), AttributeValue::S(partition)), ("SK".to_owned(), AttributeValue::S(sort))])
    }
}
