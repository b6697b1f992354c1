//! A client: it does its steps one after the other, through a container of its own, and repeats what is answered with a
//! 5xx until it is answered otherwise.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use shared::Operation;
use shared::config::{Config, RateLimits};
use shared::edge::schedule::Run;
use tests::event_bus::{BusAnswer, EventBus};
use tests::fault_proxy::{FaultProxy, Update};
use tests::test_app::TestCall;
use tests::{Answer, TestApp, tokens};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::faults::{self, Kind};
use crate::history::{Attempt, Change, End, Request, View, shown};
use crate::plan::{self, Action, Dice, Expiry, Invalid, Repeatable, Step};

/// What the id of the admin who lists a user's keys is greater by. It ends in the same digit.
const ADMINS: u64 = 1_000_000;
/// By how much the clock moves with each attempt.
const MILLISECONDS_PER_ATTEMPT: i64 = 170;
/// How long the service waits for an answer of the table or of KMS, at least.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often something is tried. The fourth time and later nothing goes wrong on purpose, but a machine may be busy.
const MAX_ATTEMPTS: u32 = 12;
/// How many calls are under way at once: as many as there are users in a full run.
const CALLS_AT_ONCE: usize = 50;

/// What all clients share.
pub struct World {
    pub seed: u64,
    engine: String,
    deployment: TestApp,
    clock: AtomicI64,
    books: Vec<Mutex<Book>>,
    pub steps_done: AtomicUsize,
    calls: Semaphore,
}

/// What a user's clients know of the user's keys.
#[derive(Default)]
struct Book {
    held: Vec<Held>,
    /// Requests with an `Idempotency-Key` that were answered.
    repeatable: Vec<Request>,
}

struct Held {
    id: u64,
    strings: Vec<String>,
    is_deleted: bool,
}

/// What a client has to tell in the end.
#[derive(Default)]
pub struct Report {
    pub attempts: Vec<Attempt>,
    pub updates: Vec<Update>,
    /// The ids of the table's answers that the containers got.
    pub answers_received: Vec<String>,
    pub events: Vec<(String, Value)>,
}

impl World {
    pub fn new(seed: u64, users: u64, engine: &str, deployment: TestApp) -> Self {
        let clock = AtomicI64::new(deployment.now().timestamp_millis());
        let books = (0..=users).map(|_| Mutex::default()).collect();
        let (steps_done, calls) = (AtomicUsize::new(0), Semaphore::new(CALLS_AT_ONCE));
        Self { seed, engine: engine.to_owned(), deployment, clock, books, steps_done, calls }
    }

    /// Lets time pass. Each caller gets a time of its own.
    fn tick(&self, milliseconds: i64) -> i64 {
        self.clock.fetch_add(milliseconds, Ordering::SeqCst)
    }

    pub fn advance(&self, by: TimeDelta) {
        self.tick(by.num_milliseconds());
    }

    pub fn users(&self) -> u64 {
        self.books.len() as u64 - 1
    }

    /// The keys that a user's clients have heard of: ids and strings.
    pub fn known(&self, user: u64) -> Vec<(u64, Vec<String>)> {
        let book = self.book(user).lock().expect("not poisoned");
        book.held.iter().map(|held| (held.id, held.strings.clone())).collect()
    }

    fn book(&self, user: u64) -> &Mutex<Book> {
        &self.books[usize::try_from(user).expect("few users")]
    }
}

/// The rate limits of a user: every tenth has narrow ones, and runs into them.
pub fn rate_limits(user: u64) -> RateLimits {
    if user.is_multiple_of(10) {
        RateLimits { per_minute: 6, per_hour: 90 }
    } else {
        RateLimits { per_minute: 1_000_000, per_hour: 1_000_000 }
    }
}

/// A client of a user.
pub struct Client {
    world: Arc<World>,
    user: u64,
    number: u64,
    config: Config,
    proxy: FaultProxy,
    container: TestApp,
    is_cold: bool,
    bus: EventBus,
    report: Report,
}

