//! Reading and writing in the format that a header names.

use super::exchange::{Content, Incoming, ReadContext, Sender, WriteContext};
use super::replaced::holds_replacement_character;
use super::wire_format::Format;
use super::{fhir, hl7, json};
use crate::error::{Reason, Violation};
use crate::operation::Operation;

/// Reads a request body.
#[must_use]
pub fn read(format: Format, body: &[u8], expected: ReadContext<'_>) -> Incoming {
    match format {
        Format::Json | Format::Fhir if holds_replacement_character(body) => {
            let message = "body must be UTF-8, without U+FFFD, which stands for bytes that could not be decoded";
            Incoming { sender: None, fields: Err(vec![Violation::new("body", Reason::Structure, message)]) }
        }
        Format::Json => json::read(body),
        Format::Hl7 => hl7::read(body, expected),
        Format::Fhir => fhir::read(body, expected),
    }
}

/// Reads the operation that a message asks for at the URL of all messages.
#[must_use]
pub fn operation_of_message(body: &[u8], charset: Option<&str>) -> Option<Operation> {
    hl7::read_operation(body, charset)
}

/// Reads the sender alone, for which the beginning of an oversized body is enough.
#[must_use]
pub fn sender(format: Format, body: &[u8]) -> Option<Sender> {
    match format {
        Format::Json | Format::Fhir => None,
        Format::Hl7 => hl7::sender(body),
    }
}

/// Writes a response body.
#[must_use]
pub fn write(format: Format, content: &Content, about: &WriteContext<'_>) -> Vec<u8> {
    match format {
        Format::Json => json::write(content),
        Format::Hl7 => hl7::write(content, about),
        Format::Fhir => fhir::write(content, about),
    }
}
