//! HL7 v2.5.1 messages in ER7, the vertical-bar encoding (chapter 2, section 2.6).
//!
//! A request is `ZAK^Znn^ZAK_Z01` (MSH, ZAK), a response `ACK^Znn^ACK` (MSH, MSA, ERR…, then ZAK or ZAU segments).
//! The Z segments and events are ours, as section 2.11 provides for.

mod error;
mod escape;
mod message;
#[cfg(test)]
mod properties;
mod request;
mod response;
mod time;
mod writer;

pub(super) use self::request::{read, sender};
pub(super) use self::response::write;
use crate::format::FIELDS;

/// The message type of requests, and the segment that carries a key.
const ZAK: &str = "ZAK";

/// The number of the first field of a key: ZAK-1 is the set id.
const FIRST_FIELD: usize = 2;

/// The number of a field in a ZAK segment.
fn position(field: &str) -> Option<usize> {
    FIELDS.iter().position(|name| *name == field).map(|index| index + FIRST_FIELD)
}

/// The field of a number in a ZAK segment, by its JSON name.
fn field_at(number: usize) -> Option<&'static str> {
    FIELDS.get(number.checked_sub(FIRST_FIELD)?).copied()
}
