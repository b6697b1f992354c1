//! One exchange: the head of a request, which every response needs, and the input, which moves to the endpoint.

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::{DateTime, Utc};
use lambda_http::http::header::{self, HeaderName};
use lambda_http::http::{HeaderMap, HeaderValue, Response};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt};

use super::app::App;
use super::browser_headers::{HSTS, open_to};
use super::entity_tag;
use super::fhir_query::{self, FhirQuery};
use super::key_call::RawBody;
use super::negotiation::{Formats, VARY};
use super::presented_key::API_KEY;
use super::query::Query;
use super::reply::{Payload, Reply};
use super::request_body::{bytes_of, charset_of, message_type, operation_of, read_body};
use crate::allowance::Allowance;
use crate::config::Cors;
use crate::damage::Damaged;
use crate::error::Error;
use crate::format::{self, Content, Fields, Format, ReadContext, Sender, WriteContext};
use crate::ids::{KeyId, Locator, UserId};
use crate::keys::{Caller, PlainKey};
use crate::operation::{Operation, RequestBody};
use crate::telemetry::log::{CallFacts, Cause, LeftOut, Route};
use crate::telemetry::metrics::{LATENCY, UPSTREAM_LATENCY};
use crate::telemetry::round_trips::RoundTrips;

/// The head of a request: known before anybody is authenticated, and needed for every response.
pub(super) struct Head {
    pub(super) operation: Operation,
    pub(super) now: DateTime<Utc>,
    pub(super) request_id: String,
    /// The error of a wrong format header.
    pub(super) format_error: Option<Error>,
    pub(super) request_format: Format,
    pub(super) response_format: Format,
    /// Whether the headers decide about the formats, and not the path.
    is_negotiated: bool,
    /// The media type of the response at the URL of all messages.
    message_type: Option<&'static str>,
    /// The path as the client sees it, with the stage where that is in it.
    client_path: String,
    /// The query parameters that lead through a list, as the client names them.
    list_parameters: Vec<(String, String)>,
    cursor: Option<String>,
    /// Whether the client asks for the number of matches alone.
    counts_only: bool,
    /// Scheme and host that the client called.
    origin: Option<String>,
    /// The FHIR base beside what the client called.
    service_base: String,
    /// The `Origin` of a web page.
    web_origin: Option<String>,
    sender: Option<Sender>,
    /// The key that the request names, in its path, or in its body by an id or a string, or that a guarded request presents;
    /// it need not be right.
    named_key: Option<KeyId>,
}

/// The input of an endpoint.
pub(super) struct Input {
    pub(super) source_ip: Option<String>,
    pub(super) idempotency_key: Option<String>,
    /// The identity of the message, which stands in for an `Idempotency-Key`.
    pub(super) message_id: Option<String>,
    pub(super) if_match: Option<String>,
    /// The header `x-api-key`.
    pub(super) api_key: Option<String>,
    pub(super) path: HashMap<String, String>,
    pub(super) query: Query,
    pub(super) fields: Result<Fields, Error>,
    pub(super) body: RawBody,
}

/// The outcome of a call.
pub(super) struct Outcome {
    pub(super) result: Result<Reply, Error>,
    /// The caller of a verified JWT.
    pub(super) caller: Option<Caller>,
    /// The place that a presented key claims.
    pub(super) claimed: Option<Locator>,
    /// Whether the claim was confirmed.
    pub(super) is_verified: bool,
    pub(super) allowance: Option<Allowance>,
}

impl Outcome {
    pub(super) fn refused(error: Error) -> Self {
        Self { result: Err(error), caller: None, claimed: None, is_verified: false, allowance: None }
    }
}

