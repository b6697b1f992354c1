//! The query of a request. A parameter that the operation does not have is refused: nobody should believe that it took effect.

use std::collections::HashMap;

use crate::error::{Error, Reason, Violation};
use crate::keys::free_text::holds_key_string;

/// The query parameters of a call.
pub(super) type Query = HashMap<String, Vec<String>>;

/// The most parameters that one response names.
const MAX_NAMED: usize = 20;

/// Checks that every parameter is known.
///
/// # Errors
///
/// The unknown ones, in the order of their names.
pub(super) fn refuse_unknown(query: &Query, known: &[&str]) -> Result<(), Error> {
    let mut unknown: Vec<&String> = query.keys().filter(|name| !known.contains(&name.as_str())).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    unknown.sort_unstable();
    Err(Error::Invalid(unknown.into_iter().take(MAX_NAMED).map(|name| violation(name, known)).collect()))
}

/// An API key in the place of a name is not repeated.
fn violation(name: &str, known: &[&str]) -> Violation {
    if holds_key_string(name) {
        let message = "query must not have an API key in the place of a parameter name";
        return Violation::new("query", Reason::UnknownParameter, message);
    }
    let rest = if known.is_empty() { "it takes none".to_owned() } else { format!("it takes {}", known.join(", ")) };
    let message = format!("{name} is not a query parameter of this request; {rest}");
    Violation::new(name.to_owned(), Reason::UnknownParameter, message)
}

/// The rule for one of some names.
pub(super) fn one_of<const N: usize>(names: [&str; N]) -> String {
    format!("one of {}", names.map(|name| format!("\"{name}\"")).join(", "))
}
