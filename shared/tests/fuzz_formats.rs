//! Feeds damaged messages to the readers, and the resulting violations to the writers.
//!
//! A slice runs with every test run. The full run, in release:
//! `FUZZ_EXECUTIONS=10000000 cargo test -p shared --release --test fuzz_formats -- --ignored --nocapture`

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::DateTime;
use shared::clock::Timestamp;
use shared::error::{Error, Problem, Reason, Violation};
use shared::fields::{FIELDS, FieldType};
use shared::format::{self, Content, Fields, Format, Incoming, ReadContext, Sender, WriteContext};
use shared::ids::KeyId;
use shared::keys::{GracePeriod, KeyName, KeyType, Status};
use shared::operation::Operation;

const BASE: &str = "https://nuxera.cloud/fhir";
const EXECUTIONS: u64 = 10_000_000;
const SLICE: u64 = 20_000;
/// The gateway allows less, but the readers must not rely on it.
const MAX_BODY: usize = 64 * 1024;
/// Far above the time for any body, so that a busy machine does not fail the test, but quadratic time does.
const MAX_DURATION: Duration = Duration::from_millis(500);

#[test]
fn damaged_messages_are_answered() {
    fuzz(Format::Hl7, SLICE);
    fuzz(Format::Fhir, SLICE);
}

#[test]
#[ignore = "takes minutes, and is meant for release builds"]
fn fuzz_hl7() {
    fuzz(Format::Hl7, executions());
}

#[test]
#[ignore = "takes minutes, and is meant for release builds"]
fn fuzz_fhir() {
    fuzz(Format::Fhir, executions());
}

#[expect(
    clippy::disallowed_methods,
    reason = "the number of executions is the tester's choice, not a setting of the service"
)]
fn executions() -> u64 {
    std::env::var("FUZZ_EXECUTIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(EXECUTIONS)
}

#[expect(clippy::disallowed_methods, reason = "the time of the test machine is measured")]
fn fuzz(format: Format, executions: u64) {
    let corpus = Corpus::read(format);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut accepted, mut slowest) = (0_u64, Duration::ZERO);
    let begin = Instant::now();
    for execution in 0..executions {
        let (body, operation) = corpus.body(&mut random);
        let single = Instant::now();
        let outcome = std::panic::catch_unwind(|| execute(format, &body, operation));
        let mut duration = single.elapsed();
        // The machine may have been busy; a slow execution is slow each time.
        let repetitions = if duration < MAX_DURATION { 1 } else { 10 };
        for _ in 0..repetitions {
            if duration > slowest {
                let again = Instant::now();
                let _ = std::panic::catch_unwind(|| execute(format, &body, operation));
                duration = duration.min(again.elapsed());
            }
        }
        slowest = slowest.max(duration);
        let body = || String::from_utf8_lossy(&body);
        let is_accepted =
            outcome.unwrap_or_else(|_| panic!("{operation:?} fails in execution {execution}: {:?}", body()));
        accepted += u64::from(is_accepted);
    }
    println!(
        "{format:?}: {executions} executions in {:.1?}, {accepted} accepted, slowest {slowest:.1?}, peak memory {}",
        begin.elapsed(),
        peak_memory()
    );
    assert!(slowest < MAX_DURATION, "one took {slowest:?}");
    assert!(accepted > executions / 1_000, "too few messages survive the damage: {accepted} accepted");
}

/// Reads a message at the URL of all messages. Without an operation it must be refused.
fn read_message(body: &[u8]) {
    let operation = format::operation_of_message(body, None).unwrap_or(Operation::ReceiveMessage);
    let path_field = operation.path_field();
    let expected = ReadContext { operation, path_id: None, path_field, fhir_base: BASE, charset: None };
    let Incoming { sender, fields } = format::read(Format::Hl7, body, expected);
    let message_id = sender.as_ref().and_then(Sender::message_id);
    assert!(message_id.is_none_or(|id| id.matches('\r').count() >= 2), "{sender:?}");
    assert!(operation != Operation::ReceiveMessage || fields.is_err());
}

