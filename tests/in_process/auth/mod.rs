//! Authentication: accepted tokens, and attacks on them.

mod challenges;
mod claims;
mod issuers;
mod key_set_url;
mod mutations;
mod signatures;

use std::sync::LazyLock;

use serde_json::{Value, json};
use shared::Operation;
use shared::config::JwtConfig;
use tests::signer::encode;
use tests::tokens::{self, SECRET};
use tests::{Answer, Signer, TestApp, documents};

/// The second in which tests begin.
const NOW: i64 = 1_772_366_400;
const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// All that a refused token is told, apart from `Bearer`.
const CHALLENGES: [&str; 8] = [
    r#"Bearer error="invalid_token""#,
    r#"Bearer error="invalid_token", error_description="The token has expired""#,
    r#"Bearer error="invalid_token", error_description="The token is not yet valid""#,
    r#"Bearer error="invalid_token", error_description="The signature of the token is not valid""#,
    r#"Bearer error="invalid_token", error_description="The token is of another issuer""#,
    r#"Bearer error="invalid_token", error_description="The token is for another audience""#,
    r#"Bearer error="invalid_token", error_description="The token has no user id""#,
    r#"Bearer error="invalid_token", error_description="An API key is no token; send it in the header x-api-key""#,
];

static RSA: LazyLock<Signer> = LazyLock::new(Signer::rsa);
static P256: LazyLock<Signer> = LazyLock::new(Signer::p256);
static ED25519: LazyLock<Signer> = LazyLock::new(Signer::ed25519);
/// Another issuer's key.
static FOREIGN_RSA: LazyLock<Signer> = LazyLock::new(Signer::rsa);

fn claims() -> String {
    json!({"user_id": 7, "exp": NOW + 60}).to_string()
}

fn with(name: &str, value: &Value) -> String {
    let mut claims = json!({"user_id": 7, "exp": NOW + 60});
    claims[name] = value.clone();
    claims.to_string()
}

fn hs256(claims: &str) -> String {
    Signer::hs256(SECRET).token(HS256, claims)
}

fn header(alg: &str, kid: Option<&str>) -> String {
    kid.map_or(json!({"alg": alg}), |kid| json!({"alg": alg, "kid": kid})).to_string()
}

fn key_set(keys: &[(&Signer, &str)]) -> String {
    json!({"keys": keys.iter().map(|(key, kid)| key.jwk(kid)).collect::<Vec<_>>()}).to_string()
}

/// The settings of a deployment that accepts tokens of any issuer.
fn jwt_config(settings: &[(&str, &str)]) -> JwtConfig {
    documents::config(settings).jwt
}

/// An app with the public keys `r`, `e` and `d` and, if given, a secret.
async fn with_public_keys(secret: &str) -> TestApp {
    let keys = key_set(&[(&RSA, "r"), (&P256, "e"), (&ED25519, "d")]);
    TestApp::with(&[("JWT_SECRET", secret), ("JWT_JWKS", &keys)]).await
}

/// Requests a new key.
async fn ask(test: &TestApp, authorization: Option<&str>) -> Answer {
    let body = json!({"name": "a", "type": "live", "status": "active"});
    let call = test.call(Operation::CreateKey).json(&body);
    let call = match authorization {
        Some(authorization) => call.header("Authorization", authorization),
        None => call.without_header("Authorization"),
    };
    call.send().await
}

/// Checks that a token is accepted as a user's.
async fn assert_accepted(test: &TestApp, token: &str, user_id: u64, what: &str) {
    let answer = ask(test, Some(&format!("Bearer {token}"))).await;
    assert_eq!(answer.status, 201, "{what}: {}", answer.text);
    assert_eq!(answer.json()["user_id"], user_id, "{what}");
}

