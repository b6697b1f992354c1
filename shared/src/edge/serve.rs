//! HTTP in and out: request → format, caller, limits → endpoint → reply → response.

use std::borrow::Cow;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, LocalBoxFuture, join};
use lambda_http::http::{HeaderMap, Response, header};
use lambda_http::{Body, Request, service_fn};

use super::app::App;
use super::call::{Access, Call};
use super::exchange::{Head, Input, Outcome, route};
use super::gateway::Verbatim;
use super::key_call::{KeyCall, Presented, Verified};
use super::presented_key::PresentedKey;
use super::reply::Reply;
use crate::admission::Admission;
use crate::damage::noted;
use crate::error::Error;
use crate::format::Fields;
use crate::keys::{Actor, Author, Caller, Role};
use crate::operation::{Operation, RequestBody};
use crate::telemetry::round_trips::{RoundTrips, counted};

/// Runs an endpoint for callers with a JWT as a Lambda function.
///
/// # Errors
///
/// If the environment's settings cannot be used, or the Lambda runtime fails.
pub async fn run<F>(operation: Operation, access: Access, handle: fn(App, Call) -> F) -> Result<(), lambda_http::Error>
where
    F: Future<Output = Result<Reply, Error>> + Send + 'static,
{
    run_boxed(operation, Service::Call(Endpoint::new(access, handle))).await
}

/// Runs an endpoint that uses an API key as a Lambda function.
///
/// # Errors
///
/// As [`run`].
pub async fn run_with_key<F>(operation: Operation, handle: fn(App, KeyCall) -> F) -> Result<(), lambda_http::Error>
where
    F: Future<Output = Result<Reply, Error>> + Send + 'static,
{
    run_boxed(operation, Service::KeyCall(Box::new(move |app, call| handle(app, call).boxed()))).await
}

type Handler<C> = dyn Fn(App, C) -> BoxFuture<'static, Result<Reply, Error>> + Send + Sync;

/// An endpoint for callers with a JWT. Boxed, so that the code that all endpoints share is compiled in this crate, and not
/// for each of them again.
pub struct Endpoint {
    pub(super) access: Access,
    pub(super) handle: Box<Handler<Call>>,
}

impl Endpoint {
    /// An endpoint of the access that it asks for and the function that answers.
    #[must_use]
    pub fn new<F>(access: Access, handle: fn(App, Call) -> F) -> Self
    where
        F: Future<Output = Result<Reply, Error>> + Send + 'static,
    {
        Self { access, handle: Box::new(move |app, call| handle(app, call).boxed()) }
    }
}

enum Service {
    Call(Endpoint),
    KeyCall(Box<Handler<KeyCall>>),
}

fn run_boxed(operation: Operation, service: Service) -> LocalBoxFuture<'static, Result<(), lambda_http::Error>> {
    async move {
        let (app, service) = (started_app(operation)?, Arc::new(service));
        let service = service_fn(|request| {
            let (app, service) = (app.clone(), service.clone());
            async move {
                let response = match &*service {
                    Service::Call(Endpoint { access, handle }) => {
                        serve(&app, operation, *access, handle, request).await
                    }
                    Service::KeyCall(handle) => serve_with_key(&app, operation, handle, request).await,
                };
                Ok::<_, Infallible>(Verbatim(response))
            }
        });
        super::gateway::run(service).await
    }
    .boxed_local()
}

/// The app of a function. Without the settings that its operation needs the function does not start.
pub(super) fn started_app(operation: Operation) -> Result<App, lambda_http::Error> {
    crate::telemetry::log::init();
    let app = App::from_env()?;
    app.authenticator()?;
    if operation.handles_key_strings() {
        app.checksums()?;
    }
    Ok(app)
}

/// Answers one request of a caller with a JWT. Every outcome is a response in the format that the caller asked for.
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
    let served = async {
        let (head, input) = Head::read(app, operation, &mut request);
        let answer = answer(app, &head, input, access, handle, request.headers());
        let ((outcome, damaged), round_trips) = counted(noted(Box::pin(bounded(&head, answer)))).await;
        head.respond(app, route(&request), round_trips, outcome, &damaged)
    };
    always(app, operation, served).await
}

/// Answers one request with an API key, or with a JWT for the caller's default key.
pub async fn serve_with_key<F>(
    app: &App,
    operation: Operation,
    handle: impl FnOnce(App, KeyCall) -> F,
    mut request: Request,
) -> Response<Body>
where
    F: Future<Output = Result<Reply, Error>>,
{
    let served = async {
        let (head, input) = Head::read(app, operation, &mut request);
        let answer = answer_with_key(app, &head, input, handle, request.headers());
        let ((outcome, damaged), round_trips) = counted(noted(Box::pin(bounded(&head, answer)))).await;
        head.respond(app, route(&request), round_trips, outcome, &damaged)
    };
    always(app, operation, served).await
}

/// The response, also if its making panics. Nothing that the client sent is looked at again then.
pub(super) async fn always(
    app: &App,
    operation: Operation,
    served: impl Future<Output = Response<Body>>,
) -> Response<Body> {
    caught(served).await.unwrap_or_else(|error| {
        let (head, _) = Head::read(app, operation, &mut Request::default());
        head.respond(app, None, RoundTrips::default(), Outcome::refused(error), &[])
    })
}

