//! Writing keys in each format, and reading key strings.

use std::hint::black_box;
use std::time::Duration;

use serde_json::{Map, Value};
use shared::Operation;
use shared::clock::{Random, Timestamp};
use shared::format::{Content, Format, WriteContext, write};
use shared::ids::{KeyId, Locator, UserId};
use shared::keys::{KeyName, KeyPage, KeyType, KeyView, PlainKey, Prefix, ShownKey, Status};

use crate::report::{Comparison, Report, table};
use crate::stopwatch::{median, milliseconds, start};
use tests::key_strings::checksums;

/// Compares a list of 1,000 keys with the same in JSON, and a single key with 20 µs.
pub fn measure(report: &mut Report) {
    let one = Content::Key(Box::new(key(1)));
    let thousand = Content::Keys(KeyPage { keys: (1..=1_000).map(key).collect(), total: Some(1_000), next: None });
    let [json, hl7, fhir] = [Format::Json, Format::Hl7, Format::Fhir].map(|format| time_of(format, &thousand, 200));
    let lines = [
        ("1,000 keys in HL7", hl7, "the same in JSON", json, 1.5),
        ("1,000 keys in FHIR", fhir, "the same in JSON", json, 3.0),
        ("a key in JSON", time_of(Format::Json, &one, 20_000), "20 µs", Duration::from_micros(20), 1.0),
        ("a key in HL7", time_of(Format::Hl7, &one, 20_000), "20 µs", Duration::from_micros(20), 1.0),
        ("a key in FHIR", time_of(Format::Fhir, &one, 20_000), "20 µs", Duration::from_micros(20), 1.0),
        ("a key string, checked", time_of_checksum(20_000), "20 µs", Duration::from_micros(20), 1.0),
    ];
    let mut rows = Vec::new();
    let mut results = Map::new();
    for (what, ours, by, floor, at_most) in lines {
        let [ours, floor] = [ours, floor].map(milliseconds);
        let comparison = Comparison { ours, floor, at_most: Some(at_most) };
        report.judge(what, &comparison);
        let ratio = format!("{:.2} ≤{at_most}", comparison.ratio());
        rows.push(vec![what.to_owned(), format!("{ours:.4}"), by.to_owned(), ratio]);
        results.insert(what.to_owned(), comparison.json());
    }
    table(
        "Formats: writing keys and reading their strings, medians",
        &["what", "ms", "by", "ratio"].map(str::to_owned),
        &rows,
    );
    report.keep("formats", Value::Object(results));
}

fn time_of(format: Format, content: &Content, rounds: usize) -> Duration {
    let about = WriteContext {
        operation: Operation::ListKeys,
        request_id: "8f14e45f-ceea-467f-a83c-9b1f1f1f1f1f",
        now: time("2026-03-03T09:00:00Z").time(),
        sender: None,
        fhir_base: "https://nuxera.cloud/fhir",
        service_base: "https://nuxera.cloud/fhir",
        self_url: "https://nuxera.cloud/api/apiKeys",
        next_url: None,
        request_format: Format::Json,
    };
    let times = (0..rounds).map(|_| {
        let started = start();
        black_box(write(format, black_box(content), &about));
        started.elapsed()
    });
    median(&times.collect::<Vec<_>>())
}

/// Reading a presented string, most of which is the HMAC of its checksum.
fn time_of_checksum(rounds: usize) -> Duration {
    let (string, checksums) = (string(1), checksums());
    let times = (0..rounds).map(|_| {
        let started = start();
        black_box(PlainKey::parse(black_box(string.reveal()), &checksums));
        started.elapsed()
    });
    median(&times.collect::<Vec<_>>())
}

fn string(number: u64) -> PlainKey {
    let (user_id, key_id) = (UserId::new(123).expect("an id"), KeyId::new(number).expect("an id"));
    PlainKey::generate(Prefix::Live, Locator { user_id, key_id }, &Random::system(), &checksums())
}

fn key(number: u64) -> KeyView {
    let id = KeyId::new(number).expect("an id");
    let user_id = UserId::new(123).expect("an id");
    KeyView {
        id,
        key: ShownKey::Whole(string(number)),
        name: KeyName::new(&format!("Lab gateway {number}")).expect("a name"),
        kind: KeyType::Live,
        status: Status::Active,
        is_default: false,
        created_at: time("2026-03-01T12:00:00Z"),
        expiry_at: Some(time("2027-03-01T12:00:00Z")),
        user_id,
        last_used_at: Some(time("2026-03-02T08:15:42Z")),
        usage_count: number,
        version: 1,
    }
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}
