//! The rotation of data keys.

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Method;
use serde_json::json;
use shared::store::Table;
use tests::calls::CallLog;
use tests::deployed::Deployed;
use tests::{Contents, engine};

/// A user of this file only.
const USER_ID: u64 = 4_501;

#[tokio::test]
#[ignore = "comes before the other tests: containers that are running keep the data keys they have read"]
async fn a_data_key_of_a_year_is_replaced() {
    let deployed = Deployed::from_env();
    let new = json!({"name": "Old", "type": "live", "status": "active"});
    let key = deployed.new_key(USER_ID, new).await;

    let table = Table::new(engine::client(&deployed.sdk_config(), &CallLog::default()), &deployed.table_name);
    age(&table, 1).await;

    let path = format!("/api/apiKeys/{}", key["id"]);
    let rotated = deployed.manage(USER_ID, Method::POST, &format!("{path}/rotate"), None).await;
    assert_ne!(rotated["key"], key["key"]);
    let contents = Contents::of(&table).await;
    assert!(contents.get("SYSTEM", "DATA_KEY#0000000002").is_some(), "a second data key");
    assert_eq!(deployed.manage(USER_ID, Method::GET, &path, None).await, rotated);

    // By an import as well.
    age(&table, 2).await;
    let key = json!({"user_id": USER_ID, "key": "nux_live_d0d0d0d0d0d0d0d0", "name": "Older", "type": "live", "status": "active"});
    let imported = deployed.import(&json!([key])).await;
    assert!(Contents::of(&table).await.get("SYSTEM", "DATA_KEY#0000000003").is_some(), "a third data key");
    let path = format!("/api/apiKeys/{}", imported[0]["id"]);
    assert_eq!(deployed.manage(USER_ID, Method::GET, &path, None).await["key"], key["key"]);

    // By a message, too.
    age(&table, 3).await;
    let id = &rotated["id"];
    let message = format!("MSH|^~\\&|LABGW|HOSP|NUXERA|APIKEYS|||ZAK^Z11^ZAK_Z01|R1|P|2.5.1\rZAK|1|{id}\r");
    let call = deployed.call(Method::POST, "/hl7").bearer_auth(deployed.token(USER_ID)).body(message);
    let answer = call.send().await.expect("an answer").text().await.expect("text");
    assert!(answer.contains("\rMSA|AA|R1\r"), "{answer}");
    assert!(Contents::of(&table).await.get("SYSTEM", "DATA_KEY#0000000004").is_some(), "a fourth data key");
}

/// Makes a data key a year older.
async fn age(table: &Table, version: u32) {
    let update = table.client().update_item().table_name(table.name());
    let update = update.key("PK", AttributeValue::S("SYSTEM".to_owned()));
    let update = update.key("SK", AttributeValue::S(format!("DATA_KEY#{version:010}")));
    let update = update.update_expression("SET created_at = created_at - :year");
    let year = AttributeValue::N((366 * 24 * 3_600).to_string());
    update.expression_attribute_values(":year", year).send().await.expect("the data key is there");
}
