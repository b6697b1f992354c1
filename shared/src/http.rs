//! HTTP in and out: request → format, caller, limit → endpoint → reply → response. Nothing else knows `lambda_http`, but
//! [`publish`](crate::publish), for what needs no caller.

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::ready;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, LocalBoxFuture, join};
use lambda_http::http::header::{self, HeaderName};
use lambda_http::http::{HeaderMap, HeaderValue, Response};
use lambda_http::request::RequestContext;
use lambda_http::{Body, IntoResponse, Request, RequestExt, service_fn};

use crate::app::App;
use crate::auth::{Caller, Role};
use crate::call::{Access, Call, Form, Payload, Reply};
use crate::clock::Timestamp;
use crate::config::Cors;
use crate::error::{Error, Reason};
use crate::format::{self, Content, Context, Expected, Fields, Format, Incoming, Sender};
use crate::keys::{KeyId, Locator, PlainKey};
use crate::limits::{Admission, Allowance};
use crate::log::{CallFacts, Cause, Route};
use crate::metrics::{FOREIGN_LATENCY, LATENCY};
use crate::operation::Operation;
use crate::round_trips::{RoundTrips, counted};

/// The largest body of a management call, in bytes.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// The largest body that a form or an answer passed on may be, as Lambda carries it: as text or base64 within JSON. Lambda
/// takes and returns 6 MB (6,291,456 bytes); what this leaves is for everything else in an event, chiefly the headers:
/// API Gateway takes 10 KB of them and lists them twice.
pub const MAX_CARRIED_BYTES: usize = 6_000_000;
/// What that makes of any bytes, for base64 writes four for three.
pub const MAX_BINARY_BYTES: usize = MAX_CARRIED_BYTES / 4 * 3;

const REQUEST_FORMAT: &str = "x-request-format";
const RESPONSE_FORMAT: &str = "x-response-format";
const API_KEY: &str = "x-api-key";
/// What a web page may read of a response besides the headers that are always readable.
const EXPOSED_HEADERS: &str = "Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, x-amzn-Remapped-WWW-Authenticate, x-request-id";

/// How long a call may take. Each of its steps is bounded more narrowly; this is for many slow ones in a row, so that the
/// answer is ours: `template.yaml` lets Lambda give up a little later.
#[must_use]
pub const fn deadline(operation: Operation) -> Duration {
    // The transcription service is waited for until 27 s are over.
    Duration::from_secs(if matches!(operation, Operation::Transcribe) { 28 } else { 12 })
}

/// Runs an endpoint as a Lambda function.
///
/// # Errors
///
/// If the environment's settings cannot be used, or the Lambda runtime fails.
pub async fn run<F>(operation: Operation, access: Access, handle: fn(App, Call) -> F) -> Result<(), lambda_http::Error>
where
    F: Future<Output = Result<Reply, Error>> + Send + 'static,
{
    run_boxed(operation, access, Box::new(move |app, call| handle(app, call).boxed())).await
}

type Handler = dyn Fn(App, Call) -> BoxFuture<'static, Result<Reply, Error>> + Send + Sync;

/// Boxed, so that what all endpoints have in common is compiled in this crate, and not for each of them again.
fn run_boxed(
    operation: Operation,
    access: Access,
    handle: Box<Handler>,
) -> LocalBoxFuture<'static, Result<(), lambda_http::Error>> {
    async move {
        crate::log::init();
        let (app, handle) = (App::from_env()?, Arc::from(handle));
        // With settings of which there is none, the function does not start.
        app.authenticator()?;
        let service = service_fn(|request| {
            let (app, handle): (App, Arc<Handler>) = (app.clone(), Arc::clone(&handle));
            async move { Ok::<_, Infallible>(AsItIs(serve(&app, operation, access, &*handle, request).await)) }
        });
        crate::gateway::run(service).await
    }
    .boxed_local()
}