/// Reads a body and writes the error, if any; returns whether the request is accepted.
fn execute(format: Format, body: &[u8], operation: Operation) -> bool {
    if format == Format::Hl7 {
        read_message(body);
    }
    let has_id = !matches!(operation, Operation::CreateKey | Operation::SetDefault | Operation::RemoveDefault);
    let path_id = KeyId::new(42).filter(|_| has_id);
    let expected = ReadContext { operation, path_id, path_field: None, fhir_base: BASE, charset: None };
    let Incoming { sender, fields } = format::read(format, body, expected);
    let read = fields.map_err(Error::Invalid).and_then(|fields| {
        fields.read(|fields| {
            if operation.takes_unchanged() {
                drop(fields.take_unchanged(operation));
            }
            read_all(fields);
            Ok(())
        })
    });
    let Err(error) = read else { return true };
    let problem = error.problem(operation);
    let violations = problem.violations.len();
    assert!((1..=64).contains(&violations), "{violations} violations: {error}");
    check_answers(&problem, format, operation, sender.as_ref());
    false
}

/// Reads every field that requests may have; invalid ones are recorded as violations.
fn read_all(fields: &mut Fields) {
    let inputs = FIELDS.iter().filter(|field| !field.input_of.is_empty());
    for (name, kind) in inputs.map(|field| (field.name, field.kind)) {
        match (name, kind) {
            ("name", _) => {
                if let Ok(Some(name)) = fields.optional::<KeyName>("name") {
                    assert!(!name.as_str().chars().any(char::is_control));
                }
            }
            ("type", _) => drop(fields.optional::<KeyType>(name)),
            ("status", _) => drop(fields.optional::<Status>(name)),
            (_, FieldType::Id) => drop(fields.nullable::<KeyId>(name)),
            (_, FieldType::Time) => drop(fields.nullable::<Timestamp>(name)),
            (_, FieldType::Seconds) => drop(fields.optional::<GracePeriod>(name)),
            (_, FieldType::Text | FieldType::Code | FieldType::Flag | FieldType::Count) => {
                drop(fields.nullable::<String>(name));
            }
        }
    }
}

fn check_answers(problem: &Problem, request_format: Format, operation: Operation, sender: Option<&Sender>) {
    let violations = problem.violations.len();
    let about = WriteContext {
        operation,
        request_id: "8f14e45f-ceea-467f-a83c-9b1f1f1f1f1f",
        now: DateTime::UNIX_EPOCH,
        sender,
        fhir_base: BASE,
        service_base: "https://nuxera.cloud/fhir",
        self_url: "/api/apiKeys",
        next_url: None,
        request_format,
    };
    let content = Content::Problem(problem.clone());
    let message = String::from_utf8(format::write(Format::Hl7, &content, &about)).expect("UTF-8");
    let names: Vec<_> = message.split_terminator('\r').map(|segment| segment.get(..4)).collect();
    assert_eq!(names[..2], [Some("MSH|"), Some("MSA|")], "{message:?}");
    assert_eq!(names[2..], vec![Some("ERR|"); violations], "{message:?}");
    assert!(!message.chars().any(|char| char.is_control() && char != '\r'), "{message:?}");
    let header = message.split('\r').next().unwrap_or_default();
    assert_eq!(header.split('|').count(), 18, "the sender stays in its fields: {header:?}");

    let outcome: serde_json::Value =
        serde_json::from_slice(&format::write(Format::Fhir, &content, &about)).expect("JSON");
    assert_eq!(outcome["issue"].as_array().map(Vec::len), Some(violations));
    for violation in &problem.violations {
        let Violation { field: _, message, reason, at } = violation;
        assert!(!message.is_empty() && message.len() < 256, "{violation:?}");
        let unplaced = matches!(reason, Reason::Structure | Reason::Sequence);
        assert!(at.is_some() || unplaced, "{violation:?} has no place");
    }
}

/// The messages to damage, with their operations.
struct Corpus {
    format: Format,
    seeds: Vec<(Vec<u8>, Operation)>,
}

