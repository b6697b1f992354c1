//! What a client of OpenAPI Generator does with keys of its own, also when it is refused.

use chrono::DateTime;
use nuxera::apis::audit_api::list_audit;
use nuxera::apis::configuration::Configuration;
use nuxera::apis::keys_api::{create_key, get_key, list_keys, pause_key};
use nuxera::apis::use_api::verify_key;
use nuxera::apis::{Error, ResponseContent};
use nuxera::models::{self, ApiKey, AuditAction, CreateKey, KeyType, Refusal, Status, Verification, VerifyKey};

fn client(token: &str) -> Configuration {
    let base_path = std::env::var("API_URL").expect("API_URL is set");
    let token = std::env::var(token).expect("a token is set");
    Configuration { base_path, bearer_access_token: Some(token), ..Configuration::default() }
}

fn new(name: &str, expiry_at: Option<&str>) -> CreateKey {
    let expiry_at = Some(expiry_at.map(|time| DateTime::parse_from_rfc3339(time).expect("a time")));
    CreateKey { expiry_at, ..CreateKey::new(name.to_owned(), KeyType::Live, Status::Active) }
}

/// The functions of the client return no headers, so that the pages are fetched beside them.
async fn names_in_pages(client: &Configuration, limit: usize) -> Vec<Vec<String>> {
    let token = client.bearer_access_token.as_deref().expect("a token");
    let (mut pages, mut next) = (Vec::new(), Some(format!("/api/apiKeys?limit={limit}")));
    while let Some(path) = next {
        let request = client.client.get(format!("{}{path}", client.base_path)).bearer_auth(token);
        let answer = request.send().await.expect("an answer");
        let link = answer.headers().get("link").and_then(|link| link.to_str().ok());
        let cursor = link.and_then(|link| Some(link.split_once("cursor=")?.1.split_once('>')?.0));
        next = cursor.map(|cursor| format!("/api/apiKeys?limit={limit}&cursor={cursor}"));
        let keys: Vec<ApiKey> = answer.json().await.expect("keys");
        pages.push(keys.into_iter().map(|key| key.name).collect());
    }
    pages
}

/// The status of a refusal, and its error.
fn refusal<T: std::fmt::Debug, E>(result: Result<T, Error<E>>) -> (u16, models::Error) {
    match result.map_err(|error| Box::new(error)) {
        Err(error) => match *error {
            Error::ResponseError(ResponseContent { status, content, .. }) => {
                (status.as_u16(), serde_json::from_str(&content).expect("an error"))
            }
            Error::Reqwest(_) | Error::Serde(_) | Error::Io(_) => panic!("no answer"),
        },
        Ok(value) => panic!("it was not refused: {value:?}"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (client, service) = (client("TOKEN"), client("SERVICE_TOKEN"));
    let created = create_key(&client, new("first", None), None).await.expect("a key");
    assert!(created.key.starts_with("nux_live_") && created.key.len() == 65, "{created:?}");
    assert_eq!((created.expiry_at, created.usage_count), (None, 0));
    let read = get_key(&client, created.id).await.expect("the key");
    assert_eq!((&read.key, read.created_at), (&created.key, created.created_at));

    for name in ["second", "third", "fourth", "fifth"] {
        create_key(&client, new(name, None), None).await.expect("a key");
    }
    let all = list_keys(&client, Some(vec![Status::Active]), None, None, None).await.expect("a list");
    assert_eq!(all.len(), 5);
    let pages = names_in_pages(&client, 2).await;
    assert_eq!(pages, [&["first", "second"][..], &["third", "fourth"], &["fifth"]]);

    let verify = async || verify_key(&service, VerifyKey::new(created.key.clone())).await.expect("an answer");
    assert!(matches!(verify().await, Verification::ValidKey(valid) if valid.valid && valid.id == created.id));
    let paused = pause_key(&client, created.id, None).await.expect("the key");
    assert_eq!(paused.status, Status::Paused);
    assert!(matches!(verify().await, Verification::RefusedKey(refused) if refused.reason == Refusal::Paused));

    let trail = list_audit(&client, created.id, None, None).await.expect("a trail");
    let actions: Vec<AuditAction> = trail.iter().map(|entry| entry.action).collect();
    assert_eq!(actions, [AuditAction::Pause, AuditAction::Create]);
    assert_eq!(trail[0].changes["status"].to, Some("paused".into()));
    assert_eq!(trail[1].changes["name"].from, None);

    let (status, error) = refusal(create_key(&client, new("late", Some("2020-01-01T00:00:00Z")), None).await);
    let details = error.details.expect("details");
    assert_eq!((status, details.len(), details[0].field.as_str()), (400, 1, "expiry_at"));
    assert_eq!(details[0].message, "expiry_at must be in the future");

    for _ in 0..200 {
        let answer = list_keys(&client, None, None, Some(1), None).await;
        if answer.is_err() {
            let (status, error) = refusal(answer);
            assert_eq!((status, error.error.as_str()), (429, "Rate limit exceeded"));
            return;
        }
    }
    panic!("no call was refused");
}
