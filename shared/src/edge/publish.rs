//! Public documents: no caller, no limits, no table, cacheable.

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::ready;

use lambda_http::http::header::{self, HeaderName};
use lambda_http::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt, service_fn};

use super::browser_headers::{HSTS, confine, open_to};
use super::exchange::route;
use super::gateway::Verbatim;
use crate::clock::{Clock, Random};
use crate::config::Config;
use crate::error::Error;
use crate::telemetry::log::{CallFacts, Log};
use crate::telemetry::metrics::LATENCY;

/// The path of a request.
pub struct Path {
    /// As the template names it, such as `/clients/{file}`.
    route: String,
    /// As the client wrote it.
    written: String,
    parameters: HashMap<String, String>,
    is_read: bool,
}

impl Path {
    fn of(request: &Request) -> Self {
        let parameters = request.path_parameters();
        Self {
            route: route(request).map(|route| route.path.to_owned()).unwrap_or_default(),
            written: request.raw_http_path().to_owned(),
            parameters: parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            is_read: [Method::GET, Method::HEAD].contains(request.method()),
        }
    }

    /// The path as the template names it.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.route
    }

    /// A parameter's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Whether it was written with a slash at its end, which API Gateway takes for none. Relative links of a page would lead
    /// elsewhere.
    #[must_use]
    pub fn ends_with_slash(&self) -> bool {
        self.written.ends_with('/')
    }

    /// Whether the method is one that reads.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.is_read
    }
}

/// For how long clients may keep what they got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// Documents change only with a deployment.
    Hour,
    /// A file whose name says what is in it.
    Forever,
    /// It is asked for each time, and sent if it changed.
    Revalidated,
    Not,
}

impl Kept {
    fn cache_control(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Hour => "public, max-age=3600",
            Self::Forever => "public, max-age=31536000, immutable",
            Self::Revalidated => "no-cache",
            Self::Not => "no-store",
        })
    }
}

/// What is under a path: a document or a part of a page, another place, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    status: StatusCode,
    content_type: &'static str,
    body: Cow<'static, str>,
    kept: Kept,
    is_page: bool,
    location: Option<&'static str>,
}

impl Found {
    /// A document.
    #[must_use]
    pub fn document(content_type: &'static str, body: impl Into<Cow<'static, str>>) -> Self {
        let body = body.into();
        Self { status: StatusCode::OK, content_type, body, kept: Kept::Hour, is_page: false, location: None }
    }

    /// A page, or a file of pages whose content may change under its name.
    #[must_use]
    pub fn page(content_type: &'static str, body: impl Into<Cow<'static, str>>) -> Self {
        Self { kept: Kept::Revalidated, is_page: true, ..Self::document(content_type, body) }
    }

    /// A file of pages whose name changes with its content.
    #[must_use]
    pub fn asset(content_type: &'static str, body: &'static str) -> Self {
        Self { kept: Kept::Forever, ..Self::page(content_type, body) }
    }

    /// It is elsewhere, at a relative reference.
    #[must_use]
    pub fn elsewhere(location: &'static str) -> Self {
        let status = StatusCode::PERMANENT_REDIRECT;
        Self { status, location: Some(location), kept: Kept::Not, ..Self::document("text/plain; charset=utf-8", "") }
    }

    /// Nothing, with a body that says so.
    #[must_use]
    pub fn nothing(content_type: &'static str, body: &'static str) -> Self {
        Self { status: StatusCode::NOT_FOUND, kept: Kept::Not, ..Self::document(content_type, body) }
    }
}

/// Runs an endpoint that publishes documents as a Lambda function.
///
/// # Errors
///
/// If the environment's settings cannot be used, or the Lambda runtime fails.
pub async fn run(name: &'static str, find: fn(&Config, &Path) -> Found) -> Result<(), lambda_http::Error> {
    crate::telemetry::log::init();
    let config = Config::from_env()?;
    let log = Log::stdout(&config.service_name);
    let server = DocumentServer { config, clock: Clock::system(), random: Random::system(), log };
    let service = service_fn(|request| ready(Ok::<_, Infallible>(Verbatim(server.serve(name, find, &request)))));
    super::gateway::run(service).await
}

/// The state of such an endpoint.
pub struct DocumentServer {
    /// The deployment's settings.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// The log of calls.
    pub log: Log,
}

