//! The query parameters of each operation: those of the table are those of the contract, and all others are refused.

use serde_json::{Value, json};
use shared::Operation;
use tests::{TestApp, TestCall, repository};

/// Parameters of FHIR that clients add by themselves.
const HINTS: [(&str, &str); 5] =
    [("_elements", "id"), ("_format", "json"), ("_pretty", "true"), ("_total", "none"), ("_totalMethod", "count")];

fn sorted(names: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    names.sort();
    names
}

/// A value of the contract, or the component that it refers to.
fn resolved<'a>(contract: &'a Value, value: &'a Value) -> &'a Value {
    let reference = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.map_or(value, |pointer| contract.pointer(pointer).expect("a component"))
}

#[test]
fn the_contract_has_the_parameters_of_the_table() {
    let contract: Value = serde_json::to_value(repository::yaml("openapi.yaml")).expect("it is JSON, too");
    let parameters = |path: &str, method: &str| {
        let item = &contract["paths"][path];
        let lists = [&item["parameters"], &item[method]["parameters"]];
        let given = lists.into_iter().filter_map(Value::as_array).flatten().map(|given| resolved(&contract, given));
        let of_query = given.filter(|parameter| parameter["in"] == "query");
        sorted(&of_query.map(|parameter| parameter["name"].as_str().expect("a name")).collect::<Vec<_>>())
    };
    let routes = repository::template_routes();
    for operation in Operation::ALL {
        for route in &routes[operation.name()] {
            let (method, path) = route.split_once(' ').expect("a method and a path");
            // A message has those of its event, of which lists have most.
            let reader = if operation == Operation::ReceiveMessage { Operation::ListKeys } else { operation };
            let expected = if path.starts_with("/fhir/") {
                reader.fhir_parameters()
            } else {
                reader.query_parameters().unwrap_or_default()
            };
            let path = path.replace("+}", "}");
            assert!(contract["paths"][&path].is_object(), "{path}");
            assert_eq!(parameters(&path, &method.to_lowercase()), sorted(expected), "{route}");
        }
    }
}

#[tokio::test]
async fn an_unknown_parameter_is_refused_in_the_format_of_the_caller() {
    let test = TestApp::start().await;
    test.make_two_keys().await;
    let before = test.contents().await.records();
    for operation in Operation::ALL {
        let Some(known) = operation.query_parameters() else { continue };
        let call = || test.valid_call(operation).query("colour", "red").query("limits", "1");
        let rest = if known.is_empty() { "it takes none".to_owned() } else { format!("it takes {}", known.join(", ")) };
        let answer = call().send().await;
        answer.assert_invalid(&["colour", "limits"]);
        let message = format!("colour is not a query parameter of this request; {rest}");
        assert_eq!(answer.json()["details"][0]["message"], message, "{operation:?}");
        let formats = [("hl7", "ERR|||102^"), ("fhir", r#""expression":["http.colour"]"#)];
        for (format, place) in formats.into_iter().filter(|_| !operation.is_json_only()) {
            let answer = call().header("x-response-format", format).send().await;
            assert_eq!(answer.status, 400, "{operation:?}");
            assert!(answer.text.contains(place) && answer.text.contains(&message), "{operation:?}: {}", answer.text);
        }
    }
    assert_eq!(test.contents().await.records(), before);
}

#[tokio::test]
async fn the_names_of_fhir_are_those_of_its_own_routes() {
    let test = TestApp::start().await;
    test.make_two_keys().await;
    for (name, value) in HINTS.into_iter().chain([("_id", "1"), ("_count", "1"), ("_summary", "count")]) {
        for format in ["json", "fhir"] {
            let answer = test.call(Operation::ListKeys).query(name, value).format(format).send().await;
            assert_eq!(answer.status, 400, "{name} {}", answer.text);
        }
    }
    let answer = test.call(Operation::ListKeys).below_fhir().query("limit", "1").send().await;
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("it takes _count, cursor, _summary, _id, status, type"), "{}", answer.text);
}

#[tokio::test]
async fn the_query_of_another_service_is_its_own() {
    let test = TestApp::start().await;
    test.make_two_keys().await;
    let of_others = Operation::ALL.into_iter().filter(|operation| operation.query_parameters().is_none());
    for operation in of_others.filter(|operation| *operation != Operation::ReceiveMessage) {
        let plain = test.valid_call(operation).send().await.status;
        let answer = test.valid_call(operation).query("colour", "red").send().await;
        assert_eq!(answer.status, plain, "{operation:?}");
        assert_ne!(answer.status, 400, "{operation:?}");
    }
}

#[tokio::test]
async fn a_message_has_the_parameters_of_its_event() {
    let test = TestApp::start().await;
    test.make_two_keys().await;
    let answer = test.valid_call(Operation::ReceiveMessage).query("colour", "red").send().await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("\rMSA|AE|"), "{}", answer.text);
    let message = "colour is not a query parameter of this request; it takes none";
    assert!(answer.text.contains(message), "{}", answer.text);
    let paused = test.valid_call(Operation::ReceiveMessage).send().await;
    assert!(paused.text.contains("\rMSA|AA|"), "{}", paused.text);
}

