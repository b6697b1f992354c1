//! HL7 v2 and FHIR through the gateway, both ways.

use reqwest::Method;
use serde_json::{Value, json};
use tests::deployed::Deployed;
use tests::validators;

const USER_ID: u64 = 4_301;

async fn send(method: Method, path: &str, format: &str, body: String) -> (u16, String) {
    let deployed = Deployed::from_env();
    let call = deployed.call(method, path).bearer_auth(deployed.token(USER_ID));
    let call = call.header("x-request-format", format).header("x-response-format", format);
    let response = call.body(body).send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("text"))
}

/// A message. Without a control id of its own, a creation would be the repeat of another.
fn message(control_id: &str, event: &str, zak: &str) -> String {
    format!(
        "MSH|^~\\&|LABGW|HOSP|NUXERA|APIKEYS|20260303090000+0000||ZAK^{event}^ZAK_Z01|{control_id}|P|2.5.1\r{zak}\r"
    )
}

#[tokio::test]
async fn a_hospital_engine_works_with_messages_alone() {
    let (status, created) =
        send(Method::POST, "/api/apiKeys", "hl7", message("C1", "Z01", "ZAK|1|||Lab gateway|live|active")).await;
    assert_eq!(status, 201, "{created}");
    validators::hl7(&created).expect("valid");
    let id = created.split("\rZAK|1|").nth(1).and_then(|zak| zak.split('|').next()).expect("an id").to_owned();
    let (status, paused) =
        send(Method::PATCH, &format!("/api/apiKeys/{id}/pause"), "hl7", message("C2", "Z06", &format!("ZAK|1|{id}")))
            .await;
    assert_eq!(status, 200, "{paused}");
    assert!(paused.contains("|ACK^Z06^ACK_Z01|") && paused.contains("\rMSA|AA|C2\r"), "{paused}");
    let (status, list) = send(Method::GET, "/api/apiKeys", "hl7", String::new()).await;
    assert!(status == 200 && list.contains("|Lab gateway|live|paused|"), "{list}");
    let (status, refused) =
        send(Method::POST, "/api/apiKeys", "hl7", message("C3", "Z01", "ZAK|1||||live|active")).await;
    assert!(status == 400 && refused.contains("\rERR||ZAK^1^4|101^"), "{refused}");
    validators::hl7(&refused).expect("valid");
}

/// The gateway hands on the bytes of these content types. What it makes of the others, nobody can restore.
#[tokio::test]
async fn a_message_in_latin_1_arrives_byte_for_byte() {
    let deployed = Deployed::from_env();
    let sent = [
        (Some("application/hl7-v2"), 201, "|Büro|"),
        (Some("x-application/hl7-v2+er7"), 201, "|Büro|"),
        (Some("text/plain"), 201, "|Büro|"),
        (Some("application/octet-stream"), 201, "|Büro|"),
        (Some("application/json"), 400, "\rERR||MSH^1^18|102^"),
        (None, 400, "\rERR||MSH^1^18|102^"),
    ];
    for (number, (content_type, status, expected)) in sent.into_iter().enumerate() {
        let header = message(&format!("L{number}"), "Z01", "").trim_end().to_owned();
        let body = [format!("{header}||||||8859/1\rZAK|1|||").as_bytes(), b"B\xfcro|live|active\r"].concat();
        let call = deployed.call(Method::POST, "/api/apiKeys").bearer_auth(deployed.token(USER_ID));
        let call = call.header("x-request-format", "hl7").header("x-response-format", "hl7").body(body.clone());
        let call = content_type.into_iter().fold(call, |call, kind| call.header("Content-Type", kind));
        let response = call.send().await.expect("an answer");
        let (found, text) = (response.status().as_u16(), response.text().await.expect("text"));
        assert!(found == status && text.contains(expected), "{content_type:?}: {found} {text}");
    }
}

#[tokio::test]
async fn a_fhir_client_works_with_resources_alone() {
    let parameters = json!({"resourceType": "Parameters", "parameter": [
        {"name": "name", "valueString": "FHIR client"},
        {"name": "type", "valueCode": "live"},
        {"name": "status", "valueCode": "active"},
    ]});
    let (status, created) = send(Method::POST, "/api/apiKeys", "fhir", parameters.to_string()).await;
    assert_eq!(status, 201, "{created}");
    let created: Value = serde_json::from_str(&created).expect("JSON");
    validators::fhir(&created).expect("valid");
    let path = format!("/api/apiKeys/{}", created["id"].as_str().expect("an id"));
    let (status, read) = send(Method::GET, &path, "fhir", String::new()).await;
    assert_eq!((status, serde_json::from_str::<Value>(&read).expect("JSON")), (200, created.clone()));
    let (status, missing) = send(Method::GET, "/api/apiKeys/9007199254740991", "fhir", String::new()).await;
    let missing: Value = serde_json::from_str(&missing).expect("JSON");
    assert_eq!((status, &missing["issue"][0]["code"]), (404, &json!("not-found")));
    // The URLs in the resource are published.
    let deployed = Deployed::from_env();
    let profile = deployed.call(Method::GET, "/fhir/StructureDefinition/api-key").send().await.expect("an answer");
    let profile: Value = profile.json().await.expect("JSON");
    assert_eq!(profile["url"], created["meta"]["profile"][0]);
}

