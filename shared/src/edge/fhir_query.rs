//! The query parameters of FHIR (R4, Search), in the terms of the other formats.

use std::collections::HashMap;

use crate::error::{Error, Reason};
use crate::keys::MAX_PAGE;

/// The search parameters of keys. All are tokens.
pub const SEARCH_PARAMETERS: [&str; 3] = ["_id", "status", "type"];

/// The query parameters of a call.
pub(super) type Query = HashMap<String, Vec<String>>;

/// What a FHIR query asks for.
pub(super) struct FhirQuery {
    /// The same with the names of the other formats.
    pub(super) query: Query,
    /// Whether the number of matches is enough.
    pub(super) counts_only: bool,
}

/// Reads a query, if it is one of FHIR.
///
/// # Errors
///
/// As [`read`].
pub(super) fn read_if(is_fhir: bool, query: Query) -> Result<FhirQuery, Error> {
    if is_fhir { read(query) } else { Ok(FhirQuery { query, counts_only: false }) }
}

/// Reads the query of a search. Parameters that are unknown here are left alone: a server may ignore them.
///
/// # Errors
///
/// If a value is wrong, or a known parameter has a modifier or is repeated, which would mean something else.
fn read(mut query: Query) -> Result<FhirQuery, Error> {
    let modified = query.keys().find(|name| name.split(':').count() > 1 && is_known(name)).cloned();
    if let Some(name) = modified {
        let name = name.split(':').next().unwrap_or_default().to_owned();
        let message = format!("{name} must be without a modifier");
        return Err(Error::invalid(name, Reason::Value, message));
    }
    let mut counts_only = one(&mut query, "_summary")?.is_some_and(|summary| summary == "count");
    if let Some(count) = one(&mut query, "_count")? {
        if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::invalid("_count", Reason::Value, "_count must be an integer of 0 or more"));
        }
        // More digits than fit are a large number, too.
        let count = count.parse().unwrap_or(MAX_PAGE).min(MAX_PAGE);
        counts_only |= count == 0;
        if count > 0 {
            query.insert("limit".to_owned(), vec![count.to_string()]);
        }
    }
    for name in SEARCH_PARAMETERS {
        if let Some(tokens) = one(&mut query, name)? {
            // `system|code`: there is one system for each parameter.
            let codes = tokens.split(',').map(|token| token.rsplit('|').next().unwrap_or_default().to_owned());
            query.insert(name.to_owned(), codes.collect());
        }
    }
    Ok(FhirQuery { query, counts_only })
}

fn is_known(name: &str) -> bool {
    let name = name.split(':').next().unwrap_or_default();
    SEARCH_PARAMETERS.contains(&name) || ["_count", "_summary"].contains(&name)
}

/// Takes the only value of a parameter.
fn one(query: &mut Query, name: &'static str) -> Result<Option<String>, Error> {
    let values = query.remove(name).unwrap_or_default();
    if values.len() > 1 {
        return Err(Error::invalid(name, Reason::Structure, format!("{name} must not be repeated")));
    }
    Ok(values.into_iter().next())
}

/// The name of a query parameter in FHIR.
pub(super) fn name_of(name: &str) -> &str {
    if name == "limit" { "_count" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs = Vec<(String, Vec<String>)>;

    fn read_all(parameters: &[(&str, &str)]) -> Result<(Pairs, bool), String> {
        let mut query = Query::new();
        for (name, value) in parameters {
            query.entry((*name).to_owned()).or_default().push((*value).to_owned());
        }
        let read = read(query).map_err(|error| error.to_string())?;
        let mut query: Vec<_> = read.query.into_iter().collect();
        query.sort();
        Ok((query, read.counts_only))
    }

    fn query(parameters: &[(&str, &[&str])]) -> Pairs {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        parameters.iter().map(|(name, values)| ((*name).to_owned(), owned(values))).collect()
    }

    #[test]
    fn parameters_have_the_names_of_the_other_formats() {
        let sent = [("_count", "20"), ("status", "active,https://nuxera.cloud/fhir/x|paused"), ("cursor", "abc")];
        let expected = query(&[("cursor", &["abc"]), ("limit", &["20"]), ("status", &["active", "paused"])]);
        assert_eq!(read_all(&sent), Ok((expected, false)));
        assert_eq!(
            read_all(&[("_id", "1,2"), ("_sort", "x")]),
            Ok((query(&[("_id", &["1", "2"]), ("_sort", &["x"])]), false))
        );
    }

    #[test]
    fn a_server_may_give_fewer_than_asked_for() {
        for count in ["5000", "99999999999999999999999"] {
            assert_eq!(read_all(&[("_count", count)]), Ok((query(&[("limit", &["1000"])]), false)));
        }
        assert_eq!(read_all(&[("_count", "0")]), Ok((vec![], true)));
        assert_eq!(read_all(&[("_summary", "count")]), Ok((vec![], true)));
    }

    #[test]
    fn what_would_be_misunderstood_is_refused() {
        for sent in [
            &[("_count", "-1")][..],
            &[("_count", "ten")],
            &[("_count", "1"), ("_count", "2")],
            &[("status", "active"), ("status", "paused")],
            &[("status:not", "active")],
            &[("_id:missing", "true")],
        ] {
            assert!(read_all(sent).is_err(), "{sent:?}");
        }
    }
}
