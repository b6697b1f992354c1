//! The repository is consistent with itself: folders, operations, routes and events; error texts; formats.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_yaml_ng::Value;
use shared::Operation;
use shared::error::ErrorKind;
use tests::repository::{self, Routes, route, typical_routes};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The function that publishes the definitions of a format. It has no operation on keys.
const PUBLISHER: &str = "get-conformance";

/// The function of the URL of all messages. Its operation is that of the message.
const MESSAGES: Operation = Operation::ReceiveMessage;

/// The function of the pages, which are no part of the contract.
const PAGES: &str = "get-page";

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a string: {value:?}"))
}

/// The routes of `openapi.yaml` by the folder of their `operationId`.
fn openapi_routes() -> Routes {
    let openapi = repository::yaml("openapi.yaml");
    let mut routes = Routes::new();
    for (path, operations) in openapi["paths"].as_mapping().expect("paths") {
        for (method, operation) in operations.as_mapping().expect("operations") {
            if METHODS.contains(&text(method)) {
                let folder = match text(&operation["operationId"]) {
                    "getMetadata" => PUBLISHER.to_owned(),
                    id => kebab(["ByPost", "InFhir", "Below"].iter().fold(id, |id, place| id.trim_end_matches(place))),
                };
                routes.entry(folder).or_default().insert(route(text(method), text(path)));
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

/// The events by file, with the route of those from API Gateway.
fn event_routes() -> Routes {
    let files = std::fs::read_dir(repository::root().join("events")).expect("events/ is there");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("UTF-8"));
    let names = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned));
    let text = |value: &serde_json::Value| value.as_str().expect("a string").to_owned();
    let routes = names.map(|name| {
        let event = repository::event(&name);
        // EventBridge has no method, and an authorizer serves every route.
        if event["httpMethod"].is_null() || event["type"] == "REQUEST" {
            return (name, BTreeSet::new());
        }
        let found = route(&text(&event["httpMethod"]), &text(&event["resource"]));
        let context = &event["requestContext"];
        assert_eq!(route(&text(&context["httpMethod"]), &text(&context["resourcePath"])), found, "{name}");
        (name, BTreeSet::from([found]))
    });
    routes.collect()
}

#[test]
fn folders_functions_events_operations_and_routes_are_the_same() {
    let template = typical_routes();
    let folders: Vec<String> = template.keys().cloned().collect();
    assert_eq!(repository::functions(), folders, "functions/ and template.yaml");

    let events = event_routes();
    assert_eq!(events.keys().cloned().collect::<Vec<_>>(), folders, "events/ and template.yaml");
    for (name, route) in &events {
        assert!(route.is_subset(&template[name]), "{name}: {route:?} of its event in {:?}", template[name]);
        assert_eq!(route.is_empty(), template[name].is_empty(), "{name} has an event of its kind");
    }

    let mut api: Routes = template.into_iter().filter(|(name, routes)| !routes.is_empty() && name != PAGES).collect();
    let mut operations: Vec<&str> =
        Operation::ALL.into_iter().chain([MESSAGES]).map(Operation::name).chain([PUBLISHER]).collect();
    operations.sort_unstable();
    assert_eq!(api.keys().collect::<Vec<_>>(), operations, "template.yaml and Operation::ALL");
    for operation in Operation::ALL {
        let of_api = api[operation.name()].iter().find(|route| route.contains(" /api")).expect("a route below /api");
        let in_path =
            of_api.split_once('{').map(|(_, rest)| rest.trim_end_matches('}').split('}').next().expect("a name"));
        // What is passed on has the rest of a path there.
        assert_eq!(operation.path_field(), in_path.filter(|name| *name != "path+"), "{operation:?}");
        let of_fhir = api[operation.name()].iter().filter(|route| route.contains(" /fhir")).map(String::as_str);
        let expected: BTreeSet<&str> = operation.fhir_routes().iter().copied().collect();
        assert_eq!(of_fhir.collect::<BTreeSet<_>>(), expected, "{operation:?}");
        // Not what is sent to a service behind this one or to one behind a proxy, nor an admin's lists and imports.
        let of_admins = matches!(operation, Operation::ListUserKeys | Operation::ImportKeys);
        let has_none = !operation.body().has_fields() || of_admins;
        assert_eq!(expected.is_empty(), has_none, "{operation:?} below FHIR's base");
    }
    // What is not there has a route, too.
    let rest = api.insert(PUBLISHER.to_owned(), BTreeSet::new());
    let below = METHODS.map(|method| route(method, "/fhir/{path+}"));
    let others = [route("get", "/fhir"), route("post", "/fhir"), route("head", "/fhir/{path+}")];
    assert_eq!(rest, Some(below.into_iter().chain(others).collect()));
    let mut documented = openapi_routes();
    let definitions = documented.insert(PUBLISHER.to_owned(), BTreeSet::new());
    let published = ["GET /fhir/metadata", "GET /fhir/{resource_type}/{id}"].map(str::to_owned);
    assert_eq!(definitions, Some(published.into()));
    // OpenAPI has no notation for a parameter of several segments.
    let greedy = |route: String| route.replace("+}", "}");
    let api: Routes = api.into_iter().map(|(name, routes)| (name, routes.into_iter().map(greedy).collect())).collect();
    assert_eq!(api, documented, "template.yaml and openapi.yaml");
}

/// The texts of the errors in the schemas of `openapi.yaml`.
fn documented_texts(openapi: &Value) -> BTreeSet<String> {
    let schemas = openapi["components"]["schemas"].as_mapping().expect("schemas");
    let errors = schemas.values().map(|schema| &schema["properties"]["error"]).filter(|error| !error.is_null());
    let texts = errors.flat_map(|error| match error["enum"].as_sequence() {
        Some(texts) => texts.clone(),
        None => vec![error["const"].clone()],
    });
    texts.map(|error| text(&error).to_owned()).collect()
}

#[test]
fn every_error_text_is_documented_and_no_other() {
    let openapi = repository::yaml("openapi.yaml");
    let operations = || Operation::ALL.into_iter().chain([MESSAGES]);
    let of_code = ErrorKind::ALL.into_iter().flat_map(|kind| operations().map(move |operation| kind.text(operation)));
    let of_code: BTreeSet<String> = of_code.map(str::to_owned).collect();
    assert_eq!(documented_texts(&openapi), of_code);
}

#[test]
fn every_kind_of_error_has_a_name_of_its_own_in_one_style() {
    let codes: BTreeSet<&str> = ErrorKind::ALL.into_iter().map(ErrorKind::as_str).collect();
    assert_eq!(codes.len(), ErrorKind::ALL.len(), "{codes:?}");
    assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')), "{codes:?}");
}

#[test]
fn every_operation_documents_the_text_of_its_own_failure() {
    let openapi = repository::yaml("openapi.yaml");
    let mut documented = BTreeMap::new();
    for operations in openapi["paths"].as_mapping().expect("paths").values() {
        for (_, operation) in operations.as_mapping().expect("operations") {
            if let Some(id) = operation.get("operationId") {
                let failure = operation["responses"].get("500").and_then(|response| response.get("description"));
                documented.insert(kebab(text(id)), failure.map(|failure| text(failure).to_owned()));
            }
        }
    }
    for operation in Operation::ALL {
        assert_eq!(documented[operation.name()].as_deref(), Some(operation.failure()), "{operation:?}");
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn no_function_knows_a_format_but_the_one_whose_subject_it_is() {
    for name in repository::functions().into_iter().filter(|name| name != PUBLISHER) {
        for file in files(&repository::root().join("functions").join(name).join("src")) {
            let text = std::fs::read_to_string(&file).expect("a text").to_lowercase();
            assert!(!text.contains("hl7") && !text.contains("fhir"), "{}", file.display());
        }
    }
}

#[test]
fn a_main_is_wiring() {
    for name in repository::functions() {
        let lines = repository::read(&format!("functions/{name}/src/main.rs")).lines().count();
        assert!(lines < 10, "{name}: {lines} lines");
    }
}

/// Every `$ref` in a document.
fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Mapping(fields) => fields
            .iter()
            .flat_map(|(name, value)| if name == "$ref" { vec![text(value)] } else { references(value) })
            .collect(),
        Value::Sequence(values) => values.iter().flat_map(references).collect(),
        Value::Tagged(tagged) => references(&tagged.value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[test]
fn every_reference_in_openapi_leads_somewhere() {
    let openapi = repository::yaml("openapi.yaml");
    for reference in references(&openapi) {
        let mut path = reference.strip_prefix("#/").expect("a reference within the document").split('/');
        let found = path.try_fold(&openapi, |at, name| at.get(name.replace("~1", "/")));
        assert!(found.is_some(), "{reference}");
    }
}