impl Client {
    /// A client with a container that has just started.
    pub async fn start(world: Arc<World>, user: u64, number: u64) -> Self {
        let proxy = FaultProxy::start(&world.engine).await;
        let config = Config { rate_limits: rate_limits(user), ..world.deployment.app.config.clone() };
        let container = world.deployment.cold_with(&proxy.url, config.clone());
        let (bus, report) = Default::default();
        Self { world, user, number, config, proxy, container, is_cold: true, bus, report }
    }

    /// Whose it is.
    pub fn user(&self) -> u64 {
        self.user
    }

    /// Does the steps of the plan.
    pub async fn run(mut self, steps: usize) -> Self {
        for (index, step) in plan::steps(self.world.seed, self.user, self.number, steps).into_iter().enumerate() {
            self.step(index, step).await;
            let done = self.world.steps_done.fetch_add(1, Ordering::Relaxed) + 1;
            if done.is_multiple_of(1_000) {
                println!("  {done} operations done");
            }
        }
        self
    }

    /// What happened, when all that was under way has come to an end.
    pub fn report(mut self) -> Report {
        self.report.updates = self.proxy.updates();
        self.report.answers_received.extend(self.container.calls.answers());
        self.report
    }

    async fn step(&mut self, index: usize, step: Step) {
        if step.restart {
            self.report.answers_received.extend(self.container.calls.answers());
            self.container = self.world.deployment.cold_with(&self.proxy.url, self.config.clone());
            self.is_cold = true;
        }
        let request = self.request(index, step);
        for number in 0..MAX_ATTEMPTS {
            let place = [self.user, self.number << 32 | u64::from(number), index as u64];
            let mut dice = Dice::new(!self.world.seed, place);
            let rules = faults::rules(&mut dice, step.action, self.is_cold, number);
            self.proxy.clear();
            let mut kinds = Vec::new();
            let mut bus_answer = BusAnswer::Takes;
            for rule in rules {
                if rule.kind == Kind::BusFails {
                    bus_answer = BusAnswer::Fails;
                }
                for (times, fault) in rule.faults() {
                    self.proxy.inject(rule.operation, times, fault);
                    kinds.push(rule.kind);
                }
            }
            self.bus.answer(bus_answer);
            let id = format!("call-{}-{}-{index}-{number}", self.user, self.number);
            // What became of a use is not told apart by its status alone, and a bad format is the step's own.
            let is_in_json =
                matches!(request, Request::Verify { .. } | Request::Transcribe { .. } | Request::Invalid(_));
            let mut attempt = self.attempt(id, &request, step.format.filter(|_| !is_in_json)).await;
            for (kind, times) in kinds.into_iter().zip(self.proxy.met()) {
                attempt.faults.extend(std::iter::repeat_n(kind, times));
            }
            if matches!(bus_answer, BusAnswer::Fails) && !attempt.is_answered() && attempt.faults.is_empty() {
                attempt.faults.push(Kind::BusFails);
            }
            let is_answered = attempt.is_answered();
            if is_answered {
                self.learn(&attempt);
                // What loads the data keys has loaded them.
                self.is_cold &= !matches!(attempt.status, 200 | 201);
            }
            self.report.attempts.push(attempt);
            if is_answered {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10 << number.min(6))).await;
        }
    }

    /// Asks for something once, when nothing goes wrong any more.
    pub async fn ask(&mut self, id: String, request: &Request) {
        self.proxy.clear();
        self.bus.answer(BusAnswer::Takes);
        let attempt = self.attempt(id, request, None).await;
        self.learn(&attempt);
        self.report.attempts.push(attempt);
    }

    async fn attempt(&mut self, id: String, request: &Request, format: Option<&str>) -> Attempt {
        let world = self.world.clone();
        let _permit = world.calls.acquire().await.expect("never closed");
        let start = world.tick(MILLISECONDS_PER_ATTEMPT);
        let now = DateTime::from_timestamp_millis(start).expect("a time within the run");
        self.container.advance(now - self.container.now());
        let as_admin = matches!(request, Request::List { as_admin: true });
        let mut attempt = Attempt {
            id,
            caller: if as_admin { ADMINS + self.user } else { self.user },
            owner: self.user,
            request: request.clone(),
            start,
            end: 0,
            status: 0,
            body: Value::Null,
            replayed: false,
            faults: Vec::new(),
            is_slow: false,
        };
        let began = Instant::now();
        if *request == Request::Sweep {
            let run = Run { id: attempt.id.clone(), deadline: now + TimeDelta::seconds(60) };
            let (app, publisher) = (self.container.app.clone(), self.bus.publisher());
            // On a thread of its own: its future may not move from one to another.
            let handle = tokio::runtime::Handle::current();
            let sweep = move || handle.block_on(expire_keys::handle(app, publisher, run));
            (attempt.status, attempt.body) = match tokio::task::spawn_blocking(sweep).await.expect("no panic") {
                Ok(swept) => (200, serde_json::to_value(swept).expect("numbers")),
                Err(_) => (503, Value::Null),
            };
            self.report.events.extend(self.bus.take());
        } else {
            let call = self.call(request, attempt.caller, &attempt.id).request_id(&attempt.id);
            let call = if let Some(format) = format { call.header("x-response-format", format) } else { call };
            let answer = call.send_unjudged().await;
            attempt.status = answer.status;
            attempt.replayed = answer.header("idempotent-replayed").is_some();
            attempt.body = body(&answer);
        }
        attempt.is_slow = began.elapsed() >= PATIENCE;
        attempt.end = world.tick(1);
        attempt
    }

    /// Takes from an answer what is good to know later.
    fn learn(&self, attempt: &Attempt) {
        let mut book = self.world.book(self.user).lock().expect("not poisoned");
        let bodies = attempt.body.as_array().map_or(std::slice::from_ref(&attempt.body), Vec::as_slice);
        let views = bodies.iter().filter_map(View::read);
        for view in views {
            let index = book.held.iter().position(|held| held.id == view.id).unwrap_or_else(|| {
                book.held.push(Held { id: view.id, strings: Vec::new(), is_deleted: false });
                book.held.len() - 1
            });
            let strings = &mut book.held[index].strings;
            if !view.key.contains('…') && !strings.contains(&view.key) {
                strings.push(view.key);
            }
        }
        if let Request::Delete(id) = attempt.request
            && matches!(attempt.status, 200 | 404)
            && let Some(held) = book.held.iter_mut().find(|held| held.id == id)
        {
            held.is_deleted = true;
        }
        if attempt.idempotency().is_some() && matches!(attempt.status, 200 | 201) {
            book.repeatable.push(attempt.request.clone());
        }
    }

    /// What a step asks for, given what there is.
    fn request(&self, index: usize, step: Step) -> Request {
        let book = self.world.book(self.user).lock().expect("not poisoned");
        let pick = usize::try_from(step.pick >> 16).expect("64 bits");
        let named = |word: &str| format!("{word} {}-{}-{index}", self.user, self.number);
        // Mostly one of the keys that are there; now and then one that is gone.
        let live: Vec<&Held> = book.held.iter().filter(|held| !held.is_deleted).collect();
        let all: Vec<&Held> = book.held.iter().collect();
        let among = if step.pick.is_multiple_of(16) || live.is_empty() { &all } else { &live };
        let held = among.get(pick % among.len().max(1)).copied();
        let id = held.map(|held| held.id);
        let string = held.and_then(|held| {
            // Mostly the last string it was seen with; else an older one.
            let at = if (step.pick / 16).is_multiple_of(4) {
                pick % held.strings.len().max(1)
            } else {
                held.strings.len().max(1) - 1
            };
            Some((held.id, held.strings.get(at)?.clone()))
        });
        let repeatable =
            || (!book.repeatable.is_empty()).then(|| book.repeatable[pick % book.repeatable.len()].clone());
        let request = match step.action {
            Action::Create { kind, status, expiry, repeatable } => {
                Some(self.creation(index, [kind, status], expiry, repeatable))
            }
            Action::Repeat => repeatable(),
            Action::Misuse => repeatable().and_then(|request| {
                if let Request::Create { idempotency, .. } | Request::Rotate { idempotency, .. } = request {
                    Some(Request::Misuse { idempotency: idempotency? })
                } else {
                    None
                }
            }),
            Action::List => Some(Request::List { as_admin: false }),
            Action::ListAsAdmin => Some(Request::List { as_admin: true }),
            Action::Get => id.map(Request::Get),
            Action::Rename => id.map(|id| Request::Update { id, change: Change::Name(named("name")) }),
            Action::ChangeKind(kind) => id.map(|id| Request::Update { id, change: Change::Kind(kind.to_owned()) }),
            Action::ChangeExpiry(expiry) => {
                let change = Change::ExpiresAt(match self.end(expiry) {
                    End::At(time) => Some(time),
                    End::Default | End::Never => None,
                });
                id.map(|id| Request::Update { id, change })
            }
            Action::Pause => id.map(Request::Pause),
            Action::Resume => id.map(Request::Resume),
            Action::SetDefault { with_old } => {
                let old_id = with_old.then(|| live.get(pick / 7 % live.len().max(1)).map(|held| held.id)).flatten();
                id.map(|id| Request::SetDefault { id, old_id })
            }
            Action::RemoveDefault => id.map(Request::RemoveDefault),
            Action::Delete => id.map(Request::Delete),
            Action::Rotate { grace, repeatable } => id.map(|id| Request::Rotate {
                id,
                grace,
                idempotency: repeatable.then(|| named("rotate").replace(' ', "-")),
            }),
            Action::Usage => id.map(Request::Usage),
            Action::Audit => id.map(Request::Audit),
            Action::Verify => string.map(|(id, key)| Request::Verify { id, key }),
            Action::Transcribe { with_key: true } => string.map(|key| Request::Transcribe { key: Some(key) }),
            Action::Transcribe { with_key: false } => Some(Request::Transcribe { key: None }),
            Action::Invalid(invalid) => Some(Request::Invalid(invalid)),
            Action::Sweep => Some(Request::Sweep),
        };
        // Where there is nothing to do it to, something is made.
        request.unwrap_or_else(|| self.creation(index, ["live", "active"], Expiry::Never, Repeatable::Yes))
    }

    fn creation(&self, index: usize, [kind, status]: [&str; 2], expiry: Expiry, repeatable: Repeatable) -> Request {
        let by_all = repeatable == Repeatable::ByAll;
        let name = if by_all {
            format!("key {}-{index}", self.user)
        } else {
            format!("key {}-{}-{index}", self.user, self.number)
        };
        Request::Create {
            kind: kind.to_owned(),
            status: status.to_owned(),
            // All must ask for the same, though not at the same time.
            end: if by_all { End::Never } else { self.end(expiry) },
            idempotency: (repeatable != Repeatable::No).then(|| name.replace(' ', "-")),
            name,
        }
    }

    fn end(&self, expiry: Expiry) -> End {
        match expiry {
            Expiry::Default => End::Default,
            Expiry::Never => End::Never,
            Expiry::In(seconds) => End::At(self.world.tick(0).div_euclid(1_000) + seconds),
        }
    }

    fn call(&self, request: &Request, caller: u64, marker: &str) -> TestCall<'_> {
        let call = |operation| self.container.call(operation).user(caller);
        match request {
            Request::Create { name, kind, status, end, idempotency } => {
                let mut body = json!({"name": name, "type": kind, "status": status});
                match end {
                    End::Default => {}
                    End::Never => body["expiry_at"] = Value::Null,
                    End::At(time) => body["expiry_at"] = shown(*time).into(),
                }
                with_idempotency(call(Operation::CreateKey).json(&body), idempotency.as_deref())
            }
            Request::List { as_admin: false } => call(Operation::ListKeys),
            Request::List { as_admin: true } => call(Operation::ListUserKeys)
                .bearer(&tokens::with_role(caller, "admin"))
                .path_parameter("user_id", &self.user.to_string()),
            Request::Get(id) => call(Operation::GetKey).id(id),
            Request::Update { id, change } => call(Operation::UpdateKey).id(id).json(&match change {
                Change::Name(name) => json!({"name": name}),
                Change::Kind(kind) => json!({"type": kind}),
                Change::ExpiresAt(time) => json!({"expiry_at": time.map(shown)}),
            }),
            Request::Pause(id) => call(Operation::PauseKey).id(id),
            Request::Resume(id) => call(Operation::ResumeKey).id(id),
            Request::SetDefault { id, old_id } => {
                call(Operation::SetDefault).json(&json!({"id": id, "old_id": old_id}))
            }
            Request::RemoveDefault(id) => call(Operation::RemoveDefault).json(&json!({"id": id})),
            Request::Delete(id) => call(Operation::DeleteKey).id(id),
            Request::Rotate { id, grace, idempotency } => {
                let call = call(Operation::RotateKey).id(id).json(&json!({"grace_period_seconds": grace}));
                with_idempotency(call, idempotency.as_deref())
            }
            Request::Usage(id) => call(Operation::GetUsage).id(id),
            Request::Audit(id) => call(Operation::ListAudit).id(id),
            Request::Verify { key, .. } => {
                call(Operation::VerifyKey).bearer(&tokens::with_role(1, "service")).json(&json!({"key": key}))
            }
            Request::Transcribe { key } => {
                let call = call(Operation::Transcribe).form(form(&self.user.to_string(), marker).as_bytes());
                match key {
                    Some((_, key)) => call.header("x-api-key", key),
                    None => call,
                }
            }
            Request::Misuse { idempotency } => {
                let body = json!({"name": "another request", "type": "live", "status": "active"});
                with_idempotency(call(Operation::CreateKey).json(&body), Some(idempotency))
            }
            Request::Invalid(invalid) => self.invalid(*invalid, marker),
            Request::Sweep => unreachable!("a sweep is no call"),
        }
    }

    fn invalid(&self, invalid: Invalid, marker: &str) -> TestCall<'_> {
        let call = |operation| self.container.call(operation).user(self.user);
        let create = |body: &Value| call(Operation::CreateKey).json(body);
        let body = json!({"name": "never made", "type": "live", "status": "active"});
        match invalid {
            Invalid::NoBody => call(Operation::CreateKey),
            Invalid::UnknownType => create(&json!({"name": "never made", "type": "gold", "status": "active"})),
            Invalid::UnknownField => call(Operation::SetDefault).json(&json!({"id": 1, "force": true})),
            Invalid::BadId => call(Operation::DeleteKey).id("first"),
            Invalid::UnknownId => call(Operation::DeleteKey).id(9_000_000_000_u64),
            // Nothing is known of the keys of the user of id 0, so there is always a stranger's or none.
            Invalid::OthersKey => {
                let stranger =
                    self.world.known(self.user % self.world.users() + 1).first().map_or(9_000_000_000, |key| key.0);
                let own = self.world.users() == 1;
                call(Operation::PauseKey).id(if own { 9_000_000_000 } else { stranger })
            }
            Invalid::OthersList => call(Operation::ListUserKeys).path_parameter("user_id", &ADMINS.to_string()),
            Invalid::NoToken => create(&body).without_header("Authorization"),
            Invalid::BadToken => create(&body).bearer("e30.e30.e30"),
            Invalid::BadFormat => create(&body).header("x-response-format", "xml"),
            Invalid::BadIdempotencyKey => create(&body).header("Idempotency-Key", "two words"),
            Invalid::TooLarge => create(&json!({"name": "n".repeat(20_000), "type": "live", "status": "active"})),
            Invalid::VerifyAsUser => call(Operation::VerifyKey).json(&json!({"key": "nux_live_"})),
            Invalid::TranscribeIncomplete => call(Operation::Transcribe).form(b"--form--\r\n"),
            Invalid::TranscribeForOther => call(Operation::Transcribe).form(form("1000000", marker).as_bytes()),
        }
    }
}

fn with_idempotency<'a>(call: TestCall<'a>, key: Option<&str>) -> TestCall<'a> {
    match key {
        Some(key) => call.header("Idempotency-Key", key),
        None => call,
    }
}

/// What the transcription service is sent; the speciality tells which call it was.
fn form(user: &str, speciality: &str) -> String {
    let part = |head: &str, text: &str| format!("--form\r\nContent-Disposition: form-data; {head}\r\n\r\n{text}\r\n");
    let audio = part("name=\"audio\"; filename=\"a.wav\"", "RIFF");
    audio + &part("name=\"userId\"", user) + &part("name=\"speciality\"", speciality) + "--form--\r\n"
}

/// An answer in JSON.
fn body(answer: &Answer) -> Value {
    let is_json = answer.header("content-type") == Some("application/json");
    if is_json { answer.json() } else { Value::Null }
}
