//! The formats that `Content-Type` and `Accept` choose, and what a body in another format is told.

use serde_json::json;
use shared::Operation;
use tests::{TestApp, form};

const HL7: &str = "application/hl7-v2; charset=utf-8";
const FHIR: &str = "application/fhir+json; charset=utf-8";
const MESSAGE: &str =
    "MSH|^~\\&|LABGW|HOSP|NUXERA|APIKEYS|20260303||ZAK^Z01^ZAK_Z01|C1|P|2.5.1\rZAK|1|||Ward 3|live|active\r";

#[tokio::test]
async fn content_type_and_accept_are_enough() {
    let test = TestApp::start().await;
    let resource = json!({"resourceType": "Parameters", "parameter": [
        {"name": "name", "valueString": "Ward 3"}, {"name": "type", "valueCode": "live"}, {"name": "status", "valueCode": "active"}]});
    let create = || test.call(Operation::CreateKey).header("Accept", "application/fhir+json");
    let sent = create().header("Content-Type", "application/fhir+json").json(&resource);
    let created = sent.send().await;
    assert_eq!((created.status, created.header("content-type")), (201, Some(FHIR)), "{}", created.text);
    for content_type in ["application/hl7-v2", "application/hl7-v2+er7; charset=utf-8", "x-application/hl7-v2+er7"] {
        let body = MESSAGE.replace("C1", &content_type.len().to_string());
        let created =
            create().header("Content-Type", content_type).body(&body).header("Accept", content_type).send().await;
        assert_eq!((created.status, created.header("content-type")), (201, Some(HL7)), "{}", created.text);
    }
}

#[tokio::test]
async fn errors_follow_and_other_types_stand_for_json() {
    let test = TestApp::start().await;
    for (accept, expected) in [
        ("application/fhir+json", FHIR),
        ("text/html, application/hl7-v2;q=0.9", "application/json"),
        ("text/html;q=0.1, application/hl7-v2;q=0.9", HL7),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
    ] {
        let call = || test.call(Operation::GetKey).id(9).header("Accept", accept);
        for (status, call) in [
            (404, call()),
            (400, call().id("x")),
            (400, call().header("x-request-format", "xml")),
            (401, call().without_header("Authorization")),
        ] {
            let answer = call.send().await;
            assert_eq!((answer.status, answer.header("content-type")), (status, Some(expected)), "{accept}");
            assert_eq!(answer.header("vary"), Some("Accept, x-response-format"));
        }
        let named = call().header("x-response-format", "hl7").send().await;
        assert_eq!(named.header("content-type"), Some(HL7), "the header of ours wins over {accept}");
    }
    // Where the path decides, no header does.
    let below_fhir = test.call(Operation::GetKey).below_fhir().id(9).header("Accept", "application/json").send().await;
    assert_eq!((below_fhir.header("content-type"), below_fhir.header("vary")), (Some(FHIR), None));
}

/// What curl, browsers and Nuxera's own client send means what it did.
#[tokio::test]
async fn headers_that_clients_send_anyway_change_nothing() {
    let test = TestApp::start().await;
    let body = json!({"name": "Ward 3", "type": "live", "status": "active"});
    for content_type in ["application/json", "application/x-www-form-urlencoded", "text/plain;charset=UTF-8"] {
        let call = test.call(Operation::CreateKey).json(&body).header("Content-Type", content_type);
        assert_eq!(call.send().await.status, 201, "{content_type}");
    }
    let both = test.call(Operation::CreateKey).json(&body).format("json");
    let both = both.header("Content-Type", "application/fhir+json").header("Accept", "application/hl7-v2");
    let answer = both.send().await;
    assert_eq!((answer.status, answer.header("content-type")), (201, Some("application/json")));
    // A form is one whatever else is asked for.
    let form = test
        .call(Operation::Transcribe)
        .without_header("x-api-key")
        .without_header("Authorization")
        .form(&form::transcription(b"RIFF", 7));
    let answer = form.header("Accept", "application/fhir+json").send().await;
    assert_eq!((answer.status, answer.header("content-type")), (401, Some(FHIR)));
}

#[tokio::test]
async fn a_body_in_another_format_is_told_how_to_say_so() {
    let test = TestApp::start().await;
    let resource = r#"{"resourceType": "Parameters", "parameter": []}"#;
    for (body, advice) in [
        (resource.to_owned(), "Content-Type: application/fhir+json, or with x-request-format: fhir"),
        (MESSAGE.to_owned(), "Content-Type: application/hl7-v2, or with x-request-format: hl7"),
        (format!("\u{b}{MESSAGE}\u{1c}\r"), "Content-Type: application/hl7-v2"),
        (format!("\u{feff}\r\n{MESSAGE}"), "Content-Type: application/hl7-v2"),
    ] {
        for call in [test.call(Operation::CreateKey), test.call(Operation::PauseKey).id(1)] {
            let answer = call.body(&body).send().await;
            answer.assert_invalid(&["body"]);
            let details = answer.json()["details"].clone();
            assert!(details[0]["message"].as_str().expect("a text").contains(advice), "{details}");
        }
    }
    for body in [r#"{"resourceType": 1}"#, "[\"MSH\"]", "MS"] {
        let answer = test.call(Operation::CreateKey).body(body).send().await;
        assert_eq!(answer.status, 400);
        assert!(!answer.text.contains("Content-Type"), "{}", answer.text);
    }
}
