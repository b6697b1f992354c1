//! The segments and fields of a message (HL7 v2.5.1, sections 2.5 and 2.6). Nothing is copied or decoded until it is
//! needed, and every step is linear in the message's length.

use std::borrow::Cow;

use super::escape::{Delimiters, push_encoded};
use crate::error::{Reason, Violation};
use crate::format::exchange::{ProcessingId, Sender};
use crate::keys::free_text::holds_key_string;

/// The longest message control id (MSH-10) of a request: that of version 2.7 and later. Version 2.5.1 has 20 characters, but
/// engines send longer ones in its messages too.
pub(super) const MAX_CONTROL_ID: usize = 199;

/// A message: its header segment and the lines after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    header: Segment<'a>,
    rest: &'a str,
}

/// A line of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    line: &'a str,
    delimiters: Delimiters,
}

/// A field as it is encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    encoded: &'a str,
    delimiters: Delimiters,
}

/// The content of a field with a single value (section 2.5.3: an empty field leaves a value alone, `""` deletes it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Given<'a> {
    /// No statement.
    Absent,
    /// Explicitly no value.
    Null,
    /// A value.
    Value(Cow<'a, str>),
}

impl<'a> Message<'a> {
    /// Finds the header and the delimiters it sets.
    pub(super) fn parse(text: &'a str) -> Result<Self, Violation> {
        let (line, rest) = text.split_once(LINE_ENDS).unwrap_or((text, ""));
        let after_msh = line.strip_prefix("MSH").ok_or_else(|| {
            let message = if line.starts_with("FHS") || line.starts_with("BHS") {
                ONE_MESSAGE
            } else {
                "body must be an HL7 v2 message that starts with an MSH segment"
            };
            Violation::new("body", Reason::Sequence, message).at("MSH")
        })?;
        let delimiters = Delimiters::read(after_msh).ok_or_else(|| {
            let message = r"MSH-1 and MSH-2 must be two to six distinct punctuation characters, such as |^~\&";
            Violation::new("body", Reason::Structure, message).at("MSH-2")
        })?;
        Ok(Self { header: Segment { line, delimiters }, rest })
    }

    /// The MSH segment.
    pub(super) fn header(&self) -> Segment<'a> {
        self.header
    }

    /// The segments after the header. CR ends a segment; LF, CRLF and empty lines are accepted too.
    pub(super) fn segments(&self) -> impl Iterator<Item = Segment<'a>> {
        let delimiters = self.header.delimiters;
        let lines = self.rest.split(LINE_ENDS).filter(|line| !line.is_empty());
        lines.map(move |line| Segment { line, delimiters })
    }

    /// The sender, as far as it can be read. A misplaced API key is not repeated to it.
    pub(super) fn sender(&self) -> Sender {
        let control_id = self.header.field(10).decode().unwrap_or_default();
        let harmless = |text: String| if holds_key_string(&text) { String::new() } else { text };
        Sender {
            application: harmless(self.header.field(3).re_encoded()),
            facility: harmless(self.header.field(4).re_encoded()),
            control_id: harmless(control_id.chars().take(MAX_CONTROL_ID).collect()),
            processing_id: match &*self.header.field(11).component(1) {
                "T" => ProcessingId::Training,
                "D" => ProcessingId::Debugging,
                _ => ProcessingId::Production,
            },
        }
    }

    /// The sender of a text whose header cannot be parsed: its MSH-10 alone, if that is plain.
    pub(super) fn sender_of_unparsed(text: &str) -> Option<Sender> {
        let line = text.split(LINE_ENDS).next()?.strip_prefix("MSH")?;
        let control_id = line.split(line.chars().next()?).nth(9)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let usable = (1..=MAX_CONTROL_ID).contains(&control_id.len()) && control_id.bytes().all(is_plain);
        let usable = usable && !holds_key_string(control_id);
        usable.then(|| Sender { control_id: control_id.to_owned(), ..Sender::default() })
    }
}

