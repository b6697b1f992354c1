//! JSON Web Key Sets (RFC 7517), inline or fetched from a URL.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::error::Error;

/// A set fetched from a URL is fetched again on an unknown `kid`, but no sooner than this.
const REFETCH_INTERVAL: TimeDelta = TimeDelta::minutes(1);
/// It is fetched again after this in any case: a key that was taken out of the set stops working then.
const REFRESH_AGE: TimeDelta = TimeDelta::hours(1);
/// It is not used after this, whoever keeps it from being fetched again.
const MAX_AGE: TimeDelta = TimeDelta::hours(24);
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);
/// After a failure nothing is fetched for a while, which doubles from the one to the other. It counts from the beginning
/// of the call that failed, so it is longer than that may wait.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(4);
const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(60);
/// Many times what any issuer publishes.
const MAX_SET_BYTES: usize = 64 * 1024;

/// A key and the one algorithm it is used with.
#[derive(Clone)]
pub(super) struct PinnedKey {
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// The configured key set.
pub(super) enum KeySet {
    None,
    Inline(Arc<[PinnedKey]>),
    Url { url: String, state: Mutex<State> },
}

/// The state of a set at a URL.
#[derive(Default)]
pub(super) struct State {
    fetched: Option<Fetched>,
    failed: Option<Failed>,
}

struct Fetched {
    keys: Arc<[PinnedKey]>,
    at: DateTime<Utc>,
}

struct Failed {
    at: DateTime<Utc>,
    pause: TimeDelta,
}

impl KeySet {
    /// An inline set; nothing if it has no usable key.
    pub(super) fn inline(jwks: &str) -> Option<Self> {
        parse_key_set(jwks.as_bytes()).map(Self::Inline)
    }

    /// A set that is fetched from a URL when it is first needed.
    pub(super) fn at(url: &str) -> Self {
        Self::Url { url: url.to_owned(), state: Mutex::default() }
    }

    /// The key for an algorithm and a `kid`.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when a set is needed, and there is none that could be fetched.
    pub(super) async fn find(
        &self,
        algorithm: Algorithm,
        kid: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Option<PinnedKey>, Error> {
        match self {
            Self::None => Ok(None),
            Self::Inline(keys) => Ok(find(keys, algorithm, kid)),
            Self::Url { url, state } => state.lock().await.find(url, algorithm, kid, now).await,
        }
    }
}

impl State {
    async fn find(
        &mut self,
        url: &str,
        algorithm: Algorithm,
        kid: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Option<PinnedKey>, Error> {
        self.fetched.take_if(|set| now - set.at > MAX_AGE);
        let known = self.fetched.as_ref().and_then(|set| find(&set.keys, algorithm, kid));
        let fresh_for = if known.is_some() { REFRESH_AGE } else { REFETCH_INTERVAL };
        let is_due = self.fetched.as_ref().is_none_or(|set| now - set.at > fresh_for);
        let is_paused = self.failed.as_ref().is_some_and(|failed| now - failed.at < failed.pause);
        if !is_due {
            return Ok(known);
        }
        if !is_paused {
            match fetch(url).await {
                Ok(keys) => *self = Self { fetched: Some(Fetched { keys, at: now }), failed: None },
                Err(cause) => {
                    tracing::warn!(cause, "JWT_JWKS_URL cannot be fetched");
                    let pause = self.failed.as_ref().map_or(FIRST_PAUSE, |last| LONGEST_PAUSE.min(last.pause * 2));
                    self.failed = Some(Failed { at: now, pause });
                }
            }
        }
        match &self.fetched {
            Some(set) => Ok(find(&set.keys, algorithm, kid)),
            None => Err(Error::NoKeySet { retry_after: self.seconds_left(now) }),
        }
    }

    /// Seconds until the set may be fetched again, at least one.
    fn seconds_left(&self, now: DateTime<Utc>) -> u64 {
        let left = self.failed.as_ref().map_or(0, |failed| (failed.at + failed.pause - now).num_milliseconds());
        u64::try_from(left).unwrap_or_default().div_ceil(1_000).max(1)
    }
}

/// The key of a `kid`; without one, the only key of the algorithm.
fn find(keys: &[PinnedKey], algorithm: Algorithm, kid: Option<&str>) -> Option<PinnedKey> {
    let mut fitting = keys
        .iter()
        .filter(|key| key.algorithm == algorithm)
        .filter(|key| kid.is_none_or(|kid| key.kid.as_deref() == Some(kid)));
    let found = fitting.next()?;
    fitting.next().is_none().then(|| found.clone())
}

async fn fetch(url: &str) -> Result<Arc<[PinnedKey]>, String> {
    // Without redirects, which may lead to a place that is not to be trusted, and without the URL in the cause.
    let cause = |error: reqwest::Error| error.without_url().to_string();
    let client = reqwest::Client::builder().timeout(FETCH_TIMEOUT).redirect(reqwest::redirect::Policy::none());
    let mut response = client.build().map_err(cause)?.get(url).send().await.map_err(cause)?;
    if !response.status().is_success() {
        return Err(format!("status {}", response.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(cause)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_SET_BYTES {
            return Err("more than 64 KiB".to_owned());
        }
    }
    parse_key_set(&body).ok_or_else(|| "no RSA, P-256 or Ed25519 key in the answer".to_owned())
}

/// The usable keys of a set; what is not understood is passed over (RFC 7517, section 5).
fn parse_key_set(json: &[u8]) -> Option<Arc<[PinnedKey]>> {
    #[derive(Deserialize)]
    struct LenientSet {
        keys: Vec<Value>,
    }
    let set: LenientSet = serde_json::from_slice(json).ok()?;
    let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
    let keys: Arc<[PinnedKey]> = JwkSet { keys }.keys.iter().filter_map(pin).collect();
    (!keys.is_empty()).then_some(keys)
}

fn pin(jwk: &Jwk) -> Option<PinnedKey> {
    let (algorithm, stated) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::EllipticCurve(_) | AlgorithmParameters::OctetKeyPair(_) | _ => return None,
    };
    let for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let fitting = jwk.common.key_algorithm.is_none_or(|named| named == stated);
    (for_signatures && fitting).then_some(())?;
    Some(PinnedKey { kid: jwk.common.key_id.clone(), algorithm, key: DecodingKey::from_jwk(jwk).ok()? })
}