impl DocumentServer {
    /// Answers one request: with what was found, with 304 to a client that has it already (RFC 9110, section 13.1.2), or
    /// with 404. `HEAD` gets the same headers.
    pub fn serve(&self, name: &str, find: fn(&Config, &Path) -> Found, request: &Request) -> Response<Body> {
        let now = self.clock.now();
        let request_id = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => context.request_id.clone(),
            _ => None,
        };
        let request_id = request_id.unwrap_or_else(|| self.random.uuid_v7(now).to_string());

        let mut response = respond(find(&self.config, &Path::of(request)), request);
        let headers = response.headers_mut();
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
        let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        open_to(origin, &self.config.cors, headers);
        // The gateway compresses.
        headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));

        let ended = self.clock.now();
        let duration_ms = (ended - now).num_milliseconds();
        let facts = CallFacts::new(name, &request_id, response.status().as_u16(), duration_ms);
        let facts = CallFacts { route: route(request), ..facts };
        let found = response.status() != StatusCode::NOT_FOUND;
        let facts = if found { facts } else { facts.with_error(&Error::NotFound) };
        facts.write(&self.log, ended, &LATENCY);
        response
    }
}

fn respond(found: Found, request: &Request) -> Response<Body> {
    let tag = (found.status == StatusCode::OK).then(|| entity_tag(&found.body));
    let known = tag.as_ref().is_some_and(|tag| is_known(tag, request));
    let status = if known { StatusCode::NOT_MODIFIED } else { found.status };

    let mut headers = HeaderMap::new();
    if !known {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(found.content_type));
    }
    headers.insert(header::CACHE_CONTROL, found.kept.cache_control());
    if let Some(Ok(tag)) = tag.map(HeaderValue::try_from) {
        headers.insert(header::ETAG, tag);
    }
    if let Some(location) = found.location {
        headers.insert(header::LOCATION, HeaderValue::from_static(location));
    }
    if found.is_page {
        confine(&mut headers);
    }
    let is_empty = known || request.method() == Method::HEAD;
    let mut response = Response::new(if is_empty { Body::Empty } else { Body::Text(found.body.into_owned()) });
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// An entity tag: the length and CRC-32 of the body, which take a tenth of the time of a digest. It tells versions apart;
/// forging one gains nothing. It is weak, because the gateway compresses the body for clients that take that.
fn entity_tag(body: &str) -> String {
    format!("W/\"{:x}-{:08x}\"", body.len(), crc32fast::hash(body.as_bytes()))
}

