//! A list of keys, by the query that reads them: `list-keys` as it is deployed, beside the floor that only queries.

use shared::Operation;
use tests::calls::SentCall;
use tests::fault_proxy::FaultProxy;
use tests::runtime_api::Function;

use crate::functions::{binary, calls};
use crate::plot::{self, Series};
use crate::report::{Comparison, Report, table};
use crate::stage::{LISTS, Stage, list_owner};
use crate::stopwatch::{median, milliseconds};

const CALLS: usize = 100;
const WARM_UP: usize = 10;
/// The most that a list may take of its query's time; it is held to it at its longest.
const AT_MOST: f64 = 2.0;

pub async fn measure(stage: &Stage, report: &mut Report) {
    let engine = stage.copy().await;
    let test = stage.seed.cold(&FaultProxy::start(&engine).await.url);
    let environment = stage.environment(&engine);
    let function = Function::start(&binary("list-keys"), &environment).await;
    let floor = Function::start(&binary("floor"), &environment).await;
    let mut comparisons = Vec::new();
    for (index, keys) in LISTS.into_iter().enumerate() {
        let call = test.call(Operation::ListKeys).user(list_owner(index));
        let event = call.event().to_string();
        test.calls.clear();
        assert_eq!(call.send().await.json().as_array().map(Vec::len), Some(keys));
        let is_query = |call: &SentCall| call.operation == "Query" && !call.request.contains("DATA_KEY");
        let queries = test.calls.requests().into_iter();
        let queries = queries.map(|round| round.into_iter().filter(is_query).collect::<Vec<_>>());
        let queries = calls(queries.filter(|round| !round.is_empty()).collect());
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..WARM_UP + CALLS {
            for (times, (function, event)) in times.iter_mut().zip([(&function, &event), (&floor, &queries)]) {
                let took = function.call(event).await.took;
                if round >= WARM_UP {
                    times.push(took);
                }
            }
        }
        let [ours, floor] = times.map(|times| milliseconds(median(&times)));
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
