//! HTTP in and out: request → format, caller, limit → endpoint → reply → response. Nothing else knows `lambda_http`, but
//! [`publish`](crate::publish), for what needs no caller.

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::join;
use lambda_http::http::header::{self, HeaderName};
use lambda_http::http::{HeaderMap, HeaderValue, Response};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt, service_fn};

use crate::app::App;
use crate::auth::{Caller, Role};
use crate::call::{Access, Call, Reply};
use crate::config::Cors;
use crate::error::{Error, Reason};
use crate::format::{self, Content, Context, Expected, Fields, Format, Incoming, Sender};
use crate::keys::KeyId;
use crate::limits::{Admission, Allowance};
use crate::operation::Operation;

/// How long a call may take. Each step is bounded more narrowly; this is for many slow ones in a row, so that the answer
/// is ours and not that of Lambda's time-out, which `template.yaml` sets a little higher.
pub const DEADLINE: Duration = Duration::from_secs(12);

/// The largest body of a management call, in bytes.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

const REQUEST_FORMAT: &str = "x-request-format";
const RESPONSE_FORMAT: &str = "x-response-format";
/// What a web page may read of a response besides the headers that are always readable.
const EXPOSED_HEADERS: &str = "Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, x-amzn-Remapped-WWW-Authenticate, x-request-id";

/// Runs an endpoint as a Lambda function.
///
/// # Errors
///
/// If the environment's settings cannot be used, or the Lambda runtime fails.
pub async fn run<F>(operation: Operation, access: Access, handle: fn(App, Call) -> F) -> Result<(), lambda_http::Error>
where
    F: Future<Output = Result<Reply, Error>> + Send + 'static,
{
    crate::log::init();
    let app = App::from_env().await?;
    let service = service_fn(|request| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(serve(&app, operation, access, handle, request).await) }
    });
    lambda_http::run(service).await
}

/// Answers one request. Every outcome is a response in the format the caller asked for.
pub async fn serve<F>(
    app: &App,
    operation: Operation,
    access: Access,
    handle: impl FnOnce(App, Call) -> F,
    request: Request,
) -> Response<Body>
where
    F: Future<Output = Result<Reply, Error>>,
{
    let now = app.clock.now();
    let exchange = Exchange::new(app, operation, now, &request);
    let outcome = if let Err(error) = &exchange.formats {
        Outcome::refused(error.clone())
    } else {
        let answer = tokio::time::timeout(DEADLINE, exchange.answer(app, access, handle, &request));
        answer.await.unwrap_or_else(|_| Outcome::refused(Error::Unavailable(Cow::Borrowed("out of time"))))
    };
    exchange.log(app, &outcome);
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
    query: HashMap<String, String>,
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
    path: HashMap<String, String>,
}

struct Outcome {
    result: Result<Reply, Error>,
    caller: Option<Caller>,
    allowance: Option<Allowance>,
}

impl Outcome {
    fn refused(error: Error) -> Self {
        Self { result: Err(error), caller: None, allowance: None }
    }
}

