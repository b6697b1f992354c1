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
use crate::operation::Operation;

/// The message type of requests, and the segment that carries a key.
const ZAK: &str = "ZAK";

/// The fields of a ZAK segment by their JSON names, from ZAK-1, the set id, which has none.
const ZAK_FIELDS: [&str; 14] = [
    "",
    "id",
    "key",
    "name",
    "type",
    "status",
    "is_default",
    "created_at",
    "expiry_at",
    "user_id",
    "old_id",
    "last_used_at",
    "usage_count",
    "grace_period_seconds",
];

/// The number of a field in a ZAK segment.
fn position(field: &str) -> Option<usize> {
    ZAK_FIELDS.iter().position(|name| *name == field && !name.is_empty()).map(|index| index + 1)
}

/// The trigger event of an operation, MSH-9.2.
const fn event(operation: Operation) -> &'static str {
    match operation {
        Operation::CreateKey => "Z01",
        Operation::ListKeys => "Z02",
        Operation::GetKey => "Z03",
        Operation::UpdateKey => "Z04",
        Operation::DeleteKey => "Z05",
        Operation::PauseKey => "Z06",
        Operation::ResumeKey => "Z07",
        Operation::SetDefault => "Z08",
        Operation::RemoveDefault => "Z09",
        Operation::ListUserKeys => "Z10",
        Operation::RotateKey => "Z11",
        Operation::GetUsage => "Z12",
        Operation::ListAudit => "Z13",
        Operation::VerifyKey => "Z14",
        Operation::Transcribe => "Z15",
    }
}
