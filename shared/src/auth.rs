//! JWT → [`Caller`] (RFC 7519).
//!
//! The algorithm is pinned by the configured key, never taken from the token alone: HS256 goes with the shared
//! secret; RS256, ES256 and `EdDSA` (Ed25519) with a key of that kind in the JSON Web Key Set.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::config::JwtConfig;
use crate::error::Error;
use crate::keys::UserId;

/// The longest token that is looked at, in bytes; API Gateway takes 10,240 bytes for all headers together.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// How far the clocks of issuer and service may differ.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);
/// A set fetched from a URL is fetched again on an unknown `kid`, but no sooner than this.
const REFETCH_INTERVAL: TimeDelta = TimeDelta::minutes(1);
/// It is fetched again after this in any case, so that a key taken out of the set stops working.
const MAX_AGE: TimeDelta = TimeDelta::hours(1);
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);

/// Who is calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub user_id: UserId,
    /// The role in which they act: of several, the one that may do most with keys.
    pub role: Role,
    /// Whether the token has the role `service`, be it beside another.
    pub is_service: bool,
}

/// In which role somebody acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Their own keys only.
    User,
    /// May list any user's keys, masked.
    Admin,
    /// A service that checks keys.
    Service,
    /// The deployment itself, in the audit trail; no token has this role.
    System,
}

impl Role {
    /// The role's name in every format and in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
            Self::Service => "service",
            Self::System => "system",
        }
    }

    /// The role of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::User, Self::Admin, Self::Service, Self::System].into_iter().find(|role| role.as_str() == name)
    }
}

/// Checks tokens.
pub struct Authenticator {
    secret: Option<PinnedKey>,
    key_set: KeySet,
    issuer: Option<String>,
    audience: Option<String>,
}

/// A key and the one algorithm it is used with.
#[derive(Clone)]
struct PinnedKey {
    kid: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

enum KeySet {
    None,
    Inline(Arc<[PinnedKey]>),
    Url { url: String, fetched: Mutex<Option<Fetched>> },
}

struct Fetched {
    keys: Arc<[PinnedKey]>,
    at: DateTime<Utc>,
}

/// The claims that matter here. A claim that occurs twice is an error (RFC 7519, section 4). A claim that is `null` is
/// there, and wrong: it must not give way to another one.
#[derive(Deserialize)]
struct Claims {
    #[serde(default, deserialize_with = "present")]
    iss: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    exp: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    user_id: Option<Value>,
    #[serde(default, deserialize_with = "present", rename = "userId")]
    user_id_camel: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    id: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    sub: Option<Value>,
    role: Option<Value>,
    roles: Option<Value>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Authenticator {
    /// Prepares the configured keys; nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// If there is no key to check with, the secret is too short, or the inline key set has no usable key.
    pub fn new(config: &JwtConfig) -> Result<Self, &'static str> {
        let JwtConfig { secret, jwks, jwks_url, issuer, audience } = config;
        let secret = match secret {
            Some(secret) if secret.len() < 32 => return Err("JWT_SECRET must have at least 32 bytes"),
            Some(secret) => {
                let key = DecodingKey::from_secret(secret.as_bytes());
                Some(PinnedKey { kid: None, algorithm: Algorithm::HS256, key })
            }
            None => None,
        };
        let key_set = match (jwks, jwks_url) {
            (Some(_), Some(_)) => return Err("JWT_JWKS and JWT_JWKS_URL exclude each other"),
            (Some(jwks), None) => KeySet::Inline(
                parse_key_set(jwks.as_bytes()).ok_or("JWT_JWKS must be a JWK set with an RSA, P-256 or Ed25519 key")?,
            ),
            (None, Some(url)) => KeySet::Url { url: url.clone(), fetched: Mutex::new(None) },
            (None, None) if secret.is_none() => return Err("one of JWT_SECRET, JWT_JWKS and JWT_JWKS_URL must be set"),
            (None, None) => KeySet::None,
        };
        Ok(Self { secret, key_set, issuer: issuer.clone(), audience: audience.clone() })
    }