/// Checks that a credential is refused, and that nothing is written or counted.
async fn assert_refused(test: &TestApp, authorization: Option<&str>, error: &str, what: &str) {
    let before = test.contents().await;
    let answer = ask(test, authorization).await;
    assert_eq!((answer.status, answer.text.as_str()), (401, json!({"error": error}).to_string().as_str()), "{what}");
    let challenge = answer.header("www-authenticate").expect("a challenge");
    let is_known = if error == "JWT token required" { challenge == "Bearer" } else { CHALLENGES.contains(&challenge) };
    assert!(is_known, "{what}: {challenge}");
    assert_eq!(answer.header("ratelimit"), None, "{what}");
    assert_eq!(test.contents().await, before, "{what}");
}

async fn assert_invalid(test: &TestApp, token: &str, what: &str) {
    assert_refused(test, Some(&format!("Bearer {token}")), "Invalid or expired JWT token", what).await;
}

#[tokio::test]
async fn a_token_is_required() {
    let test = TestApp::start().await;
    let token = tokens::user(7);
    for authorization in [
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some("Bearer    ".to_owned()),
        Some(token.clone()),
        Some(format!("Bearer{token}")),
        Some(format!("Basic {token}")),
        Some(format!("Token {token}")),
        Some(format!("JWT {token}")),
        Some(format!("Negotiate Bearer {token}")),
    ] {
        assert_refused(&test, authorization.as_deref(), "JWT token required", &format!("{authorization:?}")).await;
    }
    for authorization in [format!("bearer {token}"), format!("BEARER {token}"), format!("  Bearer   {token} ")] {
        assert_eq!(ask(&test, Some(&authorization)).await.status, 201, "{authorization}");
    }
}

#[tokio::test]
async fn garbage_is_no_token() {
    let test = TestApp::start().await;
    let token = tokens::user(7);
    let parts: Vec<&str> = token.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    for garbage in [
        "x",
        "null",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        "é.é.é",
        "e30.e30.",
        "e30.e30.e30",
        &format!("{header}.{claims}"),
        &format!("{header}.{claims}."),
        &format!("{header}..{signature}"),
        &format!(".{claims}.{signature}"),
        &format!("{token}.{signature}"),
        &format!("{token}="),
        &format!("{token}A"),
        &format!("{token} x"),
        &format!("{token}, Bearer {token}"),
        &format!("\"{token}\""),
        &format!("{header}.{}.{signature}", encode(with("user_id", &json!(8)))),
        &format!("{}.{claims}.{signature}", encode(r#"{"alg":"HS256"}"#)),
        &hs256("[]"),
        &hs256("7"),
        &hs256("null"),
        &hs256(r#"{"user_id":7,"exp":4102444800"#),
        &hs256(""),
        &Signer::hs256(SECRET).token("[]", &self::claims()),
        &Signer::hs256(SECRET).token("", &self::claims()),
    ] {
        assert_invalid(&test, garbage, garbage).await;
    }
    // The last of 43 characters for 32 bytes has two unused bits, which must be zero.
    let last = token.chars().next_back().expect("a character");
    let twin = char::from(u8::try_from(last).expect("ASCII") + 1);
    assert_invalid(&test, &format!("{}{twin}", &token[..token.len() - 1]), "a second spelling of the signature").await;
}

#[tokio::test]
async fn a_token_has_at_most_8_kib() {
    let test = TestApp::start().await;
    let of_length = |length: usize| {
        let candidates = (0..4).flat_map(|cty| (5_900..6_100).map(move |pad| (cty, pad)));
        let tokens = candidates.map(|(cty, pad)| {
            let header = json!({"alg": "HS256", "cty": "t".repeat(cty)}).to_string();
            Signer::hs256(SECRET).token(&header, &with("pad", &json!("p".repeat(pad))))
        });
        tokens.into_iter().find(|token| token.len() == length).expect("a token of the length")
    };
    assert_accepted(&test, &of_length(8_192), 7, "8 KiB").await;
    assert_invalid(&test, &of_length(8_193), "a byte more").await;
    assert_invalid(&test, &hs256(&with("pad", &json!("p".repeat(1_000_000)))), "a megabyte more").await;
    let deep = format!(r#"{{"user_id":7,"exp":{},"roles":{}{}}}"#, NOW + 60, "[".repeat(2_000), "]".repeat(2_000));
    assert_invalid(&test, &hs256(&deep), "deeply nested").await;
}
