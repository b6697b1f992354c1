//! Every deployed function beside the floor, which makes the same calls to DynamoDB.
//!
//! The calls are recorded in this process first. Then the function and the floor run as separate processes, each with a
//! copy of the table, and take turns with the events, so that both see the same machine. For a function without calls,
//! the floor reads the same events and sends the same answer.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::{Map, Value, json, value::RawValue};
use shared::Operation;
use shared::edge::key_authorizer;
use shared::edge::schedule::Run;
use tests::calls::SentCall;
use tests::event_bus::EventBus;
use tests::fault_proxy::FaultProxy;
use tests::runtime_api::{Answer, Function};
use tests::test_app::message;
use tests::{TestApp, TestCall, form, repository, tokens};

use crate::report::{Comparison, Report, folder, table};
use crate::stage::{LISTS, Stage, USERS, User, list_owner};
use crate::stopwatch::{median, milliseconds, percentile};

/// Process starts, each with a first call.
pub const STARTS: usize = 21;
/// Calls before the measurement of warm ones.
pub const WARM_UP: usize = 50;

/// The figures with their units and bounds relative to the floor.
const FIGURES: [(&str, &str, Option<f64>); 8] = [
    ("init", "ms", Some(0.6)),
    ("first call", "ms", None),
    ("median", "ms", Some(1.2)),
    ("99th", "ms", None),
    ("CPU", "ms", Some(1.3)),
    ("memory", "MB", Some(1.1)),
    ("binary", "MB", None),
    ("zipped", "MB", None),
];

/// The measurements of successive processes.
#[derive(Default)]
pub struct Times {
    init: Vec<Duration>,
    first: Vec<Duration>,
    pub warm: Vec<Duration>,
    processor_before: Duration,
    processor_after: Duration,
    peak_kib: u64,
}

pub async fn measure(names: &[String], stage: &Stage, report: &mut Report) {
    let mut rows = Vec::new();
    let mut results = Map::new();
    for name in names {
        let recording = Recording::of_function(stage, name).await;
        let [ours, floor] = run(stage, name, &recording).await;
        let [our_size, floor_size] = [name.as_str(), "floor"].map(|name| sizes(&binary(name)));
        let [ours, floor] = [(ours, our_size), (floor, floor_size)].map(|(times, sizes)| times.figures(sizes));
        let mut row = vec![name.clone()];
        let mut result = Map::new();
        for (index, (figure, _, at_most)) in FIGURES.into_iter().enumerate() {
            let comparison = Comparison { ours: ours[index], floor: floor[index], at_most };
            report.judge(&format!("{figure} of {name}"), &comparison);
            row.push(comparison.cell());
            result.insert(figure.replace(' ', "_"), comparison.json());
        }
        eprintln!("  {}", row.join("  "));
        rows.push(row);
        results.insert(name.clone(), Value::Object(result));
    }
    let bounds = FIGURES.map(|(name, unit, at_most)| {
        let bound = at_most.map(|at_most| format!(" ≤{at_most}")).unwrap_or_default();
        format!("{name}, {unit}{bound}")
    });
    let headings: Vec<String> = std::iter::once("function".to_owned()).chain(bounds).collect();
    table("Functions: each figure, and by how much it is that of the floor", &headings, &rows);
    report.keep("functions", Value::Object(results));
}

/// The events of a function, each with the floor's event: the calls to make.
pub struct Recording {
    pub events: Vec<String>,
    pub calls: Vec<String>,
}

impl Recording {
    /// Handles an event of each user in this process, and records the calls.
    pub async fn of_function(stage: &Stage, name: &str) -> Self {
        let proxy = FaultProxy::start(&stage.copy().await).await;
        let mut test = stage.seed.cold(&proxy.url);
        let mut recording = Self { events: Vec::with_capacity(USERS), calls: Vec::with_capacity(USERS) };
        for (index, user) in stage.users.iter().enumerate() {
            if index < STARTS {
                // These are first calls.
                test = stage.seed.cold(&proxy.url);
            }
            test.calls.clear();
            let operations = Operation::ALL.into_iter().chain([Operation::ReceiveMessage]);
            let operation = operations.into_iter().find(|operation| operation.name() == name);
            let event = match operation {
                Some(operation) => {
                    let call = call(&test, operation, user);
                    let event = call.event().clone();
                    let answer = call.send().await;
                    assert!(answer.status < 300, "{}", answer.text);
                    event
                }
                None => event(&test, name, user).await,
            };
            let mut sent = test.calls.sent();
            if operation.is_some_and(Operation::waits_for_upstream) {
                let post = json!({"url": stage.transcription.url, "base64": STANDARD.encode(audio())});
                sent.push(SentCall { operation: "POST".to_owned(), request: post.to_string(), after: sent.len() });
            }
            recording.events.push(event.to_string());
            recording.calls.push(floor_event(sent));
        }
        recording
    }

