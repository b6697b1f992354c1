//! The header of a token (RFC 7515, section 4).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::error::{Error, TokenFault};

/// The parameters that matter here. One that occurs twice is an error; one that is `null` is there, and wrong. They are
/// read from the token itself, because the library takes `null` for absent, and does not know `b64`.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) alg: Algorithm,
    pub(super) kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    typ: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    crit: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    b64: Option<Value>,
}

impl Header {
    /// Reads the header of a token whose signature is not yet checked.
    pub(super) fn read(token: &str) -> Result<Self, Error> {
        let invalid = |reason| Error::TokenInvalid { fault: TokenFault::Other, cause: Cow::Borrowed(reason) };
        let [header, _claims, _signature] = token.split('.').collect::<Vec<_>>()[..] else {
            return Err(invalid("not three segments"));
        };
        let json = URL_SAFE_NO_PAD.decode(header).map_err(|_| invalid("the header is not base64url"))?;
        let header: Self = serde_json::from_slice(&json).map_err(|_| invalid("the header is unreadable"))?;
        if header.crit.is_some() {
            return Err(invalid("critical header parameters are not understood"));
        }
        // RFC 7797: any other value changes the text that is signed, and a JWT may not have it (section 7).
        if header.b64.as_ref().is_some_and(|b64| b64 != true) {
            return Err(invalid("the claims are not encoded"));
        }
        // The types of access tokens, so that no other token of the issuer passes for one (RFC 8725, section 3.11). They are
        // media types, which know no case and may begin with `application/` (RFC 7515, section 4.1.9); issuers write them as
        // RFC 7519 (section 5.1) and RFC 9068 (section 2.1) recommend, and nothing else is accepted.
        if header.typ.as_ref().is_some_and(|typ| typ != "JWT" && typ != "at+jwt") {
            return Err(invalid("no type of an access token"));
        }
        Ok(header)
    }
}

/// A member that is there, `null` or not.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
