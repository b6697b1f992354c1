//! Delimiters and escape sequences (HL7 v2.5.1, sections 2.5.4 and 2.7).

use std::borrow::Cow;

/// The delimiters of a message, as its MSH-1 and MSH-2 declare them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delimiters {
    pub(super) field: char,
    pub(super) component: char,
    /// Absent if MSH-2 leaves it out, like those that follow.
    pub(super) repetition: Option<char>,
    pub(super) escape: Option<char>,
    pub(super) subcomponent: Option<char>,
    /// The truncation character of version 2.7 and later.
    pub(super) truncation: Option<char>,
}

/// A malformed or unsupported escape sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadEscape;

impl Delimiters {
    /// The recommended delimiters, which responses use.
    pub(super) const RECOMMENDED: Self = Self {
        field: '|',
        component: '^',
        repetition: Some('~'),
        escape: Some('\\'),
        subcomponent: Some('&'),
        truncation: None,
    };

    /// Reads the text after `MSH`: distinct ASCII punctuation characters, which cannot be confused with content. All but the
    /// first two may be left out, from the end (section 2.5.4, figure 2-1; version 2.7 adds the truncation character).
    pub(super) fn read(after_msh: &str) -> Option<Self> {
        let mut chars = after_msh.chars();
        let field = chars.next()?;
        let mut encoding = chars.as_str().split(field).next()?.chars();
        let component = encoding.next()?;
        let optional @ [repetition, escape, subcomponent, truncation] = std::array::from_fn(|_| encoding.next());
        let all: Vec<char> = [field, component].into_iter().chain(optional.into_iter().flatten()).collect();
        let different =
            all.iter().enumerate().all(|(index, one)| !all.iter().skip(index + 1).any(|other| one == other));
        let usable = different && all.iter().all(char::is_ascii_punctuation) && encoding.next().is_none();
        usable.then_some(Self { field, component, repetition, escape, subcomponent, truncation })
    }

    /// Decodes a value. No field here is formatted text: highlighting is dropped and a line break is a space. Other formatting
    /// commands and the switches of character sets (sections 2.7.2 to 2.7.7) are refused.
    pub(super) fn decode<'a>(&self, encoded: &'a str) -> Result<Cow<'a, str>, BadEscape> {
        let Some(escape) = self.escape.filter(|escape| encoded.contains(*escape)) else {
            return Ok(Cow::Borrowed(encoded));
        };
        let mut bytes = Vec::with_capacity(encoded.len());
        let mut parts = encoded.split(escape);
        bytes.extend(parts.next().unwrap_or_default().bytes());
        while let Some(sequence) = parts.next() {
            self.decode_sequence(sequence, &mut bytes)?;
            // Without a closing escape character there is no part after the sequence.
            bytes.extend(parts.next().ok_or(BadEscape)?.bytes());
        }
        String::from_utf8(bytes).map(Cow::Owned).map_err(|_| BadEscape)
    }

    fn decode_sequence(&self, sequence: &str, bytes: &mut Vec<u8>) -> Result<(), BadEscape> {
        let char = match sequence {
            "F" => Some(self.field),
            "S" => Some(self.component),
            "T" => self.subcomponent,
            "R" => self.repetition,
            "E" => self.escape,
            "P" => self.truncation,
            ".br" => Some(' '),
            "H" | "N" => return Ok(()),
            _ => return decode_hex(sequence.strip_prefix('X').ok_or(BadEscape)?, bytes),
        };
        let mut utf8 = [0; 4];
        bytes.extend(char.ok_or(BadEscape)?.encode_utf8(&mut utf8).bytes());
        Ok(())
    }
}

/// `Xdddd…`: one or more bytes, two hexadecimal digits each.
fn decode_hex(digits: &str, bytes: &mut Vec<u8>) -> Result<(), BadEscape> {
    if digits.is_empty() {
        return Err(BadEscape);
    }
    for pair in digits.as_bytes().chunks(2) {
        let &[high, low] = pair else { return Err(BadEscape) };
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(digit(high).ok_or(BadEscape)? << 4 | digit(low).ok_or(BadEscape)?);
    }
    Ok(())
}

