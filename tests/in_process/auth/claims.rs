//! Claims and lifetimes of tokens.

use serde_json::{Value, json};
use shared::Operation;
use tests::tokens::SECRET;
use tests::{Signer, TestApp};

use super::{NOW, assert_accepted, assert_invalid, claims, hs256, with, with_public_keys};

#[tokio::test]
async fn a_token_lives_from_30_seconds_before_nbf_to_30_seconds_after_exp() {
    let test = TestApp::start().await;
    let exp = hs256(&json!({"user_id": 7, "exp": NOW}).to_string());
    let fraction = hs256(&json!({"user_id": 7, "exp": 1_772_366_400.5}).to_string());
    let nbf = hs256(&json!({"user_id": 7, "nbf": NOW, "exp": NOW + 600}).to_string());
    for (time, token, valid) in [
        ("2026-03-01T12:00:00Z", &exp, true),
        ("2026-03-01T12:00:29.999Z", &exp, true),
        ("2026-03-01T12:00:30Z", &exp, false),
        ("2026-03-01T12:00:30.499Z", &fraction, true),
        ("2026-03-01T12:00:30.500Z", &fraction, false),
        ("2030-01-01T00:00:00Z", &exp, false),
        ("2026-03-01T11:59:29.999Z", &nbf, false),
        ("2026-03-01T11:59:30Z", &nbf, true),
        ("2026-03-01T12:10:29.999Z", &nbf, true),
        ("2026-03-01T12:10:30Z", &nbf, false),
        ("2000-01-01T00:00:00Z", &nbf, false),
    ] {
        test.set_time(time);
        if valid {
            assert_accepted(&test, token, 7, time).await;
        } else {
            assert_invalid(&test, token, time).await;
        }
    }
}

