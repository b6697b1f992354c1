//! The deployed service, as its users see it: a URL, tokens, and what `local_aws.py run` says about the stack.

use aws_types::SdkConfig;
use chrono::{DateTime, Utc};
use jsonwebtoken::{EncodingKey, Header};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::config::AwsConfig;

/// The deployment that the environment names.
#[derive(Clone, Debug)]
pub struct Deployed {
    client: Client,
    url: String,
    jwt_secret: String,
    /// Its table.
    pub table_name: String,
}

impl Deployed {
    /// The deployment that `API_URL` and `JWT_SECRET` name.
    ///
    /// # Panics
    ///
    /// If they are not set.
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

    /// A token of a user, valid for an hour.
    ///
    /// # Panics
    ///
    /// Never: HS256 signs any claims.
    #[must_use]
    pub fn token(&self, user_id: u64) -> String {
        self.sign(&json!({"user_id": user_id, "exp": now().timestamp() + 3_600}))
    }

    /// The same with a role.
    #[must_use]
    pub fn token_with_role(&self, user_id: u64, role: &str) -> String {
        self.sign(&json!({"user_id": user_id, "role": role, "exp": now().timestamp() + 3_600}))
    }

    /// The same of a service that verifies keys.
    #[must_use]
    pub fn service_token(&self) -> String {
        self.token_with_role(900, "service")
    }

    fn sign(&self, claims: &Value) -> String {
        let key = EncodingKey::from_secret(self.jwt_secret.as_bytes());
        jsonwebtoken::encode(&Header::default(), claims, &key).expect("HS256 signs")
    }

    /// The configuration of clients of the deployment's AWS, which the environment names as AWS's own tools know it.
    ///
    /// # Panics
    ///
    /// If there can be no HTTP client.
    #[must_use]
    pub fn sdk_config(&self) -> SdkConfig {
        shared::edge::aws_clients::sdk_config(AwsConfig::from_env().expect("complete")).expect("an HTTP client")
    }

    /// A call without credentials, to be sent.
    pub fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// The same for a path that a response named.
    ///
    /// # Panics
    ///
    /// If `API_URL` is no URL.
    pub fn call_absolute(&self, method: Method, path: &str) -> RequestBuilder {
        let url = reqwest::Url::parse(&self.url).and_then(|base| base.join(path));
        self.client.request(method, url.expect("a URL"))
    }

    /// A management call of a user that succeeds.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub async fn manage(&self, user_id: u64, method: Method, path: &str, body: Option<Value>) -> Value {
        let call = self.call(method, path).bearer_auth(self.token(user_id));
        let call = body.iter().fold(call, RequestBuilder::json);
        let response = call.send().await.expect("an answer");
        let (status, text) = (response.status(), response.text().await.expect("text"));
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).expect("JSON")
    }
}

/// The time now.
#[must_use]
pub fn now() -> DateTime<Utc> {
    Clock::system().now()
}
