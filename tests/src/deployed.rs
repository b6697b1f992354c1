//! The deployed service, as its users see it: a URL, tokens, and what `local_aws.py run` says about the stack.

use aws_config::BehaviorVersion;
use chrono::{DateTime, Utc};
use jsonwebtoken::{EncodingKey, Header};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::table::Table;

use crate::{Answer, validators};

/// The deployment that the environment names.
#[derive(Clone, Debug)]
pub struct Deployed {
    client: Client,
    url: String,
    jwt_secret: String,
}

impl Deployed {
    /// The deployment that `API_URL` and `JWT_SECRET` name.
    ///
    /// # Panics
    ///
    /// If they are not set.
    #[must_use]
    pub fn from_env() -> Self {
        let client = Client::builder().no_proxy().build().expect("a client");
        Self { client, url: variable("API_URL"), jwt_secret: variable("JWT_SECRET") }
    }

    /// The deployment's table.
    ///
    /// # Panics
    ///
    /// If no client can be made.
    pub async fn table(&self) -> Table {
        let loader = aws_config::defaults(BehaviorVersion::latest());
        let sdk = shared::app::sdk_config(loader).await.expect("an HTTP client");
        Table::new(aws_sdk_dynamodb::Client::new(&sdk), variable("TABLE_NAME"))
    }

    /// A token of a user, valid for an hour.
    ///
    /// # Panics
    ///
    /// Never: HS256 signs any claims.
    #[must_use]
    pub fn token(&self, user_id: u64) -> String {
        self.token_with_role(user_id, "user")
    }

    /// The same with a role.
    ///
    /// # Panics
    ///
    /// Never: HS256 signs any claims.
    #[must_use]
    pub fn token_with_role(&self, user_id: u64, role: &str) -> String {
        let claims = json!({"user_id": user_id, "role": role, "exp": now().timestamp() + 3_600});
        let key = EncodingKey::from_secret(self.jwt_secret.as_bytes());
        jsonwebtoken::encode(&Header::default(), &claims, &key).expect("HS256 signs")
    }

    /// A call without credentials, to be sent.
    pub fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// What comes back for a management call of a user.
    pub async fn send(&self, user_id: u64, method: Method, path: &str, body: Option<Value>) -> Answer {
        let call = self.call(method, path).bearer_auth(self.token(user_id));
        answer(body.iter().fold(call, RequestBuilder::json)).await
    }

    /// A management call of a user that succeeds.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub async fn manage(&self, user_id: u64, method: Method, path: &str, body: Option<Value>) -> Value {
        let answer = self.send(user_id, method, path, body).await;
        assert!(matches!(answer.status, 200..300), "{path}: {} {}", answer.status, answer.text);
        answer.json()
    }

    /// Makes a key for a user.
    pub async fn key(&self, user_id: u64, name: &str) -> Value {
        let body = json!({"name": name, "type": "live", "status": "active"});
        self.manage(user_id, Method::POST, "/api/apiKeys", Some(body)).await
    }
}

/// Sends a call. What comes back in HL7 v2 or FHIR is judged by the validators.
///
/// # Panics
///
/// If there is no answer, or a validator has complaints.
pub async fn answer(call: RequestBuilder) -> Answer {
    let response = call.send().await.expect("an answer");
    let status = response.status().as_u16();
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| (name.as_str().to_owned(), value.to_str().expect("ASCII").to_owned()));
    let headers = headers.collect();
    let text = response.text().await.expect("text");
    let answer = Answer { status, headers, text, bytes: Vec::new() };
    if let Some(content_type) =
        answer.header("content-type").filter(|kind| kind.contains("hl7") || kind.contains("fhir"))
    {
        validators::response(content_type, &answer.text).unwrap_or_else(|complaints| panic!("{complaints}"));
    }
    answer
}

/// What `local_aws.py run` says about the stack.
///
/// # Panics
///
/// If it is not set.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "tests learn from the environment what is deployed")]
pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: `make test-deployed` sets it"))
}

/// The time now.
#[must_use]
pub fn now() -> DateTime<Utc> {
    Clock::system().now()
}
