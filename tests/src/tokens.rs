//! JWTs for tests.

use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

/// The HS256 secret of test apps.
pub const SECRET: &str = "a secret for the tests in this repository";

/// `MAX_TOKEN_HOURS` of test apps, large enough for any time that a test sets.
pub const MAX_TOKEN_HOURS: &str = "1000000";

/// Signs claims with [`SECRET`].
#[must_use]
pub fn sign(claims: &Value) -> String {
    jsonwebtoken::encode(&Header::default(), claims, &EncodingKey::from_secret(SECRET.as_bytes())).expect("HS256 signs")
}

/// A token of a user, valid for a century.
#[must_use]
pub fn user(user_id: u64) -> String {
    sign(&json!({"user_id": user_id, "exp": 4_102_444_800_u64}))
}

/// A token of a user with a role, valid for a century.
#[must_use]
pub fn with_role(user_id: u64, role: &str) -> String {
    sign(&json!({"user_id": user_id, "role": role, "exp": 4_102_444_800_u64}))
}
