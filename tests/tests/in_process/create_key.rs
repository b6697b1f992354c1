//! `POST /api/apiKeys`

use serde_json::json;
use shared::Operation;
use tests::TestApp;

#[tokio::test]
async fn a_created_key_is_the_documented_object() {
    let test = TestApp::start().await;
    let body = json!({"name": "  Lab gateway ", "type": "live", "status": "active"});
    let answer = test.call(Operation::CreateKey).json(&body).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let key = answer.json();
    let string = key["key"].as_str().expect("a key").to_owned();
    assert!(string.starts_with("nux_live_000000007000000001") && string.len() == 65, "{string}");
    assert_eq!(
        answer.text,
        format!(
            r#"{{"id":1,"key":"{string}","name":"Lab gateway","type":"live","status":"active","is_default":false,"created_at":"2026-03-01T12:00:00Z","expiry_at":"2027-03-01T12:00:00Z","user_id":7,"last_used_at":null,"usage_count":0}}"#
        )
    );
    assert_eq!(answer.header("location"), Some("/v1/api/apiKeys/1"));
    let read = test.call(Operation::GetKey).id(1).send().await;
    assert_eq!((read.status, read.json()), (200, key));
}
