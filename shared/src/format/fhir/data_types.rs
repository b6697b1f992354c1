//! The data types that the resources share (R4, Data Types and References).

use chrono::{DateTime, Datelike, Timelike, Utc};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::format::digits::{decimal, push_padded};
use crate::ids::UserId;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta<'a> {
    pub(super) version_id: &'a str,
    pub(super) profile: [&'a RawValue; 1],
}

#[derive(Serialize)]
pub(super) struct Identifier<'a> {
    pub(super) system: &'a RawValue,
    pub(super) value: &'a str,
}

/// A `CodeableConcept`.
#[derive(Default, Serialize)]
pub(super) struct Concept<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) coding: Option<[Coding<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Coding<'a> {
    pub(super) system: &'a str,
    pub(super) code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display: Option<&'a str>,
}

#[derive(Default, Serialize)]
pub(super) struct Reference<'a> {
    #[serde(rename = "reference", skip_serializing_if = "Option::is_none")]
    pub(super) literal: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identifier: Option<Identifier<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display: Option<&'a str>,
}

/// A part of a resource as JSON.
pub(super) fn json(part: &(impl Serialize + ?Sized)) -> Box<RawValue> {
    to_raw_value(part).expect("parts have string keys and no failing serializers")
}

/// The text of a user's id.
pub(super) fn user_text(id: UserId) -> String {
    decimal(id.get())
}

/// An instant (R4, Data Types): UTC, with milliseconds.
pub(super) fn instant(time: DateTime<Utc>) -> String {
    let time = time.naive_utc();
    let mut text = String::with_capacity(24);
    push_padded::<4>(&mut text, time.year().unsigned_abs());
    for (before, part) in
        [('-', time.month()), ('-', time.day()), ('T', time.hour()), (':', time.minute()), (':', time.second())]
    {
        text.push(before);
        push_padded::<2>(&mut text, part);
    }
    text.push('.');
    push_padded::<3>(&mut text, (time.nanosecond() / 1_000_000).min(999));
    text.push('Z');
    text
}
