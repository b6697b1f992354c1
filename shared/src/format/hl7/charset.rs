//! The text of a message in its character set, without what encloses it on the way.

use std::borrow::Cow;

use crate::error::{Reason, Violation};
use crate::format::replaced::holds_replacement_character;

/// The character sets of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    Utf8,
    Latin1,
    Latin9,
}

impl Charset {
    /// The character set of an MSH-18 (table 0211). Without one it is ASCII, of which UTF-8 is a superset.
    pub(super) fn of_header(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "" | "ASCII" | "UNICODE UTF-8" | "UTF-8" | "UTF8" => Some(Self::Utf8),
            "8859/1" => Some(Self::Latin1),
            "8859/15" => Some(Self::Latin9),
            _ => None,
        }
    }

    /// The character set of a `charset` in `Content-Type` (RFC 2978).
    fn of_content_type(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" | "us-ascii" => Some(Self::Utf8),
            "iso-8859-1" | "latin1" => Some(Self::Latin1),
            "iso-8859-15" | "latin-9" => Some(Self::Latin9),
            _ => None,
        }
    }

    fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes),
            Self::Latin1 => bytes.iter().map(|byte| char::from(*byte)).collect(),
            Self::Latin9 => bytes.iter().map(|byte| latin9(*byte)).collect(),
        }
    }
}

/// A character of ISO 8859-15, which differs from ISO 8859-1 in eight of them. The library for it would add 130 KB of other
/// character sets to every function.
fn latin9(byte: u8) -> char {
    match byte {
        0xa4 => '€',
        0xa6 => 'Š',
        0xa8 => 'š',
        0xb4 => 'Ž',
        0xb8 => 'ž',
        0xbc => 'Œ',
        0xbd => 'œ',
        0xbe => 'Ÿ',
        _ => byte.into(),
    }
}

/// Decodes a message. `Content-Type` describes the bytes as they were sent, so its `charset` comes before MSH-18, which an
/// engine may leave as it was when it writes a message in another character set. Bytes that cannot be decoded are replaced,
/// so that the header can be read, and are a violation.
pub(super) fn decode<'a>(body: &'a [u8], content_charset: Option<&str>) -> (Cow<'a, str>, Option<Violation>) {
    let body = unframed(body);
    let charset = match content_charset {
        Some(name) => Charset::of_content_type(name),
        // An unknown name is found by the check of the header.
        None => Some(Charset::of_header(&header_charset(body)).unwrap_or(Charset::Utf8)),
    };
    let Some(charset) = charset else {
        let message = "content-type must have the charset utf-8, iso-8859-1 or iso-8859-15, or none";
        return (String::from_utf8_lossy(body), Some(Violation::new("content-type", Reason::Value, message)));
    };
    let is_decodable = charset != Charset::Utf8 || std::str::from_utf8(body).is_ok();
    let damaged = (!is_decodable || holds_replacement_character(body)).then(|| {
        let message = "body must be in the character set that MSH-18 names, and any other than UTF-8 must be sent with \
             Content-Type: application/hl7-v2";
        Violation::new("body", Reason::Structure, message).at("MSH-18")
    });
    (charset.decode(body), damaged)
}

/// A message without a byte order mark, and without the framing of MLLP: VT before it, FS and CR after it.
fn unframed(body: &[u8]) -> &[u8] {
    let after_mark = |body| <[u8]>::strip_prefix(body, b"\xef\xbb\xbf").unwrap_or(body);
    let body = after_mark(body);
    let body = after_mark(body.strip_prefix(b"\x0b").unwrap_or(body));
    body.trim_ascii_end().strip_suffix(b"\x1c").unwrap_or(body)
}

