//! The match of keys and algorithms.

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use shared::edge::auth::Authenticator;
use tests::signer::encode;
use tests::tokens::SECRET;
use tests::{Signer, TestApp};

use super::{
    ED25519, FOREIGN_RSA, P256, RSA, assert_accepted, assert_invalid, claims, header, hs256, jwt_config, key_set,
    with_public_keys,
};

#[tokio::test]
async fn a_token_without_a_signature_is_refused_however_it_spells_none() {
    let secret = TestApp::start().await;
    let public = with_public_keys("").await;
    for alg in [json!("none"), json!("None"), json!("NONE"), json!("nOnE"), json!(" none"), json!(""), Value::Null] {
        for kid in [json!("r"), Value::Null] {
            let header = json!({"alg": alg, "kid": kid}).to_string();
            for signer in [Signer::Nobody, Signer::hs256(SECRET), Signer::hs256("")] {
                let token = signer.token(&header, &claims());
                assert_invalid(&secret, &token, &header).await;
                assert_invalid(&public, &token, &header).await;
            }
        }
    }
    for header in [r#"{"typ":"JWT"}"#, r#"{"alg":256}"#, r#"{"alg":["HS256"]}"#, r#"{"alg":"hs256"}"#, "{}"] {
        assert_invalid(&secret, &Signer::hs256(SECRET).token(header, &claims()), header).await;
    }
}

#[tokio::test]
async fn only_hs256_goes_with_the_secret() {
    let test = TestApp::start().await;
    assert_accepted(&test, &hs256(&claims()), 7, "HS256").await;
    let hmac = |algorithm, secret: &str| Signer::Secret(algorithm, secret.as_bytes().to_owned());
    for (alg, signer) in [
        ("HS384", hmac(hmac::HMAC_SHA384, SECRET)),
        ("HS512", hmac(hmac::HMAC_SHA512, SECRET)),
        ("HS256", hmac(hmac::HMAC_SHA384, SECRET)),
        ("HS256", hmac(hmac::HMAC_SHA512, SECRET)),
        ("HS384", hmac(hmac::HMAC_SHA256, SECRET)),
        ("HS512", hmac(hmac::HMAC_SHA256, SECRET)),
        ("RS256", hmac(hmac::HMAC_SHA256, SECRET)),
        ("ES256", hmac(hmac::HMAC_SHA256, SECRET)),
        ("EdDSA", hmac(hmac::HMAC_SHA256, SECRET)),
        ("HS256", hmac(hmac::HMAC_SHA256, "another secret for the tests in this repository")),
        ("HS256", hmac(hmac::HMAC_SHA256, &SECRET[1..])),
        ("HS256", hmac(hmac::HMAC_SHA256, "")),
        ("HS256", Signer::Nobody),
    ] {
        assert_invalid(&test, &signer.token(&header(alg, None), &claims()), alg).await;
    }
    for (alg, signer) in [("RS256", &*RSA), ("ES256", &P256), ("EdDSA", &ED25519)] {
        assert_invalid(&test, &signer.token(&header(alg, None), &claims()), alg).await;
    }
}

#[tokio::test]
async fn every_algorithm_goes_with_its_own_key() {
    for secret in ["", SECRET] {
        let test = with_public_keys(secret).await;
        for (alg, kid, signer) in [("RS256", "r", &*RSA), ("ES256", "e", &P256), ("EdDSA", "d", &ED25519)] {
            assert_accepted(&test, &signer.token(&header(alg, Some(kid)), &claims()), 7, alg).await;
            let token = signer.token(&header(alg, None), &claims());
            assert_accepted(&test, &token, 7, "without a kid the only key of the algorithm").await;
        }
        let token = hs256(&claims());
        if secret.is_empty() {
            assert_invalid(&test, &token, "HS256 without a secret").await;
        } else {
            assert_accepted(&test, &token, 7, "HS256 beside the public keys").await;
        }
    }
}