impl Exchange {
    fn new(app: &App, operation: Operation, now: DateTime<Utc>, request: &Request) -> Self {
        let headers = request.headers();
        let response_format = format_of(headers, RESPONSE_FORMAT);
        let request_format = format_of(headers, REQUEST_FORMAT);
        let path: HashMap<String, String> =
            request.path_parameters().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let query =
            request.query_string_parameters().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let format = *request_format.as_ref().unwrap_or(&Format::Json);
        let path_id = path.get("id").and_then(|id| KeyId::parse(id));
        let expected = Expected { operation, path_id, fhir_base: &app.config.fhir_base_url };
        let (sender, fields) = read_body(format, request.body(), expected);
        let gateway = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => Some(context),
            _ => None,
        };
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
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
            path,
        }
    }

    /// Authenticates, and runs the endpoint beside the check of the caller's limits.
    async fn answer<F>(
        &self,
        app: &App,
        access: Access,
        handle: impl FnOnce(App, Call) -> F,
        request: &Request,
    ) -> Outcome
    where
        F: Future<Output = Result<Reply, Error>>,
    {
        let authorization =
            request.headers().get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or("Bearer ?"));
        let caller = match app.authenticator.authenticate(authorization, self.now).await {
            Ok(caller) => caller,
            Err(error) => return Outcome::refused(error),
        };
        let admission = match access {
            Access::User => Admission::request(app.table.clone(), app.config.rate_limits, caller.user_id, self.now),
            Access::Service if caller.role == Role::Service => Admission::unlimited(),
            Access::Service => {
                return Outcome { result: Err(Error::AccessDenied), caller: Some(caller), allowance: None };
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
            };
            handle(app.clone(), call).await
        };
        let handled = AssertUnwindSafe(handled).catch_unwind();
        let (handled, admitted) = join(handled, admission.allowance()).await;
        let handled = handled.unwrap_or(Err(Error::Failed(Cow::Borrowed("the endpoint panicked"))));
        match admitted {
            Ok(allowance) => Outcome { result: handled, caller: Some(caller), allowance },
            Err(error) => {
                let allowance = if let Error::RateLimited(allowance) = &error { Some(*allowance) } else { None };
                Outcome { result: Err(error), caller: Some(caller), allowance }
            }
        }
    }

    fn respond(self, app: &App, outcome: Outcome) -> Response<Body> {
        let Outcome { result, caller: _, allowance } = outcome;
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
        let (status, content) = match result {
            Ok(Reply { status, content, created, next, replayed }) => {
                if replayed {
                    set(HeaderName::from_static("idempotent-replayed"), "true");
                }
                if let Some(id) = created {
                    set(header::LOCATION, &format!("{}/{id}", self.client_path.trim_end_matches('/')));
                }
                if let Some(cursor) = next {
                    let limit = self.query.get("limit").map(|limit| format!("limit={limit}&")).unwrap_or_default();
                    let next = format!("{}?{limit}cursor={cursor}", self.client_path);
                    set(header::LINK, &format!("<{next}>; rel=\"next\""));
                    next_url = Some(format!("{}{next}", self.origin.as_deref().unwrap_or_default()));
                }
                (status, content)
            }
            Err(error) => {
                let problem = error.problem(self.operation);
                if problem.status == 401 {
                    set(header::WWW_AUTHENTICATE, "Bearer");
                }
                if let Some(seconds) = error.retry_after() {
                    set(header::RETRY_AFTER, &seconds.to_string());
                }
                (problem.status, Content::Problem(problem))
            }
        };
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
        // Text, so that API Gateway does not take it for base64.
        let body = String::from_utf8(body).map_or_else(|error| Body::Binary(error.into_bytes()), Body::Text);
        let mut response = Response::new(body);
        *response.status_mut() = status.try_into().expect("statuses are from 200 to 503");
        *response.headers_mut() = headers;
        response
    }

    fn self_url(&self) -> String {
        let mut url = format!("{}{}", self.origin.as_deref().unwrap_or_default(), self.client_path);
        let mut separator = '?';
        for name in ["limit", "cursor"] {
            if let Some(value) = self.query.get(name) {
                url.push(separator);
                url.push_str(name);
                url.push('=');
                url.push_str(value);
                separator = '&';
            }
        }
        url
    }

    fn common_headers(&self, cors: &Cors) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.response_format.content_type()));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
        open_to(self.web_origin.as_deref(), cors, &mut headers);
        headers
    }

    /// One line per call. It is the only place that sees the cause of an error of ours.
    fn log(&self, app: &App, outcome: &Outcome) {
        let duration_ms = (app.clock.now() - self.now).num_milliseconds();
        let operation = self.operation.name();
        let request_id = &self.request_id;
        let user_id = outcome.caller.map(|caller| caller.user_id.get());
        let key_id = self.path.get("id").and_then(|id| KeyId::parse(id)).map(KeyId::get);
        match &outcome.result {
            Ok(reply) => {
                let key_id = key_id.or(reply.created.map(KeyId::get));
                tracing::info!(operation, request_id, user_id, key_id, status = reply.status, duration_ms, "done");
            }
            Err(error) => {
                let status = error.problem(self.operation).status;
                if status >= 500 {
                    tracing::error!(operation, request_id, user_id, key_id, status, duration_ms, cause = %error, "failed");
                } else {
                    tracing::info!(operation, request_id, user_id, key_id, status, duration_ms, cause = %error, "refused");
                }
            }
        }
    }
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
