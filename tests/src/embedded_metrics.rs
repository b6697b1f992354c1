//! A strict reader of CloudWatch's embedded metric format (CloudWatch user guide, "Specification: Embedded metric
//! format"). CloudWatch drops invalid metrics without an error; the tests fail.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// The units in use, all known to CloudWatch.
const UNITS: [&str; 3] = ["Count", "Milliseconds", "Seconds"];

/// A metric value as CloudWatch reads it from a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    pub namespace: String,
    pub metric: String,
    pub unit: String,
    /// Names and values of its dimensions.
    pub dimensions: BTreeMap<String, String>,
    pub value: f64,
}

/// The values in a line; none in one without `_aws`.
#[must_use]
pub fn of(line: &Value) -> Vec<Measurement> {
    let line = line.as_object().expect("a line is an object");
    let Some(metadata) = line.get("_aws") else { return Vec::new() };
    let metadata = members(metadata, &["Timestamp", "CloudWatchMetrics"]);
    let at = metadata["Timestamp"].as_u64().expect("a timestamp in milliseconds");
    // 1990 to 2100, or zero. A time in seconds or microseconds is far outside.
    assert!((631_152_000_000..4_102_444_800_000).contains(&at) || at == 0, "{at} is not in milliseconds");
    let measurements: Vec<_> = list(&metadata["CloudWatchMetrics"]).iter().flat_map(|it| directive(it, line)).collect();
    let names: Vec<_> = measurements.iter().map(|it| (&it.metric, &it.dimensions)).collect();
    let distinct: BTreeSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "a value counts twice: {names:?}");
    measurements
}

fn directive(directive: &Value, line: &Map<String, Value>) -> Vec<Measurement> {
    let directive = members(directive, &["Namespace", "Dimensions", "Metrics"]);
    let namespace = text(&directive["Namespace"]);
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "._-/#:".contains(c);
    assert!((1..=255).contains(&namespace.len()) && namespace.chars().all(is_fine), "{namespace}");
    assert!(!namespace.starts_with("AWS/"), "that is Amazon's");
    let sets = list(&directive["Dimensions"]);
    let metrics = list(&directive["Metrics"]);
    assert!(!sets.is_empty() && (1..=100).contains(&metrics.len()), "{directive:?}");
    let each = metrics.iter().flat_map(|metric| {
        let metric = members(metric, &["Name", "Unit"]);
        let (name, unit) = (text(&metric["Name"]), text(&metric["Unit"]));
        assert!((1..=255).contains(&name.len()) && UNITS.contains(&unit), "{name} in {unit}");
        let value = line.get(name).and_then(Value::as_f64).unwrap_or_else(|| panic!("{name} is no number"));
        assert!(value >= 0.0, "{name}: {value}");
        sets.iter().map(move |set| Measurement {
            namespace: namespace.to_owned(),
            metric: name.to_owned(),
            unit: unit.to_owned(),
            dimensions: dimensions(set, line),
            value,
        })
    });
    each.collect()
}

/// A dimension's name and value; the value is the text of a member of the line.
fn dimensions(set: &Value, line: &Map<String, Value>) -> BTreeMap<String, String> {
    let names = list(set);
    assert!(names.len() <= 30, "{names:?}");
    let dimensions: BTreeMap<String, String> = names
        .iter()
        .map(|name| {
            let name = text(name);
            let value = line.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("{name} is no text"));
            assert!((1..=250).contains(&name.len()) && !name.starts_with(':'), "{name}");
            assert!((1..=1_024).contains(&value.len()) && value.is_ascii() && !value.trim().is_empty(), "{value:?}");
            // Each distinct id would be a metric of its own, at a price.
            assert!(!name.ends_with("id") && !value.bytes().all(|byte| byte.is_ascii_digit()), "{name}: {value}");
            (name.to_owned(), value.to_owned())
        })
        .collect();
    assert_eq!(dimensions.len(), names.len(), "a dimension twice: {names:?}");
    dimensions
}

/// An object with exactly these members, as the specification requires.
fn members<'a>(value: &'a Value, names: &[&str]) -> &'a Map<String, Value> {
    let object = value.as_object().unwrap_or_else(|| panic!("an object, not {value}"));
    let (found, expected): (BTreeSet<_>, BTreeSet<_>) =
        (object.keys().map(String::as_str).collect(), names.iter().copied().collect());
    assert_eq!(found, expected);
    object
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("a list, not {value}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a string, not {value}"))
}