    /// Repeated lists of a user in [`LISTS`]; the floor makes only the queries for keys.
    pub async fn of_list(stage: &Stage, index: usize, calls: usize) -> Self {
        let test = stage.seed.cold(&FaultProxy::start(&stage.copy().await).await.url);
        let call = test.call(Operation::ListKeys).user(list_owner(index));
        let event = call.event().to_string();
        test.calls.clear();
        assert_eq!(call.send().await.ok().as_array().map(Vec::len), Some(LISTS[index]));
        let is_query = |call: &SentCall| call.operation == "Query" && !call.request.contains("DATA_KEY");
        let pages = test.calls.sent().into_iter().filter(is_query).enumerate();
        let queries = floor_event(pages.map(|(page, call)| SentCall { after: page, ..call }).collect());
        let times = STARTS + WARM_UP + calls;
        Self { events: vec![event; times], calls: vec![queries; times] }
    }
}

fn floor_event(calls: Vec<SentCall>) -> String {
    let call = |SentCall { operation, request, after }| {
        let request = RawValue::from_string(request).expect("JSON");
        json!({"operation": operation, "request": request, "after": after})
    };
    Value::Array(calls.into_iter().map(call).collect()).to_string()
}

/// The call of an endpoint for a user.
fn call<'a>(test: &'a TestApp, operation: Operation, user: &User) -> TestCall<'a> {
    let call = test.call(operation).user(user.id);
    match operation {
        Operation::CreateKey => call.json(&json!({"name": "New", "type": "live", "status": "active"})),
        Operation::ListKeys => call,
        Operation::RemoveDefault => call.json(&json!({"id": user.default})),
        Operation::GetKey | Operation::ListAudit | Operation::GetUsage => call.id(user.default),
        Operation::UpdateKey => call.id(user.active).json(&json!({"name": "Renamed"})),
        Operation::DeleteKey | Operation::PauseKey => call.id(user.active),
        Operation::ResumeKey => call.id(user.paused),
        Operation::SetDefault => call.json(&json!({"id": user.active, "old_id": user.default})),
        Operation::ListUserKeys => call.path_parameter("user_id", &user.id.to_string()),
        Operation::RotateKey => call.id(user.active).json(&json!({})),
        Operation::VerifyKey => call.bearer(&tokens::with_role(900, "service")).json(&json!({"key": user.string})),
        Operation::AuthorizeRequest => {
            call.bearer(&tokens::with_role(900, "service")).header("x-api-key", &user.string)
        }
        Operation::LookupKey => call.bearer(&tokens::with_role(901, "admin")).json(&json!({"key": user.string})),
        Operation::ImportKeys => {
            let string = format!("nux_live_{:016x}", user.id);
            let key = json!({"user_id": user.id, "key": string, "name": "Old", "type": "live", "status": "active"});
            call.bearer(&tokens::with_role(901, "admin")).json(&json!({"keys": [key]}))
        }
        Operation::ReceiveMessage => call.body(&message("Z06", &format!("1|{}", user.active))),
        Operation::Transcribe | Operation::Dictate => {
            let form = form::transcription(&audio(), user.id);
            call.without_header("Authorization").header("x-api-key", &user.string).form(&form)
        }
        Operation::ForwardTranscription => {
            let call = call.path_parameter("path", "v2").without_header("Authorization");
            call.header("x-api-key", &user.string).form(&form::transcription(&audio(), user.id))
        }
    }
}

/// The event of a function that is not a key endpoint, whose calls are made here.
async fn event(test: &TestApp, name: &str, user: &User) -> Value {
    let mut event = repository::event(name);
    match name {
        "authorize-key" => {
            event["headers"]["x-api-key"] = user.string.as_str().into();
            let asked = serde_json::from_value(event.clone()).expect("an event of the gateway");
            let answer = key_authorizer::answer(&test.app, asked, "request", authorize_key::handle).await;
            assert!(answer.is_ok(), "the key works");
        }
        "assign-lane" => event["headers"]["Authorization"] = format!("Bearer {}", tokens::user(7)).into(),
        "expire-keys" => {
            let run = Run { id: "run".to_owned(), deadline: test.now() + TimeDelta::seconds(50) };
            let swept = expire_keys::handle(test.app.clone(), EventBus::default().publisher(), run).await;
            swept.expect("it sweeps");
        }
        "get-conformance" | "get-page" => {}
        name => panic!("what is {name} to be called with?"),
    }
    event
}

