//! Speed and memory of the sweep.
//!
//! It expires keys and, for comparison, runs as many bare transactions of the same content, with the same concurrency,
//! on the same engine in the same run. It runs in its own process, apart from its engine, so that its memory is the
//! sweep's.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use chrono::{DateTime, TimeDelta, Utc};
use expire_keys::Swept;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use shared::App;
use shared::clock::{Clock, Random};
use shared::edge::schedule::Run;
use shared::ids::{KeyId, UserId};
use shared::store::Vault;
use shared::store::{PrimaryKey, Table};
use tests::event_bus::{BusAnswer, EventBus};
use tests::runtime_api::peak_memory;
use tests::{TestApp, backlog, engine};

use crate::plot::{self, Series};
use crate::report::{Comparison, Report, table};
use crate::stopwatch::{median, start};

/// Keys per round, and rounds of each kind, whose medians are compared.
const KEYS: u64 = 4_000;
const ROUNDS: u64 = 5;
/// Concurrent transactions of the sweep, all shards together.
const AT_ONCE: usize = 64;
/// The bound of the sweep's time relative to bare transactions.
const AT_MOST: f64 = 2.0;
/// The time of a run, that of the deployed function.
const RUN_TIME: TimeDelta = TimeDelta::seconds(50);
/// Backlogs that are compared.
const BACKLOGS: [u64; 4] = [1_000, 4_000, 20_000, 100_000];
/// The backlog whose memory is the floor of the largest one's: the smallest that fills a page of each shard. Of 1,000
/// keys, a page holds 63 instead of 100.
const FLOOR: usize = 1;
/// The most memory of the largest backlog, by its floor.
const MEMORY: f64 = 1.25;

/// Measures in separate processes and collects their output.
pub fn measure_alone(report: &mut Report) {
    let mut result = child(&["sweep-rates"]);
    let number = |value: &Value| value.as_f64().expect("a number");
    // The sweep's time for the same keys.
    let pace = Comparison {
        ours: number(&result["bare_transactions_per_second"]),
        floor: number(&result["keys_per_second"]),
        at_most: Some(AT_MOST),
    };
    report.judge("the time of the sweep", &pace);
    println!(
        "\nSweep: {:.0} keys a second, {:.0} bare transactions; it takes {:.2} times as long, at most {AT_MOST}",
        pace.floor,
        pace.ours,
        pace.ratio()
    );
    let backlogs: Vec<Value> = BACKLOGS.iter().map(|keys| child(&["sweep-backlog", &keys.to_string()])).collect();
    let cell = |value: &Value| if value.is_u64() { value.to_string() } else { format!("{:.1}", number(value)) };
    let row = |backlog: &Value| ["due", "expired", "seconds", "peak_mb"].map(|name| cell(&backlog[name]));
    let headings = ["due keys", "expired", "seconds", "memory, MB"].map(str::to_owned);
    let rows: Vec<Vec<String>> = backlogs.iter().map(|backlog| row(backlog).to_vec()).collect();
    table("A run of the sweep, which ends before the function would", &headings, &rows);
    let (floor, last) = (&backlogs[FLOOR], &backlogs[BACKLOGS.len() - 1]);
    let memory = Comparison { ours: number(&last["peak_mb"]), floor: number(&floor["peak_mb"]), at_most: Some(MEMORY) };
    report.judge("the sweep's memory for the largest backlog", &memory);
    let point = |backlog: &Value| (number(&backlog["due"]), number(&backlog["expired"]) / number(&backlog["seconds"]));
    let points = backlogs.iter().map(point).collect();
    plot::draw("sweep", "Due keys", "Keys a second", &[Series { name: "a run of expire-keys", points }]);
    result["backlogs"] = backlogs.into();
    report.keep("sweep", result);
}

