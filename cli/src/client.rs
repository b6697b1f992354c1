//! Calls of the API.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Url, redirect};
use serde_json::Value;

use crate::failure::{Failure, Refusal};
use crate::retries::{Patience, Repeat};
use crate::settings::{Settings, is_local};

/// The service gives up after 12 s, and API Gateway after 29 s.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The service, for one user.
pub struct Service {
    client: Client,
    url: String,
    token: HeaderValue,
    retry_for: u64,
}

/// A call.
pub struct Call {
    method: Method,
    path: String,
    body: Option<Value>,
    idempotency_key: Option<String>,
    repeat: Repeat,
}

/// An answer of success.
pub struct Answer {
    /// The body.
    pub body: Value,
    /// The URL of the next page, relative to the service's.
    pub next: Option<String>,
}

impl Call {
    /// A call that may be repeated.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: None, idempotency_key: None, repeat: Repeat::Harmless }
    }

    /// The same with a body.
    pub fn with_body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    /// The same, which the service does once, however often it is repeated.
    pub fn once(self, idempotency_key: Option<String>) -> Result<Self, Failure> {
        let key = idempotency_key.map_or_else(random_name, Ok)?;
        Ok(Self { idempotency_key: Some(key), ..self })
    }

    /// The same, whose repeat may do something again.
    pub fn risky(self) -> Self {
        Self { repeat: Repeat::Risky, ..self }
    }
}

impl Service {
    /// The service that the settings name.
    pub fn new(Settings { url, token }: Settings, retry_for: u64) -> Result<Self, Failure> {
        let mut token = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| Failure::Usage("NUXERA_KEYS_TOKEN is no token: it must be one line of ASCII".to_owned()))?;
        token.set_sensitive(true);
        let client = Client::builder().timeout(TIMEOUT).redirect(redirect::Policy::none());
        let client = if Url::parse(&url).is_ok_and(|url| is_local(&url)) { client.no_proxy() } else { client };
        let client = client.build().map_err(|error| Failure::Unreachable(cause(error)))?;
        Ok(Self { client, url, token, retry_for })
    }

    /// Makes a call, and repeats it as long as that can help and do no harm.
    pub async fn send(&self, call: Call) -> Result<Answer, Failure> {
        let mut patience = Patience::of(self.retry_for);
        let mut is_repeat = false;
        loop {
            let failure = match self.attempt(&call).await {
                Ok(answer) => return Ok(answer),
                // It was deleted by the call that went unanswered.
                Err(Failure::Refused(Refusal { status: 404, .. })) if is_repeat && call.method == Method::DELETE => {
                    return Ok(Answer { body: Value::Null, next: None });
                }
                Err(failure) => failure,
            };
            let (status, asked) = match &failure {
                Failure::Refused(refusal) => (Some(refusal.status), refusal.retry_after),
                Failure::Unreachable(_) => (None, None),
                Failure::Usage(_) | Failure::Output(_) => return Err(failure),
            };
            let Some(wait) = patience.before_repeat(status, asked, call.repeat) else { return Err(failure) };
            tokio::time::sleep(wait).await;
            is_repeat = true;
        }
    }

    async fn attempt(&self, call: &Call) -> Result<Answer, Failure> {
        let request = self.client.request(call.method.clone(), format!("{}{}", self.url, call.path));
        let request = request.header(AUTHORIZATION, self.token.clone());
        let request = call.idempotency_key.iter().fold(request, |request, key| request.header("Idempotency-Key", key));
        let request = match &call.body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string()),
            None => request,
        };
        let unreachable = |error| Failure::Unreachable(format!("{} gives no answer: {}", self.url, cause(error)));
        let response = request.send().await.map_err(unreachable)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(unreachable)?;
        if !status.is_success() {
            return Err(Failure::Refused(Refusal::new(status.as_u16(), &body, |name| text(&headers, name))));
        }
        let body = serde_json::from_slice(&body)
            .map_err(|_| Failure::Unreachable(format!("{} is not the service: its answer is no JSON", self.url)))?;
        Ok(Answer { body, next: text(&headers, "link").and_then(|link| next_page(&link)) })
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The path and query of the next page in a `Link` header, from `/api` on: before it may be a stage, which the URL has too.
fn next_page(link: &str) -> Option<String> {
    let (target, _) = link.strip_prefix('<')?.split_once(">; rel=\"next\"")?;
    Some(target[target.find("/api/")?..].to_owned())
}

/// A name that no other call has.
fn random_name() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Failure::Usage(format!("the system has no randomness: {error}")))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// The cause at the bottom.
fn cause(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_relative_to_the_url() {
        for (link, expected) in [
            ("</v1/api/apiKeys?limit=2&cursor=x>; rel=\"next\"", Some("/api/apiKeys?limit=2&cursor=x")),
            ("</api/apiKeys/1/audit?cursor=x>; rel=\"next\"", Some("/api/apiKeys/1/audit?cursor=x")),
            ("</api/apiKeys>; rel=\"prev\"", None),
            ("", None),
        ] {
            assert_eq!(next_page(link).as_deref(), expected, "{link}");
        }
    }
}
