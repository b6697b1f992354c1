//! `WWW-Authenticate`: which of a few things is wrong with a token (RFC 6750, section 3), and never more.

use serde_json::json;
use tests::repository;
use tests::tokens::SECRET;
use tests::{Signer, TestApp};

use super::{CHALLENGES, HS256, NOW, RSA, ask, claims, header, hs256};

#[tokio::test]
async fn a_refused_token_is_told_why() {
    let test = TestApp::with(&[("JWT_ISSUER", "i"), ("JWT_AUDIENCE", "a")]).await;
    let right = json!({"user_id": 7, "exp": NOW + 60, "iss": "i", "aud": "a"});
    let changed = |name: &str, value: serde_json::Value| {
        let mut claims = right.clone();
        claims[name] = value;
        hs256(&claims.to_string())
    };
    let key = ask(&test, Some(&format!("Bearer {}", hs256(&right.to_string())))).await.json();
    let key = key["key"].as_str().expect("a string").to_owned();
    for (token, index) in [
        ("x.y.z".to_owned(), 0),
        (changed("exp", json!("soon")), 0),
        (changed("token_use", json!("refresh")), 0),
        (changed("exp", json!(NOW - 60)), 1),
        (changed("nbf", json!(NOW + 50)), 2),
        (Signer::hs256("another secret of 32 bytes, or more").token(HS256, &right.to_string()), 3),
        (RSA.token(&header("RS256", Some("unknown")), &right.to_string()), 3),
        (changed("iss", json!("j")), 4),
        (changed("aud", json!("b")), 5),
        (hs256(&json!({"user_id": 7, "exp": NOW + 60, "iss": "i"}).to_string()), 5),
        (changed("user_id", json!("auth0|7")), 6),
        (hs256(&json!({"exp": NOW + 60, "iss": "i", "aud": "a"}).to_string()), 6),
        (key.clone(), 7),
        (key.to_uppercase(), 7),
    ] {
        let answer = ask(&test, Some(&format!("Bearer {token}"))).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some(CHALLENGES[index])), "{token}");
        assert_eq!(answer.text, r#"{"error":"Invalid or expired JWT token"}"#);
    }
    let expired_elsewhere = Signer::hs256(SECRET).token(HS256, &claims());
    let answer = ask(&test, Some(&format!("Bearer {expired_elsewhere}"))).await;
    assert_eq!(answer.header("www-authenticate"), Some(CHALLENGES[5]), "one fault is told, not all of them");
    let answer = ask(&test, None).await;
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
}

#[test]
fn the_contract_names_every_challenge() {
    let contract = repository::yaml("openapi.yaml");
    let described = &contract["components"]["headers"]["WWW-Authenticate"]["schema"]["enum"];
    let described: Vec<&str> = described.as_sequence().expect("a list").iter().filter_map(|one| one.as_str()).collect();
    assert_eq!(described.split_first(), Some((&"Bearer", &CHALLENGES[..])));
}
