//! Public keys that are fetched from a URL

use serde_json::json;
use tests::issuer::Issuer;
use tests::{Signer, TestApp};

use super::{ED25519, FOREIGN_RSA, P256, RSA, ask, assert_accepted, assert_invalid, claims, header, hs256, key_set};

async fn start(keys: &str) -> (Issuer, TestApp) {
    let issuer = Issuer::start(keys).await;
    let test = TestApp::with(&[("JWT_SECRET", ""), ("JWT_JWKS_URL", &issuer.url)]).await;
    (issuer, test)
}

fn rsa_token(signer: &Signer, kid: &str) -> String {
    signer.token(&header("RS256", Some(kid)), &json!({"user_id": 7, "exp": 4_102_444_800_u64}).to_string())
}

#[tokio::test]
async fn it_is_fetched_once_and_serves_every_algorithm() {
    let (issuer, test) = start(&key_set(&[(&RSA, "r"), (&P256, "e"), (&ED25519, "d")])).await;
    assert_eq!(issuer.fetches(), 0, "nothing is fetched before it is needed");
    for _ in 0..3 {
        for (alg, kid, signer) in [("RS256", "r", &*RSA), ("ES256", "e", &P256), ("EdDSA", "d", &ED25519)] {
            assert_accepted(&test, &signer.token(&header(alg, Some(kid)), &claims()), 7, alg).await;
            assert_accepted(&test, &signer.token(&header(alg, None), &claims()), 7, alg).await;
        }
    }
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn a_token_that_could_not_be_right_fetches_nothing() {
    let (issuer, test) = start(&key_set(&[(&RSA, "r")])).await;
    for token in ["x", &hs256(&claims()), &Signer::Nobody.token(&header("none", None), &claims())] {
        assert_invalid(&test, token, token).await;
    }
    assert_eq!(issuer.fetches(), 0);
    assert_accepted(&test, &rsa_token(&RSA, "r"), 7, "the right one").await;
    for form in RSA.public_forms("r") {
        let token = Signer::hs256(form).token(&header("HS256", Some("r")), &claims());
        assert_invalid(&test, &token, "HS256 by the public key").await;
    }
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn an_unknown_kid_fetches_it_again_at_most_once_a_minute() {
    let (issuer, test) = start(&key_set(&[(&RSA, "old")])).await;
    assert_accepted(&test, &rsa_token(&RSA, "old"), 7, "first").await;
    issuer.answer(&key_set(&[(&FOREIGN_RSA, "new")]));
    let new = rsa_token(&FOREIGN_RSA, "new");
    for time in ["2026-03-01T12:00:01Z", "2026-03-01T12:00:59Z", "2026-03-01T12:01:00.250Z"] {
        test.set_time(time);
        assert_invalid(&test, &new, "fetched less than a minute ago").await;
    }
    assert_eq!(issuer.fetches(), 1);
    test.set_time("2026-03-01T12:01:00.251Z");
    assert_accepted(&test, &new, 7, "fetched again").await;
    assert_eq!(issuer.fetches(), 2);
    for number in 0..5 {
        assert_invalid(&test, &rsa_token(&RSA, &format!("kid {number}")), "nobody's").await;
    }
    assert_invalid(&test, &rsa_token(&RSA, "old"), "withdrawn").await;
    assert_eq!(issuer.fetches(), 2);
    test.set_time("2026-03-01T12:03:00Z");
    for number in 0..5 {
        assert_invalid(&test, &rsa_token(&RSA, &format!("kid {number}")), "nobody's").await;
    }
    assert_eq!(issuer.fetches(), 3);
}

#[tokio::test]
async fn a_set_that_was_fetched_stays_when_it_cannot_be_fetched_again() {
    let (issuer, test) = start(&key_set(&[(&RSA, "r")])).await;
    let (known, unknown) = (rsa_token(&RSA, "r"), rsa_token(&FOREIGN_RSA, "new"));
    assert_accepted(&test, &known, 7, "first").await;
    for (minute, failure) in ["", "<html>", r#"{"keys":[]}"#].into_iter().enumerate() {
        if failure.is_empty() {
            issuer.fail();
        } else {
            issuer.answer(failure);
        }
        test.set_time(&format!("2026-03-01T12:0{}:00Z", 2 * (minute + 1)));
        for _ in 0..3 {
            assert_invalid(&test, &unknown, failure).await;
            assert_accepted(&test, &known, 7, failure).await;
        }
        assert_eq!(issuer.fetches(), minute + 2, "tried once");
    }
    test.set_time("2026-03-02T12:00:00Z");
    assert_accepted(&test, &known, 7, "a day later").await;
}

#[tokio::test]
async fn without_any_set_the_service_is_unavailable_until_there_is_one() {
    let (issuer, test) = start("").await;
    issuer.fail();
    let before = test.contents().await;
    for _ in 0..2 {
        let answer = ask(&test, Some(&format!("Bearer {}", rsa_token(&RSA, "r")))).await;
        answer.assert_refused(503, "Service temporarily unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!((answer.header("www-authenticate"), answer.header("ratelimit")), (None, None));
    }
    assert_eq!(test.contents().await, before);
    issuer.answer(&key_set(&[(&RSA, "r")]));
    assert_accepted(&test, &rsa_token(&RSA, "r"), 7, "at last").await;
}

#[tokio::test]
async fn a_withdrawn_key_stops_working_within_the_hour() {
    let (issuer, test) = start(&key_set(&[(&RSA, "r")])).await;
    assert_accepted(&test, &rsa_token(&RSA, "r"), 7, "first").await;
    issuer.answer(&key_set(&[(&FOREIGN_RSA, "new")]));
    test.set_time("2026-03-01T13:00:00Z");
    assert_accepted(&test, &rsa_token(&RSA, "r"), 7, "not yet").await;
    test.set_time("2026-03-01T13:00:00.251Z");
    assert_invalid(&test, &rsa_token(&RSA, "r"), "withdrawn").await;
    assert_eq!(issuer.fetches(), 2);
}
