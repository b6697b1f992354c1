//! The whole service in one process. Requests start as the events of `events/` and pass through the endpoints as on
//! Lambda; only API Gateway is missing.
//!
//! One file, because an app, its calls and their answers are used together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use base64::Engine as _;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use lambda_http::{Body, Request, Response};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::{Map, Value, json};
use shared::clock::{Clock, Random};
use shared::config::Config;
use shared::store::Table;
use shared::store::{DataKey, Vault};
use shared::{App, Operation, serve, serve_message, serve_with_key};

use crate::calls::CallLog;
use crate::consistency::Contents;
use crate::engine::{self, Engine};
use crate::key_strings::CHECKSUM_SECRETS;
use crate::log_lines::LogLines;
use crate::{form, repository, tokens, validators};

/// A key string from before this service.
pub const EXISTING: &str = "3f2b8c1e-9a4d-4e7f-8b6a-0c1d2e3f4a5b";

/// The default start time of tests.
pub const START: &str = "2026-03-01T12:00:00.250Z";

const AT_ONCE: usize = 20;

/// An app with its own table, a manual clock and seeded randomness.
#[derive(Clone)]
pub struct TestApp {
    pub app: App,
    /// Its DynamoDB calls.
    pub calls: CallLog,
    /// Its log.
    pub log: LogLines,
    now: Arc<Mutex<DateTime<Utc>>>,
    /// The string of the first key that [`TestApp::key_of`] created.
    first_string: Arc<OnceLock<String>>,
}

