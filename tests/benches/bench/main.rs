//! `make bench`: the cost of our code relative to a minimal baseline, measured in the same run on the same machine. It
//! prints tables, writes `target/bench.json` and plots beside it, and fails if a bound is exceeded.
//!
//! `cargo bench --workspace --bench bench -- get-key lists` measures parts of it.

mod check;
mod formats;
mod functions;
mod instructions;
mod lists;
mod plot;
mod report;
mod stage;
mod stopwatch;
mod sweep;

use std::process::ExitCode;

use report::Report;
use stage::Stage;
use tests::repository;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["engine", keys] => runtime.block_on(sweep::be_an_engine(keys.parse().expect("a number"))),
        ["sweep-rates"] => runtime.block_on(sweep::measure_rates()),
        ["sweep-backlog", keys] => runtime.block_on(sweep::measure_backlog(keys.parse().expect("a number"))),
        parts => return runtime.block_on(measure(parts)),
    }
    ExitCode::SUCCESS
}

/// The parts beside single functions.
const PARTS: [&str; 6] = ["functions", "instructions", "lists", "check", "formats", "sweep"];

async fn measure(parts: &[&str]) -> ExitCode {
    let functions: Vec<String> = repository::functions().into_iter().collect();
    let is_known = |part: &&&str| PARTS.contains(*part) || functions.iter().any(|name| name == **part);
    if let Some(unknown) = parts.iter().find(|part| !is_known(part)) {
        eprintln!("There is no {unknown} to be measured, but: {}, {}", PARTS.join(", "), functions.join(", "));
        return ExitCode::FAILURE;
    }
    let wanted = |part: &str| parts.is_empty() || parts.contains(&part);
    let mut report = Report::default();
    let functions: Vec<String> = functions.into_iter().filter(|name| wanted("functions") || wanted(name)).collect();
    if !functions.is_empty() || wanted("instructions") || wanted("lists") {
        let stage = Stage::set().await;
        if !functions.is_empty() {
            functions::measure(&functions, &stage, &mut report).await;
        }
        if wanted("instructions") {
            instructions::measure(&stage, &mut report).await;
        }
        if wanted("lists") {
            lists::measure(&stage, &mut report).await;
        }
    }
    if wanted("check") {
        check::measure(&mut report).await;
    }
    if wanted("formats") {
        formats::measure(&mut report);
    }
    if wanted("sweep") {
        sweep::measure_alone(&mut report);
    }
    report.finish(parts.is_empty())
}