fn audio() -> Vec<u8> {
    std::fs::read(repository::root().join("local/samples/recording.wav")).expect("a recording")
}

/// Lets a function and the floor take turns with their events.
pub async fn run(stage: &Stage, name: &str, recording: &Recording) -> [Times; 2] {
    let Recording { events, calls } = recording;
    let engines = [stage.copy().await, stage.copy().await];
    let [ours, mut floors] = [stage.environment(&engines[0]), stage.environment(&engines[1])];
    let answer = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("answer.json");
    let makes_calls = calls.iter().any(|calls| calls != "[]");
    if !makes_calls {
        let function = Function::start(&binary(name), &ours).await;
        std::fs::write(&answer, function.call(&events[0]).await.body).expect("the answer is kept");
        floors.push(("ANSWER", answer.to_str().expect("UTF-8")));
    }
    let floor_events = if makes_calls { calls } else { events };
    let mut sides = [Side::new(name, ours, events), Side::new("floor", floors, floor_events)];
    let mut functions = Vec::new();
    for index in 0..STARTS {
        functions.clear();
        for side in &mut sides {
            functions.push(side.start(index).await);
        }
    }
    for index in STARTS..events.len() {
        for (side, function) in sides.iter_mut().zip(&functions) {
            side.warm(function, index).await;
        }
    }
    for (side, function) in sides.iter_mut().zip(&functions) {
        side.times.processor_after = function.processor_time();
        side.times.peak_kib = function.peak_memory();
    }
    sides.map(|side| side.times)
}

/// A function or the floor, with its measurements.
struct Side<'a> {
    program: PathBuf,
    environment: Vec<(&'a str, &'a str)>,
    events: &'a [String],
    times: Times,
}

impl<'a> Side<'a> {
    fn new(name: &str, environment: Vec<(&'a str, &'a str)>, events: &'a [String]) -> Self {
        Self { program: binary(name), environment, events, times: Times::default() }
    }

    async fn start(&mut self, index: usize) -> Function {
        let function = Function::start(&self.program, &self.environment).await;
        self.times.init.push(function.init);
        self.times.first.push(self.call(&function, index).await);
        function
    }

    async fn warm(&mut self, function: &Function, index: usize) {
        if index == STARTS + WARM_UP {
            self.times.processor_before = function.processor_time();
        }
        let took = self.call(function, index).await;
        if index >= STARTS + WARM_UP {
            self.times.warm.push(took);
        }
    }

    async fn call(&self, function: &Function, index: usize) -> Duration {
        let Answer { took, body } = function.call(&self.events[index]).await;
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        let status = body["statusCode"].as_u64();
        assert!(status.is_none_or(|status| status < 300), "{}: {body}", self.program.display());
        took
    }
}

impl Times {
    /// The figures, in the order of [`FIGURES`].
    #[expect(clippy::cast_precision_loss, reason = "sizes and counts are small")]
    fn figures(&self, [binary, zipped]: [usize; 2]) -> [f64; 8] {
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        [
            milliseconds(median(&self.init)),
            milliseconds(median(&self.first)),
            milliseconds(median(&self.warm)),
            milliseconds(percentile(&self.warm, 99)),
            (milliseconds(self.processor_after) - milliseconds(self.processor_before)) / self.warm.len() as f64,
            megabytes(self.peak_kib * 1_024),
            megabytes(binary as u64),
            megabytes(zipped as u64),
        ]
    }
}

/// The binary of a function, built by cargo-lambda.
pub fn binary(name: &str) -> PathBuf {
    folder().join("lambda").join(name).join("bootstrap")
}

/// The size of a binary, plain and compressed.
fn sizes(binary: &Path) -> [usize; 2] {
    let plain = std::fs::read(binary).unwrap_or_else(|error| panic!("{}: {error}: make bench", binary.display()));
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&plain).expect("memory");
    [plain.len(), encoder.finish().expect("memory").len()]
}
