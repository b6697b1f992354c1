//! `GET /api/apiKeys`, also with a slash at its end

use serde_json::{Value, json};
use shared::Operation;
use tests::TestApp;
use tests::pages::pages;

/// Twelve keys, so that an order by text would show. The third is the default, and a key of another user is among them.
async fn twelve_keys(test: &TestApp) -> Vec<Value> {
    let mut keys = Vec::new();
    for number in 1..=12 {
        keys.push(test.key(&format!("key {number}")).await);
        if number == 5 {
            test.key_of(8, "somebody else's").await;
        }
    }
    keys[2] = test.call(Operation::SetDefault).json(&json!({"id": 3})).send().await.ok();
    keys
}

#[tokio::test]
async fn a_user_without_keys_gets_an_empty_list() {
    let test = TestApp::start().await;
    let answer = test.call(Operation::ListKeys).send().await;
    assert_eq!((answer.status, answer.text.as_str(), answer.header("link")), (200, "[]", None));
}

#[tokio::test]
async fn without_parameters_the_list_holds_every_key_oldest_first() {
    let test = TestApp::start().await;
    let keys = twelve_keys(&test).await;
    for path in ["/v1/api/apiKeys", "/v1/api/apiKeys/", "/api/apiKeys/"] {
        let answer = test.call(Operation::ListKeys).client_path(path).send().await;
        assert_eq!((answer.ok(), answer.header("link")), (Value::from(keys.clone()), None));
        let each = keys.iter().map(Value::to_string).collect::<Vec<_>>();
        assert!(!each.is_empty() && answer.text.starts_with(r#"[{"id":1,"key":"nux_live_"#), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_limit_splits_the_list_into_linked_pages() {
    let test = TestApp::start().await;
    let keys = twelve_keys(&test).await;
    for (limit, count) in [(1, 12), (5, 3), (6, 2), (11, 2), (12, 1), (1_000, 1)] {
        let pages = pages("/v1/api/apiKeys", limit, || test.call(Operation::ListKeys)).await;
        assert_eq!((pages.len(), pages.concat()), (count, keys.clone()), "limit {limit}");
    }
}

#[tokio::test]
async fn a_cursor_without_a_limit_returns_the_rest() {
    let test = TestApp::start().await;
    let keys = twelve_keys(&test).await;
    let first = test.call(Operation::ListKeys).query("limit", "4").send().await;
    let cursor = first.next_cursor().expect("more");
    let rest = test.call(Operation::ListKeys).query("cursor", cursor).send().await;
    assert_eq!((rest.ok(), rest.header("link")), (Value::from(&keys[4..]), None));
}

#[tokio::test]
async fn the_next_page_starts_after_the_last_despite_changes_in_between() {
    let test = TestApp::start().await;
    let mut keys = twelve_keys(&test).await;
    let first = test.call(Operation::ListKeys).query("limit", "4").send().await;
    let cursor = first.next_cursor().expect("more").to_owned();
    for id in [4, 5] {
        test.call(Operation::DeleteKey).id(id).send().await.ok();
    }
    keys.push(test.key("new").await);
    let rest = test.call(Operation::ListKeys).query("cursor", &cursor).send().await.ok();
    assert_eq!(rest, Value::from(&keys[5..]));
}

#[tokio::test]
async fn links_use_the_path_that_the_client_called() {
    let test = TestApp::start().await;
    twelve_keys(&test).await;
    for path in ["/api/apiKeys", "/api/apiKeys/", "/v1/api/apiKeys/"] {
        let answer = test.call(Operation::ListKeys).client_path(path).query("limit", "1").send().await;
        let link = answer.header("link").expect("a link");
        assert!(link.starts_with(&format!("<{path}?limit=1&cursor=")), "{link}");
    }
}