/// A response whose body stays the text or the bytes that it is. By itself `lambda_http` goes by the content type: it
/// would take HL7 for bytes, which API Gateway would hand out as base64, and transcode text in other character sets.
pub(crate) struct AsItIs(pub(crate) Response<Body>);

impl IntoResponse for AsItIs {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        Box::pin(ready(self.0))
    }
}

/// Answers one request. Every outcome is a response in the format the caller asked for.
pub async fn serve<F>(
    app: &App,
    operation: Operation,
    access: Access,
    handle: impl FnOnce(App, Call) -> F,
    mut request: Request,
) -> Response<Body>
where
    F: Future<Output = Result<Reply, Error>>,
{
    let now = app.clock.now();
    let body = std::mem::take(request.body_mut());
    let exchange = Exchange::new(app, operation, now, &request, body);
    let (outcome, round_trips) = counted(async {
        if let Err(error) = &exchange.formats {
            return Outcome::refused(error.clone());
        }
        let answer = exchange.answer(app, access, handle, request.headers());
        let answer = tokio::time::timeout(deadline(operation), answer).await;
        answer.unwrap_or_else(|_| Outcome::refused(Error::Unavailable(Cow::Borrowed("out of time"))))
    })
    .await;
    exchange.tell(app, route(&request), round_trips, &outcome);
    exchange.respond(app, outcome)
}

/// What is known of a request before anybody is authenticated, and needed for every response.
struct Exchange {
    operation: Operation,
    now: DateTime<Utc>,
    request_id: String,
    source_ip: Option<String>,
    /// The path as the client sees it, with the stage where that is in it.
    client_path: String,
    query: HashMap<String, Vec<String>>,
    /// Scheme and host that the client called.
    origin: Option<String>,
    idempotency_key: Option<String>,
    /// The `Origin` of a web page.
    web_origin: Option<String>,
    request_format: Format,
    response_format: Format,
    formats: Result<(), Error>,
    sender: Option<Sender>,
    fields: Result<Fields, Error>,
    form: Form,
    path: HashMap<String, String>,
}

struct Outcome {
    result: Result<Reply, Error>,
    caller: Option<Caller>,
    /// The key that was presented.
    key_id: Option<KeyId>,
    allowance: Option<Allowance>,
}

/// Who is calling, and with which key where one was presented.
struct Credential {
    caller: Caller,
    key: Option<(PlainKey, KeyId)>,
}

impl Outcome {
    fn refused(error: Error) -> Self {
        Self { result: Err(error), caller: None, key_id: None, allowance: None }
    }
}

