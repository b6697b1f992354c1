//! A page of 1,000 of the largest elements fits into a response of Lambda, in every format.

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use serde_json::json;
use shared::Operation;
use shared::ids::{KeyId, UserId};
use shared::store::{Item, PrimaryKey};
use tests::{Answer, TestApp, TestCall};

/// What Lambda returns of a synchronous call, in bytes (Lambda developer guide, "Lambda quotas").
const LAMBDA_LIMIT: usize = 6 * 1024 * 1024;
/// The largest id.
const MAX_ID: u64 = (1 << 53) - 1;

/// The answer as the function returns it to API Gateway: its body is a JSON string in JSON.
fn size(answer: &Answer) -> usize {
    let headers = serde_json::to_string(&answer.headers).expect("JSON");
    serde_json::to_string(&answer.text).expect("JSON").len() + 2 * headers.len()
}

/// Stores copies of an item, each with its own primary key.
async fn copy(test: &TestApp, item: &Item, places: impl Iterator<Item = Item>) {
    let puts: Vec<WriteRequest> = places
        .map(|place| {
            let item = item.clone().into_iter().chain(place).collect::<Item>();
            let put = PutRequest::builder().set_item(Some(item)).build().expect("an item");
            WriteRequest::builder().put_request(put).build()
        })
        .collect();
    let table = &test.app.table;
    for puts in puts.chunks(25) {
        let write = table.client().batch_write_item().request_items(table.name(), puts.to_vec());
        write.send().await.expect("it is written");
    }
}

/// Checks the pages that a call returns in every format.
async fn assert_fits<'a>(call: impl Fn() -> TestCall<'a>) {
    for format in ["json", "hl7", "fhir"] {
        let answer = call().header("x-response-format", format).send_unjudged().await;
        assert_eq!(answer.status, 200, "{format}");
        let elements = match format {
            "json" => answer.json().as_array().map(Vec::len),
            "hl7" => Some(answer.text.matches("\rZA").count()),
            _ => answer.json()["entry"].as_array().map(Vec::len),
        };
        assert!(elements.is_some_and(|elements| elements >= 1_000), "{format}: {elements:?}");
        assert!(answer.next_cursor().is_some(), "{format}: there is more");
        let size = size(&answer);
        assert!(size < LAMBDA_LIMIT, "{format}: {size} bytes");
    }
}

#[tokio::test]
async fn a_thousand_of_the_largest_keys_fit() {
    // Each quote and backslash is escaped by the format, and again in the answer of the function.
    for name in ["\"".repeat(100), "\\".repeat(100), "\u{1f511}".repeat(100)] {
        let test = TestApp::start().await;
        let user = UserId::new(MAX_ID).expect("an id");
        let body = json!({"name": name, "type": "ai-medical-note", "status": "active"});
        let key = test.call(Operation::CreateKey).user(MAX_ID).json(&body).send().await;
        assert_eq!(key.status, 201, "{}", key.text);
        test.verify(key.json()["key"].as_str().expect("a string")).await;
        let mut item = test.contents().await.key(MAX_ID, 1).expect("a record").clone();
        // An encrypted string belongs to one record, so the copies are masked. What a whole string has more is added.
        item.remove("ciphertext");
        item.remove("data_key");
        item.insert("mask".to_owned(), AttributeValue::S("nux_live_…bm4k".to_owned()));
        let ids = (MAX_ID - 1_500..MAX_ID).map(|id| KeyId::new(id).expect("an id"));
        copy(&test, &item, ids.map(|id| Item::from(PrimaryKey::key(user, id)))).await;
        assert_fits(|| test.call(Operation::ListKeys).user(MAX_ID)).await;
        let difference = 1_000 * ("nux_live_".len() + 56);
        for format in ["json", "hl7", "fhir"] {
            let call = test.call(Operation::ListKeys).user(MAX_ID).header("x-response-format", format);
            assert!(size(&call.send_unjudged().await) + difference < LAMBDA_LIMIT, "{format}");
        }
    }
}

#[tokio::test]
async fn a_thousand_of_the_largest_entries_fit() {
    for letter in ["\"", "\\", "\u{1f511}"] {
        let test = TestApp::start().await;
        let (first, second) = (letter.repeat(100), letter.repeat(99) + "x");
        let body = json!({"name": first, "type": "live", "status": "active"});
        let key = test.call(Operation::CreateKey).json(&body).send().await.json();
        let update = json!({"name": second, "type": "ai-medical-note", "expiry_at": "2098-01-01T00:00:00Z"});
        let updated = test.call(Operation::UpdateKey).id(&key["id"]).json(&update).send().await;
        assert_eq!(updated.status, 200, "{}", updated.text);
        let contents = test.contents().await;
        let entry = (*contents.partition("AUDIT#7#1").last().expect("an entry")).clone();
        let (user, id) = (UserId::new(7).expect("an id"), KeyId::new(1).expect("an id"));
        let entries = (0..1_500).map(|_| test.app.random.uuid_v7(test.now()));
        let places = entries.map(|entry| Item::from(PrimaryKey::audit(user, id, entry)));
        copy(&test, &entry, places).await;
        assert_fits(|| test.call(Operation::ListAudit).id(1)).await;
    }
}
