//! Real speech through the gateway, and keys that stop working.

use chrono::{DateTime, Utc};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tests::deployed::{Deployed, now};
use tests::repository;

/// A user of this file only.
const USER_ID: u64 = 4_101;

fn recording() -> Vec<u8> {
    let path = repository::root().join("local/samples/recording.wav");
    std::fs::read(path).expect("the sample is in the repository")
}

/// Status and answer for a recording, with this key string.
async fn transcribe(deployed: &Deployed, key: &Value, audio: Vec<u8>) -> (u16, Value) {
    let audio = Part::bytes(audio).file_name("recording.wav").mime_str("audio/wav").expect("a type");
    let form =
        Form::new().part("audio", audio).text("userId", USER_ID.to_string()).text("speciality", "General Practice");
    let call = deployed.call(Method::POST, "/api/transcribe").header("x-api-key", key.as_str().expect("a string"));
    let response = call.multipart(form).send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

/// Status and answer for a silent recording, which takes no time.
async fn use_of(deployed: &Deployed, key: &Value) -> (u16, Value) {
    let mut audio = recording();
    audio.truncate(44);
    transcribe(deployed, key, audio).await
}

async fn create(deployed: &Deployed, more: Value) -> Value {
    let mut body = json!({"name": "Ward", "type": "live", "status": "active"});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    deployed.new_key(USER_ID, body).await
}

#[tokio::test]
async fn spoken_words_come_back() {
    let deployed = Deployed::from_env();
    let key = create(&deployed, json!({})).await;
    let (status, answer) = transcribe(&deployed, &key["key"], recording()).await;
    assert_eq!(status, 200, "{answer}");
    let text = answer["text"].as_str().expect("a transcript");
    for word in ["patient", "fever", "cough"] {
        assert!(text.split(' ').any(|heard| heard == word), "{word} in {text:?}");
    }
    let usage = deployed.manage(USER_ID, Method::GET, &format!("/api/apiKeys/{}/usage", key["id"]), None).await;
    assert_eq!((&usage["usage_count"], &usage["daily"][0]["count"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_key_is_refused_on_the_very_next_call() {
    let deployed = Deployed::from_env();
    let refused = |status: u16, error: &str| (status, json!({"error": error}));

    let key = create(&deployed, json!({})).await;
    let path = format!("/api/apiKeys/{}", key["id"]);
    assert_eq!(use_of(&deployed, &key["key"]).await.0, 200);
    deployed.manage(USER_ID, Method::PATCH, &format!("{path}/pause"), None).await;
    assert_eq!(use_of(&deployed, &key["key"]).await, refused(403, "API key is paused"));
    deployed.manage(USER_ID, Method::PATCH, &format!("{path}/resume"), None).await;
    assert_eq!(use_of(&deployed, &key["key"]).await.0, 200);

    let rotated = deployed.manage(USER_ID, Method::POST, &format!("{path}/rotate"), None).await;
    assert_eq!(use_of(&deployed, &key["key"]).await, refused(401, "Invalid API key"));
    assert_eq!(use_of(&deployed, &rotated["key"]).await.0, 200);
    let read = deployed.manage(USER_ID, Method::GET, &path, None).await;
    assert_eq!(read["usage_count"], 3);

    deployed.manage(USER_ID, Method::DELETE, &path, None).await;
    assert_eq!(use_of(&deployed, &rotated["key"]).await, refused(401, "Invalid API key"));

    let body = json!({"name": "Ward", "type": "live", "status": "active"});
    let use_before = async |key: Value| use_of(&deployed, &key["key"]).await.0;
    let (brief, status) = deployed.before_expiry(USER_ID, &body, use_before).await;
    assert_eq!(status, 200);
    let expiry: DateTime<Utc> = brief["expiry_at"].as_str().and_then(|text| text.parse().ok()).expect("a time");
    tokio::time::sleep((expiry - now()).to_std().unwrap_or_default()).await;
    assert_eq!(use_of(&deployed, &brief["key"]).await, refused(403, "API key is expired"));
}

#[tokio::test]
async fn the_largest_form_arrives_and_a_larger_one_is_told_the_limit() {
    let deployed = Deployed::from_env();
    let key = create(&deployed, json!({})).await;
    // Not a WAV file, which the service refuses quickly; the form around it has less than 1,000 bytes.
    let (status, answer) = transcribe(&deployed, &key["key"], vec![0xa5; 4_499_000]).await;
    assert_eq!((status, answer), (400, json!({"error": "audio must be a WAV file with PCM"})));
    let (status, answer) = transcribe(&deployed, &key["key"], vec![0xa5; 4_500_000]).await;
    assert_eq!((status, &answer["error"]), (413, &json!("Request body too large")));
}

#[tokio::test]
async fn with_a_token_in_place_of_a_key_the_default_key_is_used() {
    const USER_ID: u64 = 4_102;
    let deployed = Deployed::from_env();
    let by_token = || async {
        let audio = Part::bytes(recording()[..44].to_vec()).file_name("recording.wav");
        let form = Form::new().part("audio", audio).text("userId", USER_ID.to_string()).text("speciality", "Surgery");
        let call = deployed.call(Method::POST, "/api/transcribe").bearer_auth(deployed.token(USER_ID));
        call.multipart(form).send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(by_token().await, 409, "there is no default key");
    let new = json!({"name": "Default", "type": "live", "status": "active"});
    let key = deployed.new_key(USER_ID, new).await;
    deployed.manage(USER_ID, Method::PATCH, "/api/apiKeys/setDefault", Some(json!({"id": key["id"]}))).await;
    assert_eq!(by_token().await, 200);
    let usage = deployed.manage(USER_ID, Method::GET, &format!("/api/apiKeys/{}/usage", key["id"]), None).await;
    assert_eq!(usage["usage_count"], 1);
}
