//! A `Parameters` resource → the fields of a request (R4, Parameters).

use super::element::Reading;
use super::node::Member;
use crate::error::Reason;
use crate::format::{FIELDS, Fields, ReadContext};

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
            _ => reading.refuse("body", Reason::Unknown, "Parameters must have nothing but parameter", "Parameters"),
        }
        if reading.is_hopeless() {
            break;
        }
    }
    let field_of = |name: &str| FIELDS.into_iter().find(|field| *field == name);
    if let Some(parameters) = parameters {
        reading.take_all(parameters, "Parameters.parameter", "name", field_of);
    }
    reading.finish()
}

/// The `FHIRPath` expression of a field's parameter.
fn place(field: &str) -> String {
    if FIELDS.contains(&field) {
        format!("Parameters.parameter.where(name = '{field}')")
    } else {
        "Parameters".to_owned()
    }
}
