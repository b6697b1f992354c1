//! Alarms and dashboard use exactly the metrics that the code emits.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value as Json;
use serde_yaml_ng::{Mapping, Value};
use shared::error::ErrorKind;
use shared::telemetry::metrics::{self, NAMESPACE};
use tests::repository;

/// A metric's name and the names of its dimensions.
type Metrics = BTreeSet<(String, BTreeSet<String>)>;

fn metric<'a>(name: &str, dimensions: impl IntoIterator<Item = &'a str>) -> (String, BTreeSet<String>) {
    (name.to_owned(), dimensions.into_iter().map(|dimension| dimension.trim().to_owned()).collect())
}

/// The emitted metrics.
fn emitted() -> Metrics {
    let sets = metrics::ALL.into_iter().flat_map(|it| it.dimensions.iter().map(|set| (it.name, *set)));
    sets.map(|(name, dimensions)| metric(name, dimensions.iter().copied())).collect()
}

fn resources(template: &Value) -> &Mapping {
    template["Resources"].as_mapping().expect("resources")
}

/// The resources of a type, by name.
fn of_type<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    let found = resources(template).iter().filter(|(_, resource)| resource["Type"] == kind);
    found.map(|(name, resource)| (text(name), &resource["Properties"])).collect()
}

/// Our metrics with an alarm.
fn watched(template: &Value) -> Metrics {
    let alarms = of_type(template, "AWS::CloudWatch::Alarm").into_iter().map(|(_, alarm)| alarm);
    let alarms = alarms.filter(|alarm| alarm["Namespace"] == NAMESPACE);
    let watched = alarms.map(|alarm| {
        let dimensions = alarm["Dimensions"].as_sequence().expect("dimensions");
        for dimension in dimensions.iter().filter(|dimension| dimension["Name"] == "service") {
            assert_eq!(text(&dimension["Value"]), "AWS::StackName", "as SERVICE_NAME says");
        }
        metric(text(&alarm["MetricName"]), dimensions.iter().map(|dimension| text(&dimension["Name"])))
    });
    watched.collect()
}

/// The dashboard as CloudWatch gets it, with names in place of the deployment's values.
fn dashboard(template: &Value) -> Json {
    let [(_, dashboard)] = of_type(template, "AWS::CloudWatch::Dashboard")[..] else { panic!("one dashboard") };
    // A template with the table's name, whichever it is.
    let body = untagged(&dashboard["DashboardBody"])[0].as_str().expect("a template");
    let placeholder = Regex::new(r"\$\{([^}]*)\}").expect("a pattern");
    for name in placeholder.captures_iter(body) {
        let name = name[1].strip_suffix(".Arn").unwrap_or(&name[1]);
        let is_known = ["AWS::Region", "AWS::StackName"].contains(&name)
            || resources(template).contains_key(name)
            || template["Parameters"].get(name).is_some();
        assert!(is_known, "{name} is nothing that the template has");
    }
    serde_json::from_str(&placeholder.replace_all(body, "$1")).expect("the dashboard is JSON")
}

fn widgets<'a>(dashboard: &'a Json, kind: &'a str) -> impl Iterator<Item = &'a Json> {
    let widgets = dashboard["widgets"].as_array().expect("widgets").iter();
    widgets.filter(move |widget| widget["type"] == kind).map(|widget| &widget["properties"])
}

/// The lines of all graphs.
fn graphed(dashboard: &Json) -> impl Iterator<Item = &[Json]> {
    let metrics = widgets(dashboard, "metric").flat_map(|graph| graph["metrics"].as_array().expect("metrics"));
    metrics.map(|line| line.as_array().expect("a line").as_slice())
}

