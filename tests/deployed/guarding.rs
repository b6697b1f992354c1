//! Services behind proxies and with a few lines of code, as docs/guard-a-service.md shows them.

use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tests::deployed::Deployed;
use tests::nginx::{Nginx, free_port};
use tests::owner_of::owner_of;
use tests::repository;
use tests::stub::{Script, Stub};

const PAGE: &str = "docs/guard-a-service.md";
const USER: u64 = 4_501;

/// The one block of the page in a language.
fn block(language: &str) -> String {
    let page = repository::read(PAGE);
    let [_, block] = page.split(&format!("```{language}\n")).collect::<Vec<_>>()[..] else {
        panic!("{PAGE} has one block of {language}")
    };
    block.split("```").next().expect("it ends").to_owned()
}

/// A key of the user: its id and its string.
async fn new_key(deployed: &Deployed, kind: &str) -> (u64, String) {
    let key = deployed.new_key(USER, json!({"name": "guarded", "type": kind, "status": "active"})).await;
    (key["id"].as_u64().expect("an id"), key["key"].as_str().expect("a string").to_owned())
}

async fn change(deployed: &Deployed, method: Method, key: u64, verb: &str) {
    deployed.manage(USER, method, &format!("/api/apiKeys/{key}{verb}"), None).await;
}

async fn status(call: RequestBuilder) -> u16 {
    call.send().await.expect("an answer").status().as_u16()
}

/// Envoy keeps the method and appends the path; Traefik asks by GET and tells of the request in headers.
#[tokio::test]
async fn proxies_ask_by_any_method_and_path() {
    let deployed = Deployed::from_env();
    let (id, key) = new_key(&deployed, "t2yd").await;
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    for method in methods {
        for path in ["", "/notes", "/notes/7/parts/a%20b?draft=1&draft=2"] {
            let path = format!("/api/apiKeys/authorize{path}");
            let call = deployed.call(method.clone(), &path).bearer_auth(deployed.service_token());
            let call = call.header("x-forwarded-uri", "/notes").header("x-request-format", "none");
            let refused = status(call.try_clone().expect("no body").header("x-api-key", "x")).await;
            assert_eq!(refused, 401, "{method} {path}");
            let answer = call.header("x-api-key", &key).send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{method} {path}");
            let named = ["user-id", "key-id", "key-type"].map(|name| &answer.headers()[format!("x-nuxera-{name}")]);
            assert_eq!(named, [&USER.to_string(), &id.to_string(), "t2yd"], "{method} {path}");
        }
    }
    let preflight = deployed.call(Method::OPTIONS, "/api/apiKeys/authorize/notes").header("x-api-key", &key);
    let answered = status(preflight.bearer_auth(deployed.service_token())).await;
    assert!(answered >= 400, "a proxy would let every preflight pass: {answered}");
}