    /// Who is calling, by the `Authorization` header.
    ///
    /// # Errors
    ///
    /// [`Error::TokenRequired`], [`Error::TokenExpired`], [`Error::TokenInvalid`], or [`Error::Unavailable`] when the key
    /// set cannot be fetched.
    pub async fn authenticate(&self, header: Option<&str>, now: DateTime<Utc>) -> Result<Caller, Error> {
        let (scheme, token) = header.and_then(|header| header.trim().split_once(' ')).ok_or(Error::TokenRequired)?;
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case("Bearer") || token.is_empty() {
            return Err(Error::TokenRequired);
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::TokenInvalid(Cow::Borrowed("too long")));
        }
        let header = jsonwebtoken::decode_header(token).map_err(|error| refused(&error))?;
        if header.crit.is_some() {
            return Err(Error::TokenInvalid(Cow::Borrowed("critical header parameters are not understood")));
        }
        let key = self.key_for(header.alg, header.kid.as_deref(), now).await?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key.key, &self.validation(key.algorithm))
            .map_err(|error| refused(&error))?
            .claims;
        // The library would accept a list with the issuer in it; `iss` is a single string (RFC 7519, section 4.1.1).
        if self.issuer.as_ref().is_some_and(|issuer| claims.iss.as_ref().is_none_or(|claimed| claimed != issuer)) {
            return Err(Error::TokenInvalid(Cow::Borrowed("wrong issuer")));
        }
        claims.caller(now)
    }

    /// What the library checks besides the signature. Times are checked in [`Claims::caller`], by the service's own clock.
    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.validate_exp = false;
        let mut required = vec!["exp"];
        if let Some(audience) = &self.audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        } else {
            validation.validate_aud = false;
        }
        validation.set_required_spec_claims(&required);
        validation
    }

    async fn key_for(&self, algorithm: Algorithm, kid: Option<&str>, now: DateTime<Utc>) -> Result<PinnedKey, Error> {
        let unknown = || Error::TokenInvalid(Cow::Owned(format!("no key for {algorithm:?} and {}", told(kid))));
        if algorithm == Algorithm::HS256 {
            return self.secret.clone().ok_or_else(unknown);
        }
        match &self.key_set {
            KeySet::None => Err(unknown()),
            KeySet::Inline(keys) => find(keys, algorithm, kid).ok_or_else(unknown),
            KeySet::Url { url, fetched } => {
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
                fetched.as_ref().and_then(|set| find(&set.keys, algorithm, kid)).ok_or_else(unknown)
            }
        }
    }
}

/// A `kid` as it is logged: nobody has been authenticated yet, and it may be any text.
fn told(kid: Option<&str>) -> String {
    match kid {
        None => "no kid".to_owned(),
        Some(kid) if kid.len() <= 44 && kid.bytes().all(|byte| byte.is_ascii_graphic()) => format!("kid {kid}"),
        Some(_) => "a kid that is no name".to_owned(),
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

fn refused(error: &jsonwebtoken::errors::Error) -> Error {
    // What cannot be parsed is not repeated.
    let is_unreadable = matches!(error.kind(), ErrorKind::Json(_) | ErrorKind::Utf8(_));
    let kind = if is_unreadable { "unreadable".to_owned() } else { format!("{:?}", error.kind()) };
    Error::TokenInvalid(Cow::Owned(kind))
}

impl Claims {
    fn caller(self, now: DateTime<Utc>) -> Result<Caller, Error> {
        let invalid = |reason| Error::TokenInvalid(Cow::Borrowed(reason));
        let expires = self.exp.as_ref().and_then(numeric_date).ok_or_else(|| invalid("exp is not a date"))?;
        if now >= expires + LEEWAY {
            return Err(Error::TokenExpired);
        }
        if let Some(not_before) = &self.nbf {
            let not_before = numeric_date(not_before).ok_or_else(|| invalid("nbf is not a date"))?;
            if now < not_before - LEEWAY {
                return Err(invalid("not yet valid"));
            }
        }
        let user_id = self.user_id.as_ref().or(self.user_id_camel.as_ref()).or(self.id.as_ref()).or(self.sub.as_ref());
        let user_id = match user_id {
            Some(Value::Number(number)) => number.as_u64().and_then(UserId::new),
            Some(Value::String(text)) => UserId::parse(text),
            Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => None,
        };
        let user_id = user_id.ok_or_else(|| invalid("no user id from 1 to 2^53-1"))?;
        let roles = self.roles();
        let role = [Role::Admin, Role::Service].into_iter().find(|role| roles.contains(&role.as_str()));
        let is_service = roles.contains(&Role::Service.as_str());
        Ok(Caller { user_id, role: role.unwrap_or(Role::User), is_service })
    }

    /// The names of the roles. Those that are not known here give no rights.
    fn roles(&self) -> Vec<&str> {
        let claims = [&self.role, &self.roles].into_iter().flatten().flat_map(|claim| match claim {
            Value::Array(names) => names.iter().collect::<Vec<_>>(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![claim],
        });
        claims.filter_map(Value::as_str).collect()
    }
}

/// A `NumericDate` (RFC 7519, section 2): seconds since 1970, fractions allowed.
fn numeric_date(value: &Value) -> Option<DateTime<Utc>> {
    let seconds = value.as_f64()?;
    #[expect(clippy::cast_possible_truncation, reason = "a cast saturates, and what is out of range is refused below")]
    let milliseconds = (seconds * 1_000.0) as i64;
    DateTime::from_timestamp_millis(milliseconds).filter(|time| time.timestamp() < 253_402_300_800)
}