/// The output of a part that runs in its own process.
fn child(arguments: &[&str]) -> Value {
    let program = std::env::current_exe().expect("a program");
    let output = Command::new(program).args(arguments).stderr(Stdio::inherit()).output().expect("a process");
    assert!(output.status.success(), "the sweep fails");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Serves as the engine until the parent ends, with a table of due keys.
pub async fn be_an_engine(keys: u64) {
    let url = engine::Engine::Embedded.start().await;
    let test = TestApp::on(&url, &[]).await;
    backlog::fill(&test, keys, 16, 1, TimeDelta::zero()).await;
    println!("{url} {}", test.app.table.name());
    let wait = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    wait.await.expect("a thread").expect("a pipe");
}

/// An engine in its own process, with a table of due keys.
struct Engine {
    process: Child,
    url: String,
    table: String,
}

impl Engine {
    fn start(keys: u64) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("a program"))
            .args(["engine", &keys.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let (url, table) = line.trim().split_once(' ').expect("two words");
        Self { process, url: url.to_owned(), table: table.to_owned() }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // The process may have ended by itself.
        let _ = self.process.wait();
    }
}

/// Prints the rates of expired keys and bare transactions.
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
pub async fn measure_rates() {
    let mut times: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    for round in 1..=ROUNDS {
        eprintln!("  {KEYS} keys, {round} of {ROUNDS}");
        for (kind, times) in times.iter_mut().enumerate() {
            // A new engine each time, because an engine slows with its transactions.
            let engine = Engine::start(KEYS);
            let due = DueTable::new(&engine, KEYS).await;
            times.push(if kind == 0 { due.bare_transactions().await } else { due.sweep(TimeDelta::hours(1)).await.1 });
        }
    }
    let [bare, swept] = times.map(|times| KEYS as f64 / median(&times).as_secs_f64());
    println!("{}", json!({"bare_transactions_per_second": bare, "keys_per_second": swept}));
}

/// Prints the result of a sweep of due keys within the function's time.
#[expect(clippy::cast_precision_loss, reason = "sizes are small")]
pub async fn measure_backlog(keys: u64) {
    eprintln!("  {keys} keys at once");
    // Filled there, so that filling takes no memory here.
    let engine = Engine::start(keys);
    let (expired, elapsed) = DueTable::new(&engine, keys).await.sweep(RUN_TIME).await;
    let peak = peak_memory("self") as f64 * 1_024.0 / 1e6;
    println!("{}", json!({"due": keys, "expired": expired, "seconds": elapsed.as_secs_f64(), "peak_mb": peak}));
}

/// A table of due keys.
struct DueTable {
    app: App,
    keys: u64,
}

impl DueTable {
    async fn new(Engine { url, table, .. }: &Engine, keys: u64) -> Self {
        let test = TestApp::on(url, &[]).await;
        // Without the call recorder of test apps.
        let sdk = engine::sdk_config(url);
        let table = Table::new(Client::new(&sdk), table);
        let vault = Vault::new(table.clone(), sdk, String::new(), String::new());
        let (config, log) = (test.app.config.clone(), test.log.log());
        let app = App::with_log(config, table, vault, Clock::system(), Random::system(), log);
        Self { app, keys }
    }

    /// The number of keys that a run expires, and its time.
    async fn sweep(&self, time: TimeDelta) -> (u64, Duration) {
        let bus = EventBus::default();
        bus.answer(BusAnswer::TakesAndForgets);
        let run = Run { id: RUN_ID.to_owned(), deadline: self.app.clock.now() + time };
        let start = start();
        let swept = expire_keys::handle(self.app.clone(), bus.publisher(), run).await.expect("no failure");
        let elapsed = start.elapsed();
        let Swept { scanned: _, expired, notified, skipped, remaining } = swept;
        assert_eq!((expired + remaining, notified, skipped), (self.keys, 0, 0), "every key is expired or left");
        (expired, elapsed)
    }

    /// The same conditional writes and nothing else.
    async fn bare_transactions(&self) -> Duration {
        let start = start();
        let ids = stream::iter(backlog::ids(self.keys, 16));
        ids.for_each_concurrent(AT_ONCE, |id| async move {
            let now = self.app.clock.now();
            let writes = vec![self.update(id), self.audit_entry(id, now)];
            let transaction = self.app.table.client().transact_write_items().set_transact_items(Some(writes));
            transaction.send().await.expect("the engine works");
        })
        .await;
        start.elapsed()
    }

    fn update(&self, id: KeyId) -> TransactWriteItem {
        let update = Update::builder()
            .table_name(self.app.table.name())
            .set_key(Some(PrimaryKey::key(owner(), id).into()))
            .update_expression("SET version = :next, #status = :status REMOVE #due_at, #expiry_shard")
            .condition_expression("version = :version")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#due_at", "due_at")
            .expression_attribute_names("#expiry_shard", "expiry_shard")
            .expression_attribute_values(":version", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":next", AttributeValue::N("2".to_owned()))
            .expression_attribute_values(":status", AttributeValue::S("expired".to_owned()));
        TransactWriteItem::builder().update(update.build().expect("complete")).build()
    }

    fn audit_entry(&self, id: KeyId, now: DateTime<Utc>) -> TransactWriteItem {
        let number = |number: i64| AttributeValue::N(number.to_string());
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let mut item = HashMap::from(PrimaryKey::audit(owner(), id, self.app.random.uuid_v7(now)));
        item.extend(
            [
                ("at", number(now.timestamp_millis())),
                ("action", text("expire")),
                ("key_id", AttributeValue::N(id.to_string())),
                ("user_id", AttributeValue::N(owner().to_string())),
                ("actor_role", text("system")),
                ("request_id", text(RUN_ID)),
                ("changes", text(r#"{"status":{"from":"active","to":"expired"}}"#)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        let put = Put::builder().table_name(self.app.table.name()).set_item(Some(item));
        let put = put.condition_expression("attribute_not_exists(PK)").build().expect("complete");
        TransactWriteItem::builder().put(put).build()
    }
}

const RUN_ID: &str = "0b0e4c1d-8c5e-4a52-8b0e-1f4f6a0c9d11";

fn owner() -> UserId {
    UserId::new(1).expect("an id")
}
