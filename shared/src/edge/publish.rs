//! Public documents: no caller, no limits, no table, cacheable.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::ready;

use lambda_http::http::header::{self, HeaderName};
use lambda_http::http::{HeaderValue, Method, Response, StatusCode};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt, service_fn};

use super::browser_headers::{HSTS, open_to};
use super::exchange::route;
use super::gateway::Verbatim;
use crate::clock::{Clock, Random};
use crate::config::Config;
use crate::error::Error;
use crate::telemetry::log::{CallFacts, Log};
use crate::telemetry::metrics::LATENCY;

/// Documents change only with a deployment.
const CACHE_CONTROL: &str = "public, max-age=3600";

/// The parameters in a request's path, and whether the request reads it.
pub struct Path {
    parameters: HashMap<String, String>,
    is_read: bool,
}

impl Path {
    /// A parameter's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Whether the method is one that reads.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.is_read
    }
}

/// The document under a path, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    status: StatusCode,
    content_type: &'static str,
    body: String,
}

impl Found {
    /// A document.
    #[must_use]
    pub fn document(content_type: &'static str, body: String) -> Self {
        Self { status: StatusCode::OK, content_type, body }
    }

    /// No document, with a body that says so.
    #[must_use]
    pub fn nothing(content_type: &'static str, body: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, content_type, body: body.to_owned() }
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
    /// Answers one request: with the document, with 304 to a client that has it already (RFC 9110, section 13.1.2), or
    /// with 404.
    pub fn serve(&self, name: &str, find: fn(&Config, &Path) -> Found, request: &Request) -> Response<Body> {
        let now = self.clock.now();
        let request_id = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => context.request_id.clone(),
            _ => None,
        };
        let request_id = request_id.unwrap_or_else(|| self.random.uuid_v7(now).to_string());
        let parameters = request.path_parameters();
        let parameters = parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let path = Path { parameters, is_read: [Method::GET, Method::HEAD].contains(request.method()) };

        let mut response = respond(find(&self.config, &path), request);
        let headers = response.headers_mut();
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
        let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        open_to(origin, &self.config.cors, headers);

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
    let Found { status, content_type, body } = found;
    let tag = (status == StatusCode::OK).then(|| entity_tag(&body));
    let known = tag.as_ref().is_some_and(|tag| is_known(tag, request));
    let mut response = Response::new(if known { Body::Empty } else { Body::Text(body) });
    *response.status_mut() = if known { StatusCode::NOT_MODIFIED } else { status };
    let headers = response.headers_mut();
    if !known {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    let cache_control = if tag.is_some() { CACHE_CONTROL } else { "no-store" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    if let Some(Ok(tag)) = tag.map(HeaderValue::try_from) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// An entity tag: the document's length and CRC-32, which take a tenth of the time of a digest. It tells versions of a
/// document apart; forging one gains nothing.
fn entity_tag(body: &str) -> String {
    format!("\"{:x}-{:08x}\"", body.len(), crc32fast::hash(body.as_bytes()))
}

/// Whether the client has the document: `If-None-Match` names its tag, be it weak, or `*`.
fn is_known(tag: &str, request: &Request) -> bool {
    let values = request.headers().get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = values.flat_map(|value| value.split(',')).map(str::trim);
    known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use lambda_http::http::HeaderMap;

    use super::*;

    fn find(_: &Config, path: &Path) -> Found {
        match path.get("name") {
            Some("greeting") => Found::document("text/plain", "Hello".to_owned()),
            Some(_) | None => Found::nothing("text/plain", "There is no such document"),
        }
    }

    fn serve(name: &str, headers: &[(&'static str, &'static str)]) -> (u16, HeaderMap, String) {
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
        let path = HashMap::from([("name".to_owned(), name.to_owned())]);
        let mut request = Request::new(Body::Empty).with_path_parameters(path);
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        let (parts, body) = server.serve("get-greeting", find, &request).into_parts();
        let body = String::from_utf8(body.to_vec()).expect("UTF-8");
        (parts.status.as_u16(), parts.headers, body)
    }

    #[test]
    fn a_document_may_be_kept() {
        let (status, headers, body) = serve("greeting", &[("origin", "https://app.example")]);
        assert_eq!((status, body.as_str()), (200, "Hello"));
        let mut headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("ASCII"))).collect();
        headers.retain(|(name, _)| *name != "access-control-expose-headers");
        headers.sort_unstable();
        let expected = [
            ("access-control-allow-origin", "https://app.example"),
            ("cache-control", "public, max-age=3600"),
            ("content-type", "text/plain"),
            ("etag", "\"5-f7d18982\""),
            ("strict-transport-security", "max-age=31536000"),
            ("vary", "Origin"),
            ("x-content-type-options", "nosniff"),
            ("x-request-id", "00000000-0000-7000-8707-070707070707"),
        ];
        assert_eq!(headers, expected);
    }

    #[test]
    fn a_client_that_has_it_is_not_sent_it_again() {
        let tag = "\"5-f7d18982\"";
        for known in [
            &[("if-none-match", "\"5-f7d18982\"")][..],
            &[("if-none-match", "\"other\", W/\"5-f7d18982\"")],
            &[("if-none-match", "\"other\""), ("if-none-match", "\"5-f7d18982\"")],
            &[("if-none-match", "*")],
        ] {
            let (status, headers, body) = serve("greeting", known);
            assert_eq!((status, body.as_str()), (304, ""), "{known:?}");
            assert_eq!(
                (&headers["etag"], &headers["cache-control"]),
                (&tag.parse().expect("a header"), &"public, max-age=3600".parse().expect("a header"))
            );
            assert!(!headers.contains_key("content-type"));
        }
        for other in ["\"other\"", "5-f7d18982", ""] {
            assert_eq!(serve("greeting", &[("if-none-match", other)]).0, 200, "{other}");
        }
    }

    #[test]
    fn what_does_not_exist_is_not_kept() {
        let (status, headers, body) = serve("farewell", &[("if-none-match", "*")]);
        assert_eq!((status, body.as_str()), (404, "There is no such document"));
        assert_eq!(headers["cache-control"], "no-store");
        assert!(!headers.contains_key("etag"));
    }
}
