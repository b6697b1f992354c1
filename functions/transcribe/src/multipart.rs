//! Multipart forms (RFC 7578), read strictly.
//!
//! The transcription service reads the form again, with a parser of its own. If the two disagreed over where a part begins
//! or what it is called, a form could pass the checks here and say something else there. So a boundary that only some
//! parsers would see is an error here, and so is a part's name that they may read in different ways. The form goes on byte
//! for byte, but for the Content-Disposition of a file whose name is more than a plain name in UTF-8.
//!
//! The parser is our own because it has to be this strict, and needs the bytes of each header. `multer`, for one, takes
//! parameters inside quoted values for parameters, has no file names in other encodings than UTF-8, and drops the rest of
//! the header's text. The whole body is in memory, so there is little to it.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use memchr::memmem;
use shared::edge::key_call::RawBody;
use shared::error::{Error, Reason};

use crate::parameters::{Parameter, is_token, parameters, unescaped, value_of};

/// Several times as many as clients send.
const MAX_PARTS: usize = 100;
/// Clients write three.
const MAX_HEADERS: usize = 32;
/// As long as file systems allow. Longer file names lose their beginning, and keep what tells their kind.
const MAX_FILE_NAME_BYTES: usize = 255;

const DISPOSITION: &str = "content-disposition";
const CRLF: &[u8] = b"\r\n";
/// Blanks may follow a boundary ("transport padding", RFC 2046, section 5.1.1).
const BLANKS: [u8; 2] = *b" \t";

/// A form as it was sent.
#[derive(Debug)]
pub(crate) struct Form<'a> {
    boundary: String,
    body: &'a Bytes,
    pub(crate) parts: Vec<Part<'a>>,
}

/// A part of a form.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) name: String,
    pub(crate) file: File,
    headers: Vec<Header<'a>>,
    pub(crate) body: &'a [u8],
}

/// How a part names its file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum File {
    /// The part is no file.
    None,
    /// By a plain name, which goes on as it is.
    Plain,
    /// In another way: the plain name that goes on instead.
    Renamed(String),
}

#[derive(Debug)]
struct Header<'a> {
    /// Where its line is in the form.
    range: Range<usize>,
    name: &'a [u8],
    value: &'a [u8],
}

impl<'a> Form<'a> {
    /// Reads a form. `content_type` is the request's header.
    ///
    /// # Errors
    ///
    /// If it is none, incomplete or ambiguous, a part has no name, or there are too many.
    pub(crate) fn read(content_type: &str, body: &'a Bytes) -> Result<Self, Error> {
        let boundary = boundary(content_type).ok_or_else(|| {
            let message = "content-type must be multipart/form-data with a boundary, which HTTP clients add when they set the header themselves";
            Error::invalid("content-type", Reason::Value, message)
        })?;
        if body.is_empty() {
            return Err(Error::invalid("body", Reason::Required, "body is required"));
        }
        let parts = split(body, &boundary)?;
        Ok(Self { boundary, body, parts })
    }

    /// The form as it goes on. Its Content-Type is spelt as clients mostly do.
    pub(crate) fn write(&self) -> RawBody {
        let quote = if is_token(self.boundary.as_bytes()) { "" } else { "\"" };
        let content_type = format!("multipart/form-data; boundary={quote}{}{quote}", self.boundary);
        let renamed: Vec<_> = self.parts.iter().filter_map(Part::renamed).collect();
        if renamed.is_empty() {
            return RawBody { content_type: Some(content_type), bytes: self.body.clone() };
        }
        let mut bytes = BytesMut::with_capacity(self.body.len());
        let mut copied = 0;
        for (range, line) in renamed {
            bytes.extend_from_slice(self.body.get(copied..range.start).unwrap_or_default());
            bytes.extend_from_slice(line.as_bytes());
            copied = range.end;
        }
        bytes.extend_from_slice(self.body.get(copied..).unwrap_or_default());
        RawBody { content_type: Some(content_type), bytes: bytes.freeze() }
    }
}

impl<'a> Part<'a> {
    /// Reads a part that begins at a place of the form.
    fn read(part: &'a [u8], start: usize) -> Result<Self, Error> {
        let (head, body) = match (part.strip_prefix(CRLF), memmem::find(part, b"\r\n\r\n")) {
            (Some(body), _) => (&[][..], body),
            (None, Some(end)) => {
                let (head, rest) = part.split_at(end);
                (head, rest.get(4..).unwrap_or_default())
            }
            (None, None) => return Err(unreadable()),
        };
        let headers = Header::read_all(head, start)?;
        let disposition = headers.iter().find(|header| header.is(DISPOSITION));
        let parameters = disposition.and_then(|header| parameters(header.value)).unwrap_or_default();
        let name = parameters.iter().find(|parameter| parameter.is("name")).and_then(plain_name).ok_or_else(|| {
            let message = "every part of body must have a name, without quotes, backslashes, semicolons and control \
                           characters";
            Error::invalid("body", Reason::Structure, message)
        })?;
        let file = file(&parameters, &name);
        // Some parsers would see other parameters in it. Those of a file are written anew.
        if file == File::None && !parameters.iter().all(Parameter::is_plain) {
            return Err(unreadable());
        }
        Ok(Self { name, file, headers, body })
    }

    /// A header's value, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.iter().find(|header| header.is(name)).map(|header| header.value)
    }

    /// The place of a Content-Disposition that goes on in another spelling, and that spelling, which is the one of browsers
    /// and curl.
    fn renamed(&self) -> Option<(Range<usize>, String)> {
        let File::Renamed(file_name) = &self.file else { return None };
        let header = self.headers.iter().find(|header| header.is(DISPOSITION))?;
        let line = format!("Content-Disposition: form-data; name=\"{}\"; filename=\"{file_name}\"", self.name);
        Some((header.range.clone(), line))
    }
}

