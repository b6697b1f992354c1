//! `local/preflight.sh` on incomplete machines, whose `PATH` is a folder of stand-ins.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use tests::repository;

/// The tools of a complete machine, with their output.
const TOOLS: [(&str, &str); 15] = [
    ("apt-get", ""),
    ("cargo", "echo 'cargo 1.95.0 (f2d3ce0bd 2026-03-21)'"),
    ("cargo-clippy", "echo 'clippy 0.1.95'"),
    ("cargo-fmt", "echo 'rustfmt 1.9.0-stable'"),
    ("cc", ""),
    ("chromium", ""),
    ("curl", ""),
    ("git", ""),
    ("id", "echo 1000"),
    ("java", r#"echo 'openjdk version "17.0.15" 2025-04-15' >&2"#),
    ("jq", ""),
    ("nginx", ""),
    ("python3", "echo 3.11"),
    ("rustc", ""),
    ("uname", "echo Linux"),
];

struct Machine(PathBuf);

impl Machine {
    /// A complete machine except for the given tools; `None` removes one.
    fn with(name: &str, other: &[(&str, Option<&str>)]) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("preflight").join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).expect("an old folder goes");
        }
        std::fs::create_dir_all(&folder).expect("a folder");
        let others = other.iter().filter_map(|(tool, prints)| Some((*tool, (*prints)?)));
        let as_ever = TOOLS.into_iter().filter(|(tool, _)| other.iter().all(|(changed, _)| changed != tool));
        for (tool, prints) in as_ever.chain(others) {
            let path = folder.join(tool);
            std::fs::write(&path, format!("#!/bin/sh\n{prints}\n")).expect("a stand-in");
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("a program");
        }
        Self(folder)
    }

    /// The exit status for a goal of make, and the report.
    fn preflight(&self, goal: &str) -> (i32, String) {
        let script = repository::root().join("local/preflight.sh");
        let run = Command::new("/bin/sh")
            .arg(script)
            .arg(goal)
            .env_clear()
            .env("PATH", &self.0)
            .env("NGINX_PATH", "nginx")
            .output();
        let run = run.expect("a shell starts");
        assert!(run.stdout.is_empty());
        (run.status.code().expect("an exit status"), String::from_utf8(run.stderr).expect("UTF-8"))
    }
}

const RUSTUP: &str = "https://rustup.rs";

#[test]
fn a_complete_machine_passes_silently() {
    let machine = Machine::with("complete", &[]);
    for goal in ["local", "test", "bench", "torture", "deploy"] {
        assert_eq!(machine.preflight(goal), (0, String::new()), "{goal}");
    }
}

#[test]
fn each_missing_tool_is_named_with_the_way_to_get_it() {
    let cases: [(&str, Option<&str>, &str, &str); 16] = [
        ("cargo", None, "Rust 1.95 or later", RUSTUP),
        ("rustc", None, "Rust 1.95 or later", RUSTUP),
        ("cargo", Some("echo 'cargo 1.94.1 (x)'"), "Rust 1.95 or later; this is 1.94.1", RUSTUP),
        ("cargo", Some("echo 'error: no default is configured' >&2; exit 1"), "no default is", "rustup default stable"),
        ("cargo-clippy", Some("exit 1"), "cargo clippy", "rustup component add clippy"),
        ("cargo-fmt", None, "cargo fmt", "rustup component add rustfmt"),
        ("cc", None, "a C compiler", "sudo apt-get install build-essential"),
        ("cc", Some("exit 1"), "a C compiler", "sudo apt-get install build-essential"),
        ("python3", None, "Python 3.11 or later", "sudo apt-get install python3 python3-venv"),
        ("python3", Some("echo 3.9"), "Python 3.11 or later; this is 3.9", "sudo apt-get install python3 python3-venv"),
        ("python3", Some("echo 3.12; exit 1"), "modules venv and ensurepip", "sudo apt-get install python3-venv"),
        ("java", None, "a Java runtime, 17 or later", "sudo apt-get install default-jre-headless"),
        ("java", Some(r#"echo 'java version "1.8.0_392"' >&2"#), "this is 1.8.0_392", "default-jre-headless"),
        ("chromium", None, "Chromium, which CHROME_PATH may name", "sudo apt-get install chromium"),
        ("nginx", None, "nginx, which NGINX_PATH may name", "sudo apt-get install nginx-light"),
        ("git", None, "git", "sudo apt-get install git"),
    ];
    for (case, (tool, prints, lacks, advice)) in cases.into_iter().enumerate() {
        let (status, report) = Machine::with(&format!("case-{case}"), &[(tool, prints)]).preflight("test");
        let lines: Vec<&str> = report.lines().collect();
        let ["This machine lacks what make test needs:", "", what, how] = lines[..] else { panic!("{tool}: {report}") };
        assert_eq!(status, 2, "{tool}");
        assert!(what.starts_with("  ") && what.contains(lacks), "{tool}: {report}");
        assert!(how.starts_with("      ") && how.contains(advice), "{tool}: {report}");
    }
}

#[test]
fn newer_versions_are_taken() {
    let newer = [
        ("cargo", Some("echo 'cargo 1.100.0-nightly (x)'")),
        ("python3", Some("echo 3.14")),
        ("java", Some(r#"echo 'openjdk version "25-ea" 2025-09-16' >&2"#)),
    ];
    assert_eq!(Machine::with("newer", &newer).preflight("test"), (0, String::new()));
}

#[test]
fn all_that_is_missing_is_named_at_once_with_one_command() {
    let bare = ["cargo", "cc", "chromium", "git", "java", "nginx", "python3"].map(|tool| (tool, None));
    let (status, report) = Machine::with("bare", &bare).preflight("test");
    assert_eq!(status, 2);
    assert_eq!(report.lines().filter(|line| line.starts_with("      ")).count(), bare.len(), "{report}");
    let command =
        "sudo apt-get install build-essential python3 python3-venv default-jre-headless chromium nginx-light git";
    assert!(report.ends_with(&format!("\n  All packages at once: {command}\n")), "{report}");
}

#[test]
fn a_goal_asks_only_for_what_it_needs() {
    let without = ["java", "chromium", "nginx", "git", "cargo-clippy"].map(|tool| (tool, None));
    let machine = Machine::with("narrow", &without);
    for goal in ["local", "bench", "torture", "deploy", "token"] {
        assert_eq!(machine.preflight(goal), (0, String::new()), "{goal}");
    }
    let (status, _) = machine.preflight("test");
    assert_eq!(status, 2);
}

#[test]
fn tools_of_the_examples_are_only_a_hint() {
    let (status, report) = Machine::with("hint", &[("jq", None)]).preflight("local");
    assert_eq!((status, report.as_str()), (0, "The examples of the README need jq, which this machine lacks.\n"));
}

#[test]
fn homebrew_is_advised_where_it_is_and_linux_where_functions_run() {
    let mac = [
        ("apt-get", None),
        ("brew", Some("")),
        ("uname", Some("echo Darwin")),
        ("python3", Some("echo 3.9")),
        ("cc", None),
    ];
    let machine = Machine::with("mac", &mac);
    let (_, report) = machine.preflight("local");
    assert!(report.contains("brew install python\n") && report.contains("xcode-select --install\n"), "{report}");
    assert!(report.contains("Linux: the functions run as they are deployed"), "{report}");
    assert!(!machine.preflight("torture").1.contains("Linux"));
}