impl Head {
    /// Reads a request; its body is taken out of it.
    pub(super) fn read(app: &App, operation: Operation, request: &mut Request) -> (Self, Input) {
        let now = app.clock.now();
        let body = std::mem::take(request.body_mut());
        let headers = request.headers();
        let route = route(request).map(|route| route.path.to_owned()).unwrap_or_default();
        let is_fhir = route.starts_with("/fhir/");
        let is_message = operation == Operation::ReceiveMessage;
        let is_ignored = operation.body() == RequestBody::Ignored;
        let formats = Formats::of_call(operation, is_fhir, headers);
        let charset = charset_of(headers);
        let operation = if is_message { operation_of(&body, charset) } else { operation };
        let mut path: HashMap<String, String> =
            request.path_parameters().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut query = Query::new();
        for (name, value) in request.query_string_parameters().iter() {
            query.entry(name.to_owned()).or_default().push(value.to_owned());
        }
        let path_field = operation.path_field().filter(|_| is_message);
        let path_id = path.get("id").and_then(|id| KeyId::parse(id));
        let expected = ReadContext { operation, path_id, path_field, fhir_base: &app.config.fhir_base_url, charset };
        let gateway = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => Some(context),
            _ => None,
        };
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (sender, fields, body) = if operation.body().has_fields() {
            let (sender, fields) = read_body(formats.request, &body, expected);
            (sender, fields, RawBody::default())
        } else {
            (None, Ok(Fields::none()), RawBody { content_type: text("content-type"), bytes: bytes_of(body) })
        };
        let fields = match path_field {
            Some(name) => fields.and_then(|fields| path_field_of(name, fields, &mut path)),
            None => fields,
        };
        let path_id = path_id.or_else(|| path.get("id").and_then(|id| KeyId::parse(id)));
        let (query, counts_only, fields) = match fhir_query::read_if(is_fhir, query, operation, headers) {
            Ok(FhirQuery { query, counts_only }) => (query, counts_only, fields),
            Err(error) => (Query::new(), false, Err(error)),
        };
        // Not the header `Host`, which a client may choose.
        let domain =
            gateway.and_then(|context| context.domain_name.as_deref()).map(|domain| format!("https://{domain}"));
        let request_id = gateway.and_then(|context| context.request_id.clone());
        let client_path =
            gateway.and_then(|context| context.path.clone()).unwrap_or_else(|| request.raw_http_path().to_owned());
        let origin = app.config.public_origin.clone().or(domain);
        let api_key = headers.get(API_KEY).map(|key| key.to_str().unwrap_or("?").to_owned());
        let named_key = path_id.or_else(|| key_in_body(fields.as_ref().ok()?, app));
        let head = Self {
            operation,
            now,
            request_id: request_id.unwrap_or_else(|| app.random.uuid_v7(now).to_string()),
            format_error: formats.error,
            request_format: formats.request,
            response_format: formats.response,
            is_negotiated: formats.are_negotiated,
            message_type: is_message.then(|| message_type(headers)),
            list_parameters: list_parameters(&query, is_fhir, counts_only),
            cursor: query.get("cursor").and_then(|values| values.first()).cloned(),
            counts_only,
            service_base: format!("{}{}/fhir", origin.as_deref().unwrap_or_default(), stage_of(&client_path, &route)),
            client_path,
            origin,
            web_origin: text("origin"),
            named_key: named_key.or_else(|| key_of(api_key.as_deref().filter(|_| is_ignored)?.trim(), app)),
            sender,
        };
        let input = Input {
            source_ip: gateway.and_then(|context| context.identity.source_ip.clone()),
            idempotency_key: headers.get("idempotency-key").map(|key| key.to_str().unwrap_or_default().to_owned()),
            message_id: head.sender.as_ref().and_then(Sender::message_id),
            if_match: headers.get(header::IF_MATCH).map(|tags| tags.to_str().unwrap_or_default().to_owned()),
            api_key,
            path,
            query,
            fields,
            body,
        };
        (head, input)
    }

    /// Logs the call, and makes the response.
    pub(super) fn respond(
        self,
        app: &App,
        route: Option<Route<'_>>,
        round_trips: RoundTrips,
        outcome: Outcome,
        damaged: &[Damaged],
    ) -> Response<Body> {
        self.log(app, route, round_trips, &outcome, damaged);
        let Outcome { result, caller: _, claimed: _, is_verified: _, allowance } = outcome;
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
                if let Some(id) = created.filter(|_| self.message_type.is_none()) {
                    set(header::LOCATION, &format!("{}/{id}", self.client_path.trim_end_matches('/')));
                }
                if let Some(tag) = payload.version().map(entity_tag::of_version) {
                    set(header::ETAG, &tag);
                }
                if let Some(cursor) = next.filter(|_| !self.counts_only) {
                    let next = self.list_url(Some(&cursor));
                    set(header::LINK, &format!("<{next}>; rel=\"next\""));
                    next_url = Some(format!("{}{next}", self.origin.as_deref().unwrap_or_default()));
                }
                (status, if self.counts_only { payload.without_elements() } else { payload })
            }
            Err(error) => {
                let problem = error.problem(self.operation);
                if let Some(challenge) = error.challenge() {
                    set(header::WWW_AUTHENTICATE, &challenge);
                }
                if let Some(seconds) = error.retry_after() {
                    set(header::RETRY_AFTER, &seconds.to_string());
                }
                (problem.kind.status(), Payload::Content(Content::Problem(problem)))
            }
        };
        let (content_type, body) = match payload {
            Payload::Content(content) => {
                let about = WriteContext {
                    operation: self.operation,
                    request_id: &self.request_id,
                    now: self.now,
                    sender: self.sender.as_ref(),
                    fhir_base: &app.config.fhir_base_url,
                    service_base: &self.service_base,
                    self_url: &self.self_url(),
                    next_url: next_url.as_deref(),
                    request_format: self.request_format,
                };
                let body = format::write(self.response_format, &content, &about);
                (Cow::Borrowed(self.message_type.unwrap_or(self.response_format.content_type())), body)
            }
            Payload::Imported(outcomes) => {
                (Cow::Borrowed(Format::Json.content_type()), format::write_import(&outcomes))
            }
            Payload::Upstream { key_id: _, content_type, body } => (content_type.into(), body.into()),
            Payload::Authorization { user_id, key_id, kind } => {
                set(HeaderName::from_static("x-nuxera-user-id"), &user_id.to_string());
                set(HeaderName::from_static("x-nuxera-key-id"), &key_id.to_string());
                set(HeaderName::from_static("x-nuxera-key-type"), kind.as_str());
                (Cow::Borrowed(Format::Json.content_type()), b"{}".to_vec())
            }
        };
        set(header::CONTENT_TYPE, &content_type);
        // Text, so that API Gateway does not take it for base64.
        let body = String::from_utf8(body).map_or_else(|error| Body::Binary(error.into_bytes()), Body::Text);
        let mut response = Response::new(body);
        *response.status_mut() = self.http_status(status).try_into().expect("statuses are from 200 to 599");
        *response.headers_mut() = headers;
        response
    }

    /// The status of HTTP. At the URL of all messages it tells whether the message was processed, as in HL7 over HTTP
    /// (section 2.6); the response says the rest.
    fn http_status(&self, status: u16) -> u16 {
        if self.message_type.is_some() && status != 401 && status < 500 { 200 } else { status }
    }

    fn self_url(&self) -> String {
        format!("{}{}", self.origin.as_deref().unwrap_or_default(), self.list_url(self.cursor.as_deref()))
    }

    /// The path of a page of a list.
    fn list_url(&self, cursor: Option<&str>) -> String {
        let mut url = self.client_path.clone();
        let parameters = self.list_parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (index, (name, value)) in parameters.chain(cursor.map(|cursor| ("cursor", cursor))).enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.push_str(value);
        }
        url
    }

    fn common_headers(&self, cors: &Cors) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
        if self.is_negotiated {
            headers.append(header::VARY, HeaderValue::from_static(VARY));
        }
        open_to(self.web_origin.as_deref(), cors, &mut headers);
        headers
    }

    /// Writes one line per call.
    fn log(
        &self,
        app: &App,
        route: Option<Route<'_>>,
        round_trips: RoundTrips,
        outcome: &Outcome,
        damaged: &[Damaged],
    ) {
        let ended = app.clock.now();
        let duration_ms = (ended - self.now).num_milliseconds();
        let Outcome { result, caller, claimed, is_verified, allowance: _ } = outcome;
        let status = match result {
            Ok(reply) => reply.status,
            Err(error) => error.kind().status(),
        };
        let replied_key = result.as_ref().ok().and_then(Reply::key_id);
        let key_id = self.named_key.or(claimed.map(|claimed| claimed.key_id)).or(replied_key);
        let claimed_user = claimed.map(|claimed| claimed.user_id.get());
        let verified_user = caller.map(|caller| caller.user_id.get()).or(claimed_user.filter(|_| *is_verified));
        let facts = CallFacts {
            route,
            user_id: verified_user,
            claimed_user_id: claimed_user.filter(|_| !is_verified),
            key_id: key_id.map(KeyId::get),
            damaged: LeftOut(damaged),
            ..CallFacts::new(self.operation.name(), &self.request_id, status, duration_ms)
        };
        let facts = facts.with_round_trips(round_trips);
        let facts = match result {
            Err(error) => CallFacts { cause: Some(Cause(error)), ..facts.with_error(error) },
            Ok(reply) => match reply.refusal() {
                Some(refused) => facts.with_error(&Error::KeyRefused(refused.into())),
                None => facts,
            },
        };
        facts.write(&app.log, ended, if self.operation.waits_for_upstream() { &UPSTREAM_LATENCY } else { &LATENCY });
    }
}

