//! Nuxera's own client: what it sends to transcribe and to dictate, and its requests for keys.

use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tests::deployed::Deployed;
use tests::repository;
use tests::web_client::Record;

/// A user of this file only.
const USER_ID: u64 = 4_111;

/// A silent recording, which takes no time.
fn silence() -> Part {
    let path = repository::root().join("local/samples/recording.wav");
    let mut audio = std::fs::read(path).expect("the sample is in the repository");
    audio.truncate(44);
    Part::bytes(audio).file_name("recording.wav").mime_str("audio/wav").expect("a type")
}

async fn answer(call: RequestBuilder) -> (u16, Value) {
    let response = call.send().await.expect("an answer");
    let status = response.status().as_u16();
    let text = response.text().await.expect("text");
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status} {text}")))
}

async fn new_key(deployed: &Deployed, user: u64) -> Value {
    let body = json!({"name": "Ward", "type": "live", "status": "active"});
    deployed.new_key(user, body).await
}

async fn uses(deployed: &Deployed, user: u64, key: &Value) -> Value {
    deployed.manage(user, Method::GET, &format!("/api/apiKeys/{}", key["id"]), None).await["usage_count"].clone()
}

#[tokio::test]
async fn every_form_of_a_recording_reaches_the_service() {
    let deployed = Deployed::from_env();
    let key = new_key(&deployed, USER_ID).await;
    let send = |path: &str, format: &str| {
        let call = deployed.call(Method::POST, path).header("x-api-key", key["key"].as_str().expect("a string"));
        call.header("x-request-format", format).header("x-response-format", format)
    };
    let silent = (200, json!({"text": ""}));

    // A recording in chunks, with what the service alone reads.
    let chunk = |sequence: &str, is_final: &str| {
        let form = Form::new().part("audio", silence()).text("speciality", "Surgery").text("sessionId", "s-1");
        let form = form.text("sequence", sequence.to_owned()).text("isFinalChunk", is_final.to_owned());
        send("/api/transcribe", "json").multipart(form.text("removeSilence", "true").text("patientName", ""))
    };
    assert_eq!(answer(chunk("1", "false")).await, (200, json!({"sessionId": "s-1", "sequence": 1, "text": ""})));
    let whole = json!({"sessionId": "s-1", "sequence": 2, "text": "", "transcript": ""});
    assert_eq!(answer(chunk("2", "true")).await, (200, whole));

    let request = |name: &'static str, content_type: &str| {
        let request = Part::text("a request").file_name(name).mime_str(content_type).expect("a type");
        Form::new().part(name, request).part("audio", silence())
    };
    let hl7 = send("/api/transcribe", "hl7").multipart(request("hl7_request", "text/plain"));
    assert_eq!(answer(hl7).await, silent);
    let fhir = send("/api/transcribe", "fhir").multipart(request("fhir_request", "application/fhir+json"));
    assert_eq!(answer(fhir).await, silent);

    let v2 = Form::new().part("file", silence()).text("speciality", "Surgery").text("removeSilence", "true");
    assert_eq!(answer(send("/api/transcribe/v2", "json").multipart(v2)).await, silent);
    let note = json!({"transcribedText": "It is better.", "userId": USER_ID});
    let note = answer(send("/api/transcribe/medical-note", "json").json(&note)).await;
    assert_eq!(note, (200, json!({"note": {"subjective": "It is better."}})));
    let dictation = Form::new().part("audio", silence()).text("doctorName", "").text("language", "en");
    assert_eq!(answer(send("/api/dictate", "json").multipart(dictation)).await, silent);

    assert_eq!(uses(&deployed, USER_ID, &key).await, 7);
    let lost = answer(send("/api/transcribe/v3", "json").json(&json!({}))).await;
    assert_eq!(lost, (404, json!({"error": "There is no such path"})), "the service's answer comes back");
    let astray = answer(send("/api/transcribe/..%2fdictate", "json").json(&json!({}))).await;
    assert_eq!((astray.0, &astray.1["details"][0]["field"]), (400, &json!("path")));
    assert_eq!(uses(&deployed, USER_ID, &key).await, 8);
}

#[tokio::test]
async fn keys_are_checked_on_every_path() {
    const USER_ID: u64 = 4_112;
    let deployed = Deployed::from_env();
    let key = new_key(&deployed, USER_ID).await;
    let string = key["key"].as_str().expect("a string");
    let path = format!("/api/apiKeys/{}", key["id"]);
    let refused = |status: u16, error: &str| (status, json!({"error": error}));
    let calls = [("/api/transcribe/medical-note", 200), ("/api/dictate", 400)].map(|(path, status)| {
        let call = || deployed.call(Method::POST, path).json(&json!({"transcribedText": "x"}));
        (call, status)
    });

    for (call, status) in &calls {
        assert_eq!(answer(call().header("x-api-key", string)).await.0, *status);
        assert_eq!(answer(call().header("x-api-key", "nux_live_x")).await, refused(401, "Invalid API key"));
        assert_eq!(answer(call()).await, refused(401, "API key required"));
        assert_eq!(answer(call().bearer_auth(deployed.token(USER_ID))).await, refused(409, "No default API Key"));
    }
    deployed.manage(USER_ID, Method::PATCH, "/api/apiKeys/setDefault", Some(json!({"id": key["id"]}))).await;
    for (call, status) in &calls {
        assert_eq!(answer(call().bearer_auth(deployed.token(USER_ID))).await.0, *status);
    }
    assert_eq!(uses(&deployed, USER_ID, &key).await, 4);
    deployed.manage(USER_ID, Method::PATCH, &format!("{path}/pause"), None).await;
    for (call, _) in &calls {
        assert_eq!(answer(call().header("x-api-key", string)).await, refused(403, "API key is paused"));
    }
    assert_eq!(uses(&deployed, USER_ID, &key).await, 4);
}

#[tokio::test]
async fn a_key_is_managed_in_the_clients_own_messages() {
    const USER_ID: u64 = 4_113;
    let deployed = Deployed::from_env();
    for (format, content_type) in [("hl7", "text/plain"), ("fhir", "application/fhir+json")] {
        let send = |method: Method, path: String, record: &Record, verb: &str| {
            let call = deployed.call(method, &path).bearer_auth(deployed.token(USER_ID));
            call.header("x-request-format", format).header("Content-Type", content_type).body(record.body(format, verb))
        };
        let record = Record::new(USER_ID, "Ward 3");
        let (status, key) = answer(send(Method::POST, "/api/apiKeys".to_owned(), &record, "create")).await;
        assert_eq!(
            (status, &key["message"], &key["type"]),
            (201, &json!("API Key created"), &json!("ai-medical-note"))
        );
        let record = record.with_id(key["id"].as_u64().expect("an id"));
        let path = format!("/api/apiKeys/{}", key["id"]);
        let (status, paused) = answer(send(Method::PATCH, format!("{path}/pause"), &record, "pause")).await;
        assert_eq!((status, &paused["status"]), (200, &json!("paused")), "{format}");
        let renamed = Record { name: "Ward 4".to_owned(), ..record };
        let (status, updated) = answer(send(Method::PUT, path.clone(), &renamed, "update")).await;
        assert_eq!((status, &updated["name"]), (200, &json!("Ward 4")), "{format}: {updated}");
        let (status, _) = answer(send(Method::DELETE, path, &renamed, "delete")).await;
        assert_eq!(status, 200, "{format}");
    }
}
