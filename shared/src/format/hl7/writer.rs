//! Builds a message, field by field.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::escape::push_encoded;
use super::time;
use crate::clock::Timestamp;
use crate::format::digits::push_number;

/// Explicitly no value (HL7 v2.5.1, section 2.5.3).
const NULL: &str = r#""""#;

/// A message in the making. A field is written with the separator before it.
pub(super) struct Writer(String);

impl Writer {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// Begins a segment.
    pub(super) fn segment(&mut self, name: &str) -> &mut Self {
        self.0.push_str(name);
        self
    }

    /// Ends a segment: with CR, the last one too (section 2.6).
    pub(super) fn end(&mut self) {
        self.0.push('\r');
    }

    /// A number of empty fields.
    pub(super) fn empty(&mut self, fields: usize) -> &mut Self {
        self.0.extend(std::iter::repeat_n('|', fields));
        self
    }

    /// A field that is already encoded: a code, or several components.
    pub(super) fn encoded(&mut self, field: &str) -> &mut Self {
        self.0.push('|');
        self.0.push_str(field);
        self
    }

    /// The continuation of a field that is already encoded.
    pub(super) fn append(&mut self, encoded: &str) -> &mut Self {
        self.0.push_str(encoded);
        self
    }

    /// A field that was encoded elsewhere. Characters that would end it are escaped, so that it stays one field.
    pub(super) fn foreign(&mut self, field: &str) -> &mut Self {
        self.0.push('|');
        for part in field.split_inclusive(|char: char| char == '|' || char.is_control()) {
            match part.char_indices().next_back() {
                Some((index, last)) if last == '|' || last.is_control() => {
                    let (before, last) = part.split_at_checked(index).unwrap_or((part, ""));
                    self.0.push_str(before);
                    push_encoded(&mut self.0, last);
                }
                Some(_) | None => self.0.push_str(part),
            }
        }
        self
    }

    /// A text.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.0.push('|');
        self.push_text(text);
        self
    }

    /// Explicitly no value.
    pub(super) fn null(&mut self) -> &mut Self {
        self.encoded(NULL)
    }

    /// A text, or no value.
    pub(super) fn text_or_null(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(text),
            None => self.null(),
        }
    }

    /// A number.
    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.0.push('|');
        push_number(&mut self.0, number);
        self
    }

    /// A time.
    pub(super) fn time(&mut self, time: DateTime<Utc>) -> &mut Self {
        self.0.push('|');
        time::push(&mut self.0, time);
        self
    }

    /// A time, or no value.
    pub(super) fn time_or_null(&mut self, time: Option<Timestamp>) -> &mut Self {
        match time {
            Some(time) => self.time(time.time()),
            None => self.null(),
        }
    }

    /// A field of repetitions, each of components; a component that is `None` has no value.
    pub(super) fn repetitions<'a, const N: usize>(
        &mut self,
        repetitions: impl Iterator<Item = [Option<Cow<'a, str>>; N]>,
    ) -> &mut Self {
        self.0.push('|');
        for (index, components) in repetitions.enumerate() {
            self.0.extend((index > 0).then_some('~'));
            for (index, component) in components.iter().enumerate() {
                self.0.extend((index > 0).then_some('^'));
                match component {
                    Some(text) => self.push_text(text),
                    None => self.0.push_str(NULL),
                }
            }
        }
        self
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }

    fn push_text(&mut self, text: &str) {
        if text == NULL {
            // The text of two quotation marks must not read as "no value".
            self.0.push_str("\\X2222\\");
        } else {
            push_encoded(&mut self.0, text);
        }
    }
}
