//! Key strings: how they are made, read back and kept from sight.
//!
//! ```text
//! nux_live_ 000000007 00000000g 5Tq…(32) 0xY3aB
//! prefix    user id   key id    secret   checksum
//! ```
//!
//! The ids are base62, nine digits each (62^9 > 2^53), and say where the record is. The secret is 32 random base62
//! digits (190 bits). The checksum is an HMAC of all before it, cut to six base62 digits (`checksum.rs`): typos, noise and
//! forgeries are refused without a read, and nobody without the secret can name another user. A key matches `^nux_(live|test)_[0-9A-Za-z]{56}$`.

use std::fmt;

use aws_lc_rs::digest;
use zeroize::Zeroizing;

use crate::checksum::Checksums;
use crate::clock::Random;
use crate::ids::{KeyId, Locator, UserId};
use crate::keys::key_type::KeyType;
use crate::names::named;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_DIGITS: usize = 9;
const SECRET_DIGITS: usize = 32;
const CHECKSUM_DIGITS: usize = 6;
const PREFIX_LEN: usize = Prefix::Live.as_str().len();
/// The characters behind the prefix.
pub(super) const ENDING_LEN: usize = 2 * ID_DIGITS + SECRET_DIGITS + CHECKSUM_DIGITS;
const KEY_LEN: usize = PREFIX_LEN + ENDING_LEN;
/// The hexadecimal digits behind the prefix of a string from before this service, in the form that has one.
pub(super) const EXISTING_DIGITS: usize = 16;
/// The characters behind the `…` of a mask.
const MASK_DIGITS: usize = 4;

named! {
    /// The first characters of a key: they say whether it was made for production or for tests.
    pub enum Prefix {
        /// `nux_live_`
        Live = "nux_live_",
        /// `nux_test_`
        Test = "nux_test_",
    }
}

impl Prefix {
    /// The prefix of a key made with the given type.
    #[must_use]
    pub const fn of(kind: KeyType) -> Self {
        match kind {
            KeyType::Test => Self::Test,
            KeyType::Live | KeyType::AiMedicalNote | KeyType::T2yd => Self::Live,
        }
    }
}

/// A whole key string in the clear. It has no `Display`, its `Debug` is redacted, it leaves the process only through
/// [`PlainKey::reveal`], and its memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainKey(pub(super) Zeroizing<String>);

impl PlainKey {
    /// Generates a new key string.
    #[must_use]
    pub fn generate(prefix: Prefix, locator: Locator, random: &Random, checksums: &Checksums) -> Self {
        let Self(mut key) = Self::assemble(prefix, locator, &Zeroizing::new(random_digits(random)));
        let checksum = checksums.issue(&key);
        push_base62(&mut key, checksum, CHECKSUM_DIGITS);
        Self(key)
    }

    /// A string of an ending that holds its secret, or its secret and its checksum.
    fn assemble(prefix: Prefix, locator: Locator, ending: &str) -> Self {
        let mut key = Zeroizing::new(String::with_capacity(KEY_LEN));
        key.push_str(prefix.as_str());
        push_base62(&mut key, locator.user_id.get(), ID_DIGITS);
        push_base62(&mut key, locator.key_id.get(), ID_DIGITS);
        key.push_str(ending);
        Self(key)
    }

    /// Reads a presented key; `None` if the string cannot be a key. No database is asked.
    #[must_use]
    pub fn parse(text: &str, checksums: &Checksums) -> Option<(Self, Locator)> {
        let known_prefix = Prefix::ALL.iter().any(|prefix| text.starts_with(prefix.as_str()));
        if text.len() != KEY_LEN || !known_prefix || !text.is_ascii() {
            return None;
        }
        let (checked, checksum) = text.split_at(KEY_LEN - CHECKSUM_DIGITS);
        let (user_id, rest) = checked[PREFIX_LEN..].split_at(ID_DIGITS);
        let (key_id, secret) = rest.split_at(ID_DIGITS);
        let secret_is_base62 = secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !secret_is_base62 || !checksums.accepts(checked, parse_base62(checksum)?) {
            return None;
        }
        let locator =
            Locator { user_id: UserId::new(parse_base62(user_id)?)?, key_id: KeyId::new(parse_base62(key_id)?)? };
        Some((Self(Zeroizing::new(text.to_owned())), locator))
    }

