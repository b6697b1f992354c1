//! The segments and fields of a message (HL7 v2.5.1, sections 2.5 and 2.6). Nothing is copied or decoded until it is
//! needed, and every step is linear in the message's length.

use std::borrow::Cow;

use super::escape::{Delimiters, push_encoded};
use crate::error::{Reason, Violation};
use crate::format::exchange::Sender;

/// The longest message control id (MSH-10): 2.5.1 gives it 20 characters.
pub(super) const MAX_CONTROL_ID: usize = 20;

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
            let message = "body must be an HL7 v2.5.1 message that starts with an MSH segment";
            Violation::new("body", Reason::Sequence, message).at("MSH")
        })?;
        let delimiters = Delimiters::read(after_msh).ok_or_else(|| {
            let message = r"MSH-1 and MSH-2 must be five distinct punctuation characters, such as |^~\&";
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

    /// The sender, as far as it can be read.
    pub(super) fn sender(&self) -> Sender {
        let control_id = self.header.field(10).decode().unwrap_or_default();
        Sender {
            application: self.header.field(3).re_encoded(),
            facility: self.header.field(4).re_encoded(),
            control_id: control_id.chars().take(MAX_CONTROL_ID).collect(),
        }
    }
}

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
        let field = self.fields().nth(number.saturating_sub(2));
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
        let Delimiters { component, repetition, subcomponent, field: _, escape: _ } = self.delimiters;
        match self.encoded {
            "" => Ok(Given::Absent),
            r#""""# => Ok(Given::Null),
            encoded if encoded.contains([component, repetition, subcomponent]) => {
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
        let first = self.encoded.split(self.delimiters.repetition).next().unwrap_or_default();
        let component = first.split(self.delimiters.component).nth(number.saturating_sub(1)).unwrap_or_default();
        self.delimiters.decode(component).unwrap_or(Cow::Borrowed(component))
    }

    /// The field decoded as a whole.
    fn decode(&self) -> Option<Cow<'a, str>> {
        self.delimiters.decode(self.encoded).ok()
    }

    /// The first repetition with its components, in the encoding of responses; empty if it cannot be read.
    fn re_encoded(&self) -> String {
        let Delimiters { component, repetition, subcomponent, field: _, escape: _ } = self.delimiters;
        let first = self.encoded.split(repetition).next().unwrap_or_default();
        let mut out = String::with_capacity(first.len());
        for (index, part) in first.split(component).enumerate() {
            out.extend((index > 0).then_some(Delimiters::RECOMMENDED.component));
            for (index, part) in part.split(subcomponent).enumerate() {
                out.extend((index > 0).then_some(Delimiters::RECOMMENDED.subcomponent));
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
        };
        assert_eq!(message.sender(), expected);
    }

    #[test]
    fn an_unreadable_sender_is_empty() {
        let message = Message::parse(r"MSH|^~\&|LAB\|HOSP\Q\||||||12345678901234567890123").expect("a message");
        let control_id = "12345678901234567890".into();
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
