//! Tokens as issuers make them: those of docs/tokens.md, with the settings that it gives.

use chrono::DateTime;
use serde_json::{Value, json};
use shared::keys::Role;
use tests::{Signer, TestApp, repository};

use super::{NOW, P256, RSA, ask, assert_accepted, header, key_set};

/// A section of the page: an issuer, the settings for it, and the claims of a token of it.
struct Issuer {
    name: String,
    settings: Vec<(String, String)>,
    claims: Value,
}

fn issuers() -> Vec<Issuer> {
    let page = std::fs::read_to_string(repository::root().join("docs/tokens.md")).expect("the page is there");
    let blocks = |section: &str, kind: &str| -> String {
        let start = format!("```{kind}\n");
        let (_, rest) = section.split_once(&start).unwrap_or_else(|| panic!("no {kind} in {section}"));
        rest.split_once("```").expect("an end").0.to_owned()
    };
    let sections = page.split("\n## ").skip(1).filter(|section| section.contains("```json"));
    sections
        .map(|section| {
            let setting = |line: &str| {
                let text: String = serde_json::from_str(line.trim().trim_end_matches(',')).expect("a quoted setting");
                let (name, value) = text.split_once('=').expect("a value");
                (name.to_owned(), value.to_owned())
            };
            let settings = blocks(section, "toml");
            Issuer {
                name: section.lines().next().expect("a title").to_owned(),
                settings: settings.lines().map(setting).collect(),
                claims: serde_json::from_str(&blocks(section, "json")).expect("JSON"),
            }
        })
        .collect()
}

fn variable(parameter: &str) -> &'static str {
    match parameter {
        "JwtIssuer" => "JWT_ISSUER",
        "JwtAudience" => "JWT_AUDIENCE",
        "JwtUserIdClaim" => "JWT_USER_ID_CLAIM",
        "JwtRolesClaim" => "JWT_ROLES_CLAIM",
        other => panic!("{other} is no setting of claims"),
    }
}

/// An app with an issuer's settings, but for the address of its keys, which are `r` and `e`.
async fn app(issuer: &Issuer) -> TestApp {
    let keys = key_set(&[(&RSA, "r"), (&P256, "e")]);
    let of_claims = issuer.settings.iter().filter(|(name, _)| name != "JwtJwksUrl");
    let settings: Vec<(&str, &str)> = of_claims.map(|(name, value)| (variable(name), value.as_str())).collect();
    TestApp::with(&[&settings[..], &[("JWT_SECRET", ""), ("JWT_JWKS", &keys)]].concat()).await
}

fn tokens(claims: &Value) -> [String; 2] {
    let sign = |signer: &Signer, algorithm, kid| signer.token(&header(algorithm, Some(kid)), &claims.to_string());
    [sign(&RSA, "RS256", "r"), sign(&P256, "ES256", "e")]
}

fn in_time(claims: &Value) -> Value {
    let mut claims = claims.clone();
    claims["iat"] = json!(NOW - 60);
    claims["exp"] = json!(NOW + 3_540);
    claims
}

#[tokio::test]
async fn tokens_are_accepted_as_issuers_make_them() {
    let issuers = issuers();
    let names: Vec<&str> = issuers.iter().map(|issuer| issuer.name.as_str()).collect();
    assert_eq!(names, ["Auth0", "Amazon Cognito", "Keycloak", "Microsoft Entra ID", "Firebase Authentication"]);
    for issuer in &issuers {
        let test = app(issuer).await;
        for token in tokens(&in_time(&issuer.claims)) {
            assert_accepted(&test, &token, 123, &issuer.name).await;
            let (now, header) = (DateTime::from_timestamp(NOW, 0).expect("a time"), format!("Bearer {token}"));
            let authenticator = test.app.authenticator().expect("keys");
            let caller = authenticator.authenticate(Some(&header), now).await.expect("accepted");
            assert_eq!(caller.role, Role::Admin, "{}", issuer.name);
        }
    }
}

#[tokio::test]
async fn a_claim_that_is_named_is_the_only_one() {
    for issuer in issuers().iter().filter(|issuer| issuer.settings.iter().any(|(name, _)| name == "JwtUserIdClaim")) {
        let test = app(issuer).await;
        let mut claims = in_time(&json!({"user_id": 8, "userId": 8, "id": 8, "sub": "8"}));
        for name in ["iss", "aud"] {
            claims[name] = issuer.claims[name].clone();
        }
        for token in tokens(&claims) {
            let answer = ask(&test, Some(&format!("Bearer {token}"))).await;
            assert_eq!(answer.status, 401, "{}: {}", issuer.name, answer.text);
        }
    }
}

#[tokio::test]
async fn a_list_names_a_user_only_if_it_has_one_member() {
    let test = TestApp::with(&[("JWT_USER_ID_CLAIM", "a.id"), ("JWT_ROLES_CLAIM", r"b\.c")]).await;
    let with = |id: Value| super::hs256(&json!({"a": {"id": id}, "exp": NOW + 60}).to_string());
    for id in [json!(7), json!("7"), json!([7]), json!(["7"])] {
        assert_accepted(&test, &with(id.clone()), 7, &id.to_string()).await;
    }
    for id in [json!([]), json!([7, 7]), json!([[7]]), json!({"0": 7}), json!("07"), json!(7.5), Value::Null] {
        super::assert_invalid(&test, &with(id.clone()), &id.to_string()).await;
    }
}
