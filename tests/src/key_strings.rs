//! The checksum's secret of test deployments, to forge and to read key strings with.

use shared::checksum::Checksums;

/// The setting `KEY_CHECKSUM_SECRETS`.
pub const CHECKSUM_SECRETS: &str = "a-checksum-secret-of-tests-0123456789";

/// The checksums that it gives.
#[must_use]
pub fn checksums() -> Checksums {
    Checksums::parse(CHECKSUM_SECRETS).expect("a secret")
}
