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
    let age = table.client().update_item().table_name(&deployed.table_name);
    let age = age.key("PK", AttributeValue::S("SYSTEM".to_owned()));
    let age = age.key("SK", AttributeValue::S("DATA_KEY#0000000001".to_owned()));
    let age = age.update_expression("SET created_at = created_at - :year");
    let year = AttributeValue::N((366 * 24 * 3_600).to_string());
    age.expression_attribute_values(":year", year).send().await.expect("the data key is there");

    let path = format!("/api/apiKeys/{}", key["id"]);
    let rotated = deployed.manage(USER_ID, Method::POST, &format!("{path}/rotate"), None).await;
    assert_ne!(rotated["key"], key["key"]);
    let contents = Contents::of(&table).await;
    assert!(contents.get("SYSTEM", "DATA_KEY#0000000002").is_some(), "a second data key");
    assert_eq!(deployed.manage(USER_ID, Method::GET, &path, None).await, rotated);
}
