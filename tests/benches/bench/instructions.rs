//! The processor instructions of a warm call, beside those of the floor, as callgrind counts them. Unlike times, they hardly
//! differ from run to run, so that a creeping growth of a few per cent is seen.

use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value};
use tests::runtime_api::Function;

use crate::functions::{Recording, STARTS, WARM_UP, binary};
use crate::report::{Comparison, Report, table};
use crate::stage::Stage;

/// The functions with the most calls, and the bounds of their instructions relative to the floor: 2 % above what they were
/// when the bounds were set.
const BOUNDS: [(&str, f64); 2] = [("get-key", 1.225), ("verify-key", 1.45)];
/// The calls that are counted.
const CALLS: u16 = 100;

/// Counts the instructions, where valgrind is installed.
pub async fn measure(stage: &Stage, report: &mut Report) {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("\nInstructions are not counted: valgrind is not installed (apt-get install valgrind)");
        return;
    }
    let mut rows = Vec::new();
    let mut results = Map::new();
    for (name, at_most) in BOUNDS {
        let recording = Recording::of_function(stage, name).await;
        let ours = per_call(stage, name, &recording.events).await;
        let floor = per_call(stage, "floor", &recording.calls).await;
        let comparison = Comparison { ours: ours / 1e3, floor: floor / 1e3, at_most: Some(at_most) };
        report.judge(&format!("instructions of {name}"), &comparison);
        rows.push(vec![name.to_owned(), comparison.cell(), format!("≤{at_most}")]);
        results.insert(name.to_owned(), comparison.json());
    }
    let headings = ["function", "thousands", "bound"].map(str::to_owned);
    table("Instructions of a warm call, and by how much they are those of the floor", &headings, &rows);
    report.keep("instructions", Value::Object(results));
}

/// The difference between a process with warm calls and one with as many more, by call.
async fn per_call(stage: &Stage, name: &str, events: &[String]) -> f64 {
    let warm = STARTS + WARM_UP;
    let few = count(stage, name, &events[STARTS..warm]).await;
    let many = count(stage, name, &events[STARTS..warm + usize::from(CALLS)]).await;
    (many - few) / f64::from(CALLS)
}

/// The instructions of a process that answers these events.
async fn count(stage: &Stage, name: &str, events: &[String]) -> f64 {
    let engine = stage.copy().await;
    let counts = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.callgrind"));
    let valgrind = ["valgrind", "--tool=callgrind", "--quiet", &format!("--callgrind-out-file={}", counts.display())]
        .map(str::to_owned);
    let function = Function::start_under(&valgrind, &binary(name), &stage.environment(&engine)).await;
    for event in events {
        function.call(event).await;
    }
    function.terminate();
    let counts = std::fs::read_to_string(&counts).expect("callgrind's counts");
    let total = counts.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a line with the total");
    total.trim().parse().expect("a number")
}
