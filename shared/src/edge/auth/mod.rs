//! JWT → [`Caller`] (RFC 7519).
//!
//! The algorithm is pinned by the configured key, never taken from the token alone: HS256 goes with the shared
//! secret; RS256, ES256 and `EdDSA` (Ed25519) with a key of that kind in the JSON Web Key Set.

mod claims;
mod header;
mod key_set;

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

use self::claims::Claims;
use self::header::Header;
use self::key_set::{KeySet, PinnedKey};
use crate::claim_path::ClaimPath;
use crate::config::JwtConfig;
use crate::error::{Error, TokenFault};
use crate::keys::Caller;
use crate::keys::free_text::holds_key_string;

/// The longest token that is read, in bytes; API Gateway takes 10,240 bytes for all headers together.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Checks tokens.
pub struct Authenticator {
    secret: Option<PinnedKey>,
    key_set: KeySet,
    issuer: Option<String>,
    audience: Option<String>,
    user_id_claim: Option<ClaimPath>,
    roles_claim: Option<ClaimPath>,
    longest: TimeDelta,
}

impl Authenticator {
    /// Prepares the configured keys; nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// If there is no key to check with, the secret is too short, or the inline key set has no usable key.
    pub fn new(config: &JwtConfig) -> Result<Self, &'static str> {
        let JwtConfig { secret, jwks, jwks_url, issuer, audience, user_id_claim, roles_claim, max_token_hours } =
            config;
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
            (Some(jwks), None) => {
                KeySet::inline(jwks).ok_or("JWT_JWKS must be a JWK set with an RSA, P-256 or Ed25519 key")?
            }
            (None, Some(url)) => KeySet::at(url),
            (None, None) if secret.is_none() => return Err("one of JWT_SECRET, JWT_JWKS and JWT_JWKS_URL must be set"),
            (None, None) => KeySet::None,
        };
        let longest = TimeDelta::hours(max_token_hours.get().into());
        Ok(Self {
            secret,
            key_set,
            issuer: issuer.clone(),
            audience: audience.clone(),
            user_id_claim: user_id_claim.clone(),
            roles_claim: roles_claim.clone(),
            longest,
        })
    }

    /// Who is calling, by the `Authorization` header.
    ///
    /// # Errors
    ///
    /// [`Error::TokenRequired`], [`Error::TokenExpired`], [`Error::TokenInvalid`], or [`Error::Unavailable`] when there is
    /// no key set, because it cannot be fetched.
    pub async fn authenticate(&self, header: Option<&str>, now: DateTime<Utc>) -> Result<Caller, Error> {
        let claims = self.verify(header, now).await?;
        claims.ensure_timely(now, self.longest)?;
        self.caller(&claims)
    }

    /// Who signed in once, by a token that may have expired since. It admits to nothing.
    pub async fn recognize(&self, header: Option<&str>, now: DateTime<Utc>) -> Option<Caller> {
        let claims = self.verify(header, now).await.ok()?;
        match claims.ensure_timely(now, self.longest) {
            Ok(()) | Err(Error::TokenExpired) => self.caller(&claims).ok(),
            Err(_) => None,
        }
    }

    fn caller(&self, claims: &Claims) -> Result<Caller, Error> {
        claims.caller(self.user_id_claim.as_ref(), self.roles_claim.as_ref())
    }

    /// The claims of a token of the issuer, whenever it holds.
    async fn verify(&self, header: Option<&str>, now: DateTime<Utc>) -> Result<Claims, Error> {
        let (scheme, token) = header.and_then(|header| header.trim().split_once(' ')).ok_or(Error::TokenRequired)?;
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case("Bearer") || token.is_empty() {
            return Err(Error::TokenRequired);
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::TokenInvalid { fault: TokenFault::Other, cause: Cow::Borrowed("too long") });
        }
        let header = match Header::read(token) {
            Err(_) if holds_key_string(token) => {
                return Err(Error::TokenInvalid { fault: TokenFault::ApiKey, cause: Cow::Borrowed("an API key") });
            }
            header => header?,
        };
        let key = self.key_for(header.alg, header.kid.as_deref(), now).await?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key.key, &self.validation(key.algorithm))
            .map_err(|error| refused(&error))?
            .claims;
        // The library would accept a list with the issuer in it; `iss` is a single string (RFC 7519, section 4.1.1).
        if self.issuer.as_ref().is_some_and(|issuer| claims.get("iss").is_none_or(|claimed| claimed != issuer)) {
            return Err(Error::TokenInvalid { fault: TokenFault::Issuer, cause: Cow::Borrowed("wrong issuer") });
        }
        Ok(claims)
    }

    /// What the library checks besides the signature. Times are checked in [`Claims::ensure_timely`], by the service's own clock.
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
        let found = if algorithm == Algorithm::HS256 {
            self.secret.clone()
        } else {
            self.key_set.find(algorithm, kid, now).await?
        };
        found.ok_or_else(|| {
            let cause = Cow::Owned(format!("no key for {algorithm:?} and {}", redacted(kid)));
            Error::TokenInvalid { fault: TokenFault::Signature, cause }
        })
    }
}

/// A `kid` as it is logged: nobody has been authenticated yet, and it may be any text.
fn redacted(kid: Option<&str>) -> String {
    match kid {
        None => "no kid".to_owned(),
        Some(kid) if kid.len() <= 44 && kid.bytes().all(|byte| byte.is_ascii_graphic()) => format!("kid {kid}"),
        Some(_) => "a kid that is no name".to_owned(),
    }
}

fn refused(error: &jsonwebtoken::errors::Error) -> Error {
    // What cannot be parsed is not repeated.
    let is_unreadable = matches!(error.kind(), ErrorKind::Json(_) | ErrorKind::Utf8(_));
    let kind = if is_unreadable { "unreadable".to_owned() } else { format!("{:?}", error.kind()) };
    let fault = if matches!(error.kind(), ErrorKind::InvalidSignature) {
        TokenFault::Signature
    } else if matches!(error.kind(), ErrorKind::InvalidAudience)
        || matches!(error.kind(), ErrorKind::MissingRequiredClaim(claim) if claim == "aud")
    {
        TokenFault::Audience
    } else {
        TokenFault::Other
    };
    Error::TokenInvalid { fault, cause: Cow::Owned(kind) }
}
