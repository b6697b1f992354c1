//! The gateway's authorizer.

use std::sync::Arc;

use serde_json::{Value, json};
use shared::checksum::Checksums;
use shared::clock::{Clock, Random};
use shared::config::Config;
use shared::edge::authorizer::Gate;
use shared::ids::{KeyId, Locator, UserId};
use shared::keys::{PlainKey, Prefix};
use tests::key_strings::{CHECKSUM_SECRETS, checksums};
use tests::{Signer, repository, tokens};

const UNAUTHENTICATED: &str = "nuxera8b7d4a4d2eaaunauthenticated";

#[tokio::test]
async fn a_user_keeps_a_lane_by_token_and_by_key() {
    let lane_of_7 = "nuxera8b7d4a4d2eaalane7";
    let headers = json!({"Authorization": format!("Bearer {}", tokens::user(7))});
    assert_eq!(lane(&headers).await, lane_of_7);
    let headers = json!({"authorization": format!("bearer {}", tokens::with_role(7, "admin")), "x-api-key": "?"});
    assert_eq!(lane(&headers).await, lane_of_7, "whatever the case of a header's name");
    let locator = Locator { user_id: UserId::new(7).expect("an id"), key_id: KeyId::new(1).expect("an id") };
    let key = PlainKey::generate(Prefix::Live, locator, &Random::system(), &checksums());
    assert_eq!(lane(&json!({"X-API-Key": key.reveal()})).await, lane_of_7);
    let headers = json!({"Authorization": format!("Bearer {}", tokens::user(23))});
    assert_eq!(lane(&headers).await, lane_of_7, "there are 8");
    let headers = json!({"Authorization": format!("Bearer {}", tokens::user(8))});
    assert_eq!(lane(&headers).await, "nuxera8b7d4a4d2eaalane0");
}

/// It may be told that the token has expired, which an answer of 429 would hide.
#[tokio::test]
async fn an_expired_token_keeps_its_users_lane() {
    let of = |claims: Value| json!({"Authorization": format!("Bearer {}", tokens::sign(&claims))});
    assert_eq!(lane(&of(json!({"user_id": 7, "exp": 1_000_000_000}))).await, "nuxera8b7d4a4d2eaalane7");
    for claims in [
        json!({"user_id": 7, "exp": 1_000_000_000, "token_use": "refresh"}),
        json!({"user_id": 0, "exp": 1_000_000_000}),
        json!({"user_id": 7, "exp": "then"}),
        json!({"user_id": 7}),
        json!({"user_id": 7, "exp": 9_000_000_000_u64, "nbf": 8_000_000_000_u64}),
    ] {
        assert_eq!(lane(&of(claims.clone())).await, UNAUTHENTICATED, "{claims}");
    }
    let signed_by_others = Signer::hs256("the secret of another issuer, also long");
    let token = signed_by_others.token(r#"{"alg":"HS256"}"#, r#"{"user_id":7,"exp":1000000000}"#);
    assert_eq!(lane(&json!({"Authorization": format!("Bearer {token}")})).await, UNAUTHENTICATED);
}

#[tokio::test]
async fn services_share_a_lane() {
    for roles in [json!("service"), json!(["admin", "service"])] {
        let token = tokens::sign(&json!({"user_id": 900, "roles": roles, "exp": 4_102_444_800_u64}));
        let headers = json!({"Authorization": format!("Bearer {token}")});
        assert_eq!(lane(&headers).await, "nuxera8b7d4a4d2eaaservices");
    }
}

#[tokio::test]
async fn strings_from_before_this_service_share_a_lane() {
    for string in ["3f2b8c1e-9a4d-4e7f-8b6a-0c1d2e3f4a5b", "nux_live_0123456789abcdef", "nux_test_0123456789abcdef"] {
        assert_eq!(lane(&json!({"x-api-key": string})).await, "nuxera8b7d4a4d2eaaexisting");
    }
    let headers =
        json!({"x-api-key": "nux_live_0123456789abcdef", "Authorization": format!("Bearer {}", tokens::user(7))});
    assert_eq!(lane(&headers).await, "nuxera8b7d4a4d2eaalane7", "a token says more");
}

#[tokio::test]
async fn nobody_is_refused() {
    let locator = Locator { user_id: UserId::new(7).expect("an id"), key_id: KeyId::new(1).expect("an id") };
    let secret_of_others = Checksums::parse("the-checksum-secret-of-another-deployment").expect("a secret");
    let foreign = PlainKey::generate(Prefix::Live, locator, &Random::system(), &secret_of_others);
    for headers in [
        Value::Null,
        json!({}),
        json!({"Authorization": ""}),
        json!({"Authorization": "Basic dTpw"}),
        json!({"Authorization": "Bearer ?"}),
        json!({"x-api-key": "nux_live_000000007000000001LQmESUkbJPY8zBDMDSlnfTXGIpwbWfPl000000"}),
        // A plain CRC-32 at its end, which anyone can compute.
        json!({"x-api-key": "nux_live_000000007000000001LQmESUkbJPY8zBDMDSlnfTXGIpwbWfPl0Ho3SQ"}),
        json!({"x-api-key": foreign.reveal()}),
        json!({"x-api-key": "3F2B8C1E-9A4D-4E7F-8B6A-0C1D2E3F4A5B"}),
    ] {
        assert_eq!(lane(&headers).await, UNAUTHENTICATED, "{headers}");
    }
}

#[tokio::test]
async fn the_answer_is_what_the_gateway_takes() {
    let headers = json!({"Authorization": format!("Bearer {}", tokens::user(7))});
    assert_eq!(
        answer(&headers).await,
        json!({
            "principalId": "7",
            "policyDocument": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}]
            },
            "usageIdentifierKey": "nuxera8b7d4a4d2eaalane7"
        })
    );
}

async fn lane(headers: &Value) -> String {
    let answer = answer(headers).await;
    assert_eq!(answer["policyDocument"]["Statement"][0]["Effect"], "Allow");
    answer["usageIdentifierKey"].as_str().expect("a key").to_owned()
}

async fn answer(headers: &Value) -> Value {
    let mut event = repository::event("assign-lane");
    event["headers"] = headers.clone();
    let config = Config::from_variables(|name| {
        let value = match name {
            "TABLE_NAME" | "KMS_KEY_ID" => "not used",
            "JWT_SECRET" => tokens::SECRET,
            "KEY_CHECKSUM_SECRETS" => CHECKSUM_SECRETS,
            "ACCEPT_ANY_ISSUER" => "true",
            "MAX_TOKEN_HOURS" => tokens::MAX_TOKEN_HOURS,
            "LANE_KEY_PREFIX" => "nuxera8b7d4a4d2eaa",
            "LANES" => "8",
            _ => return None,
        };
        Some(value.to_owned())
    });
    let gate = Gate::new(&config.expect("settings"), Clock::system()).expect("settings");
    let request = serde_json::from_value(event).expect("an event of the gateway");
    serde_json::to_value(assign_lane::handle(Arc::new(gate), request).await).expect("JSON")
}
