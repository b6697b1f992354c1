//! The body of a request in its format.

use bytes::Bytes;
use lambda_http::Body;
use lambda_http::http::{HeaderMap, header};

use crate::error::{Error, Reason};
use crate::format::{self, Fields, Format, Incoming, ReadContext, Sender};
use crate::operation::{Operation, RequestBody};

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

fn as_bytes(body: &Body) -> &[u8] {
    match body {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        Body::Empty | _ => &[],
    }
}

/// The operation that a message asks for at the URL of all messages.
pub(super) fn operation_of(body: &Body, charset: Option<&str>) -> Operation {
    let bytes = Some(as_bytes(body)).filter(|bytes| bytes.len() <= Operation::ReceiveMessage.max_body_bytes());
    bytes.and_then(|bytes| format::operation_of_message(bytes, charset)).unwrap_or(Operation::ReceiveMessage)
}

/// The media type of the response to a message: that of the message, as engines expect, or the usual one.
pub(super) fn message_type(headers: &HeaderMap) -> &'static str {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let sent = sent.split(';').next().unwrap_or_default().trim();
    let known = MESSAGE_TYPES.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(sent));
    known.map_or(Format::Hl7.content_type(), |(_, content_type)| content_type)
}

/// The media types of messages, and those of their responses.
const MESSAGE_TYPES: [(&str, &str); 3] = [
    ("application/hl7-v2+er7", "application/hl7-v2+er7; charset=utf-8"),
    ("x-application/hl7-v2+er7", "x-application/hl7-v2+er7; charset=utf-8"),
    ("text/plain", "text/plain; charset=utf-8"),
];

/// Reads the sender and the fields of a body.
pub(super) fn read_body(
    format: Format,
    body: &Body,
    expected: ReadContext<'_>,
) -> (Option<Sender>, Result<Fields, Error>) {
    let bytes = as_bytes(body);
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
