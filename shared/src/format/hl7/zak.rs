//! ZAK, the local segment that carries a key.

use crate::fields::{FIRST_ZAK, Field};

/// The name of the segment, and of the message type of requests.
pub(super) const ZAK: &str = "ZAK";

/// The place of a field: `ZAK-4`.
pub(super) fn place(name: &str) -> String {
    Field::named(name).map_or_else(|| ZAK.to_owned(), |field| format!("{ZAK}-{}", field.zak))
}

/// Whether a number is that of the set id, before the fields of the key.
pub(super) fn is_set_id(number: usize) -> bool {
    number < FIRST_ZAK
}
