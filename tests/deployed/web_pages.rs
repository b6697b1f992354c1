//! Web pages on a developer's machine: a page reaches the deployed API and no other part of the local AWS.
//!
//! The request to AWS reads the JWT secret and has a valid signature. So only the change that an attack makes can be
//! the cause of its refusal.

use aws_lc_rs::{digest, hmac};
use reqwest::{StatusCode, Url};
use serde_json::Value;
use shared::config::AwsConfig;
use tests::deployed::{Deployed, now};
use tests::raw_http::{Request, Response};

/// A user of this file only.
const USER_ID: u64 = 4_701;

const PAGE: [(&str, &str); 3] =
    [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "cors")];

/// The local AWS with its access key.
struct LocalAws {
    port: u16,
    secret: String,
    config: AwsConfig,
}

impl LocalAws {
    fn from_env() -> Self {
        let config = AwsConfig::from_env().expect("complete");
        Self { port: port_of(config.endpoint_url.as_deref().expect("local")), secret: variable("JWT_SECRET"), config }
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn access_key(&self) -> (&str, &str) {
        (self.config.credentials.access_key_id(), self.config.credentials.secret_access_key())
    }

    /// A call that reads the JWT secret, unsigned.
    fn unsigned(host: &str) -> Request {
        let call = Request::new("POST", "/", host).with_body(r#"{"SecretId": "nuxera/jwt"}"#);
        call.with("X-Amz-Date", &amz_date()).with("X-Amz-Target", "secretsmanager.GetSecretValue")
    }

    /// The call, signed with an access key.
    fn signed_with(&self, (id, secret): (&str, &str), host: &str) -> Request {
        let request = Self::unsigned(host);
        let authorization = self.authorization(&request, id, secret);
        request.with("Authorization", &authorization)
    }

    fn signed(&self, host: &str) -> Request {
        self.signed_with(self.access_key(), host)
    }

    /// Signature Version 4.
    fn authorization(&self, request: &Request, id: &str, secret: &str) -> String {
        let sign = |key: &[u8], text: &str| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_owned()
        };
        let header =
            |name: &str| request.headers.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value);
        let (time, target) = (header("X-Amz-Date"), header("X-Amz-Target"));
        let signed = "host;x-amz-date;x-amz-target";
        let canonical = format!(
            "{}\n{}\n\nhost:{}\nx-amz-date:{time}\nx-amz-target:{target}\n\n{signed}\n{}",
            request.method,
            request.target,
            header("Host"),
            sha256(&request.body)
        );
        let scope = [&time[..8], self.config.region.as_ref(), "secretsmanager", "aws4_request"];
        let string = format!("AWS4-HMAC-SHA256\n{time}\n{}\n{}", scope.join("/"), sha256(&canonical));
        let key = scope.iter().fold(format!("AWS4{secret}").into_bytes(), |key, part| sign(&key, part));
        let (scope, signature) = (scope.join("/"), hex(&sign(&key, &string)));
        format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}")
    }

    async fn assert_refuses(&self, attack: &str, request: &Request) {
        let response = request.send(self.port).await;
        assert!(matches!(response.status(), 400 | 403), "{attack}: {response:?}");
        assert!(!response.text().contains(&self.secret), "{attack}: {response:?}");
        assert_eq!(cors(&response), [""; 0], "{attack}");
    }
}

/// The CORS headers of a response.
fn cors(response: &Response) -> Vec<String> {
    let lines = response.head().lines().map(str::to_lowercase);
    let mut cors: Vec<String> = lines.filter(|line| line.starts_with("access-control-")).collect();
    cors.sort();
    cors
}

