//! Calls that run into each other, through the gateway.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tests::Contents;
use tests::deployed::Deployed;

#[tokio::test]
async fn fifty_creations_have_ids_of_their_own() {
    const USER_ID: u64 = 4_241;
    let deployed = Deployed::from_env();
    let keys = join_all((0..50).map(|number| {
        let deployed = deployed.clone();
        async move { deployed.key(USER_ID, &format!("key {number}")).await }
    }))
    .await;
    let distinct = |field: &str| keys.iter().map(|key| key[field].to_string()).collect::<BTreeSet<_>>().len();
    assert_eq!((distinct("id"), distinct("key"), distinct("name")), (50, 50, 50));
    let list = deployed.manage(USER_ID, Method::GET, "/api/apiKeys", None).await;
    assert_eq!(list.as_array().map(Vec::len), Some(50));
    assert_eq!(Contents::of(&deployed.table().await).await.key_count(USER_ID), 50);
}

#[tokio::test]
async fn fifty_defaults_leave_one() {
    const USER_ID: u64 = 4_242;
    let deployed = Deployed::from_env();
    let keys = join_all((0..25).map(|_| deployed.key(USER_ID, "k"))).await;
    let answers = join_all(keys.iter().chain(&keys).map(|key| {
        let body = json!({"id": key["id"]});
        deployed.send(USER_ID, Method::PATCH, "/api/apiKeys/setDefault", Some(body))
    }))
    .await;
    for answer in answers {
        assert_eq!(answer.ok()["is_default"], true);
    }
    let list = deployed.manage(USER_ID, Method::GET, "/api/apiKeys", None).await;
    let defaults = list.as_array().expect("an array").iter().filter(|key| key["is_default"] == true);
    assert_eq!(defaults.count(), 1);
    let actions = Contents::of(&deployed.table().await).await.actions(USER_ID);
    let count = |action: &str| actions.iter().filter(|known| *known == action).count();
    assert_eq!(count("set_default"), count("remove_default") + 1);
}
