//! The claims of a verified token.

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::member::present;
use crate::error::Error;
use crate::ids::UserId;
use crate::keys::{Caller, Role};

/// How far the clocks of issuer and service may differ.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);

/// The claims that matter here. A claim that occurs twice is an error (RFC 7519, section 4). A claim that is `null` is
/// there, and wrong: it must not give way to another one.
#[derive(Deserialize)]
pub(super) struct Claims {
    #[serde(default, deserialize_with = "present")]
    pub(super) iss: Option<Value>,
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
    #[serde(default, deserialize_with = "present")]
    token_use: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    r#use: Option<Value>,
    role: Option<Value>,
    roles: Option<Value>,
}

fn invalid(reason: &'static str) -> Error {
    Error::TokenInvalid(Cow::Borrowed(reason))
}

impl Claims {
    /// Fails unless the claims hold at a time, and for no longer than a token may.
    pub(super) fn ensure_timely(&self, now: DateTime<Utc>, longest: TimeDelta) -> Result<(), Error> {
        let expires = self.exp.as_ref().and_then(numeric_date).ok_or_else(|| invalid("exp is not a date"))?;
        if now >= expires + LEEWAY {
            return Err(Error::TokenExpired);
        }
        if expires - now > longest + LEEWAY {
            return Err(invalid("exp is too far ahead"));
        }
        if let Some(not_before) = &self.nbf {
            let not_before = numeric_date(not_before).ok_or_else(|| invalid("nbf is not a date"))?;
            if now < not_before - LEEWAY {
                return Err(invalid("not yet valid"));
            }
        }
        Ok(())
    }

    /// The caller.
    pub(super) fn caller(&self) -> Result<Caller, Error> {
        // Some issuers sign their refresh and identity tokens with the same key, and say so here.
        if [&self.token_use, &self.r#use].into_iter().flatten().any(|purpose| purpose != "access") {
            return Err(invalid("no access token"));
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

/// A `NumericDate` (RFC 7519, section 2): seconds since 1970, fractions allowed. Nothing outside the years 1970 to 9999: any
/// two of these, and a leeway, can be added and subtracted.
fn numeric_date(value: &Value) -> Option<DateTime<Utc>> {
    let seconds = value.as_f64().filter(|seconds| (0.0..253_402_300_800.0).contains(seconds))?;
    #[expect(clippy::cast_possible_truncation, reason = "in range, and fractions of a millisecond do not matter")]
    DateTime::from_timestamp_millis((seconds * 1_000.0) as i64)
}
