//! The files of this repository that tests read.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The root of the repository.
///
/// # Panics
///
/// Never: `tests/` is in it.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the repository").to_owned()
}

/// A file as text.
///
/// # Panics
///
/// If it cannot be read.
#[must_use]
pub fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// An event of `events/`.
///
/// # Panics
///
/// If there is none of the name.
#[must_use]
pub fn event(name: &str) -> Value {
    serde_json::from_str(&read(&format!("events/{name}.json"))).expect("events are JSON")
}

/// A YAML file. Tags (`!Ref`) are kept.
///
/// # Panics
///
/// If it cannot be read.
#[must_use]
pub fn yaml(path: &str) -> serde_yaml_ng::Value {
    serde_yaml_ng::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of the folders under `functions/`, sorted.
///
/// # Panics
///
/// If they cannot be listed.
#[must_use]
pub fn functions() -> Vec<String> {
    let folders = std::fs::read_dir(root().join("functions")).expect("functions/ is there");
    let mut names: Vec<String> =
        folders.map(|entry| entry.expect("a folder").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}