/// Our metrics with a graph.
fn shown(dashboard: &Json) -> Metrics {
    let search = Regex::new(r#"^SEARCH\('\{([^,]*),([^}]*)\} MetricName="(\w+)" service="AWS::StackName"', '\w+'\)$"#);
    let search = search.expect("a pattern");
    let shown = graphed(dashboard).filter_map(|line| {
        if let Some(expression) = line[0]["expression"].as_str() {
            let found = search.captures(expression).unwrap_or_else(|| panic!("{expression}"));
            assert_eq!(&found[1], NAMESPACE);
            return Some(metric(&found[3], found[2].split(',')));
        }
        let words: Vec<&str> = line.iter().filter_map(Json::as_str).collect();
        let [namespace, name, dimensions @ ..] = words.as_slice() else { panic!("{line:?}") };
        (*namespace == NAMESPACE).then(|| {
            assert_eq!(dimensions, ["service", "AWS::StackName"]);
            metric(name, ["service"])
        })
    });
    shown.collect()
}

#[test]
fn what_is_emitted_is_on_the_dashboard_and_what_is_asked_for_is_emitted() {
    let template = repository::yaml("template.yaml");
    assert_eq!(shown(&dashboard(&template)), emitted());
    let watched = watched(&template);
    assert!(watched.is_subset(&emitted()), "{watched:?}");
    assert_eq!(watched.len(), 4, "{watched:?}");
    let variables = &template["Globals"]["Function"]["Environment"]["Variables"];
    assert_eq!(text(&variables["SERVICE_NAME"]), "AWS::StackName");
}

#[test]
fn what_must_not_go_on_unnoticed_has_an_alarm() {
    let template = repository::yaml("template.yaml");
    let alarms = of_type(&template, "AWS::CloudWatch::Alarm").into_iter().map(|(name, alarm)| {
        let statistic = alarm["Statistic"].as_str().or(alarm["ExtendedStatistic"].as_str()).expect("a statistic");
        let [namespace, metric, silence] =
            ["Namespace", "MetricName", "TreatMissingData"].map(|property| text(&alarm[property]));
        let dimensions = alarm["Dimensions"].as_sequence().into_iter().flatten();
        let dimensions: Vec<&str> = dimensions.map(|dimension| text(&dimension["Name"])).collect();
        format!("{name}: {statistic} of {namespace} {metric} by {}; silence is {silence}", dimensions.join(" and "))
    });
    let expected = [
        "FailedRunsAlarm: Maximum of AWS/SQS ApproximateNumberOfMessagesVisible by QueueName; silence is notBreaching",
        "ApiFailuresAlarm: Average of AWS/ApiGateway 5XXError by ApiName and Stage; silence is notBreaching",
        "DamagedItemsAlarm: Sum of Nuxera/ApiKeys DamagedItems by service; silence is notBreaching",
        "RefusedTokensAlarm: Sum of Nuxera/ApiKeys Refusals by service and reason; silence is notBreaching",
        "UnknownKeysAlarm: Sum of Nuxera/ApiKeys Refusals by service and reason; silence is notBreaching",
        "UnknownLaneKeysAlarm: Sum of Nuxera/Gateway ${AWS::StackName}-UnknownLaneKeys by ; silence is notBreaching",
        "SlowCallsAlarm: p99 of Nuxera/ApiKeys Latency by service; silence is notBreaching",
        "FunctionThrottlesAlarm: Sum of AWS/Lambda Throttles by FunctionName; silence is notBreaching",
        "TableReadThrottlesAlarm: Sum of AWS/DynamoDB ReadThrottleEvents by TableName; silence is notBreaching",
        "TableWriteThrottlesAlarm: Sum of AWS/DynamoDB WriteThrottleEvents by TableName; silence is notBreaching",
        "IndexWriteThrottlesAlarm: Sum of AWS/DynamoDB WriteThrottleEvents by TableName and GlobalSecondaryIndexName; \
         silence is notBreaching",
        "SweepLagAlarm: Maximum of Nuxera/ApiKeys SweepLag by service; silence is missing",
    ];
    assert_eq!(alarms.collect::<Vec<_>>(), expected);
}

/// Reasons are those of the code, and the gateway's that of its documentation.
#[test]
fn the_alarms_on_refusals_name_reasons_that_exist() {
    let template = repository::yaml("template.yaml");
    let of_refusals = of_type(&template, "AWS::CloudWatch::Alarm").into_iter();
    let of_refusals = of_refusals.filter(|(_, alarm)| alarm["MetricName"] == "Refusals");
    let reasons = of_refusals.map(|(_, alarm)| text(&alarm["Dimensions"][1]["Value"]).to_owned());
    let expected = [ErrorKind::TokenInvalid, ErrorKind::KeyUnknown].map(|kind| kind.as_str().to_owned());
    assert_eq!(reasons.collect::<Vec<_>>(), expected);
    let [(_, filter)] = of_type(&template, "AWS::Logs::MetricFilter")[..] else { panic!("one filter") };
    assert_eq!(text(&filter["FilterPattern"]), r#"{ $.error = "INVALID_API_KEY" }"#);
    let lines = text(&resources(&template)["Api"]["Properties"]["AccessLogSetting"]["Format"]);
    assert!(lines.contains(r#""error":"$context.error.responseType""#), "{lines}");
    let emitted = &filter["MetricTransformations"][0];
    let alarm = &resources(&template)["UnknownLaneKeysAlarm"]["Properties"];
    assert_eq!(
        (text(&emitted["MetricNamespace"]), text(&emitted["MetricName"])),
        (text(&alarm["Namespace"]), text(&alarm["MetricName"]))
    );
}

/// A stack that has never swept must not raise an alarm, and one whose schedule has stopped must.
#[test]
fn the_absence_of_sweeps_notifies_the_topic() {
    let template = repository::yaml("template.yaml");
    let alarm = &resources(&template)["SweepLagAlarm"]["Properties"];
    let actions = serde_yaml_ng::to_string(&alarm["InsufficientDataActions"]).expect("YAML");
    assert!(actions.contains("AlarmTopicArn"), "{actions}");
}

#[test]
fn every_alarm_says_what_to_do_and_tells_the_topic_both_ways() {
    let template = repository::yaml("template.yaml");
    let operations = repository::read("docs/operate.md");
    let alarms = of_type(&template, "AWS::CloudWatch::Alarm");
    for (name, alarm) in &alarms {
        assert!(text(&alarm["AlarmDescription"]).contains("${AWS::StackName}"), "{name} says which stack it is of");
        for actions in ["AlarmActions", "OKActions"] {
            let actions = serde_yaml_ng::to_string(&alarm[actions]).expect("YAML");
            assert!(actions.contains("AlarmTopicArn"), "{name}: {actions}");
        }
        assert!(!alarm["TreatMissingData"].is_null(), "{name}");
    }
    let explained =
        operations.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("Alarm` |").map(|(name, _)| name));
    let explained: BTreeSet<String> = explained.map(|name| format!("{name}Alarm")).collect();
    let names = alarms.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(explained, names, "docs/operate.md says what to do about each");
    let dashboard = dashboard(&template);
    let status = widgets(&dashboard, "alarm").flat_map(|widget| widget["alarms"].as_array().expect("alarms"));
    let status: BTreeSet<String> = status.map(|arn| arn.as_str().expect("a string").to_owned()).collect();
    assert_eq!(status, alarms.iter().map(|(name, _)| format!("{name}.Arn")).collect(), "all are on the dashboard");
}

#[test]
fn the_dashboard_shows_every_function_and_their_log() {
    let template = repository::yaml("template.yaml");
    let functions = of_type(&template, "AWS::Serverless::Function");
    let functions: BTreeSet<&str> = functions.into_iter().map(|(name, _)| name).collect();
    let dashboard = dashboard(&template);
    let of_lambda = widgets(&dashboard, "metric").filter(|graph| graph["metrics"][0][0] == "AWS/Lambda");
    let graphs: Vec<&Json> = of_lambda.collect();
    assert_eq!(graphs.len(), 3);
    for graph in graphs {
        let lines = graph["metrics"].as_array().expect("metrics").iter();
        let named = lines.map(|line| line.as_array().and_then(|line| line.last()?.as_str()).expect("a name")).collect();
        assert_eq!(functions, named, "{}", graph["title"]);
    }
    let logging = &template["Globals"]["Function"]["LoggingConfig"];
    assert_eq!((text(&logging["LogFormat"]), text(&logging["LogGroup"])), ("JSON", "FunctionLogs"));
    for (name, function) in of_type(&template, "AWS::Serverless::Function") {
        assert!(function["LoggingConfig"].is_null(), "{name} logs elsewhere");
    }
    let queries = widgets(&dashboard, "log").map(|widget| widget["query"].as_str().expect("a query"));
    let sources = queries.map(|query| query.split_once(" | ").expect("a source and a filter").0);
    assert_eq!(sources.collect::<Vec<_>>(), ["SOURCE 'FunctionLogs'"; 2]);
    let page = repository::read("docs/operate.md");
    let group = text(&resources(&template)["FunctionLogs"]["Properties"]["LogGroupName"]);
    assert!(
        page.contains(&format!("`{}`", group.replace("${AWS::StackName}", "<stack>"))),
        "docs/operate.md names {group}"
    );
}

#[test]
fn no_widget_covers_another() {
    let dashboard = dashboard(&repository::yaml("template.yaml"));
    let mut taken = BTreeSet::new();
    for widget in dashboard["widgets"].as_array().expect("widgets") {
        let [x, y, width, height] = ["x", "y", "width", "height"].map(|side| widget[side].as_u64().expect("a number"));
        assert!(x + width <= 24, "{}", widget["properties"]["title"]);
        let mut cells = (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y)));
        assert!(cells.all(|cell| taken.insert(cell)), "{}", widget["properties"]["title"]);
    }
}

#[test]
fn the_documentation_explains_every_metric() {
    let operations = repository::read("docs/operate.md");
    for metric in metrics::ALL {
        assert!(operations.contains(&format!("| `{}` |", metric.name)), "{}", metric.name);
    }
}

/// A string, also one with a tag such as `!Ref`.
fn untagged(value: &Value) -> &Value {
    if let Value::Tagged(tagged) = value { &tagged.value } else { value }
}

fn text(value: &Value) -> &str {
    let value = untagged(value);
    value.as_str().unwrap_or_else(|| panic!("a string, not {value:?}"))
}
