//! A client: takes its steps one after the other, through its own container, and repeats calls that are answered with a
//! 5xx.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use serde_json::Value;
use shared::config::{Config, RateLimits};
use shared::edge::schedule::Run;
use tests::event_bus::{BusAnswer, EventBus};
use tests::fault_proxy::{FaultProxy, Update};
use tests::{Answer, TestApp};
use tokio::time::Instant;

use crate::calls::{ADMINS, NO_KEY, Sender};
use crate::counts::TEST_KEY_DAILY_LIMIT;
use crate::faults::{self, FAULTY_ATTEMPTS, Kind, Rule};
use crate::history::{Attempt, Change, End, Request, View};
use crate::plan::{self, Action, Dice, Expiry, Repeatable, Step};
use crate::world::{CALLS_AT_ONCE, Held, World};

/// The advance of the clock per attempt.
const MILLISECONDS_PER_ATTEMPT: i64 = 170;
/// The shortest timeout of the service for DynamoDB or KMS.
const PATIENCE: Duration = Duration::from_secs(1);
/// Attempts at a call. After the first few, no faults are injected, but the machine may be busy.
const MAX_ATTEMPTS: u32 = 12;

/// The report of a client.
#[derive(Default)]
pub struct Report {
    pub attempts: Vec<Attempt>,
    pub updates: Vec<Update>,
    /// The ids of the table's answers that the containers got.
    pub answers_received: Vec<String>,
    pub events: Vec<(String, Value)>,
}

/// The rate limits of a user: narrow ones for every tenth.
pub fn rate_limits(user: u64) -> RateLimits {
    if user.is_multiple_of(10) {
        RateLimits { per_minute: 6, per_hour: 90 }
    } else {
        RateLimits { per_minute: 1_000_000, per_hour: 1_000_000 }
    }
}

