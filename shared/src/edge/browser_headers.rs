//! Headers for browsers: cross-origin reads (Fetch standard, "CORS protocol"), transport security, and what pages may do.

use lambda_http::http::{HeaderMap, HeaderValue, header};

use crate::config::Cors;

/// `Strict-Transport-Security` (RFC 6797): a year, in seconds.
pub(super) const HSTS: &str = "max-age=31536000";

/// The headers that a page may read besides those that are always readable.
const EXPOSED_HEADERS: &str = "ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, x-amzn-Remapped-WWW-Authenticate, x-request-id";

/// What a page may do: run its own scripts, load its own files, and call the API that it came with. It takes no cookies,
/// posts no forms and is shown in no frame.
const PAGE_HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("referrer-policy", "no-referrer"),
    // For browsers without `frame-ancestors`.
    ("x-frame-options", "DENY"),
];

/// Restricts what a page, and each file of it, may do in a browser.
pub(super) fn confine(headers: &mut HeaderMap) {
    for (name, value) in PAGE_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Lets pages of an allowed origin read the response.
pub(crate) fn open_to(web_origin: Option<&str>, cors: &Cors, headers: &mut HeaderMap) {
    let allowed = match cors {
        Cors::None => None,
        Cors::Any => Some(HeaderValue::from_static("*")),
        Cors::Origins(origins) => {
            let others = headers.get(header::VARY).and_then(|vary| vary.to_str().ok());
            let vary = others.map_or("Origin".to_owned(), |others| format!("{others}, Origin"));
            headers.extend(HeaderValue::try_from(vary).ok().map(|vary| (header::VARY, vary)));
            let origin = web_origin.filter(|origin| origins.iter().any(|allowed| allowed == origin));
            origin.and_then(|origin| HeaderValue::from_str(origin).ok())
        }
    };
    if let Some(allowed) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    }
}
