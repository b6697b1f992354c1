//! The keyed checksum of key strings: a function that holds the secret tells issued strings from forged ones without a read.
//! The same secrets key the hashes of strings from before this service, which are too short for a plain hash.

use std::fmt;

use aws_lc_rs::hmac;

/// The fewest bytes of a secret: those of the hash (RFC 2104, section 3).
const MIN_SECRET_BYTES: usize = 32;
/// What precedes the hash of a string from before this service, so that no checksum is such a hash.
const EXISTING: &[u8] = b"existing key string\0";
/// Six digits of base62.
const RANGE: u64 = 62_u64.pow(6);

/// The secrets of the checksum, newest first: the newest issues, all of them check.
#[derive(Clone)]
pub struct Checksums(Vec<hmac::Key>);

impl Checksums {
    /// Reads a list of secrets, newest first, separated by commas.
    ///
    /// # Errors
    ///
    /// If there is none, or one is too short.
    pub fn parse(secrets: &str) -> Result<Self, &'static str> {
        let key = |secret: &str| {
            let long_enough = secret.len() >= MIN_SECRET_BYTES;
            long_enough.then(|| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
        };
        let keys: Option<Vec<hmac::Key>> = secrets.split(',').map(str::trim).map(key).collect();
        keys.map(Self).ok_or("must be a list of secrets, each of at least 32 bytes, separated by commas")
    }

    /// The checksum of a new string, below 62^6.
    ///
    /// # Panics
    ///
    /// Never: there is at least one secret.
    #[must_use]
    pub fn issue(&self, text: &str) -> u64 {
        checksum(self.0.first().expect("at least one secret"), text)
    }

    /// Whether one of the secrets gives a string this checksum.
    #[must_use]
    pub fn accepts(&self, text: &str, claimed: u64) -> bool {
        self.0.iter().any(|key| checksum(key, text) == claimed)
    }

    /// The keyed hashes of a string from before this service, given its SHA-256: one for each secret, newest first. Whoever
    /// has one, but not its secret, cannot find the string by trying.
    ///
    /// # Panics
    ///
    /// Never: HMAC-SHA-256 has 32 bytes.
    #[must_use]
    pub fn keyed_hashes(&self, sha256: &[u8; 32]) -> Vec<[u8; 32]> {
        let text = [EXISTING, sha256].concat();
        let hash = |key| hmac::sign(key, &text).as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes");
        self.0.iter().map(hash).collect()
    }
}

impl fmt::Debug for Checksums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checksums(redacted)")
    }
}

/// HMAC-SHA-256 (RFC 2104), reduced to 35.7 bits: a forger needs that many tries, each of them a call.
fn checksum(key: &hmac::Key, text: &str) -> u64 {
    let tag = hmac::sign(key, text.as_bytes());
    let first = tag.as_ref().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    first % RANGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_secret_still_checks_what_it_issued() {
        let (old, new) = ("o".repeat(32), "n".repeat(32));
        let before = Checksums::parse(&old).expect("a secret");
        let during = Checksums::parse(&format!("{new}, {old}")).expect("two secrets");
        let after = Checksums::parse(&new).expect("a secret");
        let text = "nux_live_000000007000000001";
        let issued = before.issue(text);
        assert!(before.accepts(text, issued) && during.accepts(text, issued) && !after.accepts(text, issued));
        assert_eq!(during.issue(text), after.issue(text), "the newest secret issues");
        assert!(!before.accepts("nux_live_000000007000000002", issued));
    }

    #[test]
    fn the_checksum_is_the_beginning_of_the_hmac() {
        let checksums = Checksums::parse("0123456789abcdef0123456789abcdef").expect("a secret");
        // printf nux | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef, its first 8 bytes modulo 62^6.
        assert_eq!(checksums.issue("nux"), 50_465_653_522);
    }

    #[test]
    fn a_keyed_hash_depends_on_the_secret_and_is_no_checksum() {
        let checksums =
            Checksums::parse(&["0123456789abcdef0123456789abcdef", &"b".repeat(32)].join(",")).expect("two");
        let [first, second] = checksums.keyed_hashes(&[7; 32])[..] else { panic!("one for each secret") };
        assert_ne!(first, second);
        // { printf 'existing key string\0'; printf '\7%.0s' $(seq 32); } | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
        let hex = first.map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(hex, "440c377a447ba48dc0b426278217f0aa6726131912832294c3d4f0ae0adcb846");
        assert_ne!(checksums.keyed_hashes(&[8; 32])[0], first);
    }

    #[test]
    fn short_and_missing_secrets_are_refused() {
        for secrets in ["", "short", &format!("{},", "a".repeat(32)), &format!("{},short", "a".repeat(32))] {
            assert!(Checksums::parse(secrets).is_err(), "{secrets}");
        }
        assert_eq!(format!("{:?}", Checksums::parse(&"a".repeat(32))), "Ok(Checksums(redacted))");
    }
}
