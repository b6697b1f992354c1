//! The transcription service behind this endpoint.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::TimeDelta;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Client, Response, redirect};
use shared::clock::Clock;
use shared::config::TranscriptionConfig;
use shared::edge::reply::MAX_CARRIED_BYTES;
use shared::error::Error;
use shared::ids::KeyId;
use shared::{KeyCall, Reply};

use crate::recording::Recording;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// When the caller must have an answer, after the call began: 2 s before API Gateway gives up.
const ANSWER_WITHIN: Duration = Duration::from_secs(27);

/// Has a recording transcribed. An answer of success, redirection or client error comes back as it is. Redirects are not
/// followed, nor is their `Location` passed on, for either would take the recording elsewhere. A failure of the service
/// becomes one of ours: what it says of itself is not for clients, and not in the format they asked for.
///
/// # Errors
///
/// If there is no answer in time, or none that can be passed on.
pub(crate) async fn transcribe(
    service: &TranscriptionConfig,
    clock: &Clock,
    call: &KeyCall,
    key_id: KeyId,
    recording: Recording,
) -> Result<Reply, Error> {
    let began = clock.now();
    let request = client()?
        .post(&service.url)
        .timeout(patience(service.timeout, began - call.now))
        .header("x-nuxera-user-id", recording.user_id.to_string())
        .header("x-nuxera-key-id", key_id.to_string())
        .header("x-request-id", &call.request_id)
        .header(CONTENT_TYPE, recording.form.content_type)
        .body(recording.form.bytes);
    let answer = async { read(request.send().await.map_err(failure)?).await };
    let answer = answer.await;
    let duration_ms = (clock.now() - began).num_milliseconds();
    let (request_id, key) = (&call.request_id, key_id.get());
    match &answer {
        Ok((status, ..)) => {
            tracing::info!(request_id, key_id = key, status, duration_ms, "transcription service answered");
        }
        Err(cause) => tracing::warn!(request_id, key_id = key, duration_ms, %cause, "transcription service failed"),
    }
    let (status, content_type, body) = answer?;
    Reply::passed_on(key_id, status, content_type, body)
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
    fn the_caller_has_an_answer_before_the_gateway_gives_up() {
        let after = |spent| patience(Duration::from_secs(26), TimeDelta::milliseconds(spent));
        assert_eq!(after(0), Duration::from_secs(26));
        assert_eq!(after(1_000), Duration::from_secs(26));
        assert_eq!(after(8_500), Duration::from_millis(18_500));
        assert_eq!(after(30_000), Duration::ZERO);
        assert_eq!(patience(Duration::from_secs(5), TimeDelta::seconds(-1)), Duration::from_secs(5));
    }
}
