//! `make torture`: 50 users make 10,000 concurrent calls while everything between the functions and their table fails,
//! and the result is checked against a model.
//!
//! Each client is a Lambda container with its own fault proxy in front of the embedded engine. A seed decides requests
//! and faults, so `SEED=…` repeats them. The interleaving of calls is up to the machine: a violation that needs a
//! certain one may take some repetitions.

mod calls;
mod check;
mod client;
mod counts;
mod falsify;
mod faults;
mod histories;
mod history;
mod linearize;
mod model;
mod plan;
mod stored;
mod world;

use std::collections::{BTreeMap, HashMap};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use shared::clock::Random;
use tests::TestApp;
use tests::engine::Engine;
use tests::stub::{Script, Stub};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::check::Evidence;
use crate::client::{Client, Report};
use crate::counts::TEST_KEY_DAILY_LIMIT;
use crate::faults::Kind;
use crate::history::Request;
use crate::stored::Stored;
use crate::world::World;

/// The number of violations shown.
const VIOLATIONS_SHOWN: usize = 10;
/// Operations that are enough to meet every kind of fault and every check.
const ENOUGH_OPERATIONS: usize = 5_000;
/// Sweeps until everything is done. Three are enough unless one fails on a busy machine.
const MAX_SWEEPS: usize = 12;
/// The number of checks.
const CHECKS: usize = 47;
/// The run passes midnight and a full hour.
const START: &str = "2026-03-01T23:50:00Z";

fn main() -> ExitCode {
    let seed = variable("SEED").unwrap_or_else(|| u64::from(u32::from_le_bytes(Random::system().bytes())));
    let operations = variable("OPERATIONS").map_or(10_000, |number| usize::try_from(number).expect("64 bits"));
    let users = variable("USERS").unwrap_or(50).max(1);
    println!("torture: {operations} operations of {users} users, SEED={seed}");
    // Both ends of each connection are in this process, so it needs more open files than the usual limit of 1,024.
    rlimit::increase_nofile_limit(u64::MAX).expect("the limit of open files is known");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let is_passed = runtime.expect("a runtime").block_on(run(seed, operations, users));
    if is_passed {
        return ExitCode::SUCCESS;
    }
    println!("\nFAILED. Repeat it with: make torture SEED={seed} OPERATIONS={operations} USERS={users}");
    ExitCode::FAILURE
}

#[expect(clippy::disallowed_methods, reason = "the run's settings come from the environment")]
fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} must be a whole number")))
}

/// A third of the users each have one, two or three clients.
fn clients(users: u64) -> Vec<(u64, u64)> {
    (1..=users).flat_map(|user| (0..=user % 3).map(move |number| (user, number))).collect()
}

async fn run(seed: u64, operations: usize, users: u64) -> bool {
    let start = Instant::now();
    let engine = Engine::Embedded.start().await;
    let service = Stub::start(Script::respond("200 OK", "application/json", b"{}")).await;
    let settings = [
        ("TRANSCRIPTION_URL", service.url.as_str()),
        ("TEST_KEY_DAILY_LIMIT", &TEST_KEY_DAILY_LIMIT.to_string()),
        ("MAX_KEYS_PER_USER", &model::MAX_KEYS.to_string()),
    ];
    let deployment = TestApp::on(&engine, &settings).await;
    deployment.set_time(START);
    let world = Arc::new(World::new(seed, users, &engine, deployment.clone()));

    let clients = clients(users);
    let count = clients.len();
    let mut running = JoinSet::new();
    for (index, (user, number)) in clients.into_iter().enumerate() {
        let steps = operations / count + usize::from(index < operations % count);
        let client = Client::start(world.clone(), user, number).await;
        running.spawn(client.run(steps));
    }
    let clients = running.join_all().await;
    println!("  all operations done after {:.1} s; now everything is read", start.elapsed().as_secs_f64());
    let clients = afterwards(&world, clients).await;

    let mut sum = Report::default();
    for Report { attempts, updates, answers_received, events } in clients.into_iter().map(Client::report) {
        sum.attempts.extend(attempts);
        sum.updates.extend(updates);
        sum.answers_received.extend(answers_received);
        sum.events.extend(events);
    }
    let Report { attempts, updates, answers_received, events } = sum;
    let stored = Stored::of(&deployment.contents().await);
    let evidence = Evidence { attempts, stored, updates, answers_received, events, transcribed: transcribed(&service) };
    let is_passed = judge(&evidence, operations);
    println!("{:.1} s", start.elapsed().as_secs_f64());
    is_passed
}