impl TestApp {
    /// An app with the default settings on the embedded engine.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// An app with some settings on the embedded engine.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::on(&Engine::Embedded.start().await, settings).await
    }

    /// An app on an engine or a proxy in front of one.
    pub async fn on(engine_url: &str, settings: &[(&str, &str)]) -> Self {
        let client = engine::client(&engine::sdk_config(engine_url), &CallLog::default());
        let name = engine::unique_name("keys");
        engine::create_table(&client, &name).await;
        let fixed = [
            ("TABLE_NAME", &*name),
            ("KMS_KEY_ID", "alias/keys"),
            ("JWT_SECRET", tokens::SECRET),
            ("KEY_CHECKSUM_SECRETS", CHECKSUM_SECRETS),
            ("ACCEPT_ANY_ISSUER", "true"),
            ("MAX_TOKEN_HOURS", tokens::MAX_TOKEN_HOURS),
        ];
        let config = Config::from_variables(|name| {
            let setting = settings.iter().chain(&fixed).find(|(known, _)| *known == name);
            setting.map(|(_, value)| (*value).to_owned())
        });
        let now = Arc::new(Mutex::new(START.parse().expect("a time")));
        Self::container(engine_url, config.expect("settings"), now, seeded_random(), holding_a_data_key)
    }

    /// A second container of the deployment, with its own URL of the engine.
    #[must_use]
    pub fn second(&self, url: &str) -> Self {
        let second =
            Self::container(url, self.app.config.clone(), self.now.clone(), Random::system(), holding_a_data_key);
        Self { first_string: self.first_string.clone(), ..second }
    }

    /// A second container with other settings.
    #[must_use]
    pub fn second_with(&self, url: &str, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.app.config.clone();
        change(&mut config);
        Self::container(url, config, self.now.clone(), Random::system(), holding_a_data_key)
    }

    /// A second container with its own clock, which differs by some time.
    #[must_use]
    pub fn second_with_clock(&self, url: &str, difference: TimeDelta) -> Self {
        let now = Arc::new(Mutex::new(self.now() + difference));
        Self::container(url, self.app.config.clone(), now, Random::system(), holding_a_data_key)
    }

    /// A cold container of the deployment, without data keys, with the same URL of KMS.
    #[must_use]
    pub fn cold(&self, url: &str) -> Self {
        Self::container(url, self.app.config.clone(), self.now.clone(), Random::system(), |vault| vault)
    }

    /// A container that repeats a change without delay after a conflict: its random numbers are 0.
    #[must_use]
    pub fn without_back_off(&self, url: &str) -> Self {
        let random = Random::new(|bytes| bytes.fill(0));
        let hurried = Self::container(url, self.app.config.clone(), self.now.clone(), random, holding_a_data_key);
        Self { first_string: self.first_string.clone(), ..hurried }
    }

    /// A container of the deployment with its own settings and clock.
    #[must_use]
    pub fn cold_with(&self, url: &str, config: Config) -> Self {
        let now = Arc::new(Mutex::new(self.now()));
        Self::container(url, config, now, Random::system(), |vault| vault)
    }

    fn container(
        url: &str,
        config: Config,
        now: Arc<Mutex<DateTime<Utc>>>,
        random: Random,
        prepare: impl FnOnce(Vault) -> Vault,
    ) -> Self {
        let clock = Clock::new({
            let now = now.clone();
            move || *now.lock().expect("not poisoned")
        });
        let calls = CallLog::default();
        let sdk = engine::sdk_config(url);
        let table = Table::new(engine::client(&sdk, &calls), &config.table_name);
        let vault = prepare(Vault::new(table.clone(), sdk, config.kms_key_id.clone(), config.vault_name.clone()));
        let log = LogLines::default();
        let app = App::with_log(config, table, vault, clock, random, log.log());
        Self { app, calls, log, now, first_string: Arc::default() }
    }

    /// A container of the deployment with an arbitrary clock.
    #[must_use]
    pub fn with_clock(&self, url: &str, clock: Clock) -> Self {
        let vault = holding_a_data_key(Vault::new(
            self.app.table.clone(),
            engine::sdk_config(url),
            self.app.config.kms_key_id.clone(),
            self.app.config.vault_name.clone(),
        ));
        let (config, table) = (self.app.config.clone(), self.app.table.clone());
        let app = App::with_log(config, table, vault, clock, Random::system(), self.log.log());
        Self { app, ..self.clone() }
    }

    /// Sets the clock.
    pub fn set_time(&self, time: &str) {
        *self.now.lock().expect("not poisoned") = time.parse().expect("a time");
    }

    /// Advances the clock.
    pub fn advance(&self, by: TimeDelta) {
        *self.now.lock().expect("not poisoned") += by;
    }

    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        *self.now.lock().expect("not poisoned")
    }

    /// A call of user 7.
    #[must_use]
    pub fn call(&self, operation: Operation) -> TestCall<'_> {
        let mut event = repository::event(operation.name());
        for part in ["queryStringParameters", "multiValueQueryStringParameters", "body"] {
            event[part] = Value::Null;
        }
        TestCall { test: self, operation, event }.bearer(&tokens::user(7))
    }

    /// Creates a key of user 7 with this name and returns it.
    pub async fn key(&self, name: &str) -> Value {
        self.key_of(7, name).await
    }

    /// Creates a key of a user and returns it.
    pub async fn key_of(&self, user_id: u64, name: &str) -> Value {
        let body = json!({"name": name, "type": "live", "status": "active"});
        let answer = self.call(Operation::CreateKey).user(user_id).json(&body).send().await;
        let key = answer.created_key();
        self.first_string.get_or_init(|| key["key"].as_str().expect("a string").to_owned());
        key
    }

    /// Creates the keys that [`TestApp::valid_call`] uses: user 7's keys 1 (active, default) and 2 (paused).
    pub async fn make_two_keys(&self) {
        self.key("first").await;
        self.key("second").await;
        self.call(Operation::PauseKey).id(2).send().await.ok();
        self.call(Operation::SetDefault).json(&json!({"id": 1})).send().await.ok();
    }

    /// A successful call of an operation on the keys of [`TestApp::make_two_keys`], which makes a change if the
    /// operation can.
    #[must_use]
    pub fn valid_call(&self, operation: Operation) -> TestCall<'_> {
        let call = self.call(operation);
        let string = || self.first_string.get().expect("a key was made");
        let call = match operation {
            Operation::CreateKey | Operation::ListKeys | Operation::SetDefault | Operation::RemoveDefault => call,
            Operation::ReceiveMessage => return call.body(&message("Z06", "1|1")),
            Operation::ResumeKey => call.id(2),
            Operation::GetKey
            | Operation::UpdateKey
            | Operation::DeleteKey
            | Operation::PauseKey
            | Operation::ListAudit
            | Operation::RotateKey
            | Operation::GetUsage => call.id(1),
            Operation::ListUserKeys => call.path_parameter("user_id", "7"),
            Operation::VerifyKey => {
                return call.bearer(&tokens::with_role(900, "service")).json(&json!({"key": string()}));
            }
            Operation::AuthorizeRequest => {
                return call.bearer(&tokens::with_role(900, "service")).header("x-api-key", string());
            }
            Operation::LookupKey => {
                return call.bearer(&tokens::with_role(901, "admin")).json(&json!({"key": string()}));
            }
            Operation::ImportKeys => {
                let key = json!({"user_id": 7, "key": EXISTING, "name": "old", "type": "live", "status": "active"});
                return call.bearer(&tokens::with_role(901, "admin")).json(&json!({"keys": [key]}));
            }
            Operation::Transcribe | Operation::Dictate => {
                return call.header("x-api-key", string()).form(&form::transcription(b"RIFF", 7));
            }
            Operation::ForwardTranscription => {
                let call = call.path_parameter("path", "v2");
                return call.header("x-api-key", string()).form(&form::transcription(b"RIFF", 7));
            }
        };
        valid_body(operation).iter().fold(call, TestCall::json)
    }

    /// The present state of a key of user 7.
    pub async fn read(&self, id: u64) -> Value {
        let answer = self.call(Operation::GetKey).id(id).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// The audit trail of one of user 7's keys, newest first.
    pub async fn audit(&self, id: u64) -> Vec<Value> {
        let answer = self.call(Operation::ListAudit).id(id).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json().as_array().expect("an array").clone()
    }

    /// Checks that the newest trail entry of a key of user 7 belongs to the change just answered, and returns the
    /// trail.
    pub async fn assert_newest_entry(&self, id: u64, answer: &Answer, action: &str, changes: Value) -> Vec<Value> {
        let trail = self.audit(id).await;
        let expected = json!({
            "id": trail[0]["id"],
            "at": self.now().to_rfc3339_opts(SecondsFormat::Millis, true),
            "action": action,
            "key_id": id,
            "user_id": 7,
            "actor": {"user_id": 7, "role": "user"},
            "source_ip": "203.0.113.10",
            "request_id": answer.header("x-request-id"),
            "changes": changes,
        });
        assert_eq!(trail[0], expected);
        trail
    }

    /// The verification of a key string for a service.
    pub async fn verify(&self, key: &str) -> Value {
        let call = self.call(Operation::VerifyKey).bearer(&tokens::with_role(900, "service"));
        call.json(&json!({"key": key})).send().await.ok()
    }

    /// The content of the table.
    pub async fn contents(&self) -> Contents {
        Contents::of(&self.app.table).await
    }

    async fn serve(&self, operation: Operation, request: Request) -> Response<Body> {
        macro_rules! endpoint {
            ($endpoint:ident) => {{
                assert_eq!($endpoint::OPERATION, operation);
                // Boxed, because a test with many calls would hold all these large futures on its stack.
                Box::pin(serve(&self.app, operation, $endpoint::ACCESS, $endpoint::handle, request)).await
            }};
        }
        macro_rules! endpoint_with_key {
            ($endpoint:ident) => {{
                assert_eq!($endpoint::OPERATION, operation);
                Box::pin(serve_with_key(&self.app, operation, $endpoint::handle, request)).await
            }};
        }
        match operation {
            Operation::CreateKey => endpoint!(create_key),
            Operation::ListKeys => endpoint!(list_keys),
            Operation::GetKey => endpoint!(get_key),
            Operation::UpdateKey => endpoint!(update_key),
            Operation::DeleteKey => endpoint!(delete_key),
            Operation::PauseKey => endpoint!(pause_key),
            Operation::ResumeKey => endpoint!(resume_key),
            Operation::SetDefault => endpoint!(set_default),
            Operation::RemoveDefault => endpoint!(remove_default),
            Operation::ListUserKeys => endpoint!(list_user_keys),
            Operation::ListAudit => endpoint!(list_audit),
            Operation::RotateKey => endpoint!(rotate_key),
            Operation::GetUsage => endpoint!(get_usage),
            Operation::LookupKey => endpoint!(lookup_key),
            Operation::ImportKeys => endpoint!(import_keys),
            Operation::VerifyKey => endpoint!(verify_key),
            Operation::AuthorizeRequest => endpoint!(authorize_request),
            Operation::Transcribe => endpoint_with_key!(transcribe),
            Operation::ForwardTranscription => endpoint_with_key!(forward_transcription),
            Operation::Dictate => endpoint_with_key!(dictate),
            Operation::ReceiveMessage => Box::pin(serve_message(&self.app, receive_message::endpoint, request)).await,
        }
    }
}