#[tokio::test]
async fn nginx_guards_a_page_and_a_revocation_counts_from_the_next_request_on() {
    let deployed = Deployed::from_env();
    let (id, key) = new_key(&deployed, "live").await;
    let page = Stub::start(Script::respond("200 OK", "text/plain", b"the notes")).await;
    let nginx = guarding_nginx(&deployed, "guard", &page).await;
    let client = Client::builder().no_proxy().build().expect("a client");
    let get = |key: &str| client.get(format!("{}/notes?of=today", nginx.url())).header("x-api-key", key);

    let answer = get(&key).header("x-nuxera-user-id", "1").header("x-response-format", "hl7").send().await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.expect("a text"), "the notes");
    let [request] = &page.received()[..] else { panic!("one request") };
    assert_eq!(request.request_line, "GET /notes?of=today HTTP/1.0");
    assert_eq!(request.headers["x-nuxera-user-id"], USER.to_string(), "not what the client says");
    assert_eq!(request.headers["x-nuxera-key-id"], id.to_string());
    assert_eq!(request.headers["x-nuxera-key-type"], "live");
    assert!(!request.headers.contains_key("x-api-key") && !request.headers.contains_key("authorization"));

    let refused = async |call: RequestBuilder| {
        let answer = call.send().await.expect("an answer");
        assert_eq!(answer.headers()["content-type"], "application/json");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON")["error"].clone())
    };
    let without = client.get(format!("{}/notes", nginx.url()));
    assert_eq!(refused(without).await, (401, "Invalid API key".into()));
    change(&deployed, Method::PATCH, id, "/pause").await;
    assert_eq!(refused(get(&key)).await, (403, "API key is paused or expired".into()));
    change(&deployed, Method::PATCH, id, "/resume").await;
    assert_eq!(status(get(&key)).await, 200);
    change(&deployed, Method::DELETE, id, "").await;
    assert_eq!(refused(get(&key)).await, (401, "Invalid API key".into()));
    assert_eq!(page.received().len(), 2, "nothing else came through");
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the environment says how the stack was deployed")]
async fn nginx_says_429_for_a_limit_and_503_when_nobody_can_tell() {
    let limit: u64 = std::env::var("TEST_KEY_DAILY_LIMIT").expect("it is set").parse().expect("a number");
    let deployed = Deployed::from_env();
    let (_, key) = new_key(&deployed, "test").await;
    let page = Stub::start(Script::respond("200 OK", "text/plain", b"the notes")).await;
    let nginx = guarding_nginx(&deployed, "limit", &page).await;
    let client = Client::builder().no_proxy().build().expect("a client");
    let get = || client.get(format!("{}/notes", nginx.url())).header("x-api-key", &key);
    for use_number in 1..=limit {
        assert_eq!(status(get()).await, 200, "{use_number}");
    }
    let answer = get().send().await.expect("an answer");
    assert_eq!(answer.status(), 429);
    let seconds: u32 = answer.headers()["retry-after"].to_str().expect("ASCII").parse().expect("a number");
    assert!((1..=86_400).contains(&seconds), "until the day ends: {seconds}");
    drop(nginx);

    let folder = folder("unreachable");
    let configuration = configuration(&folder, "http://127.0.0.1:1", &page, "x");
    let nginx = Nginx::start(folder, &configuration.0, configuration.1).await;
    let answer = client.get(nginx.url()).header("x-api-key", &key).send().await.expect("an answer");
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.json::<Value>().await.expect("JSON"), json!({"error": "Service temporarily unavailable"}));
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nginx").join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// The configuration of the page, for a deployment and a service of the test's, and the port that it listens on.
fn configuration(folder: &Path, url: &str, service: &Stub, token: &str) -> (String, u16) {
    let token_file = folder.join("token.conf");
    let header = format!("proxy_set_header Authorization \"Bearer {token}\";");
    std::fs::write(&token_file, header).expect("the token is written");
    let port = free_port();
    let mut text = block("nginx");
    for (example, own) in [
        ("listen 8080", format!("listen 127.0.0.1:{port}")),
        ("http://127.0.0.1:8081", service.url.trim_end_matches("/transcribe").to_owned()),
        ("https://keys.example", url.to_owned()),
        ("/etc/nginx/nuxera-token.conf", token_file.to_str().expect("UTF-8").to_owned()),
    ] {
        assert_eq!(text.matches(example).count(), 1, "{example}");
        text = text.replace(example, &own);
    }
    (text, port)
}

async fn guarding_nginx(deployed: &Deployed, name: &str, service: &Stub) -> Nginx {
    let folder = folder(name);
    let (text, port) = configuration(&folder, deployed.url(), service, &deployed.service_token());
    Nginx::start(folder, &text, port).await
}

/// The Rust code is compiled with the tests.
#[tokio::test]
async fn the_code_of_the_page_tells_whose_key_it_is() {
    assert_eq!(block("rust"), repository::read("tests/src/owner_of.rs"));
    let deployed = Deployed::from_env();
    let (id, key) = new_key(&deployed, "live").await;
    let python = |key: &str| format!("{}\nprint(owner_of({key:?}))\n", block("python"));
    let node = |key: &str| format!("{}\nconsole.log(await ownerOf({key:?}));\n", block("js"));
    let client = Client::builder().no_proxy().build().expect("a client");
    let rust = async |key: &str| owner_of(&client, deployed.url(), &deployed.service_token(), key).await;
    assert_eq!(run(&deployed, "python3", &["-c", &python(&key)]), USER.to_string());
    assert_eq!(run(&deployed, "node", &["--input-type=module", "-e", &node(&key)]), USER.to_string());
    assert_eq!(rust(&key).await.expect("an answer"), Some(USER));
    change(&deployed, Method::PATCH, id, "/pause").await;
    assert_eq!(run(&deployed, "python3", &["-c", &python(&key)]), "None");
    assert_eq!(run(&deployed, "node", &["--input-type=module", "-e", &node(&key)]), "null");
    assert_eq!(rust(&key).await.expect("an answer"), None);
    let wrong_token = owner_of(&client, deployed.url(), &deployed.token(USER), &key).await;
    assert!(wrong_token.is_err_and(|error| error.status().is_some_and(|status| status == 403)));
}

/// What a program prints.
fn run(deployed: &Deployed, program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments);
    command.env("NUXERA_KEYS_URL", deployed.url()).env("NUXERA_KEYS_TOKEN", deployed.service_token());
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}
