//! HL7 v2 (being written)
use super::{Content, Context, Expected, Incoming};
pub(super) fn read(_body: &[u8], _expected: Expected) -> Incoming { Incoming { sender: None, fields: Err(vec![]) } }
pub(super) fn write(_content: &Content, _context: &Context<'_>) -> Vec<u8> { Vec::new() }
