//! JSON Web Key Sets (RFC 7517), inline or fetched from a URL.

use std::borrow::Cow;
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
/// It is fetched again after this in any case, so that a key taken out of the set stops working.
const MAX_AGE: TimeDelta = TimeDelta::hours(1);
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);

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
    Url { url: String, fetched: Mutex<Option<Fetched>> },
}

pub(super) struct Fetched {
    keys: Arc<[PinnedKey]>,
    at: DateTime<Utc>,
}

impl KeySet {
    /// An inline set; nothing if it has no usable key.
    pub(super) fn inline(jwks: &str) -> Option<Self> {
        parse_key_set(jwks.as_bytes()).map(Self::Inline)
    }

    /// A set that is fetched from a URL when it is first needed.
    pub(super) fn at(url: &str) -> Self {
        Self::Url { url: url.to_owned(), fetched: Mutex::new(None) }
    }

    /// The key for an algorithm and a `kid`.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when a set is needed and cannot be fetched.
    pub(super) async fn find(
        &self,
        algorithm: Algorithm,
        kid: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Option<PinnedKey>, Error> {
        match self {
            Self::None => Ok(None),
            Self::Inline(keys) => Ok(find(keys, algorithm, kid)),
            Self::Url { url, fetched } => {
                let mut fetched = fetched.lock().await;
                let known = fetched.as_ref().and_then(|set| find(&set.keys, algorithm, kid));
                let age = fetched.as_ref().map(|set| now - set.at);
                let due = age.is_none_or(|age| age > if known.is_some() { MAX_AGE } else { REFETCH_INTERVAL });
                if due {
                    match fetch(url).await {
                        Ok(keys) => *fetched = Some(Fetched { keys, at: now }),
                        Err(cause) => match fetched.as_mut() {
                            None => return Err(Error::Unavailable(Cow::Owned(format!("JWT_JWKS_URL: {cause}")))),
                            Some(set) => {
                                tracing::warn!(cause, "JWT_JWKS_URL cannot be fetched; the old key set stays");
                                set.at = now;
                            }
                        },
                    }
                }
                Ok(fetched.as_ref().and_then(|set| find(&set.keys, algorithm, kid)))
            }
        }
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
    let response = client.build().map_err(cause)?.get(url).send().await.map_err(cause)?;
    if !response.status().is_success() {
        return Err(format!("status {}", response.status()));
    }
    let body = response.bytes().await.map_err(cause)?;
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
