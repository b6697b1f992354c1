//! Builds and installations take what is locked and nothing else: they run on machines that hold credentials.

use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::Value;
use tests::repository;

/// The files with commands: make's recipes, scripts, and what CI runs.
fn command_files() -> Vec<PathBuf> {
    let root = repository::root();
    let mut found = vec![root.join("Makefile"), root.join(".ci/run")];
    for folder in [".github/workflows", "local", "tests"] {
        add(&root.join(folder), &mut found);
    }
    found
}

fn add(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if path.is_dir() && !path.ends_with("node_modules") {
            add(&path, found);
        } else if matches!(extension, Some("sh" | "yml")) {
            found.push(path);
        }
    }
}

/// The lines of these files that a pattern finds, without comments.
fn lines(pattern: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).expect("a pattern");
    let texts = command_files().into_iter().map(|path| {
        let text = std::fs::read_to_string(&path).expect("UTF-8").replace("\\\n", " ");
        (path, text)
    });
    let found = texts.flat_map(|(path, text)| {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#') && pattern.is_match(line));
        lines.map(|line| format!("{}: {}", path.display(), line.trim())).collect::<Vec<_>>()
    });
    found.collect()
}

#[test]
fn cargo_keeps_to_its_lock_file() {
    let mut commands = lines(r"\bcargo (bench|build|check|clippy|doc|fetch|install|lambda build|run|test)\b");
    commands.retain(|command| !command.contains("--version"));
    assert!(commands.len() > 10, "{commands:?}");
    for command in commands {
        assert_eq!(command.matches("--locked").count(), command.matches("cargo ").count(), "{command}");
    }
}

#[test]
fn packages_are_installed_by_their_checksums() {
    let commands = lines(r"\bpip3?\b.* install ");
    assert!(commands.len() >= 4, "{commands:?}");
    for command in commands {
        assert!(command.contains("--require-hashes") && command.contains("--no-deps"), "{command}");
    }
    for command in lines(r"\bnpm (ci|i|install|add)\b") {
        assert!(command.contains("npm ci ") && command.contains("--ignore-scripts"), "{command}");
    }
    let hash = Regex::new(r"--hash=sha256:[0-9a-f]{64}( |$)").expect("a pattern");
    for file in [
        "local/requirements.txt",
        "local/uv.txt",
        "tests/requirements.txt",
        "tests/clients/requirements.txt",
        "tests/validators/requirements.txt",
    ] {
        let text = repository::read(file).replace("\\\n", " ");
        let packages: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        assert!(!packages.is_empty(), "{file}");
        for package in packages {
            assert!(package.contains("==") && hash.is_match(package), "{file}: {package}");
        }
    }
    for file in ["tests/clients/package-lock.json", "tests/validators/package-lock.json"] {
        let lock: Value = serde_json::from_str(&repository::read(file)).expect("JSON");
        let packages = lock["packages"].as_object().expect("packages");
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            assert!(package["integrity"].as_str().is_some_and(|sum| sum.starts_with("sha512-")), "{file}: {name}");
        }
    }
}
