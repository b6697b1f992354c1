//! The checksum secret of test deployments, with which tests forge and read key strings.

use shared::checksum::Checksums;

/// The value of `KEY_CHECKSUM_SECRETS`.
pub const CHECKSUM_SECRETS: &str = "a-checksum-secret-of-tests-0123456789";

/// Checksums under this secret.
#[must_use]
pub fn checksums() -> Checksums {
    Checksums::parse(CHECKSUM_SECRETS).expect("a secret")
}