    /// The key in the clear, for a response to its owner.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether it is of the form that this service issues, and not of one from before it.
    fn is_issued(&self) -> bool {
        self.0.len() == KEY_LEN
    }

    /// The mask, which recognises the key.
    #[must_use]
    pub fn masked(&self) -> Mask {
        let prefix = if self.is_issued() { &self.0[..PREFIX_LEN] } else { "" };
        Mask(format!("{prefix}…{}", &self.0[self.0.len() - MASK_DIGITS..]))
    }

    /// SHA-256 of the key: enough to store, at 190 random bits. That of a key from before this service is not.
    ///
    /// # Panics
    ///
    /// Never: SHA-256 has 32 bytes.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let digest = digest::digest(&digest::SHA256, self.0.as_bytes());
        digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    /// The part that is encrypted: the prefix's kind, the secret, and the checksum, which stays as it was issued when its
    /// secret is rotated. The rest follows from the record. Of a key from before this service, it is the whole string.
    #[must_use]
    pub(crate) fn secret_part(&self) -> Zeroizing<String> {
        if !self.is_issued() {
            return self.0.clone();
        }
        let kind = &self.0["nux_".len()..="nux_".len()];
        Zeroizing::new([kind, &self.0[PREFIX_LEN + 2 * ID_DIGITS..]].concat())
    }

    /// The key again, from what was encrypted.
    #[must_use]
    pub(crate) fn from_secret_part(part: &str, locator: Locator) -> Option<Self> {
        if let Some(existing) = Self::existing(part) {
            return Some(existing);
        }
        let prefix =
            [Prefix::Live, Prefix::Test].into_iter().find(|prefix| part.starts_with(&prefix.as_str()[4..5]))?;
        (part.len() == 1 + SECRET_DIGITS + CHECKSUM_DIGITS).then(|| Self::assemble(prefix, locator, &part[1..]))
    }
}

impl fmt::Debug for PlainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainKey(redacted)")
    }
}

/// A key string without its secret: the prefix, `…` and the last four characters. A key from before this service has no
/// prefix, and `…` alone if its string is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask(String);

impl Mask {
    /// The mask of a string of which a hash alone is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self("…".to_owned())
    }

    /// A mask from storage; `None` if the text is none.
    #[must_use]
    pub fn stored(text: &str) -> Option<Self> {
        let (prefix, ending) = text.split_once('…')?;
        let is_alphanumeric = ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_mask = match ending.len() {
            0 => prefix.is_empty(),
            MASK_DIGITS => is_alphanumeric && (prefix.is_empty() || Prefix::parse(prefix).is_some()),
            _ => false,
        };
        is_mask.then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Mask> for String {
    fn from(Mask(text): Mask) -> Self {
        text
    }
}

/// A key string as its record holds it: a hash to check by, and what it is shown from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// SHA-256 of the whole key string; of one from before this service, the keyed hash of that.
    pub hash: [u8; 32],
    /// What it is shown from.
    pub shown: Shown,
}

/// What a key is shown from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The encrypted string.
    Whole(Sealed),
    /// The mask alone: nobody can read the string again.
    Masked(Mask),
}

/// An encrypted key string.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The version of the data key.
    pub data_key: u32,
    /// Nonce, ciphertext and tag.
    pub ciphertext: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed(data key {})", self.data_key)
    }
}

/// Uniform digits: bytes of 248 (4 * 62) and more are thrown away.
fn random_digits(random: &Random) -> String {
    let mut digits = String::with_capacity(SECRET_DIGITS);
    while digits.len() < SECRET_DIGITS {
        let fair = random.bytes::<64>().into_iter().filter(|byte| *byte < 248);
        digits.extend(fair.take(SECRET_DIGITS - digits.len()).map(|byte| char::from(DIGITS[usize::from(byte % 62)])));
    }
    digits
}

fn push_base62(text: &mut String, mut number: u64, digits: usize) {
    let mut reversed = [b'0'; ID_DIGITS];
    for digit in &mut reversed[..digits] {
        *digit = DIGITS[usize::try_from(number % 62).expect("below 62")];
        number /= 62;
    }
    text.extend(reversed[..digits].iter().rev().map(|digit| char::from(*digit)));
}

