//! What belongs together in this repository is equal: folders, operations, routes and events; error texts; formats

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml_ng::Value;
use shared::config::RateLimits;
use shared::error::Reason;
use shared::limits::Allowance;
use shared::{Error, Operation};
use tests::repository;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// `GET /api/apiKeys`
type Route = String;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a string: {value:?}"))
}

/// API Gateway answers a path with a slash at its end as the one without.
fn route(method: &str, path: &str) -> Route {
    format!("{} {}", method.to_uppercase(), path.trim_end_matches('/'))
}

/// The routes of the functions of `template.yaml`, by folder.
fn template_routes() -> BTreeMap<String, Route> {
    let template = repository::yaml("template.yaml");
    let resources = template["Resources"].as_mapping().expect("resources");
    let functions = resources.values().filter(|resource| text(&resource["Type"]) == "AWS::Serverless::Function");
    let mut routes = BTreeMap::new();
    for properties in functions.map(|function| &function["Properties"]) {
        let folder = text(&properties["CodeUri"]).strip_prefix("functions/").expect("a folder of functions/");
        for event in properties["Events"].as_mapping().expect("events").values() {
            if text(&event["Type"]) == "Api" {
                let at = &event["Properties"];
                let known = routes.insert(folder.to_owned(), route(text(&at["Method"]), text(&at["Path"])));
                assert_eq!(known, None, "{folder} has one route");
            }
        }
    }
    routes
}

/// The operations of `openapi.yaml` by route, with the names of their folders.
fn openapi_routes() -> BTreeMap<Route, BTreeSet<String>> {
    let openapi = repository::yaml("openapi.yaml");
    let mut routes: BTreeMap<Route, BTreeSet<String>> = BTreeMap::new();
    for (path, operations) in openapi["paths"].as_mapping().expect("paths") {
        for (method, operation) in operations.as_mapping().expect("operations") {
            if METHODS.contains(&text(method)) {
                let id = text(&operation["operationId"]).trim_end_matches("WithSlash");
                let words = id.replace(|letter: char| letter.is_ascii_uppercase(), "-?");
                assert!(words.is_ascii());
                routes.entry(route(text(method), text(path))).or_default().insert(kebab(id));
            }
        }
    }
    routes
}

/// `listUserKeys` as `list-user-keys`.
fn kebab(name: &str) -> String {
    name.chars().fold(String::new(), |mut text, letter| {
        if letter.is_ascii_uppercase() {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
        text
    })
}

/// The route of each event that API Gateway sends, by file.
fn event_routes() -> BTreeMap<String, Route> {
    let files = std::fs::read_dir(repository::root().join("events")).expect("events/ is there");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("UTF-8"));
    let names = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned));
    let events =
        names.map(|name| (repository::event(&name), name)).filter(|(event, _)| event["httpMethod"].is_string());
    let route_of = |event: &serde_json::Value| {
        let text = |value: &serde_json::Value| value.as_str().expect("a string").to_owned();
        let context = &event["requestContext"];
        let found = route(&text(&event["httpMethod"]), &text(&event["resource"]));
        assert_eq!(route(&text(&context["httpMethod"]), &text(&context["resourcePath"])), found);
        found
    };
    events.map(|(event, name)| (name, route_of(&event))).collect()
}

#[test]
fn folders_operations_routes_and_events_are_the_same() {
    let template = template_routes();
    let folders: BTreeSet<&str> = template.keys().map(String::as_str).collect();

    let scheduled_or_api: BTreeSet<String> = repository::functions().into_iter().collect();
    let api: BTreeSet<&str> =
        scheduled_or_api.iter().map(String::as_str).filter(|name| template.contains_key(*name)).collect();
    assert_eq!(api, folders, "template.yaml against functions/");

    let operations: BTreeSet<&str> = Operation::ALL.into_iter().map(Operation::name).collect();
    assert_eq!(operations.len(), Operation::ALL.len());
    assert_eq!(operations, folders, "Operation::ALL against template.yaml");

    assert_eq!(event_routes(), template, "events/ against template.yaml");

    let openapi: BTreeMap<Route, BTreeSet<String>> = openapi_routes();
    let expected: BTreeMap<Route, BTreeSet<String>> =
        template.iter().map(|(folder, route)| (route.clone(), BTreeSet::from([folder.clone()]))).collect();
    assert_eq!(openapi, expected, "openapi.yaml against template.yaml");
}