/// The first component of the first repetition of MSH-18, in the ASCII that all character sets share.
fn header_charset(body: &[u8]) -> String {
    let line = body.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let separator = line.get(3).copied().unwrap_or_default();
    let mut fields = line.split(|byte| *byte == separator);
    let encoding = fields.nth(1).unwrap_or_default();
    let field = fields.nth(15).unwrap_or_default();
    let first = field.split(|byte| encoding.contains(byte)).next().unwrap_or_default();
    String::from_utf8_lossy(first).into_owned()
}

#[cfg(test)]
mod tests {
    use encoding_rs::ISO_8859_15;
    use encoding_rs::mem::decode_latin1;

    use super::*;

    #[test]
    fn single_bytes_are_those_of_the_standards() {
        for byte in 0..=u8::MAX {
            assert_eq!(Charset::Latin1.decode(&[byte]), decode_latin1(&[byte]), "{byte:x}");
            assert_eq!(Charset::Latin9.decode(&[byte]), ISO_8859_15.decode_without_bom_handling(&[byte]).0, "{byte:x}");
        }
    }

    fn message(charset: &str, name: &[u8]) -> Vec<u8> {
        let header = format!("MSH|^~\\&|LAB|HOSP|||20260303||ZAK^Z01|1|P|2.5.1||||||{charset}\rZAK|1|||");
        [header.as_bytes(), name].concat()
    }

    fn name(body: &[u8], content_charset: Option<&str>) -> Result<String, Option<String>> {
        match decode(body, content_charset) {
            (_, Some(violation)) => Err(violation.at),
            (text, None) => Ok(text.rsplit('|').next().unwrap_or_default().to_owned()),
        }
    }

    #[test]
    fn each_character_set_is_decoded() {
        for (charset, bytes, text) in [
            ("", "é€".as_bytes(), "é€"),
            ("ASCII", "é€".as_bytes(), "é€"),
            ("UNICODE UTF-8", "é€".as_bytes(), "é€"),
            ("UTF8", "é€".as_bytes(), "é€"),
            ("utf-8^x", "é€".as_bytes(), "é€"),
            ("8859/1", b"\xe9\xa4\x80", "é¤\u{80}"),
            ("8859/1~UNICODE UTF-8", b"\xe9", "é"),
            ("8859/15", b"\xe9\xa4", "é€"),
        ] {
            assert_eq!(name(&message(charset, bytes), None).as_deref(), Ok(text), "{charset}");
        }
    }

    #[test]
    fn the_charset_of_the_content_type_comes_first() {
        assert_eq!(name(&message("8859/1", "é".as_bytes()), Some("UTF-8")).as_deref(), Ok("é"));
        assert_eq!(name(&message("UNICODE UTF-8", b"\xa4"), Some("iso-8859-15")).as_deref(), Ok("€"));
        assert_eq!(name(&message("", b"\xe9"), Some("ISO-8859-1")).as_deref(), Ok("é"));
        assert_eq!(name(&message("", b"e"), Some("utf-16")), Err(None));
    }

    #[test]
    fn bytes_of_another_character_set_are_refused() {
        let place = Err(Some("MSH-18".to_owned()));
        for charset in ["", "ASCII", "UNICODE UTF-8"] {
            assert_eq!(name(&message(charset, b"\xe9"), None), place, "{charset}");
        }
        for charset in ["", "8859/1", "8859/15", "UNICODE UTF-8"] {
            assert_eq!(name(&message(charset, "\u{fffd}".as_bytes()), None), place, "{charset}");
        }
    }

    #[test]
    fn framing_and_byte_order_mark_are_not_part_of_the_message() {
        for (before, after) in [("\u{feff}", ""), ("\u{b}", "\u{1c}\r"), ("\u{b}\u{feff}", "\u{1c}"), ("\u{b}", "")] {
            let body = format!("{before}MSH|^~\\&|LAB\rZAK|1\r{after}");
            assert_eq!(decode(body.as_bytes(), None).0.trim_end(), "MSH|^~\\&|LAB\rZAK|1", "{body:?}");
        }
        assert_eq!(decode(b"", None).0, "");
    }
}
