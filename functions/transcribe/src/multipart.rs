//! Multipart forms (RFC 7578): read strictly, and written in the one spelling that every parser reads alike.
//!
//! The transcription service reads the form again, with a parser of its own. If the two disagreed over where a part begins
//! or what it is called, a form could pass the checks here and say something else there. So a boundary that only some
//! parsers would see is an error here, and each part's Content-Disposition is written anew: name first, and a file name
//! without paths and quotes. Everything else goes on byte for byte, and so does the whole form of any common client.
//!
//! The parser is our own because it has to be this strict, and needs the bytes of each header. `multer`, for one, takes
//! parameters inside quoted values for parameters, has no file names in other encodings than UTF-8, and drops the rest of
//! the header's text. The whole body is in memory, so there is little to it.

use bytes::{Bytes, BytesMut};
use memchr::memmem;
use shared::error::{Error, Reason};

use crate::parameters::{is_token, parameters, unescaped, value_of};

/// More than any accepted form has. A client that sends more is told so without a list of them.
const MAX_PARTS: usize = 10;
/// Clients write three.
const MAX_HEADERS: usize = 32;
/// As long as file systems allow. Longer file names lose their beginning, and keep what tells their kind.
const MAX_FILE_NAME_BYTES: usize = 255;

const CRLF: &[u8] = b"\r\n";
/// Blanks may follow a boundary ("transport padding", RFC 2046, section 5.1.1).
const BLANKS: [u8; 2] = *b" \t";

/// A form as it was sent.
#[derive(Debug)]
pub(crate) struct Form<'a> {
    boundary: String,
    pub(crate) parts: Vec<Part<'a>>,
}

/// A part of a form.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) name: String,
    /// The file's name as it is passed on; `None` if the part is no file.
    pub(crate) file_name: Option<String>,
    headers: Vec<Header<'a>>,
    pub(crate) body: &'a [u8],
}

#[derive(Debug)]
struct Header<'a> {
    line: &'a [u8],
    name: &'a [u8],
    value: &'a [u8],
}

/// A form to be sent.
pub(crate) struct Written {
    pub(crate) content_type: String,
    pub(crate) bytes: Bytes,
}

impl<'a> Form<'a> {
    /// Reads a form. `content_type` is the request's header.
    ///
    /// # Errors
    ///
    /// If it is none, incomplete or ambiguous, a part has no name, or there are too many.
    pub(crate) fn read(content_type: &str, body: &'a [u8]) -> Result<Self, Error> {
        let boundary = boundary(content_type).ok_or_else(|| {
            let message = "content-type must be multipart/form-data with a boundary";
            Error::invalid("content-type", Reason::Value, message)
        })?;
        if body.is_empty() {
            return Err(Error::invalid("body", Reason::Required, "body is required"));
        }
        let parts = split(body, &boundary)?;
        Ok(Self { boundary, parts })
    }

    /// The form as it goes on. Text before the first boundary and after the last, which receivers skip, is left out.
    pub(crate) fn write(&self) -> Written {
        let is_token = is_token(self.boundary.as_bytes());
        let quote = if is_token { "" } else { "\"" };
        let content_type = format!("multipart/form-data; boundary={quote}{}{quote}", self.boundary);
        let delimiter = format!("--{}", self.boundary);
        let mut bytes = BytesMut::new();
        for part in &self.parts {
            bytes.extend([delimiter.as_bytes(), CRLF].concat());
            for header in &part.headers {
                let is_disposition = header.is("content-disposition");
                let line = if is_disposition { part.disposition().into() } else { header.line.to_vec() };
                bytes.extend_from_slice(&[&line, CRLF].concat());
            }
            for piece in [CRLF, part.body, CRLF] {
                bytes.extend_from_slice(piece);
            }
        }
        bytes.extend([delimiter.as_bytes(), b"--", CRLF].concat());
        Written { content_type, bytes: bytes.freeze() }
    }
}

impl<'a> Part<'a> {
    fn read(part: &'a [u8]) -> Result<Self, Error> {
        let (head, body) = match (part.strip_prefix(CRLF), memmem::find(part, b"\r\n\r\n")) {
            (Some(body), _) => (&[][..], body),
            (None, Some(end)) => {
                let (head, rest) = part.split_at(end);
                (head, rest.get(4..).unwrap_or_default())
            }
            (None, None) => return Err(unreadable()),
        };
        let headers = Header::read_all(head)?;
        let disposition = headers.iter().find(|header| header.is("content-disposition"));
        let parameters = disposition.and_then(|header| parameters(header.value)).unwrap_or_default();
        let name = value_of(&parameters, "name").map(|raw| String::from_utf8_lossy(&unescaped(raw)).into_owned());
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Err(Error::invalid("body", Reason::Structure, "every part of body must have a name"));
        };
        // `filename*` makes a file too: it is not allowed here (RFC 7578, section 4.2), but some clients write it.
        let file_name = match (value_of(&parameters, "filename"), value_of(&parameters, "filename*")) {
            (Some(raw), _) => Some(plain_file_name(raw).unwrap_or_else(|| name.clone())),
            (None, Some(_)) => Some(name.clone()),
            (None, None) => None,
        };
        Ok(Self { name, file_name, headers, body })
    }

    /// A header's value, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.iter().find(|header| header.is(name)).map(|header| header.value)
    }

    /// As browsers and curl write it. A part that goes on has one of the names that are known here.
    fn disposition(&self) -> String {
        let file_name = self.file_name.as_ref().map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
        format!("Content-Disposition: form-data; name=\"{}\"{file_name}", self.name)
    }
}

impl<'a> Header<'a> {
    fn read_all(head: &'a [u8]) -> Result<Vec<Self>, Error> {
        let mut headers: Vec<Self> = Vec::new();
        let mut rest = head;
        while !rest.is_empty() {
            let (line, after) = rest.split_at(memmem::find(rest, CRLF).unwrap_or(rest.len()));
            rest = after.strip_prefix(CRLF).unwrap_or_default();
            let header = Self::read(line).ok_or_else(unreadable)?;
            let is_repeated = headers.iter().any(|known| known.name.eq_ignore_ascii_case(header.name));
            if is_repeated || headers.len() == MAX_HEADERS {
                return Err(unreadable());
            }
            headers.push(header);
        }
        Ok(headers)
    }

    fn read(line: &'a [u8]) -> Option<Self> {
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':')?);
        let value = value.strip_prefix(b":")?.trim_ascii();
        let is_text = !value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t');
        (is_token(name) && is_text).then_some(Self { line, name, value })
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
        let is_whole = (before.is_empty() || before.ends_with(CRLF)) && (closes || rest.starts_with(CRLF));
        if !is_whole {
            return Err(unreadable());
        }
        if let Some(start) = start {
            // The line break before a boundary belongs to it.
            let part = body.get(start..at - CRLF.len()).ok_or_else(unreadable)?;
            if parts.len() == MAX_PARTS {
                let message = "body must consist of the parts audio, userId and speciality";
                return Err(Error::invalid("body", Reason::Structure, message));
            }
            parts.push(Part::read(part)?);
        }
        if closes {
            return Ok(parts);
        }
        start = Some(at + delimiter.len() + padding + CRLF.len());
    }
    Err(unreadable())
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
