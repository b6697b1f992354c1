//! Ids of keys and users.

use std::fmt;

use serde::Serialize;

/// The largest id of a user or a key: 2^53 - 1, the largest integer every JSON reader holds exactly.
pub const MAX_ID: u64 = (1 << 53) - 1;

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// An id from 1 to 2^53 - 1.
            #[must_use]
            pub fn new(id: u64) -> Option<Self> {
                (1..=MAX_ID).contains(&id).then_some(Self(id))
            }

            /// Reads decimal digits without sign, space or leading zero.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let canonical = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
                canonical.then(|| text.parse().ok()).flatten().and_then(Self::new)
            }

            /// As a number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id_type! {
    /// Names a key in the deployment; never reused.
    KeyId
}

id_type! {
    /// Names a user.
    UserId
}

/// Addresses a key by its owner and its id. A key string carries one, which only claims to be right until the string is
/// checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locator {
    /// The owner.
    pub user_id: UserId,
    /// The key.
    pub key_id: KeyId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_canonical_positive_integers_below_2_to_the_53() {
        let id = |text| KeyId::parse(text).map(KeyId::get);
        assert_eq!(id("1"), Some(1));
        assert_eq!(id("9007199254740991"), Some(MAX_ID));
        for bad in ["0", "-1", "+1", "01", "1.0", " 1", "", "9007199254740992", "99999999999999999999", "١"] {
            assert_eq!(id(bad), None, "{bad:?}");
        }
    }
}