impl Exchange {
    fn new(app: &App, operation: Operation, now: DateTime<Utc>, request: &Request, body: Body) -> Self {
        let headers = request.headers();
        let response_format = format_of(headers, RESPONSE_FORMAT);
        let request_format = format_of(headers, REQUEST_FORMAT);
        let path: HashMap<String, String> =
            request.path_parameters().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut query: HashMap<String, Vec<String>> = HashMap::new();
        for (name, value) in request.query_string_parameters().iter() {
            query.entry(name.to_owned()).or_default().push(value.to_owned());
        }
        let format = *request_format.as_ref().unwrap_or(&Format::Json);
        let path_id = path.get("id").and_then(|id| KeyId::parse(id));
        let expected = Expected { operation, path_id, fhir_base: &app.config.fhir_base_url };
        let gateway = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => Some(context),
            _ => None,
        };
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (sender, fields, form) = if operation.takes_form() {
            (None, Ok(Fields::none()), Form { content_type: text("content-type"), bytes: bytes_of(body) })
        } else {
            let (sender, fields) = read_body(format, &body, expected);
            (sender, fields, Form::default())
        };
        let scheme = text("x-forwarded-proto").unwrap_or_else(|| "https".to_owned());
        let request_id = gateway.and_then(|context| context.request_id.clone());
        Self {
            operation,
            now,
            request_id: request_id.unwrap_or_else(|| app.random.uuid_v7(now).to_string()),
            source_ip: gateway.and_then(|context| context.identity.source_ip.clone()),
            client_path: gateway
                .and_then(|context| context.path.clone())
                .unwrap_or_else(|| request.raw_http_path().to_owned()),
            query,
            origin: text("host").map(|host| format!("{scheme}://{host}")),
            idempotency_key: headers.get("idempotency-key").map(|key| key.to_str().unwrap_or_default().to_owned()),
            web_origin: text("origin"),
            request_format: format,
            response_format: *response_format.as_ref().unwrap_or(&Format::Json),
            formats: response_format.and(request_format).map(|_| ()),
            sender,
            fields,
            form,
            path,
        }
    }

    /// Authenticates, and runs the endpoint beside the check of the caller's limits.
    async fn answer<F>(
        &self,
        app: &App,
        access: Access,
        handle: impl FnOnce(App, Call) -> F,
        headers: &HeaderMap,
    ) -> Outcome
    where
        F: Future<Output = Result<Reply, Error>>,
    {
        let Credential { caller, key } = match self.authenticate(app, access, headers).await {
            Ok(credential) => credential,
            Err(error) => return Outcome::refused(error),
        };
        let (presented, key_id) = key.unzip();
        let admission = match access {
            Access::User => Admission::request(app.table.clone(), app.config.rate_limits, caller.user_id, self.now),
            Access::Key => Admission::unlimited(),
            Access::Service if caller.is_service => Admission::unlimited(),
            Access::Service => {
                return Outcome { result: Err(Error::AccessDenied), caller: Some(caller), key_id, allowance: None };
            }
        };
        let handled = async {
            let fields = self.fields.clone()?;
            if !self.operation.takes_body() {
                fields.clone().read(|_| Ok(()))?;
            }
            let call = Call {
                operation: self.operation,
                caller,
                now: self.now,
                request_id: self.request_id.clone(),
                source_ip: self.source_ip.clone(),
                admission: admission.clone(),
                idempotency_key: self.idempotency_key.clone(),
                path: self.path.clone(),
                query: self.query.clone(),
                fields,
                form: self.form.clone(),
                presented,
            };
            handle(app.clone(), call).await
        };
        let handled = AssertUnwindSafe(handled).catch_unwind();
        let (handled, admitted) = join(handled, admission.allowance()).await;
        let handled = handled.unwrap_or(Err(Error::Failed(Cow::Borrowed("the endpoint panicked"))));
        match admitted {
            Ok(allowance) => Outcome { result: handled, caller: Some(caller), key_id, allowance },
            Err(error) => {
                let allowance = if let Error::RateLimited(allowance) = &error { Some(*allowance) } else { None };
                Outcome { result: Err(error), caller: Some(caller), key_id, allowance }
            }
        }
    }

    /// Who is calling. A presented key names its user, and is not looked up here: nothing is read, or counted, for a
    /// string that cannot be a key or a request that is wrong.
    async fn authenticate(&self, app: &App, access: Access, headers: &HeaderMap) -> Result<Credential, Error> {
        let authorization = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or("Bearer ?"));
        let token = app.authenticator()?.authenticate(authorization, self.now);
        match access {
            Access::User | Access::Service => Ok(Credential { caller: token.await?, key: None }),
            Access::Key => {
                let presented = headers.get(API_KEY).map(|value| value.to_str().unwrap_or("?").trim());
                let Some(presented) = presented.filter(|presented| !presented.is_empty()) else {
                    return match token.await {
                        Ok(caller) => Ok(Credential { caller, key: None }),
                        Err(Error::TokenRequired) => Err(Error::KeyRequired),
                        Err(error) => Err(error),
                    };
                };
                let (key, Locator { user_id, key_id }) = PlainKey::parse(presented).ok_or(Error::KeyUnknown)?;
                Ok(Credential {
                    caller: Caller { user_id, role: Role::User, is_service: false },
                    key: Some((key, key_id)),
                })
            }
        }
    }

    fn respond(self, app: &App, outcome: Outcome) -> Response<Body> {
        let Outcome { result, caller: _, key_id: _, allowance } = outcome;
        let mut headers = self.common_headers(&app.config.cors);
        let mut set = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        if let Some(allowance) = allowance {
            set(HeaderName::from_static("ratelimit-policy"), &allowance.policy_header());
            set(HeaderName::from_static("ratelimit"), &allowance.header());
        }
        let mut next_url = None;
        let (status, payload) = match result {
            Ok(Reply { status, payload, created, next, replayed }) => {
                if replayed {
                    set(HeaderName::from_static("idempotent-replayed"), "true");
                }
                if let Some(id) = created {
                    set(header::LOCATION, &format!("{}/{id}", self.client_path.trim_end_matches('/')));
                }
                if let Some(cursor) = next {
                    let limit = self.parameter("limit").map(|limit| format!("limit={limit}&")).unwrap_or_default();
                    let next = format!("{}?{limit}cursor={cursor}", self.client_path);
                    set(header::LINK, &format!("<{next}>; rel=\"next\""));
                    next_url = Some(format!("{}{next}", self.origin.as_deref().unwrap_or_default()));
                }
                (status, payload)
            }
            Err(error) => {
                let problem = error.problem(self.operation);
                if problem.status == 401 {
                    set(header::WWW_AUTHENTICATE, "Bearer");
                }
                if let Some(seconds) = error.retry_after() {
                    set(header::RETRY_AFTER, &seconds.to_string());
                }
                (problem.status, Payload::Content(Content::Problem(problem)))
            }
        };
        let (content_type, body) = match payload {
            Payload::Content(content) => {
                let about = Context {
                    operation: self.operation,
                    request_id: &self.request_id,
                    now: self.now,
                    sender: self.sender.as_ref(),
                    fhir_base: &app.config.fhir_base_url,
                    self_url: &self.self_url(),
                    next_url: next_url.as_deref(),
                    request_format: self.request_format,
                };
                let body = format::write(self.response_format, &content, &about);
                (Cow::Borrowed(self.response_format.content_type()), body)
            }
            Payload::Foreign { key_id: _, content_type, body } => (content_type.into(), body.into()),
        };
        set(header::CONTENT_TYPE, &content_type);
        // Text, so that API Gateway does not take it for base64.
        let body = String::from_utf8(body).map_or_else(|error| Body::Binary(error.into_bytes()), Body::Text);
        let mut response = Response::new(body);
        *response.status_mut() = status.try_into().expect("statuses are from 200 to 599");
        *response.headers_mut() = headers;
        response
    }

    fn self_url(&self) -> String {
        let mut url = format!("{}{}", self.origin.as_deref().unwrap_or_default(), self.client_path);
        let mut separator = '?';
        for name in ["limit", "cursor"] {
            if let Some(value) = self.parameter(name) {
                url.push(separator);
                url.push_str(name);
                url.push('=');
                url.push_str(value);
                separator = '&';
            }
        }
        url
    }

    /// A parameter of the query. Where it matters, a call with several of the name was refused.
    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name)?.first().map(String::as_str)
    }

    /// The key that the request names: in its path, or in its body by an id or a string, which need not be right.
    fn named_key(&self) -> Option<KeyId> {
        let in_path = self.path.get("id").and_then(|id| KeyId::parse(id));
        let in_body = |name| self.fields.as_ref().ok().and_then(|fields| fields.get(name));
        let by_id = || in_body("id").and_then(|id| KeyId::new(id.as_u64()?));
        let by_string = || in_body("key").and_then(|key| Some(PlainKey::parse(key.as_str()?)?.1.key_id));
        in_path.or_else(by_id).or_else(by_string)
    }

    fn common_headers(&self, cors: &Cors) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
        open_to(self.web_origin.as_deref(), cors, &mut headers);
        headers
    }

    /// One line per call.
    fn tell(&self, app: &App, route: Option<Route<'_>>, round_trips: RoundTrips, outcome: &Outcome) {
        let ended = app.clock.now();
        let duration_ms = (ended - self.now).num_milliseconds();
        let status = match &outcome.result {
            Ok(reply) => reply.status,
            Err(error) => error.status_and_text(self.operation).0,
        };
        let told_key = outcome.result.as_ref().ok().and_then(Reply::key_id);
        let key_id = self.named_key().or(outcome.key_id).or(told_key);
        let facts = CallFacts {
            route,
            user_id: outcome.caller.map(|caller| caller.user_id.get()),
            key_id: key_id.map(KeyId::get),
            ..CallFacts::new(self.operation.name(), &self.request_id, status, duration_ms)
        };
        let facts = facts.having_asked(round_trips);
        let facts = match &outcome.result {
            Err(error) => CallFacts { cause: Some(Cause(error)), ..facts.because(error) },
            Ok(reply) => match reply.refusal().zip(Timestamp::from_time(self.now)) {
                Some((refusal, now)) => facts.because(&refusal.error(now)),
                None => facts,
            },
        };
        let waits_for_others = matches!(self.operation, Operation::Transcribe);
        facts.tell(&app.log, ended, if waits_for_others { &FOREIGN_LATENCY } else { &LATENCY });
    }
}

