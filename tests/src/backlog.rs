//! Creates many keys at once.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use chrono::TimeDelta;
use shared::ids::{KeyId, UserId};
use shared::store::EXPIRY_SHARDS;
use shared::store::PrimaryKey;

use crate::TestApp;

/// The first id of these keys.
const FIRST_ID: u64 = 1_000_000;
/// Items in a `BatchWriteItem`, at most.
const BATCH: usize = 25;

/// The ids of the keys that [`fill`] creates.
pub fn ids(keys: u64, shards: u64) -> impl Iterator<Item = KeyId> {
    let id = move |index| FIRST_ID + index / shards * u64::from(EXPIRY_SHARDS) + index % shards;
    (0..keys).map(move |index| KeyId::new(id(index)).expect("a small number"))
}

/// Creates expiring keys of a user, spread over some shards of the index, as copies of the record of a key that the
/// service created.
pub async fn fill(test: &TestApp, keys: u64, shards: u64, user_id: u64, expires_in: TimeDelta) {
    let original = test.key_of(user_id, "One of many").await;
    let user_id = UserId::new(user_id).expect("an id");
    let (client, name) = (test.app.table.client(), test.app.table.name());
    let place = |id| HashMap::from(PrimaryKey::key(user_id, id));
    let original = place(original["id"].as_u64().and_then(KeyId::new).expect("an id"));
    let get = client.get_item().table_name(name).set_key(Some(original)).consistent_read(true);
    let original = get.send().await.expect("the engine works").item.expect("it was made");
    let number = |number: i64| AttributeValue::N(number.to_string());
    let expires_at = test.now() + expires_in;
    let notice_at = expires_at - TimeDelta::days(30);
    let due_at = if notice_at > test.now() { notice_at } else { expires_at };
    let copy = |id: KeyId| {
        let mut item = original.clone();
        item.extend(place(id));
        item.extend([
            ("expires_at".to_owned(), number(expires_at.timestamp())),
            ("due_at".to_owned(), number(due_at.timestamp())),
            ("expiry_shard".to_owned(), AttributeValue::N((id.get() % u64::from(EXPIRY_SHARDS)).to_string())),
        ]);
        let put = PutRequest::builder().set_item(Some(item)).build().expect("complete");
        WriteRequest::builder().put_request(put).build()
    };
    let mut ids = ids(keys, shards).map(copy).peekable();
    while ids.peek().is_some() {
        let batch = ids.by_ref().take(BATCH).collect();
        let write = client.batch_write_item().request_items(name, batch).send().await.expect("the engine works");
        assert!(write.unprocessed_items.unwrap_or_default().is_empty());
    }
}