/// Appends text, escaped with the recommended delimiters. Control characters, which could end the segment or break
/// receivers, are written as the hexadecimal of their bytes.
pub(super) fn push_encoded(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(index) = rest.find(is_special) {
        let (plain, special) = rest.split_at_checked(index).unwrap_or((rest, ""));
        out.push_str(plain);
        let mut chars = special.chars();
        if let Some(special) = chars.next() {
            push_sequence(out, special);
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
}

fn is_special(char: char) -> bool {
    matches!(char, '|' | '^' | '~' | '\\' | '&') || char.is_control()
}

fn push_sequence(out: &mut String, special: char) {
    match special {
        '|' => out.push_str("\\F\\"),
        '^' => out.push_str("\\S\\"),
        '~' => out.push_str("\\R\\"),
        '\\' => out.push_str("\\E\\"),
        '&' => out.push_str("\\T\\"),
        control => {
            let mut utf8 = [0; 4];
            out.push_str("\\X");
            for byte in control.encode_utf8(&mut utf8).bytes() {
                for digit in [byte >> 4, byte & 0xf] {
                    out.extend(char::from_digit(digit.into(), 16).map(|digit| digit.to_ascii_uppercase()));
                }
            }
            out.push('\\');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(encoded: &str) -> Result<String, BadEscape> {
        Delimiters::RECOMMENDED.decode(encoded).map(Cow::into_owned)
    }

    fn encoded(text: &str) -> String {
        let mut out = String::new();
        push_encoded(&mut out, text);
        out
    }

    #[test]
    fn delimiters_are_read_from_the_header() {
        assert_eq!(Delimiters::read("|^~\\&|LABGW"), Some(Delimiters::RECOMMENDED));
        let other = Delimiters {
            field: '#',
            component: '*',
            repetition: Some('!'),
            escape: Some('%'),
            subcomponent: Some('@'),
            truncation: None,
        };
        assert_eq!(Delimiters::read("#*!%@#LABGW"), Some(other));
        let with_truncation = Delimiters { truncation: Some('#'), ..Delimiters::RECOMMENDED };
        assert_eq!(Delimiters::read("|^~\\&#|LABGW"), Some(with_truncation));
        let component_alone =
            Delimiters { repetition: None, escape: None, subcomponent: None, ..Delimiters::RECOMMENDED };
        assert_eq!(Delimiters::read("|^|LABGW"), Some(component_alone));
        assert_eq!(Delimiters::read("|^~\\&"), Some(Delimiters::RECOMMENDED), "a header may end there");
    }

    #[test]
    fn delimiters_must_be_distinct_punctuation() {
        for bad in ["", "|", "||", "|^~\\&#!|", "|^^\\&|", "||~\\&|", "|^~\\ |", "|^~\\A|", "|^~\\é|", "7^~\\&7"] {
            assert_eq!(Delimiters::read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn each_delimiter_has_an_escape_sequence() {
        assert_eq!(encoded("|^~\\&"), "\\F\\\\S\\\\R\\\\E\\\\T\\");
        assert_eq!(decoded("\\F\\\\S\\\\R\\\\E\\\\T\\").as_deref(), Ok("|^~\\&"));
    }

    #[test]
    fn escape_sequences_stand_for_the_message_s_own_delimiters() {
        let delimiters = Delimiters::read("#*!%@#").expect("five characters");
        assert_eq!(delimiters.decode("a%F%%S%%T%%R%%E%b\\").as_deref(), Ok("a#*@!%b\\"));
        let with_truncation = Delimiters::read("|^~\\&#|").expect("six characters");
        assert_eq!(with_truncation.decode("a\\P\\b").as_deref(), Ok("a#b"));
    }

    #[test]
    fn formatting_is_not_part_of_the_text() {
        assert_eq!(decoded("\\H\\Lab\\N\\ gateway\\.br\\2").as_deref(), Ok("Lab gateway 2"));
    }

    #[test]
    fn control_characters_are_written_as_hexadecimal() {
        assert_eq!(encoded("a\rb\u{7f}c\u{85}d"), "a\\X0D\\b\\X7F\\c\\XC285\\d");
        assert_eq!(decoded("a\\X0d\\b\\X7F\\c\\XC285\\d").as_deref(), Ok("a\rb\u{7f}c\u{85}d"));
        assert_eq!(decoded("\\XC3\\\\XA9\\").as_deref(), Ok("é"), "bytes of one character in two sequences");
    }

    #[test]
    fn malformed_and_unknown_sequences_are_refused() {
        for bad in [
            "a\\",
            "a\\F",
            "\\\\",
            "\\X\\",
            "\\X0\\",
            "\\X0G\\",
            "\\XFF\\",
            "\\f\\",
            "\\P\\",
            "\\.sp\\",
            "\\C2842\\",
            "\\é\\",
        ] {
            assert_eq!(decoded(bad), Err(BadEscape), "{bad:?}");
        }
    }
}
