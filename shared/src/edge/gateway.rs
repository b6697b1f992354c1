//! The adapter to API Gateway: its events before `lambda_http` makes requests of them, and responses on the way out.

use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use lambda_http::http::header::{self, HeaderName};
use lambda_http::http::uri::Authority;
use lambda_http::http::{HeaderMap, Response, Uri};
use lambda_http::lambda_runtime::Runtime;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, IntoResponse, LambdaEvent, Request, Service, service_fn};
use url::Url;

/// Answers what API Gateway hands over.
///
/// # Errors
///
/// If the Lambda runtime fails.
pub(crate) async fn run<S, R>(service: S) -> Result<(), lambda_http::Error>
where
    S: Service<Request, Response = R, Error = Infallible>,
    S::Future: Send + 'static,
    R: IntoResponse + 'static,
{
    let mut adapter = Adapter::from(service);
    let answer = |LambdaEvent { payload, context }| adapter.call(LambdaEvent { payload: sanitize(payload), context });
    // `lambda_runtime::run` would open a span around each call, which no line shows.
    Runtime::new(service_fn(answer)).run().await
}

/// Drops a scheme or host that cannot be part of a URL: `lambda_http` would panic, and the call would have no answer. On
/// AWS the gateway writes both headers, but nothing here may depend on that.
#[must_use]
pub fn sanitize(mut request: LambdaRequest) -> LambdaRequest {
    if let LambdaRequest::ApiGatewayV1(event) = &mut request {
        let scheme = HeaderName::from_static("x-forwarded-proto");
        for headers in [&mut event.headers, &mut event.multi_value_headers] {
            keep_if(headers, &scheme, |scheme| ["http", "https"].contains(&scheme));
            keep_if(headers, &header::HOST, is_host);
        }
    }
    request
}

/// Both URL libraries must agree: `lambda_http` reads with the one and writes with the other. Nearly all calls come by the
/// same host, and it stands in each event twice, so the last good one is remembered.
fn is_host(host: &str) -> bool {
    static LAST: Mutex<Option<String>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.as_deref() == Some(host) {
        return true;
    }
    let is_uri = |url: Url| url.as_str().parse::<Uri>().is_ok();
    let is_good = host.parse::<Authority>().is_ok() && Url::parse(&format!("https://{host}/")).is_ok_and(is_uri);
    if is_good {
        *last = Some(host.to_owned());
    }
    is_good
}

fn keep_if(headers: &mut HeaderMap, name: &HeaderName, good: impl Fn(&str) -> bool) {
    if !headers.get_all(name).iter().all(|value| value.to_str().is_ok_and(&good)) {
        headers.remove(name);
    }
}

/// A response whose body stays the text or the bytes that it is. `lambda_http` by itself goes by the content type: it
/// would take HL7 for bytes, which API Gateway would hand out as base64, and transcode text in other character sets.
pub(crate) struct Verbatim(pub(crate) Response<Body>);

impl IntoResponse for Verbatim {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        Box::pin(ready(self.0))
    }
}

#[cfg(test)]
mod tests {
    use lambda_http::http::HeaderValue;

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
            assert_eq!(Verbatim(response).into_response().await.body(), &body, "{content_type}");
        }
    }
}
