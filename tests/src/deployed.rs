//! The deployed service as its users see it: a URL and tokens, from the environment that `local_aws.py run` sets.

use std::time::Duration;

use aws_types::SdkConfig;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{EncodingKey, Header};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::config::AwsConfig;

use crate::engine::unique_name;

/// Attempts at a call, more than any needs.
const ATTEMPTS: usize = 10;

/// The deployment that the environment names.
#[derive(Clone, Debug)]
pub struct Deployed {
    client: Client,
    url: String,
    jwt_secret: String,
    pub table_name: String,
}

impl Deployed {
    /// The deployment that `API_URL` and `JWT_SECRET` name.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "tests learn from the environment what is deployed")]
    pub fn from_env() -> Self {
        let variable = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: `make test-deployed` sets it"))
        };
        let client = Client::builder().no_proxy().build().expect("a client");
        Self {
            client,
            url: variable("API_URL"),
            jwt_secret: variable("JWT_SECRET"),
            table_name: variable("TABLE_NAME"),
        }
    }

    /// The URL of the API.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A token of a user, valid for an hour.
    #[must_use]
    pub fn token(&self, user_id: u64) -> String {
        self.sign(&json!({"user_id": user_id, "exp": now().timestamp() + 3_600}))
    }

    /// A token of a user with a role.
    #[must_use]
    pub fn token_with_role(&self, user_id: u64, role: &str) -> String {
        self.sign(&json!({"user_id": user_id, "role": role, "exp": now().timestamp() + 3_600}))
    }

    /// A token of a service, which may verify keys.
    #[must_use]
    pub fn service_token(&self) -> String {
        self.token_with_role(900, "service")
    }

    fn sign(&self, claims: &Value) -> String {
        let key = EncodingKey::from_secret(self.jwt_secret.as_bytes());
        jsonwebtoken::encode(&Header::default(), claims, &key).expect("HS256 signs")
    }

    /// The SDK configuration for the deployment's AWS, from the usual AWS variables.
    #[must_use]
    pub fn sdk_config(&self) -> SdkConfig {
        shared::edge::aws_clients::sdk_config(AwsConfig::from_env().expect("complete")).expect("an HTTP client")
    }

    /// A call without credentials, to be sent.
    pub fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// A call of a path from a response, without credentials.
    pub fn call_absolute(&self, method: Method, path: &str) -> RequestBuilder {
        let url = reqwest::Url::parse(&self.url).and_then(|base| base.join(path));
        self.client.request(method, url.expect("a URL"))
    }

    /// A management call of a user, which must succeed. As clients should, it repeats the call after a 503, with the
    /// same `Idempotency-Key`.
    pub async fn manage(&self, user_id: u64, method: Method, path: &str, body: Option<Value>) -> Value {
        let call = self.call(method, path).bearer_auth(self.token(user_id));
        let call = call.header("Idempotency-Key", unique_name("call"));
        let call = body.iter().fold(call, RequestBuilder::json);
        for _ in 0..ATTEMPTS {
            let response = call.try_clone().expect("a body in memory").send().await.expect("an answer");
            let retry_after = response.headers().get("retry-after").cloned();
            let (status, text) = (response.status(), response.text().await.expect("text"));
            if status != StatusCode::SERVICE_UNAVAILABLE {
                assert!(status.is_success(), "{path}: {status} {text}");
                return serde_json::from_str(&text).expect("JSON");
            }
            let seconds = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
            tokio::time::sleep(Duration::from_secs(seconds.expect("a number of seconds"))).await;
        }
        panic!("{path}: {ATTEMPTS} times a 503")
    }

    /// Imports keys as an admin, and returns the outcomes. One import runs at a time, so it may have to wait.
    pub async fn import(&self, keys: &Value) -> Vec<Value> {
        let call = self.call(Method::POST, "/api/apiKeys/import").bearer_auth(self.token_with_role(901, "admin"));
        let call = call.json(&json!({"keys": keys}));
        for _ in 0..ATTEMPTS {
            let response = call.try_clone().expect("a body in memory").send().await.expect("an answer");
            let (status, text) = (response.status(), response.text().await.expect("text"));
            if status != StatusCode::SERVICE_UNAVAILABLE {
                assert!(status.is_success(), "{status} {text}");
                let answer: Value = serde_json::from_str(&text).expect("JSON");
                return answer["results"].as_array().expect("results").clone();
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("{ATTEMPTS} times a 503")
    }

    /// A new key, as every later call shows it: without the message.
    pub async fn new_key(&self, user_id: u64, body: Value) -> Value {
        let mut key = self.manage(user_id, Method::POST, "/api/apiKeys", Some(body)).await;
        assert_eq!(key.as_object_mut().expect("an object").remove("message"), Some("API Key created".into()));
        key
    }

    /// Creates a key that expires soon and returns the result of `attempt`, which must complete before the expiry.
    /// Retries with ever longer lifetimes on a busy machine.
    pub async fn before_expiry<T>(&self, user_id: u64, body: &Value, attempt: impl AsyncFn(Value) -> T) -> (Value, T) {
        for seconds in [4, 16, 64] {
            let expiry = now() + TimeDelta::seconds(seconds);
            let mut body = body.clone();
            body["expiry_at"] = expiry.format("%Y-%m-%dT%H:%M:%SZ").to_string().into();
            let call = self.call(Method::POST, "/api/apiKeys").bearer_auth(self.token(user_id)).json(&body);
            let response = call.send().await.expect("an answer");
            if response.status() == StatusCode::CREATED {
                let key: Value = response.json().await.expect("JSON");
                let outcome = attempt(key.clone()).await;
                if now() + TimeDelta::seconds(1) < expiry {
                    return (key, outcome);
                }
            }
        }
        panic!("no key of a minute can be used within it")
    }
}

#[must_use]
pub fn now() -> DateTime<Utc> {
    Clock::system().now()
}
