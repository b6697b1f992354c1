//! `nuxera-keys` against the deployed service, each command as a person or a script gives it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tests::deployed::Deployed;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// The program, which `make test-deployed` builds beside the tests.
#[must_use]
pub fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test is a program");
    let program = test.ancestors().nth(2).expect("a folder of builds").join("nuxera-keys");
    assert!(program.exists(), "{}: cargo build --locked --workspace --bin nuxera-keys", program.display());
    program
}

/// The program for a user.
struct CommandLine {
    url: String,
    token: String,
}

impl CommandLine {
    fn of(user: u64) -> Self {
        let deployed = Deployed::from_env();
        Self { url: deployed.url().to_owned(), token: deployed.token(user) }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).env("NUXERA_KEYS_URL", &self.url).env("NUXERA_KEYS_TOKEN", &self.token);
        command
    }

    /// What it prints to a pipe, and its exit status.
    fn run(&self, arguments: &[&str]) -> Run {
        Run::from(self.command(arguments).stdin(Stdio::null()).output().expect("it starts"))
    }

    /// What a program gets.
    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let run = self.run(&[arguments, &["--format", "json"]].concat());
        assert_eq!(run.status, 0, "{arguments:?}: {}", run.errors);
        serde_json::from_str(&run.printed).expect("JSON")
    }

    /// A new key: its id and its string.
    fn create(&self, arguments: &[&str]) -> (String, String) {
        let key = self.json(&[&["create", "--reveal"], arguments].concat());
        (key["id"].to_string(), key["key"].as_str().expect("a string").to_owned())
    }

    /// What it prints to a terminal.
    fn on_a_terminal(&self, arguments: &[&str]) -> String {
        let command = format!("{} {}", program().display(), arguments.join(" "));
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command", &command, "/dev/null"]);
        script.env("NUXERA_KEYS_URL", &self.url).env("NUXERA_KEYS_TOKEN", &self.token).stdin(Stdio::null());
        let output = script.output().expect("script of util-linux is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

struct Run {
    status: i32,
    printed: String,
    errors: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self {
            status: output.status.code().expect("a status"),
            printed: text(output.stdout),
            errors: text(output.stderr),
        }
    }
}

#[test]
fn a_key_goes_through_its_life() {
    let keys = CommandLine::of(4_701);
    let (id, string) = keys.create(&["Ward 3", "--type", "t2yd", "--expires", "2100-01-01T00:00:00Z"]);
    let id = id.as_str();
    let key = keys.json(&["show", id]);
    assert_eq!((&key["name"], &key["type"], &key["status"]), (&"Ward 3".into(), &"t2yd".into(), &"active".into()));
    assert_eq!(key["expiry_at"], "2100-01-01T00:00:00Z");
    assert_eq!(keys.json(&["pause", id])["status"], "paused");
    assert_eq!(keys.json(&["resume", id])["status"], "active");
    assert_eq!(keys.json(&["default", "set", id])["is_default"], true);
    assert_eq!(keys.json(&["default", "remove", id])["is_default"], false);
    let rotated = keys.json(&["rotate", id, "--grace", "60", "--reveal"]);
    assert_ne!(rotated["key"], string.as_str());
    let trail = keys.json(&["audit", id]);
    let actions: Vec<&str> = trail.as_array().expect("entries").iter().filter_map(|it| it["action"].as_str()).collect();
    assert_eq!(actions, ["rotate", "remove_default", "set_default", "resume", "pause", "create"]);
    let table = keys.run(&["audit", id, "--limit", "1"]);
    let [heading, entry] = table.printed.lines().collect::<Vec<_>>()[..] else { panic!("{}", table.printed) };
    assert!(heading.starts_with("AT") && entry.contains("rotate"), "{}", table.printed);

    let unconfirmed = keys.run(&["delete", id]);
    assert_eq!((unconfirmed.status, unconfirmed.printed.as_str()), (2, ""));
    assert!(unconfirmed.errors.contains("add --yes"), "{}", unconfirmed.errors);
    assert_eq!(keys.run(&["delete", id, "--yes"]).printed, format!("Key {id} is deleted\n"));
    let gone = keys.run(&["show", id]);
    assert_eq!((gone.status, gone.printed.as_str()), (4, ""));
    assert!(gone.errors.starts_with("error: API Key not found (404)\n  request id: "), "{}", gone.errors);
}

#[test]
fn key_strings_go_to_terminals_alone_unless_they_are_to_be_revealed() {
    let keys = CommandLine::of(4_702);
    let unseen = keys.run(&["create", "Unseen"]);
    assert_eq!((unseen.status, unseen.printed.as_str()), (2, ""));
    assert!(unseen.errors.contains("add --reveal"), "{}", unseen.errors);
    assert_eq!(keys.json(&["list"]), json!([]), "nothing was created");
    let (id, string) = keys.create(&["Seen"]);
    let masked = format!("nux_live_…{}", &string[string.len() - 4..]);
    for arguments in [&["show", &id][..], &["list"], &["pause", &id], &["resume", &id], &["default", "set", &id]] {
        for format in ["table", "json"] {
            let arguments = [arguments, &["--format", format]].concat();
            let run = keys.run(&arguments);
            assert_eq!(run.status, 0, "{arguments:?}: {}", run.errors);
            assert!(run.printed.contains(&masked) && !run.printed.contains(&string), "{arguments:?}: {}", run.printed);
            let run = keys.run(&[&arguments[..], &["--reveal"]].concat());
            assert!(run.printed.contains(&string), "{arguments:?}: {}", run.printed);
        }
    }
    assert_eq!(keys.run(&["rotate", &id]).status, 2);
    assert!(keys.on_a_terminal(&["show", &id]).contains(&string));
    assert!(keys.on_a_terminal(&["create", "Shown"]).contains("nux_live_"));
    let list = keys.on_a_terminal(&["list"]);
    assert!(list.contains(&masked) && !list.contains(&string), "too wide for a table: {list}");
}

#[test]
fn a_list_follows_its_pages() {
    let keys = CommandLine::of(4_703);
    let mut ids: Vec<Value> = Vec::new();
    for number in 0..5 {
        let kind = if number % 2 == 0 { "live" } else { "test" };
        ids.push(keys.create(&[&format!("Key {number}"), "--type", kind]).0.parse().expect("a number"));
    }
    let listed = |arguments: &[&str]| -> Vec<Value> {
        let list = keys.json(&[&["list", "--page-size", "2"], arguments].concat());
        list.as_array().expect("keys").iter().map(|key| key["id"].clone()).collect()
    };
    assert_eq!(listed(&[]), ids);
    assert_eq!(listed(&["--limit", "3"]), ids[..3]);
    assert_eq!(listed(&["--type", "live"]), [ids[0].clone(), ids[2].clone(), ids[4].clone()]);
    assert_eq!(listed(&["--type", "live", "--type", "test", "--status", "paused"]), Vec::<Value>::new());
    let table = keys.run(&["list", "--page-size", "2"]).printed;
    assert_eq!(table.lines().count(), 6, "{table}");
    assert!(table.starts_with("ID"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_reads_the_key_from_where_nobody_sees_it() {
    let owner = CommandLine::of(4_704);
    let (id, string) = owner.create(&["Verified"]);
    let service = CommandLine { token: Deployed::from_env().service_token(), ..CommandLine::of(4_704) };
    let verify = |key: &str| {
        let mut command = service.command(&["verify"]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("it starts");
        child.stdin.take().expect("a pipe").write_all(format!("{key}\n").as_bytes()).expect("it reads");
        Run::from(child.wait_with_output().expect("it ends"))
    };
    let valid = verify(&string);
    let expected = format!("The key works: key {id} of user 4704, type live\n");
    assert_eq!((valid.status, valid.printed), (0, expected));
    let mut by_variable = service.command(&["verify", "--format", "json"]);
    let by_variable = Run::from(by_variable.env("NUXERA_KEYS_KEY", &string).output().expect("it starts"));
    let found: Value = serde_json::from_str(&by_variable.printed).expect("JSON");
    assert_eq!((by_variable.status, &found["valid"]), (0, &true.into()));
    owner.json(&["pause", &id]);
    let refused = verify(&string);
    assert_eq!((refused.status, refused.printed.as_str()), (8, "The key does not work: paused\n"));
    assert_eq!(verify("").status, 2);
    assert_eq!(owner.run(&["verify", &string]).status, 2, "no argument");

    let usage = owner.run(&["usage", &id]).printed;
    let [title, day] = usage.lines().collect::<Vec<_>>()[..] else { panic!("{usage}") };
    assert!(title.starts_with(&format!("Key {id} was used 2 times, last ")), "{usage}");
    assert!(day.ends_with(&format!("  2  {}", "█".repeat(40))), "{usage}");
    assert_eq!(owner.json(&["usage", &id])["usage_count"], 2);
}

#[test]
fn a_refusal_says_what_is_wrong_and_how_to_find_the_call() {
    let keys = CommandLine::of(4_705);
    let long = "x".repeat(101);
    let refused = keys.run(&["create", &long, "--type", "life", "--reveal"]);
    assert_eq!((refused.status, refused.printed.as_str()), (1, ""));
    let lines: Vec<&str> = refused.errors.lines().collect();
    let [error, name, kind, request] = lines[..] else { panic!("{}", refused.errors) };
    assert_eq!(error, "error: Invalid request data (400)");
    assert!(name.starts_with("  name ") && kind.starts_with("  type "), "{}", refused.errors);
    assert!(request.starts_with("  request id: "), "{}", refused.errors);

    let stranger = CommandLine { token: "x.y.z".to_owned(), ..CommandLine::of(4_705) };
    let refused = stranger.run(&["list"]);
    assert_eq!(refused.status, 3);
    assert!(refused.errors.starts_with("error: Invalid or expired JWT token (401)\n"), "{}", refused.errors);
    assert!(!refused.errors.contains("x.y.z"));
    let by_user = keys.command(&["verify"]).env("NUXERA_KEYS_KEY", "x").output().expect("it starts");
    assert_eq!(by_user.status.code(), Some(3), "no service");
    let (id, _) = keys.create(&["Ended", "--status", "expired"]);
    assert_eq!(keys.run(&["pause", &id]).status, 5);
    let nobody = CommandLine { url: "http://127.0.0.1:1".to_owned(), ..CommandLine::of(4_705) };
    let unreachable = nobody.run(&["list", "--retry-for", "0"]);
    assert_eq!(unreachable.status, 7);
    assert!(unreachable.errors.starts_with("error: http://127.0.0.1:1 gives no answer: "), "{}", unreachable.errors);
    let mut without_token = keys.command(&["list"]);
    let without_token = Run::from(without_token.env_remove("NUXERA_KEYS_TOKEN").output().expect("it starts"));
    assert_eq!(without_token.status, 2);
    assert!(without_token.errors.starts_with("error: NUXERA_KEYS_TOKEN is not set"), "{}", without_token.errors);
}

#[test]
fn a_limit_ends_the_command_if_it_may_not_wait() {
    let keys = CommandLine::of(4_706);
    // At the end of a minute, the counts start anew.
    let refused = (0..300).map(|_| keys.run(&["list", "--retry-for", "0"])).find(|run| run.status != 0);
    let refused = refused.expect("100 calls in a minute are the limit");
    assert_eq!(refused.status, 6);
    assert!(refused.errors.starts_with("error: Rate limit exceeded (429)\n  try again in "), "{}", refused.errors);
}

/// The service does not fail to order: here, another server answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_service_is_asked_again_with_the_same_name_of_the_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let keys = CommandLine { url, ..CommandLine::of(4_707) };
    let run = tokio::task::spawn_blocking(move || keys.run(&["create", "Busy", "--format", "json", "--reveal"]));
    let body = r#"{"id": 1, "key": "nux_live_x"}"#;
    let created = format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    let busy = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    let mut names = Vec::new();
    for answer in [busy, busy, &created] {
        let (connection, _) = listener.accept().await.expect("a call");
        let (mut connection, mut length) = (BufReader::new(connection), 0);
        loop {
            let mut line = String::new();
            connection.read_line(&mut line).await.expect("a header");
            if line == "\r\n" {
                break;
            }
            length =
                line.strip_prefix("content-length: ").map_or(length, |length| length.trim().parse().expect("a number"));
            names.extend(line.strip_prefix("idempotency-key: ").map(|name| name.trim().to_owned()));
        }
        connection.read_exact(&mut vec![0; length]).await.expect("a body");
        connection.write_all(answer.as_bytes()).await.expect("it listens");
        connection.shutdown().await.expect("it closes");
    }
    let run = run.await.expect("it ends");
    assert_eq!(run.status, 0, "{}", run.errors);
    assert_eq!(serde_json::from_str::<Value>(&run.printed).expect("JSON")["id"], 1);
    let [first, second, third] = &names[..] else { panic!("{names:?}") };
    assert!(first.len() == 32 && first == second && second == third, "{names:?}");
}

#[test]
fn the_help_of_every_command_has_examples() {
    let help = |arguments: &[&str]| {
        let output = Command::new(program()).args(arguments).output().expect("it starts");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let all = help(&["--help"]);
    for word in ["NUXERA_KEYS_URL", "NUXERA_KEYS_TOKEN", "NUXERA_KEYS_KEY", "Exit status:", "8  the verified key"] {
        assert!(all.contains(word), "{word} in {all}");
    }
    let commands =
        ["create", "list", "show", "pause", "resume", "rotate", "default", "delete", "usage", "audit", "verify"];
    for command in commands {
        assert!(all.contains(&format!("\n  {command} ")), "{command} in {all}");
        let text = help(&["help", command]);
        assert!(text.contains("Example") && text.contains(&format!("  nuxera-keys {command}")), "{text}");
    }
}
