//! Keys from before this service: imported, and used wherever a key is.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use shared::store::Table;
use tests::calls::CallLog;
use tests::deployed::Deployed;
use tests::{Contents, engine, repository};

/// A user of this file only.
const USER_ID: u64 = 4_701;
const UUID: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
const PREFIXED: &str = "nux_live_feedfacefeedface";

async fn answer(call: RequestBuilder) -> (u16, Value) {
    let response = call.send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

#[tokio::test]
async fn an_imported_string_opens_what_a_key_opens() {
    let deployed = Deployed::from_env();
    // An id that no other test is near to.
    let id = 9_000_000;
    let hash = "0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33f6f6ef2ebc5bd2d0c7cd1f7a";
    let of = |key: Value| {
        let mut whole = json!({"user_id": USER_ID, "name": "Ward", "type": "live", "status": "active"});
        whole.as_object_mut().expect("an object").extend(key.as_object().expect("an object").clone());
        whole
    };
    let keys = json!([
        of(json!({"key": UUID, "id": id, "is_default": true})),
        of(json!({"key": PREFIXED})),
        of(json!({"key": PREFIXED})),
        of(json!({"key_sha256": hash})),
    ]);
    let outcomes = deployed.import(&keys).await;
    let named: Vec<&Value> = outcomes.iter().map(|outcome| &outcome["outcome"]).collect();
    assert_eq!(named, ["imported", "imported", "exists", "imported"], "{outcomes:?}");
    assert_eq!(outcomes[0]["id"], id);
    let again = deployed.import(&keys).await;
    assert!(again.iter().all(|outcome| outcome["outcome"] == "exists"), "{again:?}");

    let form = |path: &str| {
        let mut recording = std::fs::read(repository::root().join("local/samples/recording.wav")).expect("the sample");
        recording.truncate(44);
        let audio = Part::bytes(recording).file_name("recording.wav").mime_str("audio/wav").expect("a type");
        let name = if path.ends_with("/v2") { "file" } else { "audio" };
        Form::new().part(name, audio).text("userId", USER_ID.to_string()).text("speciality", "General Practice")
    };
    let uses = ["/api/transcribe", "/api/transcribe/v2", "/api/dictate"];
    for path in uses {
        for string in [UUID, PREFIXED] {
            let call = deployed.call(Method::POST, path).header("x-api-key", string).multipart(form(path));
            let (status, text) = answer(call).await;
            assert_eq!(status, 200, "{path}: {text}");
        }
        let unknown = "nux_live_badc0debadc0de00";
        let call = deployed.call(Method::POST, path).header("x-api-key", unknown).multipart(form(path));
        assert_eq!(answer(call).await, (401, json!({"error": "Invalid API key"})), "{path}");
    }
    let post = |path: &str, token: &str, key: &str| {
        deployed.call(Method::POST, path).bearer_auth(token).json(&json!({"key": key}))
    };
    let (status, verified) = answer(post("/api/apiKeys/verify", &deployed.service_token(), UUID)).await;
    assert_eq!((status, &verified["valid"], &verified["id"]), (200, &json!(true), &json!(id)));
    let (status, found) = answer(post("/api/apiKeys/lookup", &deployed.token_with_role(901, "admin"), UUID)).await;
    assert_eq!((status, &found["key"], &found["is_default"]), (200, &json!("…0ae7"), &json!(true)));
    assert_eq!(found["usage_count"], uses.len() + 1, "one for each use");
    let authorize = deployed.call(Method::GET, "/api/apiKeys/authorize").bearer_auth(deployed.service_token());
    let authorized = authorize.header("x-api-key", UUID).send().await.expect("an answer");
    assert_eq!(authorized.status(), 200);
    assert_eq!(authorized.headers()["x-nuxera-key-id"], id.to_string());

    // What is stored of them, without the secret.
    let table = Table::new(engine::client(&deployed.sdk_config(), &CallLog::default()), &deployed.table_name);
    let contents = Contents::of(&table).await;
    let record = contents.key(USER_ID, id).expect("the record");
    assert_eq!(record["hash"].as_b().expect("bytes").as_ref().len(), 32);
    assert_eq!(deployed.manage(USER_ID, Method::GET, &format!("/api/apiKeys/{id}"), None).await["key"], UUID);
}

/// `make import` of a file, as Make starts it.
fn import_of(file: &Path) -> Command {
    let mut command = Command::new("python");
    command.arg("deployment/import_keys.py").arg(file).current_dir(repository::root());
    command
}

#[test]
fn an_import_that_was_stopped_goes_on_where_it_was() {
    const KEYS: usize = 250;
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(engine::unique_name("keys"));
    let string = |number: usize| format!("nux_test_{:016x}", 0x5709_0000_0000_0000_u64 + number as u64);
    let line = |number| {
        let name = if number == 120 { "" } else { "Ward" };
        json!({"user_id": 4_702, "key": string(number), "name": name, "type": "test", "status": "active"}).to_string()
    };
    std::fs::write(&file, (1..=KEYS).map(line).collect::<Vec<_>>().join("\n")).expect("the file is written");

    let mut stopped = import_of(&file).stdout(Stdio::piped()).spawn().expect("Python");
    let mut output = BufReader::new(stopped.stdout.take().expect("it is piped"));
    let mut first = String::new();
    output.read_line(&mut first).expect("text");
    assert!(first.starts_with("100 of 250 keys"), "{first}");
    let asked = Command::new("kill").args(["-INT", &stopped.id().to_string()]).status().expect("kill(1)");
    assert!(asked.success() && !stopped.wait().expect("it ends").success());

    let resumed = import_of(&file).output().expect("Python");
    let text = [resumed.stdout, resumed.stderr].map(|output| String::from_utf8(output).expect("UTF-8")).concat();
    assert_eq!(resumed.status.code(), Some(1), "a line was refused: {text}");
    let going_on = text.lines().next().and_then(|line| line.strip_prefix("Going on after line ")).expect("the place");
    assert!(going_on.starts_with("100 ") || going_on.starts_with("200 "), "{text}");
    // What was under way when it was stopped may be done: then it exists.
    let counts = text.lines().find_map(|line| line.strip_prefix("250 keys: ")).expect("the counts");
    let counts: Vec<usize> = counts.split(", ").filter_map(|count| count.split(' ').next()?.parse().ok()).collect();
    assert_eq!((counts[0] + counts[1], counts[2]), (KEYS - 1, 1), "{text}");
    let refused = std::fs::read_to_string(format!("{}.refused", file.display())).expect("the refused lines");
    assert!(refused.starts_with("line 120: invalid: name ") && refused.lines().count() == 1, "{refused}");
    for number in 1..=KEYS {
        assert!(!text.contains(&string(number)) && !refused.contains(&string(number)), "a string is printed");
    }

    let again = import_of(&file).output().expect("Python");
    let text = String::from_utf8(again.stdout).expect("UTF-8");
    assert!(text.ends_with("250 keys: 0 imported, 249 exists, 1 invalid\n"), "{text}");
}