fn holding_a_data_key(vault: Vault) -> Vault {
    vault.holding(1, DataKey::new(&[7; 32], START.parse().expect("a time")).expect("256 bits"))
}

/// Random bytes from a fixed seed.
fn seeded_random() -> Random {
    let rng = Mutex::new(TestRng::from_seed(RngAlgorithm::ChaCha, &[42; 32]));
    Random::new(move |bytes| {
        rng.lock().expect("not poisoned").fill_bytes(bytes);
    })
}

/// The fields of a valid request, if it has any, for the keys of [`TestApp::make_two_keys`] and a malformed key string.
#[must_use]
pub fn valid_body(operation: Operation) -> Option<Value> {
    match operation {
        Operation::CreateKey => Some(json!({"name": "third", "type": "live", "status": "active"})),
        Operation::UpdateKey => Some(json!({"name": "renamed"})),
        Operation::SetDefault => Some(json!({"id": 2})),
        Operation::RemoveDefault => Some(json!({"id": 1})),
        Operation::RotateKey => Some(json!({"grace_period_seconds": 60})),
        Operation::VerifyKey | Operation::LookupKey => Some(json!({"key": "x"})),
        Operation::ImportKeys => Some(json!({"keys": [{}]})),
        Operation::ReceiveMessage
        | Operation::ListKeys
        | Operation::GetKey
        | Operation::DeleteKey
        | Operation::PauseKey
        | Operation::ResumeKey
        | Operation::ListUserKeys
        | Operation::ListAudit
        | Operation::GetUsage
        | Operation::AuthorizeRequest
        | Operation::Transcribe
        | Operation::ForwardTranscription
        | Operation::Dictate => None,
    }
}