/// Tokens that matter to a reader and that random bytes would rarely form.
const HL7_TOKENS: [&str; 16] = [
    "\r",
    "\n",
    "MSH|^~\\&",
    "ZAK|1",
    "|",
    "^",
    "~",
    "\\",
    "&",
    "\"\"",
    "\\X0D\\",
    "\\F\\",
    "\\XC3\\",
    "ZAK^Z01^ZAK_Z01",
    "20280301120000+0000",
    "2.5.1",
];
const FHIR_TOKENS: [&str; 16] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\u0000",
    "\\ud800",
    "null",
    "1e999",
    "\"valueString\":",
    "\"_valueInstant\":",
    "\"resourceType\":\"Basic\",",
    "{\"name\":\"name\",\"valueString\":\"x\"},",
    "\"extension\":[",
];

impl Corpus {
    fn read(format: Format) -> Self {
        let folder = match format {
            Format::Hl7 => "hl7",
            Format::Fhir => "fhir",
            Format::Json => panic!("the reader of JSON is serde_json's"),
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus").join(folder);
        let mut files: Vec<_> =
            fs::read_dir(folder).expect("the corpus").map(|entry| entry.expect("a file").path()).collect();
        files.sort();
        let seed = |file: &PathBuf| (fs::read(file).expect("a seed"), operation(file));
        Self { format, seeds: files.iter().map(seed).collect() }
    }

    /// A damaged message with the operation that it is read for: mostly its own.
    fn body(&self, random: &mut Random) -> (Vec<u8>, Operation) {
        let (seed, own) = random.choose(&self.seeds);
        let operation = if random.below(8) == 0 { random.choose(&Operation::ALL) } else { own };
        if random.below(64) == 0 {
            let len = random.below(256);
            return ((0..len).map(|_| random.byte()).collect(), *operation);
        }
        let mut body = seed.clone();
        for _ in 0..random.below(6) {
            self.damage(&mut body, random);
        }
        body.truncate(MAX_BODY);
        (body, *operation)
    }

    fn damage(&self, body: &mut Vec<u8>, random: &mut Random) {
        let (start, end) = random.range(body.len());
        match random.below(16) {
            0 => body.truncate(start),
            1 | 2 => drop(body.drain(start..end)),
            3 => {
                let part = body.get(start..end).unwrap_or_default().to_vec();
                body.splice(start..start, part);
            }
            4 => {
                let (other, _) = random.choose(&self.seeds);
                let (from, to) = random.range(other.len());
                body.splice(start..end, other.get(from..to).unwrap_or_default().iter().copied());
            }
            5 => body.insert(start, random.byte()),
            6 if random.below(64) == 0 => {
                let part = body.get(start..end).unwrap_or_default();
                let repeated: Vec<_> = part.iter().copied().cycle().take(random.below(MAX_BODY)).collect();
                body.splice(start..start, repeated);
            }
            7..10 => {
                if let Some(byte) = body.get_mut(start) {
                    *byte ^= 1 << random.below(8);
                }
            }
            _ => {
                let tokens = if self.format == Format::Hl7 { &HL7_TOKENS } else { &FHIR_TOKENS };
                let replaced = if random.below(2) == 0 { start..start } else { start..end.min(start + 8) };
                body.splice(replaced, random.choose(tokens).bytes());
            }
        }
    }
}

/// The operation of a seed, by the beginning of its name.
fn operation(file: &Path) -> Operation {
    let name = file.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let of_prefix = [
        ("update", Operation::UpdateKey),
        ("set-default", Operation::SetDefault),
        ("remove-default", Operation::RemoveDefault),
        ("pause", Operation::PauseKey),
        ("no-parameters", Operation::PauseKey),
        ("list", Operation::ListKeys),
    ];
    let known = of_prefix.into_iter().find_map(|(prefix, operation)| name.starts_with(prefix).then_some(operation));
    known.unwrap_or(Operation::CreateKey)
}

/// xorshift64*: fast, and the same executions every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next()).unwrap_or_default() % bound.max(1)
    }

    fn choose<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Two places in something of this length, in order.
    fn range(&mut self, len: usize) -> (usize, usize) {
        let (one, other) = (self.below(len + 1), self.below(len + 1));
        (one.min(other), one.max(other))
    }
}

/// The process's largest resident size so far, if the system reports it.
fn peak_memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or_else(|| "unknown".to_owned(), |peak| peak.trim().to_owned())
}
