//! HL7 v2 and FHIR, through the gateway and judged by the validators.

use reqwest::Method;
use serde_json::Value;
use tests::deployed::{Deployed, answer};
use tests::repository;

#[tokio::test]
async fn a_key_is_made_and_read_in_hl7() {
    const USER_ID: u64 = 4_231;
    let deployed = Deployed::from_env();
    let call = |method: Method, path: &str| {
        deployed.call(method, path).bearer_auth(deployed.token(USER_ID)).header("x-response-format", "hl7")
    };
    let message = repository::read("tests/corpus/hl7/create.hl7");
    let create = call(Method::POST, "/api/apiKeys").header("x-request-format", "hl7").body(message);
    let created = answer(create).await;
    assert_eq!(created.status, 201, "{}", created.text);
    assert!(created.text.starts_with("MSH|") && created.text.contains("|AA|"), "{}", created.text);

    // What was made in HL7 is there in JSON, and the other way round.
    let key = deployed.manage(USER_ID, Method::GET, "/api/apiKeys", None).await[0].clone();
    let string = key["key"].as_str().expect("a key");
    assert!(created.text.contains(string));
    let read = answer(call(Method::GET, &format!("/api/apiKeys/{}", key["id"]))).await;
    assert_eq!(read.status, 200);
    assert!(read.text.contains(string), "{}", read.text);
    let missing = answer(call(Method::GET, "/api/apiKeys/9007199254740991")).await;
    assert_eq!(missing.status, 404);
    assert!(missing.text.contains("API Key not found"), "{}", missing.text);
}

#[tokio::test]
async fn a_key_is_made_and_read_in_fhir() {
    const USER_ID: u64 = 4_232;
    let deployed = Deployed::from_env();
    let call = |method: Method, path: &str| {
        deployed.call(method, path).bearer_auth(deployed.token(USER_ID)).header("x-response-format", "fhir")
    };
    let resource = repository::read("tests/corpus/fhir/create-parameters.json");
    let create = call(Method::POST, "/api/apiKeys").header("x-request-format", "fhir").body(resource);
    let created = answer(create.header("Content-Type", "application/fhir+json")).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let basic: Value = created.json();
    assert_eq!(basic["resourceType"], "Basic");

    let key = deployed.manage(USER_ID, Method::GET, "/api/apiKeys", None).await[0].clone();
    let read = answer(call(Method::GET, &format!("/api/apiKeys/{}", key["id"]))).await;
    assert_eq!((read.status, read.json()["resourceType"].clone()), (200, "Basic".into()));
    assert!(read.text.contains(key["key"].as_str().expect("a key")), "{}", read.text);
    let missing = answer(call(Method::GET, "/api/apiKeys/9007199254740991")).await;
    assert_eq!((missing.status, missing.json()["resourceType"].clone()), (404, "OperationOutcome".into()));
}
