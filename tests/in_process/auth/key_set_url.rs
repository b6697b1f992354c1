//! Public keys from a JWKS URL.

use chrono::TimeDelta;
use serde_json::json;
use tests::issuer::Issuer;
use tests::{Signer, TestApp};

use super::{ED25519, FOREIGN_RSA, P256, RSA, ask, assert_accepted, assert_invalid, claims, header, hs256, key_set};

async fn start(keys: &str) -> (Issuer, TestApp) {
    let issuer = Issuer::start(keys).await;
    let test = TestApp::with(&[("JWT_SECRET", ""), ("JWT_JWKS_URL", &issuer.url)]).await;
    (issuer, test)
}

/// Checks that a call is answered 503, with the seconds until the set is fetched again.
async fn assert_unavailable(test: &TestApp, token: &str, retry_after: i64) {
    let answer = ask(test, Some(&format!("Bearer {token}"))).await;
    answer.assert_refused(503, "Service temporarily unavailable");
    assert_eq!(answer.header("retry-after"), Some(&*retry_after.to_string()));
    assert_eq!((answer.header("www-authenticate"), answer.header("ratelimit")), (None, None));
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
}

#[tokio::test]
async fn a_set_is_used_for_24_hours_at_most() {
    let (issuer, test) = start(&key_set(&[(&RSA, "r")])).await;
    let token = rsa_token(&RSA, "r");
    assert_accepted(&test, &token, 7, "first").await;
    issuer.fail();
    for hour in 1..24 {
        test.advance(TimeDelta::hours(1));
        assert_accepted(&test, &token, 7, &format!("{hour} hours later")).await;
        assert_eq!(issuer.fetches(), hour, "tried from the second hour on");
    }
    test.set_time("2026-03-02T12:00:00.250Z");
    assert_accepted(&test, &token, 7, "24 hours later").await;
    for _ in 0..2 {
        test.advance(TimeDelta::milliseconds(1));
        assert_unavailable(&test, &token, 60).await;
    }
    assert_eq!(issuer.fetches(), 24, "not tried again at once");
    issuer.answer(&key_set(&[(&RSA, "r")]));
    test.set_time("2026-03-02T12:01:00.250Z");
    assert_accepted(&test, &token, 7, "fetched at last").await;
}

#[tokio::test]
async fn after_a_failure_nothing_is_fetched_for_a_while() {
    let (issuer, test) = start("").await;
    issuer.fail();
    let token = rsa_token(&RSA, "r");
    let before = test.contents().await;
    for (failures, pause) in [4, 8, 16, 32, 60, 60].into_iter().enumerate() {
        for (milliseconds, retry_after) in [(0, pause), (1_500, pause - 1), (pause * 1_000 - 1_501, 1)] {
            test.advance(TimeDelta::milliseconds(milliseconds));
            assert_unavailable(&test, &token, retry_after).await;
            assert_eq!(issuer.fetches(), failures + 1, "less than {pause} s after the last failure");
        }
        test.advance(TimeDelta::milliseconds(1));
    }
    assert_eq!(test.contents().await, before);
    issuer.answer(&key_set(&[(&RSA, "r")]));
    assert_accepted(&test, &token, 7, "at last").await;
    assert_eq!(issuer.fetches(), 7);

    issuer.fail();
    let unknown = rsa_token(&FOREIGN_RSA, "new");
    test.advance(TimeDelta::seconds(61));
    for (seconds, fetches) in [(0, 8), (3, 8), (1, 9), (7, 9), (1, 10)] {
        test.advance(TimeDelta::seconds(seconds));
        assert_invalid(&test, &unknown, "not in the set that is known").await;
        assert_accepted(&test, &token, 7, "in it").await;
        assert_eq!(issuer.fetches(), fetches, "the pauses begin anew");
    }
}

#[tokio::test]
async fn an_answer_of_more_than_64_kib_is_no_key_set() {
    let keys = key_set(&[(&RSA, "r")]);
    let of_length = |length: usize| format!("{keys}{}", " ".repeat(length - keys.len()));
    let (issuer, test) = start(&of_length(65_537)).await;
    let token = rsa_token(&RSA, "r");
    assert_unavailable(&test, &token, 4).await;
    issuer.answer_without_end();
    test.advance(TimeDelta::seconds(4));
    assert_unavailable(&test, &token, 8).await;
    assert!(issuer.sent_without_end().await < 32 * 1024 * 1024, "it is read no further, though buffers may fill");
    issuer.answer(&of_length(65_536));
    test.advance(TimeDelta::seconds(8));
    assert_accepted(&test, &token, 7, "64 KiB").await;
    assert_eq!(issuer.fetches(), 3);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Issuer::start(&key_set(&[(&RSA, "r")])).await;
    let (issuer, test) = start("").await;
    issuer.redirect_to(&elsewhere.url);
    assert_unavailable(&test, &rsa_token(&RSA, "r"), 4).await;
    assert_eq!((issuer.fetches(), elsewhere.fetches()), (1, 0));
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
