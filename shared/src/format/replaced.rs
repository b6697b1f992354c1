//! Characters that were lost before a body arrived.

/// Whether U+FFFD is in a body. API Gateway puts it where bytes are not UTF-8, unless it hands on the content type as binary.
pub(super) fn holds_replacement_character(body: &[u8]) -> bool {
    let replacement = '\u{fffd}'.to_string();
    body.windows(replacement.len()).any(|bytes| bytes == replacement.as_bytes())
}
