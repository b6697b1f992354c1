//! What API Gateway hands over, before `lambda_http` makes a request of it.

use std::convert::Infallible;

use lambda_http::http::header::{self, HeaderName};
use lambda_http::http::uri::Authority;
use lambda_http::http::{HeaderMap, Uri};
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, IntoResponse, LambdaEvent, Request, Service, lambda_runtime, service_fn};
use reqwest::Url;

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
    let answer = |LambdaEvent { payload, context }| adapter.call(LambdaEvent { payload: sound(payload), context });
    lambda_runtime::run(service_fn(answer)).await
}

/// Leaves out a scheme or host with which there can be no URL: `lambda_http` panics over it, and the call would have no
/// answer. On AWS the gateway writes both headers; nothing here may depend on that.
#[must_use]
pub fn sound(mut request: LambdaRequest) -> LambdaRequest {
    if let LambdaRequest::ApiGatewayV1(event) = &mut request {
        let scheme = HeaderName::from_static("x-forwarded-proto");
        for headers in [&mut event.headers, &mut event.multi_value_headers] {
            keep_if(headers, &scheme, |scheme| ["http", "https"].contains(&scheme));
            keep_if(headers, &header::HOST, is_host);
        }
    }
    request
}

/// `lambda_http` reads such a URL as one and writes it as the other.
fn is_host(host: &str) -> bool {
    let is_uri = |url: Url| url.as_str().parse::<Uri>().is_ok();
    host.parse::<Authority>().is_ok() && Url::parse(&format!("https://{host}/")).is_ok_and(is_uri)
}

fn keep_if(headers: &mut HeaderMap, name: &HeaderName, good: impl Fn(&str) -> bool) {
    if !headers.get_all(name).iter().all(|value| value.to_str().is_ok_and(&good)) {
        headers.remove(name);
    }
}
