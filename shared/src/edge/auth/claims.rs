//! The claims of a verified token.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::claim_path::ClaimPath;
use crate::error::{Error, TokenFault};
use crate::ids::UserId;
use crate::keys::{Caller, Role};

/// How far the clocks of issuer and service may differ.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);

/// The default claims of the user's id; the first that is there counts.
const USER_ID_CLAIMS: [&str; 4] = ["user_id", "userId", "id", "sub"];
/// The default claims of the roles.
const ROLE_CLAIMS: [&str; 2] = ["role", "roles"];

/// The claims. One that occurs twice is an error (RFC 7519, section 4). One that is `null` is there, and wrong: it must not
/// give way to another one.
pub(super) struct Claims(Map<String, Value>);

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Claims;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Claims, A::Error> {
                let mut claims = Map::new();
                while let Some((name, value)) = members.next_entry()? {
                    if claims.insert(name, value).is_some() {
                        return Err(A::Error::custom("a claim occurs twice"));
                    }
                }
                Ok(Claims(claims))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

fn invalid(cause: &'static str) -> Error {
    faulty(TokenFault::Other, cause)
}

fn faulty(fault: TokenFault, cause: &'static str) -> Error {
    Error::TokenInvalid { fault, cause: Cow::Borrowed(cause) }
}

impl Claims {
    /// A claim, if it is there.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Fails unless the claims hold at a time, and for no longer than a token may.
    pub(super) fn ensure_timely(&self, now: DateTime<Utc>, longest: TimeDelta) -> Result<(), Error> {
        let expires = self.get("exp").and_then(numeric_date).ok_or_else(|| invalid("exp is not a date"))?;
        if now >= expires + LEEWAY {
            return Err(Error::TokenExpired);
        }
        if expires - now > longest + LEEWAY {
            return Err(invalid("exp is too far ahead"));
        }
        if let Some(not_before) = self.get("nbf") {
            let not_before = numeric_date(not_before).ok_or_else(|| invalid("nbf is not a date"))?;
            if now < not_before - LEEWAY {
                return Err(faulty(TokenFault::NotYetValid, "not yet valid"));
            }
        }
        Ok(())
    }

    /// The caller, by the claims that the deployment names, or else by the default ones.
    pub(super) fn caller(&self, id: Option<&ClaimPath>, roles: Option<&ClaimPath>) -> Result<Caller, Error> {
        // Some issuers sign their refresh and identity tokens with the same key, and say so here.
        if ["token_use", "use"].into_iter().filter_map(|name| self.get(name)).any(|purpose| purpose != "access") {
            return Err(invalid("no access token"));
        }
        let user_id = match id {
            // Some issuers make a list of every attribute.
            Some(path) => match path.find(&self.0) {
                Some(Value::Array(ids)) => <&[Value; 1]>::try_from(ids.as_slice()).ok().map(|[id]| id),
                found => found,
            },
            None => USER_ID_CLAIMS.into_iter().find_map(|name| self.get(name)),
        };
        let user_id = match user_id {
            Some(Value::Number(number)) => number.as_u64().and_then(UserId::new),
            Some(Value::String(text)) => UserId::parse(text),
            Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => None,
        };
        let user_id = user_id.ok_or_else(|| faulty(TokenFault::NoUserId, "no user id from 1 to 2^53-1"))?;
        let roles = self.roles(roles);
        let role = [Role::Admin, Role::Service].into_iter().find(|role| roles.contains(&role.as_str()));
        let is_service = roles.contains(&Role::Service.as_str());
        Ok(Caller { user_id, role: role.unwrap_or(Role::User), is_service })
    }

    /// The names of the roles. Those that are not known here give no rights.
    fn roles(&self, path: Option<&ClaimPath>) -> Vec<&str> {
        let claims: Vec<&Value> = match path {
            Some(path) => path.find(&self.0).into_iter().collect(),
            None => ROLE_CLAIMS.into_iter().filter_map(|name| self.get(name)).collect(),
        };
        let names = claims.into_iter().flat_map(|claim| match claim {
            Value::Array(names) => names.iter().collect::<Vec<_>>(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![claim],
        });
        names.filter_map(Value::as_str).collect()
    }
}

/// A `NumericDate` (RFC 7519, section 2): seconds since 1970, fractions allowed. Nothing outside the years 1970 to 9999: any
/// two of these, and a leeway, can be added and subtracted.
fn numeric_date(value: &Value) -> Option<DateTime<Utc>> {
    let seconds = value.as_f64().filter(|seconds| (0.0..253_402_300_800.0).contains(seconds))?;
    #[expect(clippy::cast_possible_truncation, reason = "in range, and fractions of a millisecond do not matter")]
    DateTime::from_timestamp_millis((seconds * 1_000.0) as i64)
}
