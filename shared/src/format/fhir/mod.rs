//! FHIR R4 (4.0.1) resources in JSON.
//!
//! A key is a `Basic` with extensions; requests are `Parameters` with the fields' JSON names, or a `Basic`. Ids and
//! counts are strings, because FHIR's integers have 32 bits (R4, Data Types, "Primitive Types"). Nuxera's web client writes
//! its requests as a `Bundle` instead, which is read too.

mod audit_event;
mod bundle;
mod data_types;
mod definitions;
mod field_value;
mod node;
mod operation_outcome;
#[cfg(test)]
mod properties;
mod read_basic;
mod read_bundle;
mod read_parameters;
mod read_request;
mod write_basic;
mod write_parameters;
mod write_response;

pub(super) use self::read_request::read;
pub(super) use self::write_response::write;