/// Refuses a request with a wrong format header, and answers by itself when time is up, or when something panics.
pub(super) async fn bounded(head: &Head, answer: impl Future<Output = Outcome>) -> Outcome {
    if let Some(error) = &head.format_error {
        return Outcome::refused(error.clone());
    }
    match caught(tokio::time::timeout(head.operation.deadline(), answer)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Outcome::refused(Error::Unavailable(Cow::Borrowed("out of time"))),
        Err(error) => Outcome::refused(error),
    }
}

/// Authenticates, and runs the endpoint beside the check of the caller's limits.
pub(super) async fn answer<F>(
    app: &App,
    head: &Head,
    input: Input,
    access: Access,
    handle: impl FnOnce(App, Call) -> F,
    headers: &HeaderMap,
) -> Outcome
where
    F: Future<Output = Result<Reply, Error>>,
{
    let caller = match authenticate(app, head, headers).await {
        Ok(caller) => caller,
        Err(error) => return Outcome::refused(error),
    };
    let denied = Outcome { caller: Some(caller), ..Outcome::refused(Error::AccessDenied) };
    let is_admin = caller.role == Role::Admin;
    let admission = match access {
        Access::Service if !caller.is_service => return denied,
        Access::Admin | Access::AdminInBulk if !is_admin => return denied,
        Access::User | Access::Admin => match app.limiter.known_refusal(caller.user_id, head.now) {
            None => app.limiter.admission(caller.user_id, head.now),
            Some(allowance) => {
                let refused = Outcome::refused(Error::RateLimited(allowance));
                return Outcome { caller: Some(caller), allowance: Some(allowance), ..refused };
            }
        },
        Access::Service | Access::AdminInBulk => Admission::unlimited(),
    };
    let handled = async {
        let Input { source_ip, idempotency_key, message_id, if_match, api_key, path, query, fields, body: _ } = input;
        let mut fields = fields?;
        if fields.is_sent_for_another_than(caller.user_id) {
            return Err(Error::AccessDenied);
        }
        if head.operation.body() == RequestBody::None {
            fields = fields.read(|_| Ok(Fields::none()))?;
        }
        let author = Author {
            actor: Actor { user_id: Some(caller.user_id), role: caller.role },
            now: head.now,
            request_id: head.request_id.clone(),
            source_ip,
            admission: admission.clone(),
        };
        let operation = head.operation;
        let call =
            Call { operation, caller, author, idempotency_key, message_id, if_match, api_key, path, query, fields };
        handle(app.clone(), call).await
    };
    // Caught here already: a call that panics is admitted and counted like any other.
    let (result, admitted) = join(caught(handled), admission.allowance()).await;
    let (result, allowance) = match admitted {
        Ok(allowance) => (result.flatten(), allowance),
        Err(error) => {
            let allowance = if let Error::RateLimited(allowance) = &error { Some(*allowance) } else { None };
            (Err(error), allowance)
        }
    };
    Outcome { result, caller: Some(caller), claimed: None, is_verified: true, allowance }
}

/// Reads the credential, and runs the endpoint. A presented key is not checked here: nothing is counted for a string that
/// cannot be a key or a request that is wrong, and nothing is read unless only an item tells whose the string is.
async fn answer_with_key<F>(
    app: &App,
    head: &Head,
    input: Input,
    handle: impl FnOnce(App, KeyCall) -> F,
    headers: &HeaderMap,
) -> Outcome
where
    F: Future<Output = Result<Reply, Error>>,
{
    let presented = match credential(app, head, input.api_key.as_deref(), headers).await {
        Ok(presented) => presented,
        Err(error) => return Outcome::refused(error),
    };
    let (caller, claimed) = match &presented {
        Presented::Key(PresentedKey(claim)) => (None, Some(claim.locator)),
        Presented::Default(caller) => (Some(*caller), None),
    };
    let verified = Verified::default();
    let Input { mut path, query, fields, body, .. } = input;
    let mut query: Vec<(String, String)> = query
        .into_iter()
        .flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)))
        .collect();
    // Parameters of one name stay in their order.
    query.sort_by(|(one, _), (next, _)| one.cmp(next));
    let handled = async {
        // There are none, but the query may be wrong.
        fields?;
        let call = KeyCall {
            now: head.now,
            request_id: head.request_id.clone(),
            request_format: head.request_format,
            response_format: head.response_format,
            path: path.remove("path"),
            query,
            body,
            presented,
            verified: verified.clone(),
        };
        handle(app.clone(), call).await
    };
    let result = caught(handled).await.flatten();
    Outcome { result, caller, claimed, is_verified: verified.get(), allowance: None }
}

/// What comes of something, unless it panics.
async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| Error::Failed(Cow::Borrowed("the function panicked")))
}

async fn authenticate(app: &App, head: &Head, headers: &HeaderMap) -> Result<Caller, Error> {
    let authorization = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or("Bearer ?"));
    app.authenticator()?.authenticate(authorization, head.now).await
}

/// An empty key is one that the client has lost. To use the default key in its place would hide that.
async fn credential(app: &App, head: &Head, api_key: Option<&str>, headers: &HeaderMap) -> Result<Presented, Error> {
    if api_key.is_some() {
        return PresentedKey::read(api_key, &app.keys).await.map(Presented::Key);
    }
    match authenticate(app, head, headers).await {
        Ok(caller) => Ok(Presented::Default(caller)),
        Err(Error::TokenRequired) => Err(Error::KeyRequired),
        Err(error) => Err(error),
    }
}