#[tokio::test]
async fn exp_is_required_and_both_times_are_numbers() {
    let test = TestApp::start().await;
    assert_invalid(&test, &hs256(r#"{"user_id":7}"#), "no exp").await;
    for bad in [
        json!("4102444800"),
        json!("2099-01-01T00:00:00Z"),
        Value::Null,
        json!(true),
        json!([4_102_444_800_u64]),
        json!({}),
        json!(0),
        json!(-1),
        json!(1e300),
        json!(253_402_300_800_u64),
        json!(u64::MAX),
    ] {
        assert_invalid(&test, &hs256(&with("exp", &bad)), &format!("exp {bad}")).await;
    }
    for bad in [json!("0"), json!("4102444800"), Value::Null, json!(false), json!([0]), json!({}), json!(1e300)] {
        assert_invalid(&test, &hs256(&with("nbf", &bad)), &format!("nbf {bad}")).await;
    }
}

#[tokio::test]
async fn times_are_within_the_years_1970_to_9999() {
    // With the longest setting, the year 9999 is not too far ahead.
    let test = TestApp::with(&[("MAX_TOKEN_HOURS", "4294967295")]).await;
    let exp = |time: &str| hs256(&format!(r#"{{"user_id":7,"exp":{time}}}"#));
    let nbf = |time: &str| hs256(&format!(r#"{{"user_id":7,"exp":{},"nbf":{time}}}"#, NOW + 60));
    for time in ["253402300799", "253402300799.999", "2.53402300799e11", "1772366500.0000000001"] {
        assert_accepted(&test, &exp(time), 7, time).await;
    }
    for time in ["0", "-0.0", "0.5", "5e-324", "1e-308", "1", "1772366429.999", "1.7723664e9"] {
        assert_accepted(&test, &nbf(time), 7, time).await;
    }
    for time in [
        "-1",
        "-0.001",
        "-5e-324",
        "-1e308",
        "1e308",
        "1e400",
        "-1e400",
        "-8334601228800",
        "-8334601228800.5",
        "-8334601228799",
        "8210266876799",
        "8210266876800",
        "9223372036854775",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "253402300800",
        "2.534023008e11",
        "253402300800.001",
    ] {
        assert_invalid(&test, &exp(time), &format!("exp {time}")).await;
        assert_invalid(&test, &nbf(time), &format!("nbf {time}")).await;
    }
}

#[tokio::test]
async fn a_token_lives_24_hours_at_most_unless_the_deployment_says_otherwise() {
    for (setting, hours) in [("", 24), ("1", 1), ("48", 48)] {
        let test = TestApp::with(&[("MAX_TOKEN_HOURS", setting)]).await;
        test.set_time("2026-03-01T12:00:00Z");
        let longest = NOW + hours * 3_600 + 30;
        let until = |exp: Value| hs256(&json!({"user_id": 7, "exp": exp}).to_string());
        assert_accepted(&test, &until(longest.into()), 7, "as long as may be, with the leeway").await;
        for too_long in [json!(longest + 1), json!(4_102_444_800_u64), json!(253_402_300_799_u64)] {
            assert_invalid(&test, &until(too_long.clone()), &too_long.to_string()).await;
        }
        test.set_time("2026-03-01T11:59:59.999Z");
        assert_invalid(&test, &until(longest.into()), "a millisecond before").await;
        test.set_time("2026-03-01T12:00:01Z");
        assert_accepted(&test, &until((longest + 1).into()), 7, "a second later").await;
    }
}

#[tokio::test]
async fn iat_is_not_looked_at() {
    let test = TestApp::with(&[("MAX_TOKEN_HOURS", "")]).await;
    for iat in [json!(0), json!(-8_334_601_228_800_i64), json!(NOW + 3_600), json!(1e300), json!("x"), Value::Null] {
        assert_accepted(&test, &hs256(&with("iat", &iat)), 7, &iat.to_string()).await;
    }
}

#[tokio::test]
async fn a_token_for_another_use_is_refused() {
    let test = TestApp::start().await;
    for claim in ["token_use", "use"] {
        assert_accepted(&test, &hs256(&with(claim, &json!("access"))), 7, claim).await;
        for other in [
            json!("refresh"),
            json!("id"),
            json!("Access"),
            json!("access "),
            json!("access_token"),
            json!(""),
            Value::Null,
            json!(true),
            json!(["access"]),
            json!({"access": true}),
        ] {
            assert_invalid(&test, &hs256(&with(claim, &other)), &format!("{claim} {other}")).await;
        }
    }
    for (token_use, r#use) in [("access", "refresh"), ("refresh", "access")] {
        let claims = json!({"user_id": 7, "exp": NOW + 60, "token_use": token_use, "use": r#use}).to_string();
        assert_invalid(&test, &hs256(&claims), &claims).await;
    }
}

#[tokio::test]
async fn issuer_and_audience_must_match_when_they_are_configured() {
    let test = TestApp::with(&[("JWT_ISSUER", "https://login.nuxera.ai"), ("JWT_AUDIENCE", "api-keys")]).await;
    let right = json!({"user_id": 7, "exp": NOW + 60, "iss": "https://login.nuxera.ai", "aud": "api-keys"});
    let changed = |name: &str, value: Option<Value>| {
        let mut claims = right.clone();
        match value {
            Some(value) => claims[name] = value,
            None => drop(claims.as_object_mut().expect("an object").remove(name)),
        }
        hs256(&claims.to_string())
    };
    assert_accepted(&test, &hs256(&right.to_string()), 7, "both right").await;
    for several in [json!(["api-keys"]), json!(["other", "api-keys"])] {
        assert_accepted(&test, &changed("aud", Some(several)), 7, "one of several audiences").await;
    }
    for (name, value) in [
        ("iss", None),
        ("iss", Some(json!("https://login.nuxera.ai/"))),
        ("iss", Some(json!("https://LOGIN.nuxera.ai"))),
        ("iss", Some(json!(""))),
        ("iss", Some(Value::Null)),
        ("iss", Some(json!(7))),
        ("iss", Some(json!(["https://login.nuxera.ai"]))),
        ("iss", Some(json!(["https://evil.example", "https://login.nuxera.ai"]))),
        ("iss", Some(json!({"https://login.nuxera.ai": true}))),
        ("aud", None),
        ("aud", Some(json!("api-key"))),
        ("aud", Some(json!("api-keys other"))),
        ("aud", Some(json!(""))),
        ("aud", Some(Value::Null)),
        ("aud", Some(json!([]))),
        ("aud", Some(json!(["other"]))),
        ("aud", Some(json!([["api-keys"]]))),
        ("aud", Some(json!(["api-keys", 7]))),
        ("aud", Some(json!({"api-keys": true}))),
    ] {
        assert_invalid(&test, &changed(name, value.clone()), &format!("{name} {value:?}")).await;
    }
    let anybodys = TestApp::start().await;
    for value in [None, Some(json!("other")), Some(json!(["other"]))] {
        assert_accepted(&anybodys, &changed("iss", value.clone()), 7, "not configured").await;
        assert_accepted(&anybodys, &changed("aud", value), 7, "not configured").await;
    }
}

#[tokio::test]
async fn a_user_id_is_an_integer_from_1_to_2_to_the_53_or_its_digits() {
    let test = TestApp::start().await;
    for (good, user_id) in [
        (json!(1), 1),
        (json!("1"), 1),
        (json!(9_007_199_254_740_991_u64), 9_007_199_254_740_991),
        (json!("9007199254740991"), 9_007_199_254_740_991),
    ] {
        assert_accepted(&test, &hs256(&with("user_id", &good)), user_id, &good.to_string()).await;
    }
    for bad in [
        "0",
        "-1",
        "-0",
        "1.5",
        "7.0",
        "7e0",
        "9007199254740992",
        "18446744073709551623",
        "1e300",
        "null",
        "true",
        "[]",
        "[7]",
        "{}",
        r#"{"id":7}"#,
        r#""""#,
        r#""0""#,
        r#""07""#,
        r#""+7""#,
        r#""-7""#,
        r#"" 7""#,
        r#""7 ""#,
        r#""7.0""#,
        r#""7e0""#,
        r#""0x7""#,
        r#""7\n""#,
        r#""\u0667""#,
        r#""７""#,
        r#""auth0|7""#,
        r#""9007199254740992""#,
        r#""99999999999999999999""#,
    ] {
        for claim in ["user_id", "userId", "id", "sub"] {
            let claims = format!(r#"{{"{claim}":{bad},"exp":{}}}"#, NOW + 60);
            assert_invalid(&test, &hs256(&claims), &claims).await;
        }
    }
    assert_invalid(&test, &hs256(&json!({"exp": NOW + 60}).to_string()), "no user").await;
    assert_invalid(&test, &hs256(&json!({"exp": NOW + 60, "uid": 7, "USER_ID": 7}).to_string()), "no user").await;
}

#[tokio::test]
async fn the_first_of_its_claims_counts_and_a_bad_one_is_not_passed_over() {
    let test = TestApp::start().await;
    let names = ["user_id", "userId", "id", "sub"];
    for first in 0..names.len() {
        let mut claims = json!({"exp": NOW + 60});
        for (place, name) in names.iter().enumerate().skip(first) {
            claims[*name] = (10 + place).into();
        }
        assert_accepted(&test, &hs256(&claims.to_string()), 10 + first as u64, &claims.to_string()).await;
        for bad in [json!(0), json!(" 7"), json!(""), Value::Null, json!([]), json!(false)] {
            claims[names[first]] = bad;
            assert_invalid(&test, &hs256(&claims.to_string()), &claims.to_string()).await;
        }
    }
}

#[tokio::test]
async fn a_claim_or_header_parameter_that_occurs_twice_is_refused() {
    let issuer = TestApp::with(&[("JWT_ISSUER", "i"), ("JWT_AUDIENCE", "a")]).await;
    let right = format!(r#""user_id":7,"exp":{},"iss":"i","aud":"a","role":"user""#, NOW + 60);
    assert_accepted(&issuer, &hs256(&format!("{{{right}}}")), 7, "each once").await;
    for twice in [
        r#""user_id":8"#,
        r#""user_id":7"#,
        r#""user\u005fid":8"#,
        r#""exp":4102444800"#,
        r#""iss":"i""#,
        r#""iss":"evil""#,
        r#""aud":"a""#,
        r#""role":"admin""#,
        r#""nbf":0,"nbf":0"#,
        r#""sub":"1","sub":"2""#,
        r#""userId":1,"userId":1"#,
        r#""id":1,"id":1"#,
        r#""roles":[],"roles":["admin"]"#,
        r#""token_use":"access","token_use":"access""#,
        r#""use":"access","use":"access""#,
    ] {
        assert_invalid(&issuer, &hs256(&format!("{{{right},{twice}}}")), twice).await;
        assert_invalid(&issuer, &hs256(&format!("{{{twice},{right}}}")), twice).await;
    }
    let test = with_public_keys(SECRET).await;
    for header in [
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"RS256","alg":"HS256","kid":"r"}"#,
        r#"{"alg":"HS256","kid":"r","kid":"e"}"#,
    ] {
        assert_invalid(&test, &Signer::hs256(SECRET).token(header, &claims()), header).await;
    }
}

#[tokio::test]
async fn the_role_is_a_string_or_one_of_several() {
    let test = TestApp::start().await;
    let none = Value::Null;
    for (role, roles, admin) in [
        (json!("admin"), none.clone(), true),
        (json!(["admin"]), none.clone(), true),
        (none.clone(), json!("admin"), true),
        (none.clone(), json!(["user", "admin"]), true),
        (json!("user"), json!(["admin"]), true),
        (json!("user"), none.clone(), false),
        (json!("service"), none.clone(), false),
        (json!("system"), none.clone(), false),
        (json!("Admin"), none.clone(), false),
        (json!("admin "), none.clone(), false),
        (json!("user admin"), none.clone(), false),
        (json!("user,admin"), none.clone(), false),
        (json!("administrator"), none.clone(), false),
        (json!(true), json!(1), false),
        (json!({"admin": true}), json!([["admin"]]), false),
        (none.clone(), json!([]), false),
        (none.clone(), none, false),
    ] {
        let claims = json!({"user_id": 7, "exp": NOW + 60, "role": role, "roles": roles, "admin": true}).to_string();
        let call = test.call(Operation::ListUserKeys).bearer(&hs256(&claims)).path_parameter("user_id", "8");
        let answer = call.send().await;
        assert_eq!(answer.status, if admin { 200 } else { 403 }, "{claims}");
    }
}
