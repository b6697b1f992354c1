//! Free texts of clients that are kept: names today, and whatever else people may write.
//!
//! They are in the audit trail and in events, where no key string may be, and are read by people, who must not be misled
//! by what they cannot see.

use icu_properties::props::{BidiControl, DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

use crate::keys::secret::{ENDING_LEN, EXISTING_DIGITS, Prefix};

/// The rule that a text breaks, for an error message, or nothing.
#[must_use]
pub fn broken_rule(text: &str) -> Option<&'static str> {
    let bidi_control = CodePointSetData::new::<BidiControl>();
    if text.chars().any(char::is_control) {
        Some("must not contain control characters")
    } else if text.contains('\u{fffd}') {
        Some("must not contain U+FFFD, which stands for bytes that could not be decoded")
    } else if text.chars().any(|char| bidi_control.contains(char) || matches!(char, '\u{2028}' | '\u{2029}')) {
        Some("must not contain line separators or characters that change the direction of text")
    } else if holds_key_string(text) {
        Some("must not contain an API key")
    } else if !text.is_empty() && !text.chars().any(is_visible) {
        Some("must contain a visible character")
    } else {
        None
    }
}

/// Whether a text has a key string in it, judged by its form: in any case, also cut by blanks or invisible characters. Of
/// strings from before this service, those with a prefix count; a UUID is most often something else.
#[must_use]
pub fn holds_key_string(text: &str) -> bool {
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let kept = text.chars().filter(|char| !char.is_whitespace() && !ignorable.contains(*char));
    let kept: String = kept.map(|char| char.to_ascii_lowercase()).collect();
    [Prefix::Live, Prefix::Test].iter().any(|prefix| {
        kept.match_indices(prefix.as_str()).any(|(at, prefix)| {
            let rest = || kept[at + prefix.len()..].bytes();
            rest().take_while(u8::is_ascii_alphanumeric).count() >= ENDING_LEN
                || rest().take_while(u8::is_ascii_hexdigit).count() >= EXISTING_DIGITS
        })
    })
}

fn is_visible(char: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(char);
    let is_blank_or_format = matches!(
        category,
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::SpaceSeparator
    );
    !is_blank_or_format && !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(char)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXISTING: &str = "nux_test_0123456789abcdef";
    const KEY: &str = "nux_live_000000007000000001abcdefghijklmnopqrstuvwxyzABCDEF0a1B2c";

    #[test]
    fn key_strings_are_found_wherever_they_are() {
        assert_eq!(KEY.len(), 65);
        let spaced: String = KEY.chars().flat_map(|char| [char, ' ']).collect();
        let invisible: String = KEY.chars().flat_map(|char| [char, '\u{200b}', '\u{ad}', '\u{3164}']).collect();
        let split = format!("{}\n{}", &KEY[..30], &KEY[30..]);
        for text in [
            KEY.to_owned(),
            format!("PROD_{KEY}"),
            format!("{KEY}_old"),
            format!("x{KEY}y"),
            format!("{KEY}{KEY}"),
            KEY.to_uppercase(),
            KEY.replace("live", "test"),
            spaced,
            invisible,
            split,
            format!("nux_live_{KEY}"),
            EXISTING.to_owned(),
            format!("old {EXISTING}_"),
            EXISTING.to_uppercase(),
            EXISTING.replace('8', " 8\u{200b}"),
        ] {
            assert!(holds_key_string(&text), "{text}");
        }
        let uuid = "3f2b8c1e-9a4d-4e7f-8b6a-0c1d2e3f4a5b";
        let short = format!("nux_live_Z{}", &KEY[10..64]);
        for text in
            ["nux_live_…0a1B", &short, &EXISTING[..24], uuid, &KEY[1..], &KEY.replace('_', "-"), "nux_live_", ""]
        {
            assert!(!holds_key_string(text), "{text}");
        }
    }

    #[test]
    fn misleading_characters_are_refused() {
        for (char, rule) in [
            ('\u{7}', "must not contain control characters"),
            ('\u{85}', "must not contain control characters"),
            ('\u{fffd}', "must not contain U+FFFD, which stands for bytes that could not be decoded"),
            ('\u{202e}', "must not contain line separators or characters that change the direction of text"),
            ('\u{200f}', "must not contain line separators or characters that change the direction of text"),
            ('\u{61c}', "must not contain line separators or characters that change the direction of text"),
            ('\u{2066}', "must not contain line separators or characters that change the direction of text"),
            ('\u{2028}', "must not contain line separators or characters that change the direction of text"),
            ('\u{2029}', "must not contain line separators or characters that change the direction of text"),
        ] {
            assert_eq!(broken_rule(&format!("Lab{char}gateway")), Some(rule), "{:x}", u32::from(char));
        }
    }

    #[test]
    fn something_is_to_be_seen() {
        for char in ['\u{200b}', '\u{feff}', '\u{2060}', '\u{3164}', '\u{200d}', '\u{e0001}', '\u{a0}', '\u{3000}'] {
            assert_eq!(
                broken_rule(&char.to_string()),
                Some("must contain a visible character"),
                "{:x}",
                u32::from(char)
            );
            assert_eq!(broken_rule(&format!("a{char}b")), None, "{:x}", u32::from(char));
        }
        for text in ["Lab", "é", "中", "🙂", "\u{2800}", "👩\u{200d}⚕\u{fe0f}", "."] {
            assert_eq!(broken_rule(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in any::<String>(), at in 0..65_usize, noise in "[ \u{200b}\u{2060}]{0,3}") {
            let _ = broken_rule(&text);
            let cut = format!("{}{noise}{}", &KEY[..at], &KEY[at..]);
            prop_assert!(holds_key_string(&format!("{text} {cut}")) || text.ends_with('_'), "{cut}");
        }
    }
}