/// The permits that an attempt takes. If it fails without injected faults, the machine is overloaded: each further
/// attempt takes twice as many, until it runs alone.
fn room(number: u32) -> u32 {
    (1 << number.saturating_sub(FAULTY_ATTEMPTS).min(6)).min(CALLS_AT_ONCE)
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
    /// A client with a cold container.
    pub async fn start(world: Arc<World>, user: u64, number: u64) -> Self {
        let proxy = FaultProxy::start(&world.engine).await;
        let config = Config { rate_limits: rate_limits(user), ..world.deployment.app.config.clone() };
        let container = world.deployment.cold_with(&proxy.url, config.clone());
        let (bus, report) = Default::default();
        Self { world, user, number, config, proxy, container, is_cold: true, bus, report }
    }

    /// Takes the steps of the plan.
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

    /// The report, once no request is in flight.
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
        // The status alone does not show the result of a use, and a bad format is part of the step.
        let is_in_json = matches!(request, Request::Verify { .. } | Request::Transcribe { .. } | Request::Invalid(_));
        let (seed, user, client) = (self.world.seed, self.user, self.number);
        let rules = |number: u32, is_cold: bool| {
            let mut dice = Dice::new(!seed, [user, client << 32 | u64::from(number), index as u64]);
            faults::rules(&mut dice, step.action, is_cold, number)
        };
        let name = format!("call-{user}-{client}-{index}");
        self.insist(&name, &request, step.format.filter(|_| !is_in_json), rules).await;
    }

    /// Inspects everything without faults: lists all keys and verifies all strings ever seen. It takes one container,
    /// with the user's rate limits.
    pub async fn look(mut self) -> Self {
        if self.number > 0 {
            return self;
        }
        self.ask(&format!("last-list-{}", self.user), &Request::List { as_admin: false }).await;
        let mut working = None;
        for (id, strings) in self.world.known(self.user) {
            for (index, key) in strings.into_iter().enumerate() {
                let request = Request::Verify { id, key };
                // A test key is used up to its limit.
                for use_number in 0..=TEST_KEY_DAILY_LIMIT {
                    let answer = self.ask(&format!("last-{id}-{index}-{use_number}"), &request).await;
                    let is_valid = answer["valid"] == true;
                    if !(is_valid && answer["type"] == "test") {
                        working = working.or(is_valid.then(|| request.clone()));
                        break;
                    }
                }
            }
        }
        // In each run, one use of each user is counted and its answer lost.
        if let Some(request) = working {
            let rules = |number, _| if number == 0 { vec![Rule::LOST_COUNT] } else { Vec::new() };
            self.insist(&format!("last-lost-{}", self.user), &request, None, rules).await;
        }
        self
    }

    /// Makes a request without faults and returns the answer.
    pub async fn ask(&mut self, name: &str, request: &Request) -> Value {
        self.insist(name, request, None, |_, _| Vec::new()).await
    }

    /// Whether the last request was answered at the first attempt.
    pub fn was_answered_at_once(&self) -> bool {
        self.report.attempts.last().is_some_and(|attempt| attempt.id.ends_with("-0"))
    }

    /// Waits until no request of this client is in flight.
    pub async fn settled(&self) {
        self.proxy.settled().await;
    }

    /// Repeats a request until it is answered. `rules` gives the faults by the number of the attempt and whether the
    /// container is cold.
    async fn insist(
        &mut self,
        name: &str,
        request: &Request,
        format: Option<&str>,
        rules: impl Fn(u32, bool) -> Vec<Rule>,
    ) -> Value {
        for number in 0..MAX_ATTEMPTS {
            self.proxy.clear();
            let mut kinds = Vec::new();
            let mut bus_answer = BusAnswer::Takes;
            for rule in rules(number, self.is_cold) {
                if rule.kind == Kind::BusFails {
                    bus_answer = BusAnswer::Fails;
                }
                for (times, fault) in rule.faults() {
                    self.proxy.inject(rule.operation, times, fault);
                    kinds.push(rule.kind);
                }
            }
            self.bus.answer(bus_answer);
            let mut attempt = self.attempt(format!("{name}-{number}"), request, format, room(number)).await;
            for (kind, times) in kinds.into_iter().zip(self.proxy.met()) {
                attempt.faults.extend(std::iter::repeat_n(kind, times));
            }
            if matches!(bus_answer, BusAnswer::Fails) && !attempt.is_answered() && attempt.faults.is_empty() {
                attempt.faults.push(Kind::BusFails);
            }
            let answer = attempt.is_answered().then(|| attempt.body.clone());
            if answer.is_some() {
                self.learn(&attempt);
                // These calls have loaded the data keys.
                self.is_cold &= !matches!(attempt.status, 200 | 201);
            }
            self.report.attempts.push(attempt);
            if let Some(answer) = answer {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10 << number.min(6))).await;
        }
        Value::Null
    }

    async fn attempt(&mut self, id: String, request: &Request, format: Option<&str>, room: u32) -> Attempt {
        let world = self.world.clone();
        let _permit = world.calls.acquire_many(room).await.expect("never closed");
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
            // On its own thread, because its future is not `Send`.
            let handle = tokio::runtime::Handle::current();
            let sweep = move || handle.block_on(expire_keys::handle(app, publisher, run));
            (attempt.status, attempt.body) = match tokio::task::spawn_blocking(sweep).await.expect("no panic") {
                Ok(swept) => (200, serde_json::to_value(swept).expect("numbers")),
                Err(_) => (503, Value::Null),
            };
            self.report.events.extend(self.bus.take());
        } else {
            let sender = Sender { container: &self.container, user: self.user, others_key: self.others_key() };
            let call = sender.call(request, attempt.caller, &attempt.id).request_id(&attempt.id);
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

    /// The id of another user's key, or of no key.
    fn others_key(&self) -> u64 {
        let other = self.world.next_user(self.user);
        let book = self.world.book(other).lock().expect("not poisoned");
        book.held.first().filter(|_| other != self.user).map_or(NO_KEY, |held| held.id)
    }

    /// Learns keys and strings from an answer.
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

    /// The request of a step in the present state.
    fn request(&self, index: usize, step: Step) -> Request {
        let book = self.world.book(self.user).lock().expect("not poisoned");
        let pick = usize::try_from(step.pick >> 16).expect("64 bits");
        let named = |word: &str| format!("{word} {}-{}-{index}", self.user, self.number);
        // Mostly an existing key, now and then a deleted one.
        let live: Vec<&Held> = book.held.iter().filter(|held| !held.is_deleted).collect();
        let all: Vec<&Held> = book.held.iter().collect();
        let among = if step.pick.is_multiple_of(16) || live.is_empty() { &all } else { &live };
        let held = among.get(pick % among.len().max(1)).copied();
        let id = held.map(|held| held.id);
        let string = held.and_then(|held| {
            // Mostly the latest known string, else an older one.
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
        // Without a key to act on, the step creates one.
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
            // All must send the same request, though at different times.
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
}

/// The JSON of an answer.
fn body(answer: &Answer) -> Value {
    let is_json = answer.header("content-type") == Some("application/json");
    if is_json { answer.json() } else { Value::Null }
}
