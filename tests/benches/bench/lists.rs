//! A list of keys relative to its query: the deployed `list-keys` beside the floor, which only queries.

use crate::functions::{Recording, run};
use crate::plot::{self, Series};
use crate::report::{Comparison, Report, table};
use crate::stage::{LISTS, Stage};
use crate::stopwatch::{median, milliseconds};

/// Calls for a list of each length.
const CALLS: usize = 100;
/// The bound of a list relative to its query, for the longest list.
const AT_MOST: f64 = 2.0;

pub async fn measure(stage: &Stage, report: &mut Report) {
    let mut comparisons = Vec::new();
    for (index, keys) in LISTS.into_iter().enumerate() {
        let recording = Recording::of_list(stage, index, CALLS).await;
        let times = run(stage, "list-keys", &recording).await;
        let [ours, floor] = times.map(|times| milliseconds(median(&times.warm)));
        let at_most = (index + 1 == LISTS.len()).then_some(AT_MOST);
        comparisons.push((keys, Comparison { ours, floor, at_most }));
    }
    show(report, &comparisons);
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn show(report: &mut Report, comparisons: &[(usize, Comparison)]) {
    let rows: Vec<Vec<String>> = comparisons
        .iter()
        .map(|(keys, comparison)| {
            report.judge(&format!("a list of {keys} keys"), comparison);
            let Comparison { ours, floor, .. } = comparison;
            vec![keys.to_string(), format!("{ours:.2}"), format!("{floor:.2}"), format!("{:.2}", comparison.ratio())]
        })
        .collect();
    let ratio = format!("ratio ≤{AT_MOST} at {}", LISTS[LISTS.len() - 1]);
    let headings = ["keys", "list, ms", "query, ms", &ratio].map(str::to_owned);
    table("Lists: list-keys by the bare query, medians", &headings, &rows);
    let results = comparisons.iter().map(|(keys, comparison)| (keys.to_string(), comparison.json())).collect();
    report.keep("lists", serde_json::Value::Object(results));
    let points =
        |value: fn(&Comparison) -> f64| comparisons.iter().map(move |(keys, times)| (*keys as f64, value(times)));
    plot::draw(
        "lists",
        "Keys",
        "Milliseconds",
        &[
            Series { name: "list-keys", points: points(|times| times.ours).collect() },
            Series { name: "bare query", points: points(|times| times.floor).collect() },
        ],
    );
}
