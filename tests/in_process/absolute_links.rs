//! Absolute links, which FHIR bundles hold: their host is one that API Gateway or the deployment names, never a header's.

use serde_json::Value;
use shared::Operation;
use tests::{Answer, TestApp, TestCall};

/// The domain of API Gateway in the events.
const GATEWAY: &str = "https://k2v9x4m7qa.execute-api.eu-central-1.amazonaws.com";

/// The first page of each list, in FHIR.
fn lists(test: &TestApp) -> [TestCall<'_>; 3] {
    let lists = [
        test.call(Operation::ListKeys),
        test.call(Operation::ListAudit).id(1),
        test.call(Operation::ListUserKeys).path_parameter("user_id", "7"),
    ];
    lists.map(|call| call.query("limit", "1").format("fhir"))
}

/// A user with two keys and three entries.
async fn start(settings: &[(&str, &str)]) -> TestApp {
    let test = TestApp::with(settings).await;
    test.make_two_keys().await;
    test.call(Operation::PauseKey).id(1).send().await.ok();
    test
}

/// Checks that a bundle links itself and its next page below a URL.
#[track_caller]
fn assert_links(answer: &Answer, base: &str) {
    let bundle = answer.ok();
    let links = bundle["link"].as_array().expect("links");
    let relations: Vec<&Value> = links.iter().map(|link| &link["relation"]).collect();
    assert_eq!(relations, ["self", "next"], "{}", answer.text);
    for link in links {
        let url = link["url"].as_str().expect("a URL");
        assert!(url.starts_with(&format!("{base}/api/apiKeys")), "{url}");
    }
}

#[tokio::test]
async fn no_header_decides_the_host() {
    let test = start(&[]).await;
    for (name, value) in [
        ("Host", "evil.example"),
        ("Host", "evil.example:8443"),
        ("Host", "k2v9x4m7qa.execute-api.eu-central-1.amazonaws.com@evil.example"),
        ("Host", "evil.example/?"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "evil"),
        ("X-Forwarded-Proto", "http"),
        ("Forwarded", "host=evil.example;proto=http"),
        ("X-Original-Host", "evil.example"),
    ] {
        for call in lists(&test) {
            let answer = call.header(name, value).send().await;
            assert_links(&answer, &format!("{GATEWAY}/v1"));
            let headers = format!("{:?}", answer.headers);
            assert!(!answer.text.contains("evil") && !headers.contains("evil"), "{name}: {value}");
        }
    }
}

#[tokio::test]
async fn under_a_domain_of_its_own_links_have_no_stage() {
    let test = start(&[]).await;
    for call in lists(&test) {
        let answer = call.under_domain("keys.example").send().await;
        assert_links(&answer, "https://keys.example");
    }
}

#[tokio::test]
async fn behind_a_proxy_links_have_the_configured_origin() {
    let test = start(&[("PUBLIC_ORIGIN", "https://proxy.example:8443")]).await;
    for call in lists(&test) {
        let answer = call.header("Host", "evil.example").send().await;
        assert_links(&answer, "https://proxy.example:8443/v1");
    }
}