impl<'a> Header<'a> {
    fn read_all(head: &'a [u8], start: usize) -> Result<Vec<Self>, Error> {
        let mut headers: Vec<Self> = Vec::new();
        let mut rest = head;
        while !rest.is_empty() {
            let (line, after) = rest.split_at(memmem::find(rest, CRLF).unwrap_or(rest.len()));
            let start = start + head.len() - rest.len();
            rest = after.strip_prefix(CRLF).unwrap_or_default();
            let header = Self::read(line, start).ok_or_else(unreadable)?;
            let is_repeated = headers.iter().any(|known| known.name.eq_ignore_ascii_case(header.name));
            if is_repeated || headers.len() == MAX_HEADERS {
                return Err(unreadable());
            }
            headers.push(header);
        }
        Ok(headers)
    }

    fn read(line: &'a [u8], start: usize) -> Option<Self> {
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':')?);
        let value = value.strip_prefix(b":")?.trim_ascii();
        let is_text = !value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t');
        (is_token(name) && is_text).then_some(Self { range: start..start + line.len(), name, value })
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

fn unreadable() -> Error {
    let message = "body must be a complete form, divided by the boundary that content-type names";
    Error::invalid("body", Reason::Structure, message)
}

/// The parameter `boundary` of a content type. Clients use other characters than RFC 2046 gives it (section 5.1.1), and
/// more; but not those that would need an escape.
fn boundary(content_type: &str) -> Option<String> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let parameters = parameters(content_type.as_bytes())?;
    let boundary = String::from_utf8(unescaped(value_of(&parameters, "boundary")?)).ok()?;
    let is_usable = !boundary.is_empty()
        && !boundary.ends_with(' ')
        && boundary.chars().all(|char| (' '..='~').contains(&char) && char != '"' && char != '\\');
    (media_type.eq_ignore_ascii_case("multipart/form-data") && is_usable).then_some(boundary)
}

/// The parts between the boundaries.
fn split<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<Part<'a>>, Error> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut start = None;
    let mut is_closed = false;
    for at in memmem::find_iter(body, &delimiter) {
        let (before, after) = (body.split_at(at).0, body.split_at(at + delimiter.len()).1);
        let padding = after.iter().take_while(|byte| BLANKS.contains(byte)).count();
        let rest = after.split_at(padding).1;
        let starts_line = before.is_empty() || before.ends_with(b"\r") || before.ends_with(b"\n");
        let ends_line = rest.is_empty() || rest.starts_with(b"\r") || rest.starts_with(b"\n");
        if !starts_line && !ends_line {
            // Within a line it is content, as chance may have it in a recording.
            continue;
        }
        let closes = after.starts_with(b"--");
        // Some receivers read on after the last boundary.
        let is_whole =
            !is_closed && (before.is_empty() || before.ends_with(CRLF)) && (closes || rest.starts_with(CRLF));
        if !is_whole {
            return Err(unreadable());
        }
        if let Some(start) = start {
            // The line break before a boundary belongs to it.
            let part = body.get(start..at - CRLF.len()).ok_or_else(unreadable)?;
            if parts.len() == MAX_PARTS {
                let message = format!("body must have at most {MAX_PARTS} parts");
                return Err(Error::invalid("body", Reason::Structure, message));
            }
            parts.push(Part::read(part, start)?);
        }
        is_closed = closes;
        start = Some(at + delimiter.len() + padding + CRLF.len());
    }
    if is_closed { Ok(parts) } else { Err(unreadable()) }
}

/// The name of a part, if all parsers read it alike.
fn plain_name(parameter: &Parameter<'_>) -> Option<String> {
    let name = str::from_utf8(parameter.raw).ok().filter(|_| parameter.is_plain())?;
    (!name.is_empty() && !name.contains(char::is_control)).then(|| name.to_owned())
}

/// The file of a part. `filename*` makes a file too: it is not allowed here (RFC 7578, section 4.2), but some clients write it.
fn file(parameters: &[Parameter<'_>], part_name: &str) -> File {
    let (file_name, extended) = (value_of(parameters, "filename"), value_of(parameters, "filename*"));
    if file_name.is_none() && extended.is_none() {
        return File::None;
    }
    let plain = file_name.and_then(plain_file_name);
    let goes_on = extended.is_none()
        && parameters.iter().all(Parameter::is_plain)
        && plain.as_ref().is_some_and(|plain| Some(plain.as_bytes()) == file_name);
    if goes_on { File::Plain } else { File::Renamed(plain.unwrap_or_else(|| part_name.to_owned())) }
}

/// The last component of a file name, with `_` for what would need an escape, and in other encodings than UTF-8 for what
/// is not ASCII; `None` if nothing is left. A backslash divides paths, unless it escapes a quote.
fn plain_file_name(raw: &[u8]) -> Option<String> {
    let ascii = |byte: &u8| if byte.is_ascii() { char::from(*byte) } else { '_' };
    let text = str::from_utf8(raw).map_or_else(|_| raw.iter().map(ascii).collect(), str::to_owned);
    let text = text.replace("\\\"", "\"");
    let component = text.rsplit(['/', '\\']).find(|component| !component.trim().is_empty())?;
    let start = component.ceil_char_boundary(component.len().saturating_sub(MAX_FILE_NAME_BYTES));
    let plain = |char: char| if char.is_control() || "\"\u{2028}\u{2029}".contains(char) { '_' } else { char };
    let name: String = component.split_at(start).1.chars().map(plain).collect();
    // `.` and `..` are directories, on some systems also with blanks behind them.
    (!name.trim_matches(['.', ' ']).is_empty()).then_some(name)
}

#[cfg(test)]
mod tests;
