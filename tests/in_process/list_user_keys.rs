//! `GET /api/apiKeys/userKeys/{user_id}`

use serde_json::{Value, json};
use shared::Operation;
use tests::{TestApp, TestCall, tokens};

fn call<'a>(test: &'a TestApp, token: &str, user_id: u64) -> TestCall<'a> {
    test.call(Operation::ListUserKeys).bearer(token).path_parameter("user_id", &user_id.to_string())
}

#[tokio::test]
async fn the_owner_gets_the_same_list() {
    let test = TestApp::start().await;
    test.key("a").await;
    test.key_of(8, "b").await;
    test.key("c").await;
    test.call(Operation::SetDefault).json(&json!({"id": 3})).send().await.ok();
    let list = test.call(Operation::ListKeys).send().await.ok();
    assert_eq!(list.as_array().map(Vec::len), Some(2));
    for role in ["user", "admin", "service"] {
        assert_eq!(call(&test, &tokens::with_role(7, role), 7).send().await.ok(), list, "{role}");
    }
}

#[tokio::test]
async fn an_admin_sees_every_users_keys_masked() {
    let test = TestApp::start().await;
    let mut key = test.key("a").await;
    let body = json!({"name": "t", "type": "test", "status": "paused"});
    let mut test_key = test.call(Operation::CreateKey).json(&body).send().await.created_key();
    for (key, prefix) in [(&mut key, "nux_live_"), (&mut test_key, "nux_test_")] {
        let string = key["key"].as_str().expect("a key");
        key["key"] = format!("{prefix}…{}", &string[string.len() - 4..]).into();
    }
    let admin = tokens::with_role(1, "admin");
    let before = test.contents().await.without_limits();
    assert_eq!(call(&test, &admin, 7).send().await.ok(), json!([key, test_key]));
    assert_eq!(call(&test, &admin, 999).send().await.ok(), json!([]), "a user without keys");
    assert_eq!(test.contents().await.without_limits(), before);
}

#[tokio::test]
async fn others_are_refused_alike_for_known_and_unknown_users() {
    let test = TestApp::start().await;
    test.key_of(8, "a").await;
    for token in [tokens::user(7), tokens::with_role(7, "service"), tokens::with_role(7, "system")] {
        let known = call(&test, &token, 8).send().await;
        known.assert_refused(403, "Access denied");
        assert_eq!(call(&test, &token, 999).send().await.text, known.text);
    }
}

#[tokio::test]
async fn pages_work_as_in_the_list_of_keys() {
    let test = TestApp::start().await;
    let mut ids = Vec::new();
    for number in 1..=5 {
        ids.push(test.key(&format!("key {number}")).await["id"].clone());
    }
    for (user, token) in [("owner", tokens::user(7)), ("admin", tokens::with_role(1, "admin"))] {
        let first = call(&test, &token, 7).query("limit", "2").send().await;
        let cursor = first.next_cursor().expect("more");
        let link = format!("</v1/api/apiKeys/userKeys/7?limit=2&cursor={cursor}>; rel=\"next\"");
        assert_eq!(first.header("link"), Some(link.as_str()));
        let rest = call(&test, &token, 7).query("cursor", cursor).send().await;
        assert_eq!(rest.header("link"), None);
        let (first, rest) = (first.ok(), rest.ok());
        let seen: Vec<&Value> =
            [&first, &rest].into_iter().flat_map(|page| page.as_array().expect("an array")).collect();
        assert_eq!(seen.iter().map(|key| &key["id"]).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>(), "{user}");
    }
}
