//! Statuses of keys.

use crate::names::named;

named! {
    /// The status of a key.
    pub enum Status {
        /// The key works.
        Active = "active",
        /// The key does not work until it is resumed.
        Paused = "paused",
        /// The key will not work again.
        Expired = "expired",
    }
}