fn amz_date() -> String {
    now().format("%Y%m%dT%H%M%SZ").to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn sha256(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn port_of(url: &str) -> u16 {
    Url::parse(url).expect("a URL").port().expect("a port")
}

#[expect(clippy::disallowed_methods, reason = "tests learn from the environment where the deployment is")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: `make test-deployed` sets it"))
}

#[tokio::test]
async fn a_client_with_the_access_key_is_served_under_each_local_name() {
    let aws = LocalAws::from_env();
    for name in ["127.0.0.1", "localhost", "LocalHost", "[::1]"] {
        let response = aws.signed(&format!("{name}:{}", aws.port)).send(aws.port).await;
        assert!(response.status() == 200 && response.text().contains(&aws.secret), "{name}: {response:?}");
        assert_eq!(cors(&response), [""; 0], "{name}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_a_local_name_is_refused() {
    let aws = LocalAws::from_env();
    let port = aws.port;
    let api = variable("API_URL");
    for host in [
        String::new(),
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{}", port - 1),
        format!("127.0.0.1:0{port}"),
        format!("127.0.0.1.:{port}"),
        format!("localhost.:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("evil.localhost:{port}"),
        format!("nuxera-deployment.localhost:{port}"),
        format!("secretsmanager.localhost:{port}"),
        format!("deadbeef.execute-api.localhost:{port}"),
        format!("deadbeef.execute-api.evil.example:{port}"),
        format!("user@127.0.0.1:{port}"),
        format!("127.0.0.1:{port}@evil.example"),
        format!("127.0.0.1:{port}, evil.example"),
        format!("0.0.0.0:{port}"),
        format!("127.1:{port}"),
        format!("2130706433:{port}"),
        format!("[::]:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
    ] {
        aws.assert_refuses(&format!("Host: {host}"), &aws.signed(&host)).await;
        // Other headers that name a host.
        let forwarded = aws.signed(&host).with("X-Forwarded-Host", &aws.host()).with("Forwarded", "host=localhost");
        aws.assert_refuses(&format!("Host: {host}, forwarded"), &forwarded).await;
        let of_api = Request::new("GET", &format!("{}/api/apiKeys", Url::parse(&api).expect("a URL").path()), &host);
        aws.assert_refuses(&format!("Host: {host}, to the API"), &of_api).await;
    }
    aws.assert_refuses("no Host", &aws.signed(&aws.host()).without("Host")).await;
    aws.assert_refuses("two Hosts", &aws.signed(&aws.host()).with("Host", "evil.example")).await;
    aws.assert_refuses("the same Host twice", &aws.signed(&aws.host()).with("Host", &aws.host())).await;
}

#[tokio::test]
async fn a_request_that_a_browser_sends_is_refused() {
    let aws = LocalAws::from_env();
    let own = format!("http://{}", aws.host());
    for (name, value) in [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Origin", ""),
        ("Origin", &own),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Sec-Fetch-Site", "same-origin"),
        ("Sec-Fetch-Site", "none"),
        ("sec-fetch-site", "CROSS-SITE"),
        ("Sec-Fetch-Mode", "no-cors"),
        ("Sec-Fetch-Dest", "image"),
    ] {
        aws.assert_refuses(&format!("{name}: {value}"), &aws.signed(&aws.host()).with(name, value)).await;
    }
    let preflight = Request::new("OPTIONS", "/", &aws.host()).with_all(&PAGE);
    let preflight = preflight.with("Access-Control-Request-Method", "POST");
    let preflight = preflight.with("Access-Control-Request-Headers", "authorization,x-amz-target");
    aws.assert_refuses("a preflight", &preflight).await;
    aws.assert_refuses("a private one", &preflight.with("Access-Control-Request-Private-Network", "true")).await;
}

#[tokio::test]
async fn a_request_without_the_access_key_is_refused() {
    let aws = LocalAws::from_env();
    let (id, secret) = aws.access_key();
    let host = aws.host();
    for other in ["test", "000000000000", "123456789012", "AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", ""] {
        let request = aws.signed_with((other, secret), &host);
        aws.assert_refuses(&format!("the access key {other:?}"), &request).await;
    }
    aws.assert_refuses("another secret", &aws.signed_with((id, "test"), &host)).await;
    aws.assert_refuses("lower case", &aws.signed_with((&id.to_lowercase(), secret), &host)).await;
    for (name, value) in [
        ("Content-Type", "text/plain"),
        ("Content-Type", "application/x-amz-json-1.1"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Type", "multipart/form-data; boundary=x"),
        ("Authorization", &format!("AWS {id}:c2lnbmF0dXJl")),
        ("Authorization", &format!("Basic {id}")),
        ("Authorization", &format!("AWS4-HMAC-SHA256 X=Credential={id}/")),
        ("Authorization", &format!("AWS4-HMAC-SHA256 Credential=test/Credential={id}/20260101/a/b/aws4_request")),
        ("X-Amz-Security-Token", id),
    ] {
        aws.assert_refuses(&format!("{name}: {value}"), &LocalAws::unsigned(&host).with(name, value)).await;
    }
    let twice = aws.signed_with(("test", "test"), &host);
    let [ours, theirs] = [aws.signed(&host), twice.clone()]
        .map(|request| request.headers.last().map(|(_, value)| value.clone()).expect("the signature"));
    aws.assert_refuses("two signatures", &twice.with("Authorization", &ours)).await;
    aws.assert_refuses("in the other order", &aws.signed(&host).with("Authorization", &theirs)).await;

    // Credentials in the query, as in presigned URLs.
    let credential = format!("{id}%2F{}%2Fus-east-1%2Fsecretsmanager%2Faws4_request", &amz_date()[..8]);
    for query in [
        format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={}&X-Amz-Expires=900\
             &X-Amz-SignedHeaders=host&X-Amz-Signature={}",
            amz_date(),
            "0".repeat(64)
        ),
        format!("AWSAccessKeyId={id}&Signature=c2lnbmF0dXJl&Expires=4102444800"),
        format!("Action=GetSecretValue&SecretId=nuxera/jwt&AWSAccessKeyId={id}"),
    ] {
        let mut request = LocalAws::unsigned(&host);
        request.target = format!("/?{query}");
        aws.assert_refuses(&query, &request).await;
        aws.assert_refuses(&query, &Request::new("GET", &format!("/?{query}"), &host)).await;
    }
}

#[tokio::test]
async fn nothing_but_the_api_answers_without_the_access_key() {
    let aws = LocalAws::from_env();
    let (host, stage) = (aws.host(), Url::parse(&variable("API_URL")).expect("a URL").path().to_owned());
    for (method, target) in [
        ("GET", "/"),
        ("HEAD", "/"),
        ("TRACE", "/"),
        ("TRACE", "*"),
        ("OPTIONS", "*"),
        ("CONNECT", &host),
        ("GET", "/health"),
        ("GET", "/_ministack/health"),
        ("GET", "/_ministack%2fhealth"),
        ("GET", "/%5fministack/ready"),
        ("GET", "/_localstack/health"),
        ("POST", "/_ministack/reset"),
        ("POST", "/_ministack/config"),
        ("POST", "/_ministack/eks-auth/"),
        ("GET", "/_ministack/ses/messages"),
        ("GET", "/_ministack/sqs/messages"),
        ("GET", "/_ministack/lambda-code/x"),
        ("PUT", "/_ministack/cfn-response/x"),
        ("POST", "/_ministack/rds/iam-auth"),
        ("GET", "/oauth2/authorize"),
        ("POST", "/oauth2/token"),
        ("GET", "/v2/_catalog"),
        ("GET", "/restapis"),
        ("GET", "/2015-03-31/functions/"),
        ("POST", "/2015-03-31/functions/"),
        ("GET", "/nuxera-deployment"),
        ("PUT", "/nuxera-deployment/x"),
        ("GET", "/_aws/execute-api/deadbeef/local/api/apiKeys"),
        ("GET", "/_aws/lambda-url/deadbeef/"),
        ("POST", "/restapis/deadbeef/local/_user_request_/../../../../_ministack/reset"),
        ("POST", &format!("/x/..{stage}/../_ministack/reset")),
        ("POST", &format!("/{stage}/api/apiKeys")),
        ("POST", &format!("/.{stage}/api/apiKeys")),
        ("GET", &format!("{}/api/apiKeys", &stage[1..])),
        ("GET", &format!("x{stage}/api/apiKeys")),
        ("GET", &format!("http://{host}/_ministack/health")),
        ("GET", &format!("http://{host}{stage}/api/apiKeys")),
        ("GET", &format!("http://evil.example{stage}/api/apiKeys")),
    ] {
        aws.assert_refuses(&format!("{method} {target}"), &Request::new(method, target, &host)).await;
        let from_page = Request::new(method, target, &host).with_all(&PAGE);
        aws.assert_refuses(&format!("{method} {target} of a page"), &from_page).await;
    }
    // No path leads out of the API's: what looks like one is an unknown path of the API.
    for path in ["/../_ministack/health", "/%2e%2e/_ministack/health", "//_ministack/health", "/..%2f_ministack/health"]
    {
        let response = Request::new("GET", &format!("{stage}{path}"), &host).send(aws.port).await;
        assert!(
            response.status() == 404 && response.text().ends_with(r#"{"error":"Not found"}"#),
            "{path}: {response:?}"
        );
    }
}

#[tokio::test]
async fn no_connection_becomes_a_websocket() {
    let aws = LocalAws::from_env();
    let api = format!("{}/api/apiKeys", Url::parse(&variable("API_URL")).expect("a URL").path());
    for target in ["/", &api, "/_aws/execute-api/deadbeef/local", "/_ministack/health"] {
        let upgrade = [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ];
        let request = Request::new("GET", target, &aws.host()).with_all(&upgrade);
        aws.assert_refuses(&format!("{target} as a WebSocket"), &request).await;
        aws.assert_refuses(&format!("{target} of a page"), &request.with_all(&PAGE)).await;
    }
}

#[tokio::test]
async fn a_page_reaches_the_api_under_the_cors_rules_of_the_api() {
    let deployed = Deployed::from_env();
    let aws = LocalAws::from_env();
    let stage = Url::parse(&variable("API_URL")).expect("a URL").path().to_owned();
    let token = format!("Bearer {}", deployed.token(USER_ID));
    for (method, path, status) in [
        ("GET", "/api/apiKeys", 200),
        ("OPTIONS", "/api/apiKeys", 200),
        ("GET", "/api/nothing", 404),
        ("TRACE", "/api/apiKeys", 404),
    ] {
        for name in ["127.0.0.1", "localhost"] {
            let call = Request::new(method, &format!("{stage}{path}"), &format!("{name}:{}", aws.port));
            let call = call.with("Authorization", &token);
            let own = call.send(aws.port).await;
            let page = call.with_all(&PAGE).with("Access-Control-Request-Method", "GET").send(aws.port).await;
            assert_eq!((own.status(), page.status()), (status, status), "{method} {path}: {page:?}");
            // The headers of API and gateway for everybody, which another test checks, and no others.
            assert_eq!(cors(&page), cors(&own), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_transcription_service_is_not_for_pages() {
    let port = port_of(&variable("TRANSCRIPTION_URL"));
    let upload = |host: &str| {
        Request::new("POST", "/transcribe", host).with("Content-Type", "text/plain").with_body("not a recording")
    };
    let host = format!("127.0.0.1:{port}");
    let served = upload(&host).send(port).await;
    let body = serde_json::from_str::<Value>(served.body());
    assert!(served.status() == 400 && body.is_ok(), "it answers others: {served:?}");

    for (name, value) in PAGE {
        assert_eq!(upload(&host).with(name, value).send(port).await.status(), 403, "{name}: {value}");
    }
    for host in ["evil.example", "", "127.0.0.1", &format!("evil.example:{port}"), &format!("localhost.:{port}")] {
        assert_eq!(upload(host).send(port).await.status(), 403, "Host: {host}");
    }
    assert_eq!(upload(&host).without("Host").send(port).await.status(), 403, "no Host");
    assert_eq!(upload(&host).with("Host", "evil.example").send(port).await.status(), 403, "two Hosts");
}

/// The functions' containers are processes, whose environment Linux exposes.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_runtime_apis_of_the_functions_are_not_for_pages() {
    let deployed = Deployed::from_env();
    let called = deployed.call(reqwest::Method::GET, "/api/apiKeys").send().await.expect("an answer");
    assert_eq!(called.status(), StatusCode::UNAUTHORIZED);

    let environments = std::fs::read_dir("/proc").expect("it is there").flatten();
    let environments = environments.filter_map(|process| std::fs::read(process.path().join("environ")).ok());
    let endpoint = format!("AWS_ENDPOINT_URL=http://127.0.0.1:{}", LocalAws::from_env().port);
    let runtime_apis: std::collections::HashSet<u16> = environments
        .filter_map(|environment| {
            let variables: Vec<String> =
                environment.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned()).collect();
            let runtime_api = variables.iter().find_map(|text| text.strip_prefix("AWS_LAMBDA_RUNTIME_API=127.0.0.1:"));
            variables.contains(&endpoint).then(|| runtime_api?.parse().ok()).flatten()
        })
        .collect();
    assert!(!runtime_apis.is_empty(), "a function was called");
    for port in runtime_apis {
        let next = |host: &str| Request::new("GET", "/2018-06-01/runtime/invocation/next", host);
        let host = format!("127.0.0.1:{port}");
        for (name, value) in PAGE {
            assert_eq!(next(&host).with(name, value).send(port).await.status(), 403, "{name}: {value}");
        }
        for host in ["evil.example", &format!("evil.example:{port}")] {
            assert_eq!(next(host).send(port).await.status(), 403, "Host: {host}");
        }
        let answer = Request::new("POST", "/2018-06-01/runtime/invocation/x/response", &host).with_body("{}");
        assert_eq!(answer.with_all(&PAGE).send(port).await.status(), 403, "a forged answer");
    }
}
