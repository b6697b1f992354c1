//! The table of the deployment: no key string in plaintext, and only wrapped data keys.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use shared::store::Table;
use tests::calls::CallLog;
use tests::deployed::Deployed;
use tests::{Contents, engine};

#[tokio::test]
async fn the_table_holds_no_key_in_the_clear() {
    let deployed = Deployed::from_env();
    let body = json!({"name": "Hidden", "type": "live", "status": "active"});
    // The outcome of such a request is stored as well.
    let create = deployed.call(Method::POST, "/api/apiKeys").bearer_auth(deployed.token(4_401));
    let created = create.header("Idempotency-Key", "once").json(&body).send().await.expect("an answer");
    let key: Value = created.json().await.expect("JSON");
    let string = key["key"].as_str().expect("a string");
    let secret = &string["nux_live_".len() + 18..string.len() - 6];

    let sdk = deployed.sdk_config();
    let table = Table::new(engine::client(&sdk, &CallLog::default()), &deployed.table_name);
    let contents = Contents::of(&table).await;
    let record = contents.key(4_401, key["id"].as_u64().expect("an id")).expect("the record");
    let ciphertext = record["ciphertext"].as_b().expect("bytes").as_ref();
    assert!(ciphertext.len() >= 12 + secret.len() + 16, "nonce, secret and tag");
    let mut dump = Vec::new();
    contents.items().flat_map(HashMap::values).for_each(|value| write(&mut dump, value));
    let holds = |part: &[u8]| dump.windows(part.len()).any(|window| window == part);
    assert!(holds(b"Hidden"), "the dump is of this table");
    for form in [secret.to_owned(), STANDARD.encode(secret), STANDARD.encode(string)] {
        assert!(!holds(form.as_bytes()), "the table holds the key as {form}");
    }
    // Masks have an ellipsis behind the prefix.
    for prefix in [b"nux_live_", b"nux_test_"] {
        for (place, _) in dump.windows(prefix.len()).enumerate().filter(|(_, window)| window == prefix) {
            let rest = &dump[place + prefix.len()..];
            assert!(rest.starts_with("…".as_bytes()), "the table holds some key: {rest:.9?}");
        }
    }
    let data_key = contents.get("SYSTEM", "DATA_KEY#0000000001").expect("a data key");
    assert!(data_key["wrapped"].as_b().expect("bytes").as_ref().len() > 32, "wrapped by KMS");
}

#[tokio::test]
async fn a_repeat_shows_the_string_until_it_is_replaced() {
    let deployed = Deployed::from_env();
    let send = async |path: &str, idempotency_key: Option<&str>| -> Value {
        let mut call = deployed.call(Method::POST, path).bearer_auth(deployed.token(4_402));
        if let Some(key) = idempotency_key {
            call = call.header("Idempotency-Key", key);
        }
        let call = call.json(&match path {
            "/api/apiKeys" => json!({"name": "Repeated", "type": "live", "status": "active"}),
            _ => json!({"grace_period_seconds": 60}),
        });
        let answer = call.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.expect("JSON")
    };
    let key = send("/api/apiKeys", Some("create")).await;
    assert_eq!(send("/api/apiKeys", Some("create")).await, key);
    let rotate = format!("/api/apiKeys/{}/rotate", key["id"]);
    let rotated = send(&rotate, Some("rotate")).await;
    assert_eq!(send(&rotate, Some("rotate")).await, rotated);
    send(&rotate, None).await;
    for (path, name, first) in [("/api/apiKeys", "create", &key), (&rotate, "rotate", &rotated)] {
        let string = first["key"].as_str().expect("a string");
        let repeated = send(path, Some(name)).await;
        assert_eq!(repeated["key"], format!("{}…{}", &string[..9], &string[61..]));
    }
}

/// All texts and bytes of an attribute, nested ones included: a stored outcome holds a record.
fn write(dump: &mut Vec<u8>, value: &AttributeValue) {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => dump.extend(text.as_bytes()),
        AttributeValue::B(bytes) => dump.extend(bytes.as_ref()),
        AttributeValue::M(map) => map.values().for_each(|value| write(dump, value)),
        AttributeValue::L(list) => list.iter().for_each(|value| write(dump, value)),
        AttributeValue::Bool(_) | AttributeValue::Null(_) => {}
        AttributeValue::Bs(_) | AttributeValue::Ns(_) | AttributeValue::Ss(_) | _ => panic!("no attribute is a set"),
    }
    dump.push(b'\n');
}
