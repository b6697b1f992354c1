//! What is exchanged with clients, and the formats it is exchanged in. Endpoints never know which one is in use.

mod codec;
mod digits;
mod exchange;
mod fhir;
mod from_field;
mod hl7;
mod json;
mod replaced;
mod request_fields;
#[cfg(test)]
mod samples;
mod wire_format;

pub use self::codec::{operation_of_message, read, sender, write};
pub use self::exchange::{Content, Incoming, ProcessingId, ReadContext, Sender, WriteContext};
pub use self::from_field::FromField;
pub use self::json::write_import;
pub use self::request_fields::{Fields, Rejected};
pub use self::wire_format::Format;