/// A call of the first FHIR route of an operation.
fn below_fhir(test: &TestApp, operation: Operation) -> TestCall<'_> {
    let call = test.valid_call(operation).below_fhir();
    let is_of_key = operation.fhir_routes()[0].contains("{id}");
    if is_of_key { call.id(1) } else { call }
}

#[tokio::test]
async fn every_route_of_fhir_refuses_unknown_parameters() {
    let test = TestApp::start().await;
    test.make_two_keys().await;
    let in_fhir = Operation::ALL.into_iter().filter(|operation| !operation.fhir_routes().is_empty());
    for operation in in_fhir {
        let answer = below_fhir(&test, operation).without_body().query("colour", "red").send().await;
        assert_eq!(answer.status, 400, "{operation:?}");
        assert_eq!(answer.json()["issue"][0]["expression"], json!(["http.colour"]), "{operation:?}");
    }
}

#[tokio::test]
async fn a_lenient_client_of_fhir_may_send_what_is_not_known() {
    let test = TestApp::start().await;
    test.make_two_keys().await;
    let list = || test.call(Operation::ListKeys).below_fhir().query("status", "paused");
    let plain = list().send().await.ok();
    let hinted = HINTS.into_iter().fold(list(), |call, (name, value)| call.query(name, value));
    assert_eq!(hinted.send().await.ok()["entry"], plain["entry"]);
    let sent = || list().query("_sort", "-name").query("subject:identifier", "8");
    assert_eq!(sent().header("Prefer", "handling=strict").send().await.status, 400);
    let lenient = sent().header("Prefer", "handling=lenient").send().await.ok();
    // The link says what was heeded.
    assert_eq!((&lenient["entry"], &lenient["link"]), (&plain["entry"], &plain["link"]));
    // What is known is read as ever.
    let wrong = list().query("_count", "x").header("Prefer", "handling=lenient").send().await;
    assert_eq!(wrong.status, 400);
    // The preference is FHIR's.
    let json = test.call(Operation::ListKeys).query("sort", "name").header("Prefer", "handling=lenient");
    json.send().await.assert_invalid(&["sort"]);
}

#[tokio::test]
async fn names_are_bounded_and_key_strings_among_them_not_repeated() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    let string = key["key"].as_str().expect("a string");
    let answer = test.call(Operation::ListKeys).query(string, "1").send().await;
    answer.assert_invalid(&["query"]);
    assert!(!answer.text.contains(string), "{}", answer.text);
    let many = (0..50).fold(test.call(Operation::ListKeys), |call, number| call.query(&format!("x{number}"), "1"));
    assert_eq!(many.send().await.json()["details"].as_array().map(Vec::len), Some(20));
}