/// What no other route serves, the gateway hands to the function that publishes the definitions.
#[tokio::test]
async fn what_is_not_there_below_the_fhir_base_is_an_operation_outcome() {
    let deployed = Deployed::from_env();
    for (method, path) in [
        (Method::GET, "/fhir"),
        (Method::POST, "/fhir"),
        (Method::GET, "/fhir/Patient/1"),
        (Method::PATCH, "/fhir/Basic/1"),
        (Method::PUT, "/fhir/Basic"),
        (Method::GET, "/fhir/Basic/1/_history"),
        (Method::GET, "/fhir/Basic/1/$pause"),
        (Method::POST, "/fhir/Basic/1/$archive"),
        (Method::POST, "/fhir/metadata"),
    ] {
        let response = deployed.call(method.clone(), path).send().await.expect("an answer");
        let (status, text) = (response.status().as_u16(), response.text().await.expect("text"));
        assert_eq!(status, 404, "{method} {path}: {text}");
        let outcome: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(outcome["issue"][0]["code"], "not-found", "{method} {path}");
        validators::fhir(&outcome).expect("valid");
    }
}

#[tokio::test]
async fn the_headers_of_a_definition_can_be_had_alone() {
    let deployed = Deployed::from_env();
    for (path, status) in [("/fhir/metadata", 200), ("/fhir/StructureDefinition/api-key", 200), ("/fhir/nothing", 404)]
    {
        let get = deployed.call(Method::GET, path).send().await.expect("an answer");
        let head = deployed.call(Method::HEAD, path).send().await.expect("an answer");
        assert_eq!((head.status(), head.headers().get("etag")), (get.status(), get.headers().get("etag")), "{path}");
        assert_eq!(head.status(), status, "{path}");
        assert_eq!(head.headers()["content-type"], "application/fhir+json; charset=utf-8");
        assert_eq!(head.text().await.expect("text"), "", "{path}");
    }
}

#[tokio::test]
async fn the_fhir_base_needs_no_header_but_the_token() {
    let deployed = Deployed::from_env();
    let token = deployed.token(USER_ID + 1);
    let send = async |method: Method, path: &str, body: Option<Value>| {
        let call = deployed.call(method, &format!("/fhir{path}")).bearer_auth(&token);
        let call = if let Some(body) = body { call.json(&body) } else { call };
        let response = call.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        assert_eq!(headers["content-type"], "application/fhir+json; charset=utf-8");
        let resource: Value = response.json().await.expect("JSON");
        validators::fhir(&resource).expect("valid");
        (status, headers, resource)
    };
    let code = json!({"coding": [{"system": "https://nuxera.cloud/fhir/CodeSystem/resource-type", "code": "api-key"}]});
    let extension = |name: &str, kind: &str, value: &str| json!({"url": format!("https://nuxera.cloud/fhir/StructureDefinition/api-key-{name}"), kind: value});
    let extensions = json!([
        extension("name", "valueString", "Ward"),
        extension("type", "valueCode", "live"),
        extension("status", "valueCode", "active"),
    ]);
    let new = json!({"resourceType": "Basic", "code": code, "extension": extensions});
    let (status, headers, created) = send(Method::POST, "/Basic", Some(new)).await;
    assert_eq!((status, &headers["etag"]), (201, &"W/\"1\"".parse().expect("a value")), "{created}");
    let id = created["id"].as_str().expect("an id").to_owned();
    assert!(headers["location"].to_str().expect("ASCII").ends_with(&format!("/fhir/Basic/{id}")), "{headers:?}");
    let (_, _, bundle) = send(Method::GET, "/Basic?_count=1", None).await;
    // The link leads to where it was called.
    let url = bundle["entry"][0]["fullUrl"].as_str().expect("a URL");
    let called = deployed.call(Method::GET, "/fhir/Basic").build().expect("a request");
    assert!(url.starts_with(called.url().as_str()), "{url}");
    assert_eq!(send(Method::PUT, &format!("/Basic/{id}"), Some(created)).await.0, 200);
    let (status, _, paused) = send(Method::POST, &format!("/Basic/{id}/$pause"), None).await;
    assert_eq!((status, &paused["extension"][3]["valueCode"]), (200, &json!("paused")));
    assert_eq!(send(Method::GET, &format!("/Basic/{id}/$audit?_count=1"), None).await.0, 200);
    assert_eq!(send(Method::DELETE, &format!("/Basic/{id}"), None).await.0, 200);
}
