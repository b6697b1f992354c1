//! The part of a path that is passed on to a service, below the URL that the deployment gives it.

use url::Url;

use crate::error::{Error, Reason};

/// Segments that name the same place below a URL to every server: without dots at their beginning, percent signs,
/// backslashes and parameters, which some servers take for a way up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subpath(String);

impl Subpath {
    /// Reads the segments between slashes. As on other routes, a slash at the end means nothing.
    ///
    /// # Errors
    ///
    /// If a segment is empty, begins with a dot, or has other characters than those that need no encoding (RFC 3986,
    /// section 2.3).
    pub fn read(text: &str) -> Result<Self, Error> {
        let text = text.strip_suffix('/').unwrap_or(text);
        if text.split('/').all(is_plain) {
            return Ok(Self(text.to_owned()));
        }
        let rule = "path must consist of segments of letters, digits and -._~ that do not begin with a dot";
        Err(Error::invalid("path", Reason::Value, rule))
    }

    /// The URL of what it names.
    #[must_use]
    pub fn below(&self, base: &Url) -> Url {
        let mut url = base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(self.0.split('/'));
        }
        url
    }
}

fn is_plain(segment: &str) -> bool {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(is_unreserved)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn below(base: &str, text: &str) -> Option<String> {
        let base = Url::parse(base).expect("a URL");
        Subpath::read(text).ok().map(|subpath| subpath.below(&base).to_string())
    }

    #[test]
    fn segments_are_appended() {
        for (base, text, expected) in [
            ("https://speech.example/transcribe", "v2", "https://speech.example/transcribe/v2"),
            ("https://speech.example/transcribe/", "v2/", "https://speech.example/transcribe/v2"),
            ("https://speech.example", "a/b/c", "https://speech.example/a/b/c"),
            ("https://speech.example/t?key=1", "medical-note", "https://speech.example/t/medical-note?key=1"),
            ("https://speech.example/t", "v..2/a~b_c/1.0", "https://speech.example/t/v..2/a~b_c/1.0"),
        ] {
            assert_eq!(below(base, text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn nothing_leads_above_the_base() {
        for text in [
            "",
            "/",
            "//",
            "/v2",
            "v2//",
            "a//b",
            ".",
            "..",
            "../admin",
            "a/../../admin",
            "a/..",
            "...",
            "a/./b",
            ".v2",
            "%2e%2e/admin",
            "%2E%2e/admin",
            ".%2e/x",
            "%252e%252e/admin",
            "..%2fadmin",
            "a%2f..%2f..",
            "%2f",
            "..\\admin",
            "a\\b",
            "%5c..%5cadmin",
            "..;/admin",
            "v2;a=b",
            " ../admin",
            "..%20/admin",
            "%00",
            "a\nb",
            "%c0%ae%c0%ae",
            "v2?a",
            "v2#a",
            "@evil.example",
            "a:80",
            "ä",
            "a b",
            "\u{ff0e}\u{ff0e}/a",
            "\u{7f}",
        ] {
            assert_eq!(below("https://speech.example/transcribe", text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_url_is_below_the_base(text in "([a-z]|[-._~/]|\\.\\.|%2e|%2f|\\PC){0,12}") {
            if let Some(url) = below("https://speech.example/transcribe", &text) {
                let expected = format!("https://speech.example/transcribe/{}", text.trim_end_matches('/'));
                prop_assert_eq!(url, expected);
            }
        }
    }
}
