//! Parameters of a header (RFC 9110, section 5.6.6): `form-data; name="audio"; filename="recording.wav"`.

/// A parameter.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parameter<'a> {
    name: &'a [u8],
    /// As it was sent, without its quotes. File names are not always UTF-8, and their backslashes not always escapes.
    pub(crate) raw: &'a [u8],
}

impl Parameter<'_> {
    /// Whether it has a name, in any case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Whether parsers that do not know of quotes or escapes see the same value.
    pub(crate) fn is_plain(&self) -> bool {
        !self.raw.iter().any(|byte| b"\"\\;".contains(byte))
    }
}

/// What ends a quoted value.
#[derive(Clone, Copy)]
enum Backslash {
    /// A quote that no backslash escapes, as the standard has it.
    Escapes,
    /// The first quote.
    IsText,
}

/// The parameters of a header's value; `None` if they cannot be read, or one is repeated (RFC 6266, section 4.1). Empty
/// parameters (`;;`) are skipped.
///
/// Some clients write Windows paths without escapes: `filename="C:\dir\"`. A value that makes no sense otherwise is read
/// like that.
pub(crate) fn parameters(value: &[u8]) -> Option<Vec<Parameter<'_>>> {
    read(value, Backslash::Escapes).or_else(|| read(value, Backslash::IsText))
}

/// The value of a parameter, by its name in any case.
pub(crate) fn value_of<'a>(parameters: &[Parameter<'a>], name: &str) -> Option<&'a [u8]> {
    let named = parameters.iter().find(|parameter| parameter.is(name));
    named.map(|parameter| parameter.raw)
}

/// A value without the backslashes that escape.
pub(crate) fn unescaped(raw: &[u8]) -> Vec<u8> {
    let mut bytes = raw.iter();
    std::iter::from_fn(|| bytes.next().map(|byte| if *byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte }))
        .copied()
        .collect()
}

/// The characters of names and of values without quotes (RFC 9110, section 5.6.2).
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

fn read(value: &[u8], backslash: Backslash) -> Option<Vec<Parameter<'_>>> {
    let (_, mut rest) = value.split_at(find(value, b';'));
    let mut parameters: Vec<Parameter<'_>> = Vec::new();
    loop {
        rest = after(rest, b" \t;");
        if rest.is_empty() {
            return Some(parameters);
        }
        let (name, value) = rest.split_at_checked(find(rest, b'='))?;
        let value = value.strip_prefix(b"=")?;
        let raw;
        (raw, rest) = if let Some(quoted) = value.strip_prefix(b"\"") {
            let (raw, rest) = quoted.split_at(closing_quote(quoted, backslash)?);
            (raw, after(rest.strip_prefix(b"\"")?, b" \t"))
        } else {
            let (raw, rest) = value.split_at(find(value, b';'));
            (raw.trim_ascii_end(), rest)
        };
        let is_repeated = parameters.iter().any(|known| known.name.eq_ignore_ascii_case(name));
        if !is_token(name) || is_repeated || !(rest.is_empty() || rest.starts_with(b";")) {
            return None;
        }
        parameters.push(Parameter { name, raw });
    }
}

fn closing_quote(quoted: &[u8], backslash: Backslash) -> Option<usize> {
    let mut is_escaped = false;
    quoted.iter().position(|byte| {
        let closes = *byte == b'"' && !is_escaped;
        is_escaped = matches!(backslash, Backslash::Escapes) && *byte == b'\\' && !is_escaped;
        closes
    })
}

/// Where a byte is, or the end.
fn find(text: &[u8], byte: u8) -> usize {
    text.iter().position(|found| *found == byte).unwrap_or(text.len())
}

fn after<'a>(text: &'a [u8], skipped: &[u8]) -> &'a [u8] {
    let start = text.iter().position(|byte| !skipped.contains(byte)).unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn assert_read(value: &str, expected: &[(&str, &str)]) {
        let parameters = parameters(value.as_bytes()).unwrap_or_else(|| panic!("{value} can be read"));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        let read: Vec<_> =
            parameters.iter().map(|parameter| (text(parameter.name), text(&unescaped(parameter.raw)))).collect();
        assert_eq!(
            read,
            expected.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect::<Vec<_>>()
        );
    }

    #[test]
    fn parameters_are_read_in_every_valid_spelling() {
        assert_read("form-data", &[]);
        assert_read("form-data;", &[]);
        assert_read("form-data; name=audio; filename=\"a b.wav\"", &[("name", "audio"), ("filename", "a b.wav")]);
        assert_read("form-data ;\t;;name=\"audio\" \t; x=\"\"", &[("name", "audio"), ("x", "")]);
        assert_read("multipart/form-data; boundary=\"fo\\rm \\\"1\\\"\"", &[("boundary", "form \"1\"")]);
        assert_read(
            "form-data; filename=my recording.wav ; name=audio",
            &[("filename", "my recording.wav"), ("name", "audio")],
        );
    }

    #[test]
    fn a_quoted_value_may_hold_anything() {
        let value = "form-data; filename=\"visit; name=userId .wav\"; name=\"audio\"";
        assert_read(value, &[("filename", "visit; name=userId .wav"), ("name", "audio")]);
        let value = "form-data; filename=\"a\\\"; name=\\\"userId\"; name=\"audio\"";
        assert_read(value, &[("filename", "a\"; name=\"userId"), ("name", "audio")]);
    }

    #[test]
    fn a_backslash_before_the_closing_quote_is_text() {
        for value in ["form-data; name=audio; filename=\"C:\\dir\\\"", "x; filename=\"C:\\dir\\\"; name=\"audio\""] {
            let parameters = parameters(value.as_bytes()).expect("it can be read");
            assert_eq!(value_of(&parameters, "filename"), Some(&b"C:\\dir\\"[..]));
            assert_eq!(value_of(&parameters, "name"), Some(&b"audio"[..]));
        }
    }

    #[test]
    fn names_are_case_insensitive() {
        let parameters = parameters(b"form-data; NAME=audio").expect("it can be read");
        assert_eq!(value_of(&parameters, "name"), Some(&b"audio"[..]));
    }

    #[test]
    fn malformed_parameters_are_refused() {
        for value in ["; name", "; =a", "; na me=a", "; name=\"a", "; name=\"a\"b", "; name=a; Name=b", "; name = a"] {
            assert_eq!(parameters(value.as_bytes()), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn a_quoted_value_is_opaque(value in any::<Vec<u8>>(), is_first: bool) {
            let mut quoted = Vec::new();
            for byte in &value {
                if b"\"\\".contains(byte) {
                    quoted.push(b'\\');
                }
                quoted.push(*byte);
            }
            let other = [&b"; filename=\""[..], &quoted, b"\""].concat();
            let name = b"; name=\"audio\"".to_vec();
            let header = if is_first { [other, name] } else { [name, other] }.concat();
            let read = parameters(&header).expect("it can be read");
            prop_assert_eq!(value_of(&read, "name"), Some(&b"audio"[..]));
            prop_assert_eq!(value_of(&read, "filename").map(unescaped), Some(value));
        }

        #[test]
        fn any_bytes_are_read_or_refused(value in any::<Vec<u8>>()) {
            parameters(&value);
            unescaped(&value);
        }
    }
}