/// The refusal of files, batches and several messages in one body.
pub(super) const ONE_MESSAGE: &str =
    "body must be one message: send each message of a file (FHS) or batch (BHS) in a request of its own";

const LINE_ENDS: [char; 2] = ['\r', '\n'];

impl<'a> Segment<'a> {
    /// The segment's name: three characters, if it is a proper one.
    pub(super) fn name(&self) -> &'a str {
        self.line.split(self.delimiters.field).next().unwrap_or_default()
    }

    /// The fields after the name. Only in MSH they do not begin with field 1, which is the separator itself.
    pub(super) fn fields(&self) -> impl Iterator<Item = Field<'a>> {
        let delimiters = self.delimiters;
        self.line.split(delimiters.field).skip(1).map(move |encoded| Field { encoded, delimiters })
    }

    /// A field of the MSH segment, by its number from 2 on; an absent one is empty.
    pub(super) fn field(&self, number: usize) -> Field<'a> {
        self.numbered(number.saturating_sub(1))
    }

    /// A field of any other segment, by its number from 1 on; an absent one is empty.
    pub(super) fn numbered(&self, number: usize) -> Field<'a> {
        let field = self.fields().nth(number.saturating_sub(1));
        field.unwrap_or(Field { encoded: "", delimiters: self.delimiters })
    }
}

impl<'a> Field<'a> {
    /// Whether it makes no statement.
    pub(super) fn is_empty(&self) -> bool {
        self.encoded.is_empty()
    }

    /// The only value of a field without repetitions and components; the error is the rule that it breaks.
    pub(super) fn single(&self) -> Result<Given<'a>, &'static str> {
        let Delimiters { component, repetition, subcomponent, field: _, escape: _, truncation: _ } = self.delimiters;
        let is_separator = |char| char == component || Some(char) == repetition || Some(char) == subcomponent;
        match self.encoded {
            "" => Ok(Given::Absent),
            r#""""# => Ok(Given::Null),
            encoded if encoded.contains(is_separator) => {
                Err("must be a single value, with any delimiters in it escaped")
            }
            encoded => {
                let value = self.delimiters.decode(encoded);
                value.map(Given::Value).map_err(|_| "must not contain malformed or unknown escape sequences")
            }
        }
    }