/// The parameters of a list but for the cursor. What is written of them in links has been read as numbers and codes.
fn list_parameters(query: &Query, is_fhir: bool, counts_only: bool) -> Vec<(String, String)> {
    let present = ["limit", "_id", "status", "type"].into_iter().filter_map(|name| Some((name, query.get(name)?)));
    let parameters = present.flat_map(|(name, values)| {
        let (name, values) =
            if is_fhir { (fhir_query::name_of(name), vec![values.join(",")]) } else { (name, values.clone()) };
        values.into_iter().map(|value| (name.to_owned(), value))
    });
    let counting = counts_only.then(|| ("_summary".to_owned(), "count".to_owned()));
    parameters.chain(counting).collect()
}

/// What precedes a route in the path that a client called: the stage, or nothing under a domain of its own.
fn stage_of<'a>(client_path: &'a str, route: &str) -> &'a str {
    let path = client_path.trim_end_matches('/');
    let start = path.rmatch_indices('/').nth(route.matches('/').count().saturating_sub(1)).map(|(index, _)| index);
    start.and_then(|start| path.get(..start)).unwrap_or_default()
}

/// Moves the field that names what a message is about to where endpoints look for it.
fn path_field_of(name: &'static str, fields: Fields, path: &mut HashMap<String, String>) -> Result<Fields, Error> {
    let (id, fields) = if name == "user_id" {
        fields.take::<UserId>(name).map(|(id, rest)| (id.to_string(), rest))?
    } else {
        fields.take::<KeyId>(name).map(|(id, rest)| (id.to_string(), rest))?
    };
    path.insert(name.to_owned(), id);
    Ok(fields)
}

fn key_in_body(fields: &Fields, app: &App) -> Option<KeyId> {
    let by_id = || KeyId::new(fields.get("id")?.as_u64()?);
    by_id().or_else(|| key_of(fields.get("key")?.as_str()?, app))
}

/// The key that a string names.
fn key_of(string: &str, app: &App) -> Option<KeyId> {
    Some(PlainKey::parse(string, app.config.checksums.as_ref()?)?.1.key_id)
}

/// The route by which API Gateway reached the function.
pub(crate) fn route(request: &Request) -> Option<Route<'_>> {
    let RequestContext::ApiGatewayV1(context) = request.request_context_ref()? else { return None };
    Some(Route { method: request.method().as_str(), path: context.resource_path.as_deref()? })
}