#[tokio::test]
async fn no_key_is_used_with_another_algorithm() {
    let test = with_public_keys("").await;
    let algorithms = [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519",
        "HS256", "HS384", "HS512",
    ];
    for (own, own_kid, signer) in [("RS256", "r", &*RSA), ("ES256", "e", &P256), ("EdDSA", "d", &ED25519)] {
        for alg in algorithms {
            for kid in ["r", "e", "d"] {
                let token = signer.token(&header(alg, Some(kid)), &claims());
                let what = format!("signed as {own}, said to be {alg} by {kid}");
                if (alg, kid) == (own, own_kid) {
                    assert_accepted(&test, &token, 7, &what).await;
                } else {
                    assert_invalid(&test, &token, &what).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_public_key_is_no_secret() {
    let hmacs = [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)];
    for secret in ["", SECRET] {
        let test = with_public_keys(secret).await;
        for (kid, key) in [("r", &*RSA), ("e", &P256), ("d", &ED25519)] {
            for form in key.public_forms(kid) {
                for (alg, algorithm) in hmacs {
                    let attacker = Signer::Secret(algorithm, form.clone());
                    for kid in [Some(kid), None] {
                        let token = attacker.token(&header(alg, kid), &claims());
                        assert_invalid(&test, &token, &format!("{alg} by public key {kid:?}")).await;
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_key_or_kid_is_refused() {
    let test = with_public_keys("").await;
    let (foreign, own) = (&*FOREIGN_RSA, &*RSA);
    let embedded = json!({"alg": "RS256", "kid": "r", "jwk": foreign.jwk("r")}).to_string();
    let linked = json!({"alg": "RS256", "kid": "r", "jku": "http://127.0.0.1:9/", "x5u": "http://127.0.0.1:9/"});
    for (signer, header) in [
        (foreign, header("RS256", Some("r"))),
        (foreign, header("RS256", None)),
        (foreign, embedded),
        (foreign, linked.to_string()),
        (own, header("RS256", Some("R"))),
        (own, header("RS256", Some(""))),
        (own, header("RS256", Some("../r"))),
        (own, header("RS256", Some("e"))),
        (own, json!({"alg": "RS256", "kid": 1}).to_string()),
        (own, json!({"alg": "RS256", "kid": ["r"]}).to_string()),
    ] {
        assert_invalid(&test, &signer.token(&header, &claims()), &header).await;
    }
    for length in [0, 63, 64, 65] {
        let token = format!("{}.{}.{}", encode(header("ES256", Some("e"))), encode(claims()), encode(vec![0; length]));
        assert_invalid(&test, &token, "an ES256 signature of zeros").await;
    }
}

#[tokio::test]
async fn of_two_keys_of_an_algorithm_a_token_must_name_one() {
    let keys = key_set(&[(&RSA, "old"), (&FOREIGN_RSA, "new")]);
    let test = TestApp::with(&[("JWT_SECRET", ""), ("JWT_JWKS", &keys)]).await;
    for (signer, kid) in [(&*RSA, "old"), (&FOREIGN_RSA, "new")] {
        assert_accepted(&test, &signer.token(&header("RS256", Some(kid)), &claims()), 7, kid).await;
        assert_invalid(&test, &signer.token(&header("RS256", None), &claims()), "no kid").await;
    }
    assert_invalid(&test, &RSA.token(&header("RS256", Some("new")), &claims()), "the other's kid").await;
}

#[tokio::test]
async fn keys_that_are_not_understood_or_for_something_else_are_passed_over() {
    let changed = |kid: &str, name: &str, value: &str| {
        let mut key = RSA.jwk(kid);
        key[name] = value.into();
        key
    };
    let keys = json!({"keys": [
        {"kty": "oct", "kid": "secret", "k": encode(SECRET)},
        {"kty": "EC", "crv": "secp256k1", "kid": "k1", "x": "AA", "y": "AA"},
        {"kty": "PQC", "kid": "future"},
        "nonsense",
        changed("encryption", "use", "enc"),
        changed("rs512", "alg", "RS512"),
        P256.jwk("e"),
    ]});
    let test = TestApp::with(&[("JWT_SECRET", ""), ("JWT_JWKS", &keys.to_string())]).await;
    assert_accepted(&test, &P256.token(&header("ES256", Some("e")), &claims()), 7, "the one that is").await;
    for kid in [Some("encryption"), Some("rs512"), None] {
        assert_invalid(&test, &RSA.token(&header("RS256", kid), &claims()), "not a key to verify RS256 with").await;
    }
    for kid in [Some("secret"), None] {
        let token = Signer::hs256(SECRET).token(&header("HS256", kid), &claims());
        assert_invalid(&test, &token, "a secret that is published is none").await;
    }
}

#[tokio::test]
async fn critical_header_parameters_are_not_understood() {
    let test = TestApp::start().await;
    for header in [
        r#"{"alg":"HS256","crit":["exp"],"exp":4102444800}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":true}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"{"alg":"HS256","crit":["alg"]}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":"exp"}"#,
        r#"{"alg":"HS256","crit":{}}"#,
        r#"{"alg":"HS256","crit":null}"#,
        r#"{"alg":"HS256","crit":false}"#,
        r#"{"alg":"HS256","cr\u0069t":null}"#,
        r#"{"alg":"HS256","crit":null,"crit":null}"#,
    ] {
        assert_invalid(&test, &Signer::hs256(SECRET).token(header, &claims()), header).await;
    }
}

#[tokio::test]
async fn claims_are_encoded() {
    let test = TestApp::start().await;
    let token = |b64: &str| Signer::hs256(SECRET).token(&format!(r#"{{"alg":"HS256",{b64}}}"#), &claims());
    assert_accepted(&test, &token(r#""b64":true"#), 7, "the default of RFC 7797").await;
    for b64 in [
        r#""b64":false"#,
        r#""b64":null"#,
        r#""b64":"true""#,
        r#""b64":1"#,
        r#""b64":0"#,
        r#""b64":[]"#,
        r#""b6\u0034":false"#,
        r#""b64":true,"b64":true"#,
        r#""b64":false,"b64":true"#,
    ] {
        assert_invalid(&test, &token(b64), b64).await;
    }
    // RFC 7797 signs the claims without encoding them.
    let header = encode(r#"{"alg":"HS256","b64":false}"#);
    let message = format!("{header}.{}", claims());
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), message.as_bytes());
    for payload in [claims(), encode(claims())] {
        assert_invalid(&test, &format!("{header}.{payload}.{}", encode(signature)), "not encoded").await;
    }
}

#[tokio::test]
async fn only_the_types_of_access_tokens_are_accepted() {
    let test = TestApp::start().await;
    let token = |typ: &str| Signer::hs256(SECRET).token(&format!(r#"{{"alg":"HS256"{typ}}}"#), &claims());
    for typ in ["", r#","typ":"JWT""#, r#","typ":"at+jwt""#] {
        assert_accepted(&test, &token(typ), 7, typ).await;
    }
    for typ in [
        r#""jwt""#,
        r#""Jwt""#,
        r#""JWT ""#,
        r#""AT+JWT""#,
        r#""at+JWT""#,
        r#""application/jwt""#,
        r#""application/at+jwt""#,
        r#""logout+jwt""#,
        r#""secevent+jwt""#,
        r#""dpop+jwt""#,
        r#""id_token""#,
        r#""JOSE""#,
        r#""""#,
        "null",
        "true",
        "7",
        r#"["JWT"]"#,
        r#"{"JWT":true}"#,
        r#""JWT","typ":"JWT""#,
        r#""logout+jwt","typ":"JWT""#,
    ] {
        assert_invalid(&test, &token(&format!(r#","typ":{typ}"#)), typ).await;
    }
}

#[tokio::test]
async fn settings_that_would_weaken_the_check_are_refused() {
    let rsa = key_set(&[(&RSA, "r")]);
    let starts = |settings: &[(&str, &str)]| Authenticator::new(&jwt_config(settings)).is_ok();
    assert!(!starts(&[]));
    assert!(!starts(&[("JWT_SECRET", &"s".repeat(31))]), "RFC 7518, section 3.2");
    assert!(starts(&[("JWT_SECRET", &"s".repeat(32))]));
    for empty in ["{}", "[]", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#] {
        assert!(!starts(&[("JWT_JWKS", empty)]), "{empty}");
    }
    assert!(starts(&[("JWT_JWKS", &rsa)]));
    assert!(!starts(&[("JWT_JWKS", &rsa), ("JWT_JWKS_URL", "https://login.example/keys")]));
}
