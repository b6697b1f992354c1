//! Reads a `Parameters` resource (R4, Parameters).

use super::field_value::Reading;
use super::node::Member;
use crate::error::Reason;
use crate::fields::Field;
use crate::format::exchange::ReadContext;
use crate::format::request_fields::Fields;

/// Reads the members of the resource.
pub(super) fn read(members: &[Member<'_>], expected: ReadContext<'_>) -> Fields {
    let mut reading = Reading::new(expected, place);
    let mut parameters = None;
    for (name, node) in members {
        match name.as_ref() {
            "resourceType" => {}
            "parameter" if parameters.is_none() => {
                parameters = node.list();
                if parameters.is_none() {
                    let message = "Parameters.parameter must be a list";
                    reading.refuse("body", Reason::Type, message, "Parameters.parameter");
                }
            }
            "parameter" => {
                let message = "Parameters.parameter must not be repeated";
                reading.refuse("body", Reason::Structure, message, "Parameters.parameter");
            }
            _ => reading.refuse("body", Reason::Unknown, "Parameters must contain only parameter", "Parameters"),
        }
        if reading.too_many_errors() {
            break;
        }
    }
    if let Some(parameters) = parameters {
        reading.take_all(parameters, "Parameters.parameter", "name", Field::named);
    }
    reading.finish()
}

/// The `FHIRPath` expression of a field's parameter.
fn place(field: &str) -> String {
    if Field::named(field).is_some() {
        format!("Parameters.parameter.where(name = '{field}')")
    } else {
        "Parameters".to_owned()
    }
}