fn parse_base62(text: &str) -> Option<u64> {
    text.bytes().try_fold(0_u64, |number, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            b'a'..=b'z' => byte - b'a' + 36,
            _ => return None,
        };
        Some(number * 62 + u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use proptest::prelude::*;
    use proptest::test_runner::{RngAlgorithm, TestRng};

    use super::*;
    use crate::ids::MAX_ID;

    fn checksums() -> Checksums {
        Checksums::parse(&"s".repeat(32)).expect("a secret")
    }

    fn locator() -> impl Strategy<Value = Locator> {
        let id = || prop_oneof![4 => 1..=MAX_ID, 1 => 1..100_u64, 1 => Just(1), 1 => Just(MAX_ID)];
        (id(), id()).prop_map(|(user_id, key_id)| Locator {
            user_id: UserId::new(user_id).expect("an id"),
            key_id: KeyId::new(key_id).expect("an id"),
        })
    }

    fn prefix() -> impl Strategy<Value = Prefix> {
        prop_oneof![Just(Prefix::Live), Just(Prefix::Test)]
    }

    fn key() -> impl Strategy<Value = PlainKey> {
        (prefix(), locator(), "[0-9A-Za-z]{32}").prop_map(|(prefix, locator, secret)| {
            let checked = PlainKey::assemble(prefix, locator, &secret);
            PlainKey(Zeroizing::new(with_checksum(checked.reveal())))
        })
    }

    /// Random bytes that are the same in every run.
    fn seeded(seed: u8) -> Random {
        let rng = Mutex::new(TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]));
        Random::new(move |bytes| rng.lock().expect("not poisoned").fill_bytes(bytes))
    }

    /// A string with the right checksum, whatever is in front of it.
    fn with_checksum(checked: &str) -> String {
        let mut text = checked.to_owned();
        push_base62(&mut text, checksums().issue(checked), CHECKSUM_DIGITS);
        text
    }

    proptest! {
        #[test]
        fn a_key_is_read_back_with_its_place(prefix in prefix(), locator in locator(), seed in any::<u8>()) {
            let key = PlainKey::generate(prefix, locator, &seeded(seed), &checksums());
            prop_assert_eq!(PlainKey::parse(key.reveal(), &checksums()), Some((key.clone(), locator)));
            let digits = key.reveal().strip_prefix(prefix.as_str()).expect("the prefix");
            prop_assert_eq!(digits.len(), 56);
            prop_assert!(digits.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            prop_assert_eq!(PlainKey::from_secret_part(&key.secret_part(), locator), Some(key));
        }

        #[test]
        fn no_key_is_shown_by_accident(key in key()) {
            prop_assert_eq!(format!("{key:?}"), "PlainKey(redacted)");
            prop_assert_eq!(format!("{:?}", Some((&key, 1))), "Some((PlainKey(redacted), 1))");
            prop_assert_eq!(Mask::stored(key.masked().as_str()), Some(key.masked()));
            let masked = String::from(key.masked());
            prop_assert_eq!(masked.chars().count(), PREFIX_LEN + 1 + 4);
            prop_assert!(key.reveal().starts_with(&masked[..PREFIX_LEN]));
            prop_assert!(key.reveal().ends_with(masked.rsplit('…').next().expect("an end")));
        }

        #[test]
        fn nothing_makes_reading_panic(text in any::<String>(), digits in "\\PC{0,60}", bytes in "[ -~]{56}") {
            for text in [text, format!("nux_live_{digits}"), format!("nux_test_{bytes}"), with_checksum(&digits)] {
                prop_assert_eq!(PlainKey::parse(&text, &checksums()), None);
            }
        }

        #[test]
        fn a_right_checksum_is_not_enough(secret in "[0-9A-Za-z]{32}", junk in "[^0-9A-Za-z]") {
            let right = format!("nux_live_000000007000000001{secret}");
            prop_assert!(PlainKey::parse(&with_checksum(&right), &checksums()).is_some());
            for (place, wrong) in [
                ("nux_live_", "nux_prod_"), ("nux_live_", "NUX_LIVE_"), ("nux_live_", "nux-live-"),
                ("000000007", "000000000"), ("000000007", "zzzzzzzzz"), ("000000007", "00000000_"),
                ("000000001", "000000000"), ("000000001", "zzzzzzzzz"), ("000000001", "-00000001"),
            ] {
                prop_assert_eq!(PlainKey::parse(&with_checksum(&right.replacen(place, wrong, 1)), &checksums()), None);
            }
            let junk = format!("nux_live_000000007000000001{}{junk}", &secret[1..]);
            prop_assert_eq!(PlainKey::parse(&with_checksum(&junk), &checksums()), None);
        }
    }

    proptest! {
        // Each case tries thousands of strings.
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn every_other_character_in_any_place_is_refused(key in key()) {
            for place in 0..KEY_LEN {
                let (before, rest) = key.reveal().split_at(place);
                let (original, after) = rest.split_at(1);
                for other in (' '..='~').chain(['\0', '\n', 'é', '０']) {
                    let text = format!("{before}{other}{after}");
                    let read = PlainKey::parse(&text, &checksums()).is_some();
                    prop_assert_eq!(read, original.starts_with(other), "{:?} in place {}", other, place);
                }
            }
        }

        #[test]
        fn every_shorter_and_every_longer_string_is_refused(key in key(), other in key()) {
            for length in 0..KEY_LEN {
                prop_assert_eq!(PlainKey::parse(&key.reveal()[..length], &checksums()), None);
                prop_assert_eq!(PlainKey::parse(&key.reveal()[KEY_LEN - length..], &checksums()), None);
                let (start, end) = (&key.reveal()[..length], &key.reveal()[length + 1..]);
                prop_assert_eq!(PlainKey::parse(&format!("{start}{end}"), &checksums()), None, "without place {}", length);
            }
            for more in (' '..='~').chain(['\0', '\n', '\u{feff}', 'é']) {
                prop_assert_eq!(PlainKey::parse(&format!("{}{more}", key.reveal()), &checksums()), None);
                prop_assert_eq!(PlainKey::parse(&format!("{more}{}", key.reveal()), &checksums()), None);
            }
            prop_assert_eq!(PlainKey::parse(&format!("{}{}", key.reveal(), other.reveal()), &checksums()), None);
        }

        #[test]
        fn neighbours_that_change_places_are_noticed(key in key()) {
            for place in 0..KEY_LEN - 1 {
                let mut bytes = key.reveal().as_bytes().to_vec();
                bytes.swap(place, place + 1);
                let swapped = String::from_utf8(bytes).expect("ASCII");
                prop_assert_eq!(PlainKey::parse(&swapped, &checksums()).is_some(), swapped == key.reveal(), "place {}", place);
            }
        }

        #[test]
        fn the_parts_of_two_keys_do_not_fit_together(key in key(), other in key()) {
            prop_assume!(key != other);
            for place in PREFIX_LEN..KEY_LEN {
                let mixed = format!("{}{}", &key.reveal()[..place], &other.reveal()[place..]);
                let one_of_both = mixed == key.reveal() || mixed == other.reveal();
                prop_assert_eq!(PlainKey::parse(&mixed, &checksums()).is_some(), one_of_both, "from place {}", place);
            }
        }
    }

    #[test]
    fn a_live_key_is_no_test_key() {
        let locator = Locator { user_id: UserId::new(7).expect("an id"), key_id: KeyId::new(1).expect("an id") };
        let live = PlainKey::generate(Prefix::Live, locator, &seeded(42), &checksums());
        assert_eq!(PlainKey::parse(&live.reveal().replacen("live", "test", 1), &checksums()), None);
    }

    #[test]
    fn digits_are_uniform_and_keys_differ() {
        let random = seeded(42);
        let secrets: Vec<String> = (0..2_000).map(|_| random_digits(&random)).collect();
        let distinct: std::collections::HashSet<_> = secrets.iter().collect();
        assert_eq!(distinct.len(), secrets.len());
        let mut counts = [0_i64; 62];
        for digit in secrets.concat().bytes() {
            counts[DIGITS.iter().position(|known| *known == digit).expect("a digit")] += 1;
        }
        // Chi-squared with 61 degrees of freedom: a value over 120 has a probability of 1 in 100,000. Without
        // throwing the bytes over 248 away it would be about 420.
        let expected = 64_000 / 62;
        let chi_squared: i64 = counts.iter().map(|count| (count - expected).pow(2) / expected).sum();
        assert!(chi_squared < 120, "{chi_squared} {counts:?}");
    }
}
