//! `make bench`: what our code costs, as a multiple of what it cannot do without, measured in the same run.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use shared::clock::{Random, Timestamp};
use shared::format::{Content, Context, Format, write};
use shared::keys::{
    Checked, KeyId, KeyName, KeyPage, KeyType, KeyView, Locator, PlainKey, Prefix, ShownKey, Status, UserId,
};
use shared::{Operation, table::Item};
use tests::TestApp;

/// A line of the table.
struct Line {
    what: &'static str,
    took: Duration,
    /// What it is measured by: a floor of the same run, or a time.
    by: &'static str,
    floor: Duration,
    at_most: f64,
}

impl Line {
    fn ratio(&self) -> f64 {
        self.took.as_secs_f64() / self.floor.as_secs_f64()
    }

    fn is_slow(&self) -> bool {
        self.ratio() > self.at_most
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut lines = vec![check_of_a_key().await];
    lines.extend(formats());
    println!("{:<28}{:>12}  {:<28}{:>12}{:>8}{:>9}", "what", "median", "floor", "median", "ratio", "at most");
    for line in &lines {
        let Line { what, took, by, floor, at_most } = line;
        let verdict = if line.is_slow() { "  TOO SLOW" } else { "" };
        println!("{what:<28}{took:>12.1?}  {by:<28}{floor:>12.1?}{:>8.2}{at_most:>9.2}{verdict}", line.ratio());
    }
    if lines.iter().any(Line::is_slow) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Checking and metering a presented key, by one bare `UpdateItem` through the same client; by turns, so that both see
/// the same machine.
async fn check_of_a_key() -> Line {
    let test = TestApp::start().await;
    let key = test.key("Lab gateway").await;
    let key = key["key"].as_str().expect("a key").to_owned();
    let table = &test.app.table;
    let counter = [("PK", "COUNTER"), ("SK", "COUNTER")];
    let counter: Item = counter.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned()))).into();
    let now = Timestamp::from_time(test.app.clock.now()).expect("a time");
    let mut checks = Vec::new();
    let mut updates = Vec::new();
    for round in 0..2_200 {
        let started = start();
        let checked = test.app.keys.check(&key, now).await.expect("an answer");
        let check = started.elapsed();
        assert!(matches!(checked, Checked::Accepted(_)), "{checked:?}");
        let started = start();
        let update = table.client().update_item().table_name(table.name()).set_key(Some(counter.clone()));
        let update = update.update_expression("ADD uses :1");
        update.expression_attribute_values(":1", AttributeValue::N("1".to_owned())).send().await.expect("an answer");
        let update = started.elapsed();
        // The first ones warm up.
        if round >= 200 {
            checks.push(check);
            updates.push(update);
        }
    }
    let (took, floor) = (median(checks), median(updates));
    Line { what: "check of a key", took, by: "bare UpdateItem", floor, at_most: 1.2 }
}

/// Writing keys in each format, by JSON, and a single key by 20 µs.
fn formats() -> Vec<Line> {
    let one = Content::Key(Box::new(key(1)));
    let thousand = Content::Keys(KeyPage { keys: (1..=1_000).map(key).collect(), total: 1_000, next: None });
    let [json, hl7, fhir] = [Format::Json, Format::Hl7, Format::Fhir].map(|format| time_of(format, &thousand, 200));
    let list = |what, took, at_most| Line { what, took, by: "the same in JSON", floor: json, at_most };
    let single = |what, format| {
        let floor = Duration::from_micros(20);
        Line { what, took: time_of(format, &one, 20_000), by: "a time", floor, at_most: 1.0 }
    };
    vec![
        list("1,000 keys in HL7", hl7, 1.5),
        list("1,000 keys in FHIR", fhir, 3.0),
        single("a key in JSON", Format::Json),
        single("a key in HL7", Format::Hl7),
        single("a key in FHIR", Format::Fhir),
    ]
}

fn time_of(format: Format, content: &Content, rounds: usize) -> Duration {
    let about = Context {
        operation: Operation::ListKeys,
        request_id: "8f14e45f-ceea-467f-a83c-9b1f1f1f1f1f",
        now: time("2026-03-03T09:00:00Z").time(),
        sender: None,
        fhir_base: "https://nuxera.cloud/fhir",
        self_url: "https://nuxera.cloud/api/apiKeys",
        next_url: None,
        request_format: Format::Json,
    };
    let times = (0..rounds).map(|_| {
        let started = start();
        black_box(write(format, black_box(content), &about));
        started.elapsed()
    });
    median(times.collect())
}

fn key(number: u64) -> KeyView {
    let id = KeyId::new(number).expect("an id");
    let user_id = UserId::new(123).expect("an id");
    let string = PlainKey::generate(Prefix::Live, Locator { user_id, key_id: id }, &Random::system());
    KeyView {
        id,
        key: ShownKey::Whole(string),
        name: KeyName::new(&format!("Lab gateway {number}")).expect("a name"),
        kind: KeyType::Live,
        status: Status::Active,
        is_default: false,
        created_at: time("2026-03-01T12:00:00Z"),
        expiry_at: Some(time("2027-03-01T12:00:00Z")),
        user_id,
        last_used_at: Some(time("2026-03-02T08:15:42Z")),
        usage_count: number,
    }
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[expect(clippy::disallowed_methods, reason = "this measures real time")]
fn start() -> Instant {
    Instant::now()
}
