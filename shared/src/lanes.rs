//! Lanes: the usage-plan buckets that API Gateway counts requests in.
//!
//! A lane is an API Gateway key in a usage plan with a rate and a burst. Users share lanes by their id; services, which make
//! many calls, share one of their own, and so do key strings from before this service and requests without valid
//! credentials. A lane only bounds how much one caller
//! can slow others: the exact limits per user are in the table.

use std::num::NonZeroU64;

use crate::ids::UserId;

/// The API Gateway keys that the usage plans count by. Their values name lanes and are no secrets: the gateway takes them
/// from the authorizer alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// `LANE_KEY_PREFIX`: what the values of all keys begin with.
    pub key_prefix: String,
    /// `LANES`: how many lanes users share.
    pub count: NonZeroU64,
}

impl Lanes {
    /// The value of a user's key; a user keeps it.
    #[must_use]
    pub fn of_user(&self, user_id: UserId) -> String {
        // Ids are given in sequence, so this spreads users evenly.
        format!("{}lane{}", self.key_prefix, user_id.get() % self.count)
    }

    /// The value of the key for strings from before this service, whose users no string tells.
    #[must_use]
    pub fn existing(&self) -> String {
        format!("{}existing", self.key_prefix)
    }

    /// The value of the key for services.
    #[must_use]
    pub fn services(&self) -> String {
        format!("{}services", self.key_prefix)
    }

    /// The value of the key for unauthenticated callers.
    #[must_use]
    pub fn unauthenticated(&self) -> String {
        format!("{}unauthenticated", self.key_prefix)
    }
}