/// The route by which API Gateway came here.
pub(crate) fn route(request: &Request) -> Option<Route<'_>> {
    let RequestContext::ApiGatewayV1(context) = request.request_context_ref()? else { return None };
    Some(Route { method: request.method().as_str(), path: context.resource_path.as_deref()? })
}

/// Lets a web page of an allowed origin read the response.
pub(crate) fn open_to(web_origin: Option<&str>, cors: &Cors, headers: &mut HeaderMap) {
    let allowed = match cors {
        Cors::Any => Some(HeaderValue::from_static("*")),
        Cors::Origins(origins) => {
            headers.insert(header::VARY, HeaderValue::from_static("Origin"));
            let origin = web_origin.filter(|origin| origins.iter().any(|allowed| allowed == origin));
            origin.and_then(|origin| HeaderValue::from_str(origin).ok())
        }
    };
    if let Some(allowed) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    }
}

fn format_of(headers: &HeaderMap, name: &'static str) -> Result<Format, Error> {
    let Some(value) = headers.get(name) else { return Ok(Format::Json) };
    value.to_str().ok().and_then(Format::parse).ok_or_else(|| {
        Error::invalid(name, Reason::Value, format!("{name} must be one of \"json\", \"hl7\", \"fhir\""))
    })
}

fn bytes_of(body: Body) -> Bytes {
    match body {
        Body::Text(text) => text.into(),
        Body::Binary(bytes) => bytes.into(),
        Body::Empty | _ => Bytes::new(),
    }
}

