//! What the table of the deployment holds: no key in the clear, and only wrapped data keys.

use reqwest::Method;
use serde_json::json;
use shared::table::Table;
use tests::calls::CallLog;
use tests::deployed::Deployed;
use tests::{Contents, engine};

#[tokio::test]
async fn the_table_holds_no_key_in_the_clear() {
    let deployed = Deployed::from_env();
    let body = json!({"name": "Hidden", "type": "live", "status": "active"});
    let key = deployed.manage(4_401, Method::POST, "/api/apiKeys", Some(body)).await;
    let string = key["key"].as_str().expect("a string");
    let secret = &string["nux_live_".len() + 18..string.len() - 6];

    let sdk = engine::sdk_config(&deployed.aws_endpoint).await;
    let table = Table::new(engine::client(&sdk, &CallLog::default()), &deployed.table_name);
    let contents = Contents::of(&table).await;
    let record = contents.key(4_401, key["id"].as_u64().expect("an id")).expect("the record");
    let ciphertext = record["ciphertext"].as_b().expect("bytes").as_ref();
    assert!(ciphertext.len() >= 12 + secret.len() + 16, "nonce, secret and tag");
    for item in contents.items() {
        for (name, value) in item {
            let bytes = match (value.as_s(), value.as_b()) {
                (Ok(text), _) => text.as_bytes(),
                (_, Ok(bytes)) => bytes.as_ref(),
                _ => continue,
            };
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{name} holds a secret");
        }
    }
    let data_key = contents.get("SYSTEM", "DATA_KEY#0000000001").expect("a data key");
    assert!(data_key["wrapped"].as_b().expect("bytes").as_ref().len() > 32, "wrapped by KMS");
}