    /// A component of the first repetition, by its number from 1 on. An absent one is empty; one that cannot be decoded is
    /// left encoded.
    pub(super) fn component(&self, number: usize) -> Cow<'a, str> {
        let component = self.first().split(self.delimiters.component).nth(number.saturating_sub(1)).unwrap_or_default();
        self.delimiters.decode(component).unwrap_or(Cow::Borrowed(component))
    }

    /// The first repetition, encoded.
    fn first(&self) -> &'a str {
        self.encoded.split(|char| Some(char) == self.delimiters.repetition).next().unwrap_or_default()
    }

    /// The field decoded as a whole.
    fn decode(&self) -> Option<Cow<'a, str>> {
        self.delimiters.decode(self.encoded).ok()
    }

    /// The first repetition with its components, in the encoding of responses; empty if it cannot be read.
    fn re_encoded(&self) -> String {
        let Delimiters { component, subcomponent, .. } = self.delimiters;
        let first = self.first();
        let mut out = String::with_capacity(first.len());
        for (index, part) in first.split(component).enumerate() {
            out.extend((index > 0).then_some(Delimiters::RECOMMENDED.component));
            for (index, part) in part.split(|char| Some(char) == subcomponent).enumerate() {
                out.extend((index > 0).then_some('&'));
                match self.delimiters.decode(part) {
                    Ok(text) => push_encoded(&mut out, &text),
                    Err(_) => return String::new(),
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_end_with_cr_lf_or_both() {
        for end in ["\r", "\n", "\r\n"] {
            let text = format!(r"MSH|^~\&|LABGW{end}ZAK|1|42{end}{end}ZAK|2{end}");
            let message = Message::parse(&text).expect("a message");
            assert_eq!(message.header().field(3).encoded, "LABGW");
            assert_eq!(message.header().field(2).encoded, r"^~\&");
            assert_eq!(message.segments().map(|segment| segment.line).collect::<Vec<_>>(), ["ZAK|1|42", "ZAK|2"]);
        }
    }

    #[test]
    fn the_sender_is_read_whatever_the_delimiters() {
        let message = Message::parse("MSH#*!%@#LAB*1.2*ISO!B#H%S%O|S######ID%F%7").expect("a message");
        let expected = Sender {
            application: "LAB^1.2^ISO".to_owned(),
            // A delimiter of the request is text here, one of ours is escaped.
            facility: r"H*O\F\S".to_owned(),
            control_id: "ID#7".to_owned(),
            processing_id: ProcessingId::Production,
        };
        assert_eq!(message.sender(), expected);
    }

    #[test]
    fn escape_and_subcomponent_may_be_left_out() {
        for (encoding, name) in [("^~\\", "a|b"), ("^~", "a\\F\\b")] {
            let text = format!("MSH|{encoding}|LAB&1|HOSP||||||C1|T\rZAK|a\\F\\b|a&b|a^b");
            let message = Message::parse(&text).expect("a message");
            let sender = message.sender();
            assert_eq!((sender.control_id.as_str(), sender.processing_id), ("C1", ProcessingId::Training));
            assert_eq!(sender.application, "LAB\\T\\1", "an ampersand is text");
            let zak = message.segments().next().expect("ZAK");
            let fields: Vec<_> = zak.fields().map(|field| field.single()).collect();
            assert_eq!(fields[..2], [Ok(Given::Value(name.into())), Ok(Given::Value("a&b".into()))], "{encoding}");
            assert!(fields[2].is_err());
        }
        for encoding in ["", "^^", "^~^", "^~\\&#!", "a~"] {
            assert!(Message::parse(&format!("MSH|{encoding}|LAB")).is_err(), "{encoding}");
        }
    }

    #[test]
    fn a_control_id_is_read_even_without_usable_delimiters() {
        let control_id = |text| Message::sender_of_unparsed(text).map(|sender| sender.control_id);
        assert_eq!(control_id("MSH|^^|LAB|HOSP||||||C-1.2|P").as_deref(), Some("C-1.2"));
        for text in ["MSH|^^|LAB", "MSH|^^||||||||a b|P", "MSH", "PID|1", ""] {
            assert_eq!(control_id(text), None, "{text}");
        }
    }

    #[test]
    fn a_key_string_is_not_repeated_to_the_sender() {
        let key = format!("nux_live_{}", "a".repeat(56));
        let text = format!("MSH|^~\\&|{key}|H{key}||||||{key}|P");
        assert_eq!(Message::parse(&text).expect("a message").sender(), Sender::default());
        assert_eq!(Message::sender_of_unparsed(&text), None);
    }

    #[test]
    fn an_unreadable_sender_is_empty() {
        let text = format!(r"MSH|^~\&|LAB\|HOSP\Q\||||||{}", "1".repeat(200));
        let message = Message::parse(&text).expect("a message");
        let control_id = "1".repeat(199);
        assert_eq!(message.sender(), Sender { control_id, ..Sender::default() });
        assert_eq!(Message::parse(r"MSH|^~\&").expect("a message").sender(), Sender::default());
    }

    #[test]
    fn a_field_has_a_single_value() {
        let message = Message::parse("MSH|^~\\&\rZAK||\"\"|a\\S\\b|a^b|a~b|a&b|\\q").expect("a message");
        let given: Vec<_> =
            message.segments().flat_map(|zak| zak.fields().map(|f| f.single()).collect::<Vec<_>>()).collect();
        assert_eq!(given.first(), Some(&Ok(Given::Absent)));
        assert_eq!(given.get(1), Some(&Ok(Given::Null)));
        assert_eq!(given.get(2), Some(&Ok(Given::Value("a^b".into()))));
        assert!(given.iter().skip(3).all(Result::is_err), "{given:?}");
    }
}
