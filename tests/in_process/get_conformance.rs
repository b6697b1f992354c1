//! `GET /fhir/metadata` and `GET /fhir/{resource_type}/{id}`, and everything below `/fhir` that is not there

use lambda_http::Response;
use serde_json::{Value, json};
use tests::{documents, repository, validators};

/// Serves the event, for the path of a definition or, without one, for the metadata.
fn get(definition: Option<(&str, &str)>, settings: &[(&str, &str)], headers: &[(&str, &str)]) -> Response<String> {
    let mut event = repository::event("get-conformance");
    let path = definition.map_or_else(|| "metadata".to_owned(), |(kind, id)| format!("{kind}/{id}"));
    event["pathParameters"] = json!({"path": path});
    serve(event, settings, headers)
}

/// Serves an event.
fn serve(mut event: Value, settings: &[(&str, &str)], headers: &[(&str, &str)]) -> Response<String> {
    let route =
        format!("{} {}", event["httpMethod"].as_str().expect("a method"), event["resource"].as_str().expect("a path"));
    for (name, value) in headers {
        event["headers"][*name] = (*value).into();
        event["multiValueHeaders"][*name] = json!([value]);
    }
    let (response, line) = documents::serve(get_conformance::NAME, get_conformance::find, &event, settings);
    assert_eq!((&line["operation"], &line["route"]), (&"get-conformance".into(), &route.into()));
    let reason = if response.status() == 404 { "not_found".into() } else { Value::Null };
    assert_eq!((&line["status"], &line["reason"]), (&response.status().as_u16().into(), &reason));
    response
}

fn resource(response: &Response<String>) -> Value {
    serde_json::from_str(response.body()).expect("JSON")
}

#[test]
fn the_metadata_are_the_capability_statement() {
    let response = get(None, &[], &[]);
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/fhir+json; charset=utf-8");
    assert_eq!(response.headers()["cache-control"], "public, max-age=3600");
    assert_eq!(resource(&response)["url"], "https://nuxera.cloud/fhir/CapabilityStatement/nuxera-api-keys");
    let by_name = get(Some(("CapabilityStatement", "nuxera-api-keys")), &[], &[]);
    assert_eq!(by_name.body(), response.body());
}

#[test]
fn a_definition_is_served_without_a_token_and_in_fhir() {
    let response = get(Some(("StructureDefinition", "api-key")), &[], &[("x-response-format", "hl7")]);
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-request-id"], "5a0e7c52-3d0b-4f86-8b0d-6f1c2a9e4d37");
    assert_eq!(resource(&response)["url"], "https://nuxera.cloud/fhir/StructureDefinition/api-key");
}

#[test]
fn a_client_that_has_it_gets_304_until_the_text_changes() {
    let wanted = Some(("ValueSet", "api-key-status"));
    let first = get(wanted, &[], &[]);
    let tag = first.headers()["etag"].to_str().expect("ASCII");
    let again = get(wanted, &[], &[("If-None-Match", tag)]);
    assert_eq!((again.status().as_u16(), again.body().as_str()), (304, ""));
    let moved = [("FHIR_BASE_URL", "https://test.example/v1/fhir")];
    assert_eq!(get(wanted, &moved, &[("If-None-Match", tag)]).status(), 200);
}

#[test]
fn every_url_is_under_the_base_of_the_deployment() {
    let moved = [("FHIR_BASE_URL", "https://test.example/v1/fhir/")];
    for definition in [None, Some(("StructureDefinition", "api-key")), Some(("OperationDefinition", "pause-key"))] {
        let response = get(definition, &moved, &[]);
        assert!(!response.body().contains("nuxera.cloud"), "{definition:?}");
        let url = resource(&response)["url"].as_str().expect("a url").to_owned();
        assert!(url.starts_with("https://test.example/v1/fhir/"), "{url}");
    }
}

#[test]
fn what_does_not_exist_is_an_operation_outcome() {
    for (kind, id) in [
        ("StructureDefinition", "api-keys"),
        ("Patient", "api-key"),
        ("metadata", ""),
        ("", ""),
        ("Basic", "1/$nothing"),
    ] {
        let response = get(Some((kind, id)), &[], &[("x-response-format", "xml")]);
        assert_eq!(response.status(), 404, "{kind}/{id}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let content_type = response.headers()["content-type"].to_str().expect("ASCII");
        assert_eq!(validators::response(content_type, response.body()), Ok(()));
        assert_eq!(resource(&response)["issue"][0]["code"], "not-found");
    }
}

#[test]
fn other_methods_and_the_base_itself_are_operation_outcomes_too() {
    for (method, resource, path) in [
        ("POST", "/fhir/{path+}", json!({"path": "metadata"})),
        ("PATCH", "/fhir/{path+}", json!({"path": "Basic/1"})),
        ("DELETE", "/fhir/{path+}", json!({"path": "ValueSet/api-key-status"})),
        ("POST", "/fhir", Value::Null),
        ("GET", "/fhir", Value::Null),
    ] {
        let mut event = repository::event("get-conformance");
        event["httpMethod"] = method.into();
        event["requestContext"]["httpMethod"] = method.into();
        event["resource"] = resource.into();
        event["requestContext"]["resourcePath"] = resource.into();
        event["pathParameters"] = path;
        let response = serve(event, &[], &[]);
        assert_eq!(response.status(), 404, "{method} {resource}");
        assert_eq!(self::resource(&response)["issue"][0]["code"], "not-found");
    }
}
