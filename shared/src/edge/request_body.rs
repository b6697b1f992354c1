//! The body of a request in its format.

use bytes::Bytes;
use lambda_http::Body;
use lambda_http::http::{HeaderMap, header};

use crate::error::{Error, Reason};
use crate::format::{self, Fields, Format, Incoming, ReadContext, Sender};
use crate::operation::RequestBody;

/// The format that a header names.
pub(super) fn format_of(headers: &HeaderMap, name: &'static str) -> Result<Format, Error> {
    let Some(value) = headers.get(name) else { return Ok(Format::Json) };
    value.to_str().ok().and_then(Format::of_header).ok_or_else(|| {
        Error::invalid(name, Reason::Value, format!("{name} must be one of \"json\", \"hl7\", \"fhir\""))
    })
}

/// The `charset` of the header `Content-Type`.
pub(super) fn charset_of(headers: &HeaderMap) -> Option<&str> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let mut parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, charset) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Some(charset.trim().trim_matches('"'))
}

pub(super) fn bytes_of(body: Body) -> Bytes {
    match body {
        Body::Text(text) => text.into(),
        Body::Binary(bytes) => bytes.into(),
        Body::Empty | _ => Bytes::new(),
    }
}

/// Reads the sender and the fields of a body.
pub(super) fn read_body(
    format: Format,
    body: &Body,
    expected: ReadContext<'_>,
) -> (Option<Sender>, Result<Fields, Error>) {
    let bytes = match body {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        Body::Empty | _ => &[],
    };
    let limit = expected.operation.max_body_bytes();
    match bytes.len() {
        0 if expected.operation.body() == RequestBody::Required => {
            (None, Err(Error::invalid("body", Reason::Required, "body is required")))
        }
        0 => (None, Ok(Fields::none())),
        length if length <= limit => {
            let Incoming { sender, fields } = format::read(format, bytes, expected);
            (sender, fields.map_err(Error::Invalid))
        }
        _ => {
            let sender = format::sender(format, bytes.get(..limit).unwrap_or_default());
            (sender, Err(Error::TooLarge { limit }))
        }
    }
}
