//! The services behind this one. A request is passed on with the use of a key, and the answer comes back.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::TimeDelta;
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, Response, redirect};
use url::Url;

use super::app::App;
use super::key_call::{KeyCall, RawBody};
use super::reply::{MAX_CARRIED_BYTES, Reply};
use super::subpath::Subpath;
use crate::config::{Config, UpstreamConfig};
use crate::error::Error;
use crate::keys::Key;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// When the caller must have an answer, after the call began: 2 s before API Gateway gives up.
const ANSWER_WITHIN: Duration = Duration::from_secs(27);

/// A service behind this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// Transcribes recordings.
    Transcription,
    /// Takes dictations.
    Dictation,
}

impl Upstream {
    fn config(self, config: &Config) -> Result<&UpstreamConfig, Error> {
        let (found, missing) = match self {
            Self::Transcription => (&config.transcription, "TRANSCRIPTION_URL is not set"),
            Self::Dictation => (&config.dictation, "DICTATION_URL is not set"),
        };
        found.as_ref().ok_or(Error::Unavailable(Cow::Borrowed(missing)))
    }
}

/// The place of a service that a request goes to.
#[derive(Debug)]
pub struct Target<'a> {
    /// The service.
    pub upstream: Upstream,
    /// What is below its URL.
    pub subpath: Option<Subpath>,
    /// The parameters that are added to its URL.
    pub query: &'a [(String, String)],
}

impl Target<'_> {
    fn url(&self, base: &Url) -> Url {
        let mut url = self.subpath.as_ref().map_or_else(|| base.clone(), |subpath| subpath.below(base));
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(self.query);
        }
        url
    }
}

/// Uses the key of a call, passes the body on, and returns the service's answer. A use is counted only for what is passed
/// on: without a service, the key is judged but not used.
///
/// An answer of success, redirection or client error comes back as it is. Redirects are not followed, nor is their `Location`
/// passed on, for either would take the request elsewhere. A failure of the service becomes one of ours: what it says of
/// itself is not for clients, and not in the format they asked for.
///
/// # Errors
///
/// If the deployment has no such service, the key does not work, or the service gives no answer in time or none that can be
/// passed on.
pub async fn forward(app: &App, call: &KeyCall, target: Target<'_>, body: RawBody) -> Result<Reply, Error> {
    let service = match target.upstream.config(&app.config) {
        Ok(service) => service,
        Err(missing) => {
            call.judge_key(&app.keys).await?;
            return Err(missing);
        }
    };
    let key = call.use_key(&app.keys).await?;
    let began = app.clock.now();
    let request =
        request(call, &key, target.url(&service.url), body)?.timeout(patience(service.timeout, began - call.now));
    let answer = async { read(request.send().await.map_err(failure)?).await };
    let answer = answer.await;
    let duration_ms = (app.clock.now() - began).num_milliseconds();
    let (request_id, key_id) = (&call.request_id, key.id.get());
    match &answer {
        Ok((status, ..)) => {
            tracing::info!(request_id, key_id, status, duration_ms, "transcription service answered");
        }
        Err(cause) => tracing::warn!(request_id, key_id, duration_ms, %cause, "transcription service failed"),
    }
    let (status, content_type, body) = answer?;
    Reply::passed_on(key.id, status, content_type, body)
}

/// The request as the service gets it: neither key nor token go on, but whose they are.
fn request(call: &KeyCall, key: &Key, url: Url, body: RawBody) -> Result<RequestBuilder, Error> {
    let request = client()?
        .post(url)
        .header("x-nuxera-user-id", key.user_id.to_string())
        .header("x-nuxera-key-id", key.id.to_string())
        .header("x-request-id", &call.request_id)
        .header("x-request-format", call.request_format.as_str())
        .header("x-response-format", call.response_format.as_str())
        // Of nothing, too: without it, servers may answer 411 (RFC 9110, section 8.6).
        .header(CONTENT_LENGTH, body.bytes.len())
        .body(body.bytes);
    Ok(body.content_type.iter().fold(request, |request, content_type| request.header(CONTENT_TYPE, content_type)))
}

/// How long the service is waited for, by what it is given and what the call has spent before.
fn patience(given: Duration, spent: TimeDelta) -> Duration {
    given.min(ANSWER_WITHIN.saturating_sub(spent.to_std().unwrap_or_default()))
}

/// One for all calls: it reads the system's root certificates. It keeps no connections, because the other side may
/// close them while Lambda suspends this one, and a recording sent into a closed connection would count as a use.
fn client() -> Result<&'static Client, Error> {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client);
    }
    let client = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .pool_max_idle_per_host(0)
        .no_proxy()
        .build()
        .map_err(|error| Error::Failed(Cow::Owned(cause(error))))?;
    Ok(CLIENT.get_or_init(|| client))
}

async fn read(mut response: Response) -> Result<(u16, String, Bytes), Error> {
    let status = response.status();
    if !(200..500).contains(&status.as_u16()) {
        return Err(Error::TranscriptionFailed(Cow::Owned(format!("status {status}"))));
    }
    // None is asked for. Without knowing what the client accepts, and how, it cannot be passed on.
    if response.headers().contains_key(CONTENT_ENCODING) {
        return Err(Error::TranscriptionFailed(Cow::Borrowed("the answer is compressed")));
    }
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    // As a client may take a body of no type (RFC 9110, section 8.3); API Gateway would call it JSON.
    let content_type = content_type.unwrap_or("application/octet-stream").to_owned();
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if body.len() + chunk.len() > MAX_CARRIED_BYTES {
            return Err(Error::TranscriptionFailed(Cow::Borrowed("the answer is larger than Lambda returns")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status.as_u16(), content_type, body.freeze()))
}

fn failure(error: reqwest::Error) -> Error {
    if error.is_timeout() { Error::TranscriptionTimedOut } else { Error::TranscriptionFailed(Cow::Owned(cause(error))) }
}

/// The cause at the bottom, without the URL, which may hold credentials.
fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn StdError = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_added_to_those_of_the_service() {
        let url = |base: &str, subpath: Option<&str>, query: &[(&str, &str)]| {
            let subpath = subpath.map(|text| Subpath::read(text).expect("a path"));
            let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let target = Target { upstream: Upstream::Transcription, subpath, query: &query };
            target.url(&Url::parse(base).expect("a URL")).to_string()
        };
        assert_eq!(url("https://speech.example/t", None, &[]), "https://speech.example/t");
        assert_eq!(url("https://speech.example/t?k=1", None, &[]), "https://speech.example/t?k=1");
        let query = [("a", "1&b=2"), ("a", "ü")];
        assert_eq!(
            url("https://speech.example/t?k=1", Some("v2"), &query),
            "https://speech.example/t/v2?k=1&a=1%26b%3D2&a=%C3%BC"
        );
    }

    #[test]
    fn the_caller_has_an_answer_before_the_gateway_gives_up() {
        let after = |spent| patience(Duration::from_secs(26), TimeDelta::milliseconds(spent));
        assert_eq!(after(0), Duration::from_secs(26));
        assert_eq!(after(1_000), Duration::from_secs(26));
        assert_eq!(after(8_500), Duration::from_millis(18_500));
        assert_eq!(after(30_000), Duration::ZERO);
        assert_eq!(patience(Duration::from_secs(5), TimeDelta::seconds(-1)), Duration::from_secs(5));
    }
}
