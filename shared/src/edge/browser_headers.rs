//! Headers for browsers: cross-origin reads (Fetch standard, "CORS protocol") and transport security.

use lambda_http::http::{HeaderMap, HeaderValue, header};

use crate::config::Cors;

/// `Strict-Transport-Security` (RFC 6797): a year, in seconds.
pub(super) const HSTS: &str = "max-age=31536000";

/// The headers that a page may read besides those that are always readable.
const EXPOSED_HEADERS: &str = "ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, x-amzn-Remapped-WWW-Authenticate, x-request-id";

/// Lets pages of an allowed origin read the response.
pub(crate) fn open_to(web_origin: Option<&str>, cors: &Cors, headers: &mut HeaderMap) {
    let allowed = match cors {
        Cors::None => None,
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