/// After the faults: the sweep catches up, and everything is inspected.
async fn afterwards(world: &Arc<World>, mut clients: Vec<Client>) -> Vec<Client> {
    settled(&clients).await;
    // A later run takes over the journal of a failed one after that one's deadline, so the last run must succeed.
    for number in 0..MAX_SWEEPS {
        world.advance(TimeDelta::minutes(2));
        clients[0].ask(&format!("sweep-{number}"), &Request::Sweep).await;
        if number >= 2 && clients[0].was_answered_at_once() {
            break;
        }
    }
    world.advance(TimeDelta::minutes(2));
    let mut looking = JoinSet::new();
    for client in clients {
        looking.spawn(client.look());
    }
    let clients = looking.join_all().await;
    settled(&clients).await;
    clients
}

/// Waits for abandoned requests, which may still be in flight.
async fn settled(clients: &[Client]) {
    // Requests just sent are accepted first.
    tokio::time::sleep(Duration::from_millis(200)).await;
    for client in clients {
        client.settled().await;
    }
}

/// The key of each forwarded transcription.
fn transcribed(service: &Stub) -> HashMap<String, u64> {
    let received = service.received();
    let passed_on = received.iter().filter_map(|received| {
        let body = String::from_utf8_lossy(&received.body);
        let call = body.lines().find(|line| line.starts_with("call-"))?.trim().to_owned();
        Some((call, received.headers.get("x-nuxera-key-id")?.parse().ok()?))
    });
    passed_on.collect()
}

/// Reports the result and returns whether all checks hold.
fn judge(evidence: &Evidence, operations: usize) -> bool {
    println!("\noperations, and how they were answered");
    let mut answers: BTreeMap<&str, BTreeMap<u16, usize>> = BTreeMap::new();
    for attempt in &evidence.attempts {
        *answers.entry(attempt.request.name()).or_default().entry(attempt.status).or_default() += 1;
    }
    for (name, statuses) in answers {
        let statuses: Vec<String> = statuses.iter().map(|(status, count)| format!("{count} × {status}")).collect();
        println!("  {name:<16}{}", statuses.join(", "));
    }
    println!("faults that were met");
    let mut met: BTreeMap<Kind, usize> = BTreeMap::new();
    for kind in evidence.attempts.iter().flat_map(|attempt| &attempt.faults) {
        *met.entry(*kind).or_default() += 1;
    }
    for kinds in Kind::ALL.chunks(4) {
        let count = |kind: &Kind| format!("{:>5} × {:<20}", met.get(kind).unwrap_or(&0), format!("{kind:?}"));
        println!("  {}", kinds.iter().map(count).collect::<String>().trim_end());
    }
    let mut verdict = check::check(evidence);
    println!("checks");
    for (what, count) in &verdict.checks {
        println!("  {count:>5} × {what}");
    }
    let is_long = operations >= ENOUGH_OPERATIONS;
    if is_long {
        for kind in Kind::ALL.into_iter().filter(|kind| !met.contains_key(kind)) {
            verdict.violations.push(format!("{kind:?} never happened"));
        }
        if verdict.checks.len() != CHECKS {
            verdict.violations.push(format!("{} of {CHECKS} checks were made", verdict.checks.len()));
        }
    }
    // With violations, falsifications would show nothing.
    if verdict.violations.is_empty() {
        verdict.violations = falsify::unnoticed(evidence, is_long);
    }
    for violation in verdict.violations.iter().take(VIOLATIONS_SHOWN) {
        println!("\nVIOLATION  {violation}");
    }
    let (attempts, unanswered) =
        (evidence.attempts.len(), evidence.attempts.iter().filter(|attempt| !attempt.is_answered()).count());
    println!("{attempts} attempts, {unanswered} of them answered with a 5xx, {} violations", verdict.violations.len());
    verdict.violations.is_empty()
}