/// An HL7 message with an event, and the fields of its ZAK from the first on. No two have the same control id.
#[must_use]
pub fn message(event: &str, zak: &str) -> String {
    static SENT: AtomicU64 = AtomicU64::new(0);
    let control_id = SENT.fetch_add(1, Ordering::Relaxed);
    format!(
        "MSH|^~\\&|LABGW|HOSP|NUXERA|APIKEYS|20260303090000+0000||ZAK^{event}^ZAK_Z01|T{control_id}|P|2.5.1\rZAK|{zak}\r"
    )
}

/// Builder of a call.
#[derive(Clone)]
pub struct TestCall<'a> {
    test: &'a TestApp,
    operation: Operation,
    event: Value,
}

impl TestCall<'_> {
    /// Sets the user.
    #[must_use]
    pub fn user(self, user_id: u64) -> Self {
        self.bearer(&tokens::user(user_id))
    }

    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.event["headers"][name] = value.into();
        self.event["multiValueHeaders"][name] = json!([value]);
        self
    }

    /// Sets a header with several values.
    #[must_use]
    pub fn header_values(mut self, name: &str, values: &[String]) -> Self {
        // As in API Gateway's events, the single-value map has the last one.
        self.event["headers"][name] = values.last().expect("a value").as_str().into();
        self.event["multiValueHeaders"][name] = json!(values);
        self
    }

    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        for headers in ["headers", "multiValueHeaders"] {
            self.event[headers].as_object_mut().expect("headers").remove(name);
        }
        self
    }

    /// Sets the format of request and response.
    #[must_use]
    pub fn format(self, format: &str) -> Self {
        self.header("x-request-format", format).header("x-response-format", format)
    }

    /// Sets API Gateway's request id.
    #[must_use]
    pub fn request_id(mut self, id: &str) -> Self {
        self.event["requestContext"]["requestId"] = id.into();
        self
    }

    /// Sets the key id in the path, valid or not.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "ids and literals alike are passed as they are")]
    pub fn id(self, id: impl ToString) -> Self {
        self.path_parameter("id", &id.to_string())
    }

    /// Names another key in the path or else in the body's `id`. A call without a key stays unchanged.
    #[must_use]
    pub fn about(mut self, id: u64) -> Self {
        if self.event["resource"].as_str().is_some_and(|resource| resource.contains("{id}")) {
            return self.id(id);
        }
        let body: Option<Value> = self.event["body"].as_str().and_then(|body| serde_json::from_str(body).ok());
        if let Some(mut body) = body.filter(|body| body["id"].is_u64()) {
            body["id"] = id.into();
            self = self.json(&body);
        }
        self
    }

    /// Sets a path parameter.
    #[must_use]
    pub fn path_parameter(mut self, name: &str, value: &str) -> Self {
        let resource = self.event["resource"].as_str().expect("a resource").to_owned();
        let patterns = [format!("{{{name}}}"), format!("{{{name}+}}")];
        let pattern = patterns.iter().find(|pattern| resource.contains(*pattern));
        let path = resource.replace(pattern.unwrap_or_else(|| panic!("{resource} has no {name}")), value);
        let stage = self.event["requestContext"]["stage"].as_str().expect("a stage");
        self.event["requestContext"]["path"] = format!("/{stage}{path}").into();
        self.event["path"] = path.into();
        self.event["pathParameters"] = json!({name: value});
        self
    }

    /// Calls the API under a domain of its own, whose paths have no stage.
    #[must_use]
    pub fn under_domain(mut self, domain: &str) -> Self {
        let path = self.event["path"].clone();
        self.event["requestContext"]["domainName"] = domain.into();
        self.event["requestContext"]["path"] = path;
        self.header("Host", domain)
    }

    /// Moves the call to the first FHIR route of its operation. Parameters of the path come after.
    #[must_use]
    pub fn below_fhir(mut self) -> Self {
        let route = self.operation.fhir_routes().first().expect("a FHIR route");
        let (method, resource) = route.split_once(' ').expect("a method and a path");
        let stage = self.event["requestContext"]["stage"].as_str().expect("a stage");
        self.event["requestContext"]["path"] = format!("/{stage}{resource}").into();
        for (name, value) in [("resourcePath", resource), ("httpMethod", method)] {
            self.event["requestContext"][name] = value.into();
        }
        for (name, value) in [("resource", resource), ("path", resource), ("httpMethod", method)] {
            self.event[name] = value.into();
        }
        self
    }

    /// Sets the path as the client sees it; that of the event begins with the stage.
    #[must_use]
    pub fn client_path(mut self, path: &str) -> Self {
        self.event["requestContext"]["path"] = path.into();
        self
    }

    /// Adds a query parameter, even if there is one of that name.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let mut values = self.event["multiValueQueryStringParameters"][name].as_array().cloned().unwrap_or_default();
        values.push(value.into());
        for (part, value) in
            [("queryStringParameters", json!(value)), ("multiValueQueryStringParameters", json!(values))]
        {
            if self.event[part].is_null() {
                self.event[part] = Value::Object(Map::new());
            }
            self.event[part][name] = value;
        }
        self
    }

    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body(&body.to_string())
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        self.event["body"] = body.into();
        self.event["isBase64Encoded"] = false.into();
        self
    }

    #[must_use]
    pub fn without_body(mut self) -> Self {
        self.event["body"] = Value::Null;
        self
    }

    /// Sets a binary body, which API Gateway encodes.
    #[must_use]
    pub fn base64_body(mut self, body: &[u8]) -> Self {
        self.event["body"] = base64::engine::general_purpose::STANDARD.encode(body).into();
        self.event["isBase64Encoded"] = true.into();
        self
    }

    /// Sends the call many times, at most 20 at once so that a busy machine meets the service's deadline.
    pub async fn send_in_parallel(self, times: usize) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(times);
        while answers.len() < times {
            let wave = (answers.len()..times.min(answers.len() + AT_ONCE)).map(|_| {
                let (test, operation, event) = (self.test.clone(), self.operation, self.event.clone());
                tokio::spawn(async move { TestCall { test: &test, operation, event }.send().await })
            });
            for answer in wave.collect::<Vec<_>>() {
                answers.push(answer.await.expect("an answer"));
            }
        }
        answers
    }

    /// Sets a form with the boundary `form`.
    #[must_use]
    pub fn form(self, form: &[u8]) -> Self {
        self.base64_body(form).header("Content-Type", "multipart/form-data; boundary=form")
    }

    /// Sends the call. The validators check an answer in HL7 v2 or FHIR.
    pub async fn send(self) -> Answer {
        let operation = self.operation;
        let answer = self.send_unjudged().await;
        let content_type = answer.header("content-type").expect("every response has a body");
        // What a service behind ours answers is not in one of our formats.
        if !operation.waits_for_upstream() || content_type.contains("hl7") || content_type.contains("fhir") {
            validators::response(content_type, &answer.text).unwrap_or_else(|complaints| panic!("{complaints}"));
        }
        answer
    }

    /// The event as API Gateway sends it.
    #[must_use]
    pub fn event(&self) -> &Value {
        &self.event
    }

    /// Sends the call without validation of the answer.
    pub async fn send_unjudged(self) -> Answer {
        let (test, operation) = (self.test, self.operation);
        // Boxed, because the stack of a test's thread is small.
        Answer::from(Box::pin(test.serve(operation, self.request())).await)
    }

    /// The HTTP request of the event.
    #[must_use]
    pub fn request(self) -> Request {
        let event = serde_json::from_str(&self.event.to_string()).expect("an event of API Gateway");
        shared::edge::gateway::sanitize(event).into()
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// The headers by lower-case name.
    pub headers: std::collections::BTreeMap<String, String>,
    /// The text body, if any.
    pub text: String,
    /// The binary body, if any.
    pub bytes: Vec<u8>,
}

