//! The formats of a request and its response: those of our headers, else those of `Content-Type` and `Accept`.

use lambda_http::http::HeaderMap;
use lambda_http::http::header::{self, HeaderName};

use crate::error::{Error, Reason};
use crate::format::Format;
use crate::operation::{Operation, RequestBody};

const REQUEST_FORMAT: &str = "x-request-format";
const RESPONSE_FORMAT: &str = "x-response-format";

/// The headers that a response differs by (RFC 9110, section 12.5.5).
pub(super) const VARY: &str = "Accept, x-response-format";

/// The formats of an exchange.
pub(super) struct Formats {
    pub(super) request: Format,
    pub(super) response: Format,
    /// Whether the response differs by the headers of [`VARY`].
    pub(super) are_negotiated: bool,
    /// The error of a wrong format header.
    pub(super) error: Option<Error>,
}

impl Formats {
    /// The formats of a call. Some paths decide by themselves.
    pub(super) fn of_call(operation: Operation, is_fhir: bool, headers: &HeaderMap) -> Self {
        if operation == Operation::ReceiveMessage {
            Self::fixed(Format::Hl7)
        } else if is_fhir {
            Self::fixed(Format::Fhir)
        } else if operation.body() == RequestBody::Ignored {
            // The other headers are those of a request to another service.
            Self::fixed(Format::Json).with_response(named(headers, RESPONSE_FORMAT, |_| Format::Json).0)
        } else if operation.is_json_only() {
            Self::json_only(headers)
        } else {
            Self::negotiated(headers)
        }
    }

    fn fixed(format: Format) -> Self {
        Self { request: format, response: format, are_negotiated: false, error: None }
    }

    fn with_response(self, response: Format) -> Self {
        Self { response, ..self }
    }

    /// JSON, unless a header of ours asks for something else, which is an error.
    fn json_only(headers: &HeaderMap) -> Self {
        let (response, response_error) = named(headers, RESPONSE_FORMAT, |_| Format::Json);
        let (request, request_error) = named(headers, REQUEST_FORMAT, |_| Format::Json);
        let named = [(RESPONSE_FORMAT, response), (REQUEST_FORMAT, request)];
        let other = named.into_iter().find(|(_, format)| *format != Format::Json);
        let other =
            other.map(|(name, _)| Error::invalid(name, Reason::Value, format!("{name} must be \"json\" on this path")));
        Self { request, response, are_negotiated: false, error: response_error.or(request_error).or(other) }
    }

    fn negotiated(headers: &HeaderMap) -> Self {
        let (response, response_error) = named(headers, RESPONSE_FORMAT, accepted);
        let (request, request_error) = named(headers, REQUEST_FORMAT, sent);
        Self { request, response, are_negotiated: true, error: response_error.or(request_error) }
    }
}

/// The format that a header of ours names or, without the header, one that follows from others.
fn named(headers: &HeaderMap, name: &'static str, otherwise: impl Fn(&HeaderMap) -> Format) -> (Format, Option<Error>) {
    let Some(value) = headers.get(name) else { return (otherwise(headers), None) };
    if let Some(format) = value.to_str().ok().and_then(Format::of_header) {
        return (format, None);
    }
    let message = format!("{name} must be one of \"json\", \"hl7\", \"fhir\"");
    (Format::Json, Some(Error::invalid(name, Reason::Value, message)))
}

/// The format of `Content-Type`.
fn sent(headers: &HeaderMap) -> Format {
    texts(headers, header::CONTENT_TYPE).next().map(Format::of_media_type).unwrap_or_default()
}

/// The format that `Accept` prefers: of the highest weight, the first of several. Of ranges and types that are not offered,
/// JSON stands for each (RFC 9110, section 12.5.1, leaves the answer to the server).
fn accepted(headers: &HeaderMap) -> Format {
    let mut best = (0.0, Format::Json);
    let ranges = texts(headers, header::ACCEPT).flat_map(|value| value.split(','));
    for range in ranges.filter(|range| !range.trim().is_empty()) {
        let weight = weight(range);
        if weight > best.0 {
            best = (weight, Format::of_media_type(range));
        }
    }
    best.1
}

/// The weight of a range, 1 unless a proper one is named.
fn weight(range: &str) -> f32 {
    let parameters = range.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let named = parameters.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    let weight = named.and_then(|(_, value)| value.trim().parse().ok());
    weight.filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(1.0)
}

fn texts(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use lambda_http::http::HeaderValue;

    use super::*;

    fn formats(sent: &[(&'static str, &'static str)]) -> (Format, Format) {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let Formats { request, response, are_negotiated: _, error } = Formats::negotiated(&headers);
        assert!(error.is_none(), "{error:?}");
        (request, response)
    }

    #[test]
    fn content_type_says_how_the_body_is_written() {
        for (content_type, expected) in [
            ("application/json", Format::Json),
            ("application/fhir+json", Format::Fhir),
            ("Application/FHIR+JSON ; fhirVersion=4.0", Format::Fhir),
            ("application/json+fhir", Format::Fhir),
            ("application/hl7-v2", Format::Hl7),
            ("application/hl7-v2+er7; charset=iso-8859-1", Format::Hl7),
            ("x-application/hl7-v2+er7", Format::Hl7),
            ("application/fhir+xml", Format::Json),
            ("multipart/form-data; boundary=fhir", Format::Json),
            ("text/plain", Format::Json),
            ("", Format::Json),
        ] {
            assert_eq!(formats(&[("content-type", content_type)]), (expected, Format::Json), "{content_type}");
        }
    }

    #[test]
    fn accept_says_how_the_response_is_written() {
        for (accept, expected) in [
            ("*/*", Format::Json),
            ("application/json", Format::Json),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", Format::Json),
            ("application/fhir+json", Format::Fhir),
            ("application/fhir+json, application/json", Format::Fhir),
            ("application/json, application/fhir+json", Format::Json),
            ("application/json;q=0.5, application/fhir+json;q=0.9", Format::Fhir),
            ("application/fhir+json;q=0.5, */*", Format::Json),
            ("application/fhir+json;q=0, application/hl7-v2;q=0.1", Format::Hl7),
            ("application/fhir+json;q=0", Format::Json),
            ("application/hl7-v2; charset=utf-8; Q=0.3, application/fhir+json; q=0.2", Format::Hl7),
            ("application/fhir+json;q=high, application/hl7-v2;q=0.9", Format::Fhir),
            ("application/fhir+json;q=NaN, application/json", Format::Fhir),
            (" , ,application/hl7-v2", Format::Hl7),
            ("", Format::Json),
        ] {
            assert_eq!(formats(&[("accept", accept)]), (Format::Json, expected), "{accept}");
        }
        let lines = [("accept", "application/fhir+json;q=0.5"), ("accept", "application/hl7-v2")];
        assert_eq!(formats(&lines), (Format::Json, Format::Hl7), "on several lines");
    }

    #[test]
    fn our_headers_win() {
        let others = [("content-type", "application/fhir+json"), ("accept", "application/hl7-v2")];
        assert_eq!(formats(&others), (Format::Fhir, Format::Hl7));
        assert_eq!(formats(&[others[0], others[1], ("x-request-format", "json")]), (Format::Json, Format::Hl7));
        assert_eq!(formats(&[others[0], others[1], ("x-response-format", "JSON")]), (Format::Fhir, Format::Json));
    }
}
