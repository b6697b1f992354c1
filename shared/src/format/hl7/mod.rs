//! HL7 v2.5.1 messages in ER7, the vertical-bar encoding (chapter 2, section 2.6).
//!
//! A request is `ZAK^Znn^ZAK_Z01` (MSH, ZAK). A response is `ACK^Znn^ACK_Z01` (MSH, MSA, then ZAK, ZAU, ZUS or ZVF segments),
//! or `ACK^Znn^ACK` (MSH, MSA, ERR…) where it holds no segment of ours.
//! The Z segments and events are local extensions, as section 2.11 provides for. Nuxera's web client writes its requests as
//! `ADT^A08` instead, which are read too.

mod charset;
mod escape;
mod message;
#[cfg(test)]
mod properties;
mod read_adt;
mod read_header;
mod read_operation;
mod read_request;
mod read_value;
mod time;
mod write_error;
mod write_response;
mod writer;
mod zak;

pub(super) use self::read_operation::read_operation;
pub(super) use self::read_request::{read, sender};
pub(super) use self::write_response::write;