fn read_body(format: Format, body: &Body, expected: Expected<'_>) -> (Option<Sender>, Result<Fields, Error>) {
    let bytes = match body {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        Body::Empty | _ => &[],
    };
    match bytes.len() {
        0 if expected.operation.needs_body() => {
            (None, Err(Error::invalid("body", Reason::Required, "body is required")))
        }
        0 => (None, Ok(Fields::none())),
        1..=MAX_BODY_BYTES => {
            let Incoming { sender, fields } = format::read(format, bytes, expected);
            (sender, fields.map_err(Error::Invalid))
        }
        _ => {
            let sender = format::sender(format, bytes.get(..MAX_BODY_BYTES).unwrap_or_default());
            (sender, Err(Error::TooLarge { limit: MAX_BODY_BYTES }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_stay_what_they_are() {
        for (content_type, body) in [
            ("application/hl7-v2; charset=utf-8", Body::Text("MSH|".to_owned())),
            ("audio/wav", Body::Text("RIFF".to_owned())),
            ("text/plain; charset=iso-8859-1", Body::Binary(vec![0xfc])),
            ("application/json", Body::Binary(vec![0xfc])),
        ] {
            let mut response = Response::new(body.clone());
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            assert_eq!(AsItIs(response).into_response().await.body(), &body, "{content_type}");
        }
    }
}
