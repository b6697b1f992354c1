//! The query parameters of FHIR (R4, Search), in the terms of the other formats.

use lambda_http::http::HeaderMap;

use super::query::{Query, one_of, refuse_unknown};
use crate::error::{Error, Reason};
use crate::keys::MAX_PAGE;
use crate::operation::Operation;

/// The search parameters of keys. All are tokens.
pub const SEARCH_PARAMETERS: [&str; 3] = ["_id", "status", "type"];

/// Parameters of FHIR that change no answer of this API, or only its size. Clients add them by themselves: `_totalMethod` is
/// fhirpy's, when it counts.
const HINTS: [&str; 5] = ["_elements", "_format", "_pretty", "_total", "_totalMethod"];

/// The values of `_summary`.
const SUMMARIES: [&str; 5] = ["true", "text", "data", "count", "false"];

/// What a FHIR query asks for.
pub(super) struct FhirQuery {
    /// The same with the names of the other formats.
    pub(super) query: Query,
    /// Whether the number of matches is enough.
    pub(super) counts_only: bool,
}

/// Reads the query of a call, which is one of FHIR or has the names already.
///
/// # Errors
///
/// If a parameter is unknown or, in FHIR, wrong.
pub(super) fn read_if(
    is_fhir: bool,
    query: Query,
    operation: Operation,
    headers: &HeaderMap,
) -> Result<FhirQuery, Error> {
    if is_fhir {
        return read(query, operation.fhir_parameters(), is_lenient(headers));
    }
    if let Some(known) = operation.query_parameters() {
        refuse_unknown(&query, known)?;
    }
    Ok(FhirQuery { query, counts_only: false })
}

/// Whether the client prefers that unknown parameters are ignored (RFC 7240; R4, Search, "Handling Errors").
fn is_lenient(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split([',', ';'])).map(str::trim);
    preferences.any(|preference| preference.eq_ignore_ascii_case("handling=lenient"))
}

/// Reads a query of FHIR that may have these parameters. Of others, a lenient call loses those that are unknown.
///
/// # Errors
///
/// If a value is wrong, a parameter unknown, or a known one has a modifier or is repeated, which would mean something else.
fn read(mut query: Query, known: &[&str], is_lenient: bool) -> Result<FhirQuery, Error> {
    let base = |name: &str| name.split(':').next().unwrap_or_default().to_owned();
    let modified = query.keys().find(|name| name.contains(':') && known.contains(&&*base(name))).cloned();
    if let Some(name) = modified {
        let name = base(&name);
        let message = format!("{name} must be without a modifier");
        return Err(Error::invalid(name, Reason::Value, message));
    }
    query.retain(|name, _| known.contains(&&**name) || !is_lenient && !HINTS.contains(&&**name));
    refuse_unknown(&query, known)?;
    let summary = one(&mut query, "_summary")?;
    if summary.as_deref().is_some_and(|summary| !SUMMARIES.contains(&summary)) {
        return Err(Error::invalid("_summary", Reason::Value, format!("_summary must be {}", one_of(SUMMARIES))));
    }
    let mut counts_only = summary.is_some_and(|summary| summary == "count");
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
    use lambda_http::http::{HeaderName, HeaderValue};

    use super::*;

    const PREFER: HeaderName = HeaderName::from_static("prefer");

    type Pairs = Vec<(String, Vec<String>)>;

    const KNOWN: [&str; 6] = ["_count", "cursor", "_summary", "_id", "status", "type"];

    fn read_all(parameters: &[(&str, &str)]) -> Result<(Pairs, bool), String> {
        read_as(parameters, false)
    }

    fn read_as(parameters: &[(&str, &str)], is_lenient: bool) -> Result<(Pairs, bool), String> {
        let mut query = Query::new();
        for (name, value) in parameters {
            query.entry((*name).to_owned()).or_default().push((*value).to_owned());
        }
        let read = read(query, &KNOWN, is_lenient).map_err(|error| error.to_string())?;
        let mut query: Vec<_> = read.query.into_iter().collect();
        query.sort();
        Ok((query, read.counts_only))
    }

    fn query(parameters: &[(&str, &[&str])]) -> Pairs {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        parameters.iter().map(|(name, values)| ((*name).to_owned(), owned(values))).collect()
    }

    #[test]
    fn the_preference_for_lenience_may_be_one_of_several() {
        let is_lenient = |values: &[&'static str]| {
            let header = |value: &&'static str| (PREFER, HeaderValue::from_static(value));
            is_lenient(&values.iter().map(header).collect())
        };
        assert!(is_lenient(&["handling=lenient"]));
        assert!(is_lenient(&["return=minimal; handling=Lenient"]));
        assert!(is_lenient(&["respond-async", "return=minimal, handling=lenient"]));
        assert!(!is_lenient(&[]));
        assert!(!is_lenient(&["handling=strict"]));
    }

    #[test]
    fn parameters_have_the_names_of_the_other_formats() {
        let sent = [("_count", "20"), ("status", "active,https://nuxera.cloud/fhir/x|paused"), ("cursor", "abc")];
        let expected = query(&[("cursor", &["abc"]), ("limit", &["20"]), ("status", &["active", "paused"])]);
        assert_eq!(read_all(&sent), Ok((expected, false)));
        assert_eq!(read_all(&[("_id", "1,2"), ("_format", "json")]), Ok((query(&[("_id", &["1", "2"])]), false)));
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
            &[("_summary", "all")],
        ] {
            assert!(read_all(sent).is_err(), "{sent:?}");
            assert!(read_as(sent, true).is_err(), "{sent:?}, leniently");
        }
    }

    #[test]
    fn only_a_lenient_call_may_have_unknown_parameters() {
        for sent in [&[("_sort", "name")][..], &[("subject:identifier", "7")], &[("limit", "1")]] {
            assert!(read_all(sent).is_err(), "{sent:?}");
            assert_eq!(read_as(sent, true), Ok((vec![], false)), "{sent:?}");
        }
    }
}