/// Whether the client has it: `If-None-Match` names its tag, as weak or not, or `*`.
fn is_known(tag: &str, request: &Request) -> bool {
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    let values = request.headers().get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = values.flat_map(|value| value.split(',')).map(str::trim);
    known.any(|known| known == "*" || opaque(known) == opaque(tag))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn find(_: &Config, path: &Path) -> Found {
        match path.get("name") {
            Some("greeting") => Found::document("text/plain", "Hello".to_owned()),
            Some("page") => Found::page("text/html", "<h1>Hello</h1>"),
            Some("asset") => Found::asset("text/css", "h1 {}"),
            Some("moved") => Found::elsewhere("../greeting"),
            Some(_) | None => Found::nothing("text/plain", "There is no such document"),
        }
    }

    fn request(name: &str, headers: &[(&'static str, &'static str)]) -> Request {
        let path = HashMap::from([("name".to_owned(), name.to_owned())]);
        let mut request = Request::new(Body::Empty).with_path_parameters(path);
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        request
    }

    fn answer(request: &Request) -> (u16, HeaderMap, String) {
        let config = Config::from_variables(|name| match name {
            "CORS_ORIGINS" => Some("https://app.example".to_owned()),
            "TABLE_NAME" | "KMS_KEY_ID" => Some("unused".to_owned()),
            "ACCEPT_ANY_ISSUER" => Some("true".to_owned()),
            _ => None,
        });
        let server = DocumentServer {
            config: config.expect("complete"),
            clock: Clock::new(|| DateTime::UNIX_EPOCH),
            random: Random::new(|bytes| bytes.fill(7)),
            log: Log::new("service", |_| ()),
        };
        let (parts, body) = server.serve("get-greeting", find, request).into_parts();
        let body = String::from_utf8(body.to_vec()).expect("UTF-8");
        (parts.status.as_u16(), parts.headers, body)
    }

    fn serve(name: &str, headers: &[(&'static str, &'static str)]) -> (u16, HeaderMap, String) {
        answer(&request(name, headers))
    }

    fn sorted(headers: &HeaderMap) -> Vec<(&str, &str)> {
        let mut headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("ASCII"))).collect();
        headers.sort_unstable();
        headers
    }

    const TAG: &str = "W/\"5-f7d18982\"";

    #[test]
    fn a_document_may_be_kept() {
        let (status, mut headers, body) = serve("greeting", &[("origin", "https://app.example")]);
        assert_eq!((status, body.as_str()), (200, "Hello"));
        headers.remove("access-control-expose-headers");
        let expected = [
            ("access-control-allow-origin", "https://app.example"),
            ("cache-control", "public, max-age=3600"),
            ("content-type", "text/plain"),
            ("etag", TAG),
            ("strict-transport-security", "max-age=31536000"),
            ("vary", "Accept-Encoding"),
            ("vary", "Origin"),
            ("x-content-type-options", "nosniff"),
            ("x-request-id", "00000000-0000-7000-8707-070707070707"),
        ];
        assert_eq!(sorted(&headers), expected);
    }

    #[test]
    fn a_page_is_confined_and_its_files_are_kept_by_their_names() {
        let (status, mut headers, body) = serve("page", &[]);
        assert_eq!((status, body.as_str()), (200, "<h1>Hello</h1>"));
        let policy = headers.remove("content-security-policy").expect("a policy");
        let policy = policy.to_str().expect("ASCII");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(policy.ends_with("base-uri 'none'; form-action 'none'; frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert!(headers.remove("permissions-policy").is_some());
        let expected = [
            ("cache-control", "no-cache"),
            ("content-type", "text/html"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("etag", "W/\"e-85e97827\""),
            ("referrer-policy", "no-referrer"),
            ("strict-transport-security", "max-age=31536000"),
            ("vary", "Accept-Encoding"),
            ("vary", "Origin"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("x-request-id", "00000000-0000-7000-8707-070707070707"),
        ];
        assert_eq!(sorted(&headers), expected);

        let (_, of_asset, _) = serve("asset", &[]);
        assert_eq!(of_asset["cache-control"], "public, max-age=31536000, immutable");
        assert_eq!(of_asset["content-security-policy"], policy);
    }

    #[test]
    fn a_client_that_has_it_is_not_sent_it_again() {
        for known in [
            &[("if-none-match", TAG)][..],
            &[("if-none-match", "\"5-f7d18982\"")],
            &[("if-none-match", "\"other\", W/\"5-f7d18982\"")],
            &[("if-none-match", "\"other\""), ("if-none-match", TAG)],
            &[("if-none-match", "*")],
        ] {
            let (status, headers, body) = serve("greeting", known);
            assert_eq!((status, body.as_str()), (304, ""), "{known:?}");
            assert_eq!(
                (&headers["etag"], &headers["cache-control"]),
                (&TAG.parse().expect("a header"), &Kept::Hour.cache_control())
            );
            assert!(!headers.contains_key("content-type"));
        }
        for other in ["\"other\"", "5-f7d18982", ""] {
            assert_eq!(serve("greeting", &[("if-none-match", other)]).0, 200, "{other}");
        }
    }

    #[test]
    fn head_has_the_same_headers_and_no_body() {
        for name in ["greeting", "page", "asset", "moved", "farewell"] {
            let (status, headers, _) = serve(name, &[]);
            let mut head = request(name, &[]);
            *head.method_mut() = Method::HEAD;
            assert_eq!(answer(&head), (status, headers, String::new()), "{name}");
        }
    }

    #[test]
    fn what_moved_says_where_it_is() {
        let (status, headers, body) = serve("moved", &[("if-none-match", "*")]);
        assert_eq!((status, body.as_str()), (308, ""));
        assert_eq!(
            (&headers["location"], &headers["cache-control"]),
            (&HeaderValue::from_static("../greeting"), &Kept::Not.cache_control())
        );
    }

    #[test]
    fn what_does_not_exist_is_not_kept() {
        let (status, headers, body) = serve("farewell", &[("if-none-match", "*")]);
        assert_eq!((status, body.as_str()), (404, "There is no such document"));
        assert_eq!(headers["cache-control"], "no-store");
        assert!(!headers.contains_key("etag"));
    }
}