impl From<Response<Body>> for Answer {
    fn from(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let (text, bytes) = match body {
            Body::Text(text) => (text, Vec::new()),
            Body::Binary(bytes) => (String::new(), bytes),
            Body::Empty | _ => panic!("no body"),
        };
        let headers = parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.to_str().expect("ASCII").to_owned()));
        Self { status: parts.status.as_u16(), headers: headers.collect(), text, bytes }
    }
}

impl Answer {
    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }

    /// The JSON body of a successful call.
    #[track_caller]
    #[expect(clippy::must_use_candidate, reason = "that it succeeds is often all that matters")]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    /// The key that a call created, as every other call shows it: without the message.
    #[track_caller]
    #[must_use]
    pub fn created_key(&self) -> Value {
        assert_eq!(self.status, 201, "{}", self.text);
        let mut key = self.json();
        assert_eq!(key.as_object_mut().expect("an object").remove("message"), Some("API Key created".into()));
        key
    }

    /// Checks a refusal with an error text and no details.
    #[track_caller]
    pub fn assert_refused(&self, status: u16, error: &str) {
        assert_eq!((self.status, self.text.as_str()), (status, json!({"error": error}).to_string().as_str()));
    }

    /// Checks a refusal because of these fields, in this order.
    #[track_caller]
    pub fn assert_invalid(&self, fields: &[&str]) {
        assert_eq!(self.status, 400, "{}", self.text);
        let body = self.json();
        assert_eq!(body["error"], "Invalid request data");
        let details = body["details"].as_array().expect("details");
        let named: Vec<&str> = details.iter().map(|detail| detail["field"].as_str().expect("a field")).collect();
        assert_eq!(named, fields, "{}", self.text);
        for detail in details {
            let (field, message) = (detail["field"].as_str(), detail["message"].as_str());
            let (field, message) = (field.expect("a field"), message.expect("a message"));
            assert!(
                message.starts_with(field) && message.len() > field.len() + 5,
                "{message:?} says what {field} must be"
            );
        }
    }

    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The cursor of the next page in the `Link` header.
    #[must_use]
    pub fn next_cursor(&self) -> Option<&str> {
        self.header("link")?.split_once("cursor=")?.1.split_once('>').map(|(cursor, _)| cursor)
    }
}
