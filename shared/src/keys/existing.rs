//! Key strings from before this service. They go on working, although they say nothing about their owner and, with 64 bits,
//! could be found by trying the hashes of a stolen table: they are stored and found by a keyed hash (`checksum.rs`).

use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::error::Violation;
use crate::ids::{KeyId, UserId};
use crate::keys::audit::{Change, Changes};
use crate::keys::expiry::next_due;
use crate::keys::key::Key;
use crate::keys::key_type::KeyType;
use crate::keys::name::KeyName;
use crate::keys::secret::{EXISTING_DIGITS, Mask, PlainKey, Prefix, Secret};
use crate::keys::status::Status;
use crate::keys::usage::Usage;

/// The lengths of the groups of a UUID.
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// The largest id that an imported key may keep: far below the largest of all, so that new ids can follow.
pub const MAX_IMPORTED_ID: u64 = 1 << 48;

/// The string of an imported key, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExistingString {
    /// The whole string.
    Whole(PlainKey),
    /// The SHA-256 of it.
    Hashed([u8; 32]),
}

impl ExistingString {
    /// The SHA-256 of the string.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        match self {
            Self::Whole(key) => key.hash(),
            Self::Hashed(hash) => *hash,
        }
    }

    /// The mask that the key is shown by.
    #[must_use]
    pub fn masked(&self) -> Mask {
        match self {
            Self::Whole(key) => key.masked(),
            Self::Hashed(_) => Mask::unknown(),
        }
    }
}

/// A key from before this service.
#[derive(Clone, Debug)]
pub struct ExistingKey {
    /// Its string.
    pub string: ExistingString,
    /// Its owner.
    pub user_id: UserId,
    /// The id that it keeps; `None` for a new one.
    pub id: Option<KeyId>,
    /// Its name.
    pub name: KeyName,
    /// Its type.
    pub kind: KeyType,
    /// Its status.
    pub status: Status,
    /// Whether it is to be its owner's default, if there is none.
    pub is_default: bool,
    /// The time of its creation; `None` for that of the import.
    pub created_at: Option<Timestamp>,
    /// Its expiry, which may have passed; `None` for never.
    pub expires_at: Option<Timestamp>,
}

impl ExistingKey {
    /// Whether it is expired at the time of the import, by its status or its expiry.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.status == Status::Expired || self.expires_at.is_some_and(|expiry| expiry <= now)
    }

    /// Its record, with an id and a protected string.
    #[must_use]
    pub fn into_key(self, id: KeyId, secret: Secret, now: Timestamp, entry_at: chrono::DateTime<chrono::Utc>) -> Key {
        let stored_status = if self.is_expired(now) { Status::Expired } else { self.status };
        let Self { string: _, user_id, id: _, name, kind, status: _, is_default: _, created_at, expires_at } = self;
        Key {
            id,
            user_id,
            name,
            kind,
            stored_status,
            created_at: created_at.unwrap_or(now),
            expires_at,
            due_at: next_due(stored_status, expires_at, now),
            secret,
            previous: None,
            usage: Usage::default(),
            entry_at,
            version: 1,
        }
    }
}

/// The outcome of the import of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// It was taken over.
    Imported {
        /// Its id.
        id: KeyId,
        /// The reason why it did not become the default, if it was to be.
        left_out: Option<&'static str>,
    },
    /// Its string had been imported before; nothing was changed.
    Exists(KeyId),
    /// It cannot be imported, for these reasons.
    Invalid(Vec<Violation>),
}

/// The changes of an import: those of a creation, and the default if the key became it.
#[must_use]
pub fn import_changes(key: &Key, becomes_default: bool) -> Changes {
    let mut changes = key.creation();
    if becomes_default {
        changes.insert("is_default", Change { from: false.into(), to: true.into() });
    }
    changes
}

impl PlainKey {
    /// Reads a string of a form from before this service: a UUID in lower case, or a prefix and 16 hexadecimal digits in
    /// lower case. `None` for any other string.
    #[must_use]
    pub fn existing(text: &str) -> Option<Self> {
        let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let groups: Vec<&str> = text.split('-').collect();
        let is_uuid =
            groups.iter().map(|group| group.len()).eq(UUID_GROUPS) && groups.iter().all(|group| is_hex(group));
        let digits = Prefix::ALL.iter().find_map(|prefix| text.strip_prefix(prefix.as_str()));
        let has_prefix = digits.is_some_and(|digits| digits.len() == EXISTING_DIGITS && is_hex(digits));
        (is_uuid || has_prefix).then(|| Self(Zeroizing::new(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::checksum::Checksums;
    use crate::ids::Locator;

    const UUID: &str = "3f2b8c1e-9a4d-4e7f-8b6a-0c1d2e3f4a5b";
    const PREFIXED: &str = "nux_live_0123456789abcdef";

    #[test]
    fn forms_are_matched_exactly() {
        for text in [UUID, PREFIXED, "nux_test_ffffffffffffffff", "00000000-0000-0000-0000-000000000000"] {
            assert!(PlainKey::existing(text).is_some(), "{text}");
        }
        let upper = [UUID.to_uppercase(), PREFIXED.replace("abc", "ABC"), PREFIXED.to_uppercase()];
        let edited = [
            format!("{UUID} "),
            format!("{{{UUID}}}"),
            UUID.replace('-', ""),
            UUID.replacen('3', "g", 1),
            UUID.replacen("3f2b8c1e-9a4d", "3f2b8c1-e9a4d", 1),
            PREFIXED[..24].to_owned(),
            format!("{PREFIXED}0"),
            PREFIXED.replace("nux", "key"),
            format!("{}é", &PREFIXED[..23]),
            String::new(),
        ];
        for text in upper.iter().chain(&edited) {
            assert!(PlainKey::existing(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_mask_shows_four_characters_and_no_prefix() {
        for (text, mask) in [(UUID, "…4a5b"), (PREFIXED, "…cdef")] {
            let key = PlainKey::existing(text).expect("an existing form");
            assert_eq!(key.masked().as_str(), mask);
            assert_eq!(Mask::stored(mask), Some(key.masked()));
            assert_eq!(ExistingString::Hashed(key.hash()).masked().as_str(), "…");
        }
        assert_eq!(Mask::stored("…"), Some(Mask::unknown()));
    }

    proptest! {
        #[test]
        fn a_string_is_one_form_alone_and_survives_encryption(uuid: bool, digits in "[0-9a-f]{32}") {
            let text = if uuid {
                let groups = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
                groups.join("-")
            } else {
                format!("nux_test_{}", &digits[..16])
            };
            let key = PlainKey::existing(&text).expect("an existing form");
            let checksums = Checksums::parse(&"s".repeat(32)).expect("a secret");
            prop_assert!(PlainKey::parse(&text, &checksums).is_none());
            let locator = Locator { user_id: UserId::new(7).expect("an id"), key_id: KeyId::new(1).expect("an id") };
            prop_assert_eq!(PlainKey::from_secret_part(&key.secret_part(), locator), Some(key));
        }
    }
}
