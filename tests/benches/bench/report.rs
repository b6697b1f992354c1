//! Tables for people, `target/bench.json` for programs, and the judgment of bounds.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Map, Value, json};
use tests::repository;

/// The folder of results.
pub fn folder() -> PathBuf {
    repository::root().join("target")
}

/// A figure of ours and of the floor.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    pub ours: f64,
    pub floor: f64,
    /// The bound of their ratio.
    pub at_most: Option<f64>,
}

impl Comparison {
    pub fn ratio(&self) -> f64 {
        self.ours / self.floor
    }

    /// `4.02 0.55`, marked if it exceeds the bound.
    pub fn cell(&self) -> String {
        let mark = if self.is_exceeded() { "!" } else { "" };
        format!("{:.2} ×{:.2}{mark}", self.ours, self.ratio())
    }

    pub fn json(&self) -> Value {
        let Self { ours, floor, at_most } = self;
        json!({"ours": ours, "floor": floor, "ratio": self.ratio(), "at_most": at_most})
    }

    fn is_exceeded(&self) -> bool {
        self.at_most.is_some_and(|at_most| self.ratio().is_nan() || self.ratio() > at_most)
    }
}

/// All results.
#[derive(Default)]
pub struct Report {
    results: Map<String, Value>,
    exceeded: Vec<String>,
}

impl Report {
    /// Adds a result.
    pub fn keep(&mut self, part: &str, result: Value) {
        self.results.insert(part.to_owned(), result);
    }

    /// Records whether a figure keeps its bound.
    pub fn judge(&mut self, what: &str, comparison: &Comparison) {
        if let Some(at_most) = comparison.at_most.filter(|_| comparison.is_exceeded()) {
            self.exceeded.push(format!("{what}: {:.2} times its floor, at most {at_most}", comparison.ratio()));
        }
    }

    /// Writes the results of a complete run and reports exceeded bounds.
    pub fn finish(self, is_whole: bool) -> ExitCode {
        println!();
        if is_whole {
            let path = folder().join("bench.json");
            let results = serde_json::to_string_pretty(&Value::Object(self.results)).expect("JSON");
            std::fs::write(&path, results).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            println!("All figures: {}", path.strip_prefix(repository::root()).unwrap_or(&path).display());
        }
        if self.exceeded.is_empty() {
            println!("Every figure keeps its bound.");
            return ExitCode::SUCCESS;
        }
        for exceeded in &self.exceeded {
            println!("EXCEEDED  {exceeded}");
        }
        ExitCode::FAILURE
    }
}

/// Prints lines of figures under headings.
pub fn table(title: &str, headings: &[String], rows: &[Vec<String>]) {
    println!("\n{title}\n");
    let all = || std::iter::once(headings).chain(rows.iter().map(Vec::as_slice));
    let widths: Vec<usize> = (0..headings.len())
        .map(|column| all().map(|row| row[column].chars().count()).max().unwrap_or_default())
        .collect();
    for row in all() {
        let (first, rest) = row.split_first().expect("a column");
        let cells: Vec<String> = rest.iter().zip(&widths[1..]).map(|(cell, width)| format!("{cell:>width$}")).collect();
        println!("{first:<width$}  {}", cells.join("  "), width = widths[0]);
    }
}
