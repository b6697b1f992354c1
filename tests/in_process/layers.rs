//! The layers of the library and their allowed dependencies, checked on the paths in its source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use tests::repository;

/// Each layer with the layers that it may use. Files beside `lib.rs` are the ground, which every layer may use.
const ROOMS: [(&str, &[&str]); 6] = [
    ("ground", &[]),
    ("keys", &["ground"]),
    ("format", &["ground", "keys"]),
    ("store", &["ground", "keys"]),
    ("telemetry", &["ground"]),
    ("edge", &["ground", "keys", "format", "store", "telemetry"]),
];

/// A use of one file by another.
struct Use {
    line: usize,
    text: String,
    /// The path from the library's root, as in `["store", "table", "Table"]`.
    path: Vec<String>,
}

fn source() -> PathBuf {
    repository::root().join("shared/src")
}

/// The files of the library except `lib.rs`, by path without extension.
fn files() -> BTreeMap<String, PathBuf> {
    fn walk(folder: &Path, files: &mut BTreeMap<String, PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(source()).expect("below the source").with_extension("");
                files.insert(name.to_str().expect("UTF-8").to_owned(), path);
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(&source(), &mut files);
    files.remove("lib");
    files
}

fn room(file: &str) -> &str {
    file.split_once('/').map_or("ground", |(room, _)| room)
}

/// The module of a file: `store/mod` is `store`, `store/table` is `store/table`.
fn module(file: &str) -> &str {
    file.strip_suffix("/mod").unwrap_or(file)
}

/// Every path that begins with `crate`, `super` or `self`, in `use` statements and elsewhere, outside tests.
fn uses(file: &str, text: &str) -> Vec<Use> {
    let product = text.split("#[cfg(test)]\nmod tests").next().expect("a text");
    let mut uses = Vec::new();
    let mut statement = String::new();
    let mut begin = 0;
    for (index, line) in product.lines().enumerate() {
        let code = line.split("//").next().expect("a line").trim();
        if statement.is_empty() {
            begin = index + 1;
        }
        statement.push_str(code);
        let is_use = statement.starts_with("use ") || statement.starts_with("pub") && statement.contains(" use ");
        if is_use && !statement.ends_with(';') {
            continue;
        }
        for path in paths(&statement) {
            if let Some(path) = absolute(file, &path) {
                uses.push(Use { line: begin, text: statement.clone(), path });
            }
        }
        statement.clear();
    }
    uses
}

/// The paths in a statement, with groups expanded: `crate::keys::{Key, usage::Day}` has two.
fn paths(statement: &str) -> Vec<String> {
    let mut found = Vec::new();
    for root in ["crate::", "super::", "self::"] {
        let mut from = 0;
        while let Some(at) = statement[from..].find(root).map(|at| from + at) {
            let before = statement[..at].chars().next_back();
            if before.is_none_or(|char| !char.is_alphanumeric() && char != '_' && char != ':') {
                found.extend(expand(&statement[at..]));
            }
            from = at + root.len();
        }
    }
    found
}

fn expand(text: &str) -> Vec<String> {
    let end = text.find(|char: char| !char.is_alphanumeric() && char != '_' && char != ':').unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    let Some(group) = rest.strip_prefix('{').filter(|_| head.ends_with("::")) else {
        return vec![head.to_owned()];
    };
    let mut depth = 0;
    let mut parts = vec![String::new()];
    for char in group.chars() {
        match char {
            '}' if depth == 0 => break,
            ',' if depth == 0 => parts.push(String::new()),
            _ => {
                depth += i32::from(char == '{') - i32::from(char == '}');
                parts.last_mut().expect("a part").push(char);
            }
        }
    }
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.flat_map(|part| expand(&format!("{head}{part}"))).collect()
}

/// A path from the library's root; `None` for one within its own file.
fn absolute(file: &str, path: &str) -> Option<Vec<String>> {
    let mut place: Vec<&str> = module(file).split('/').collect();
    let mut segments = path.split("::").filter(|segment| !segment.is_empty()).peekable();
    match segments.next()? {
        "crate" => place.clear(),
        "super" => {
            place.pop();
            while segments.next_if_eq(&"super").is_some() {
                place.pop();
            }
        }
        _ => {}
    }
    Some(place.into_iter().chain(segments).map(str::to_owned).collect())
}

/// The file of a path: the longest existing one.
fn target<'a>(files: &'a BTreeMap<String, PathBuf>, path: &[String]) -> Option<&'a str> {
    (1..=path.len()).rev().find_map(|length| {
        let name = path[..length].join("/");
        let found = files.get_key_value(&name).or_else(|| files.get_key_value(&format!("{name}/mod")));
        found.map(|(name, _)| name.as_str())
    })
}

#[test]
fn rooms_use_only_what_they_may() {
    let files = files();
    let mut broken = Vec::new();
    for (file, path) in &files {
        let (_, allowed) = ROOMS.iter().find(|(name, _)| *name == room(file)).expect("a known room");
        for Use { line, text, path: used } in uses(file, &fs::read_to_string(path).expect("a file")) {
            let Some(target) = target(&files, &used) else { continue };
            let used = room(target);
            if used != room(file) && !allowed.contains(&used) {
                broken.push(format!("shared/src/{file}.rs:{line}: {} may not use {used}: {text}", room(file)));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn no_imports_go_in_circles() {
    let files = files();
    let mut graph: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    for (file, path) in &files {
        for Use { line, text, path: used } in uses(file, &fs::read_to_string(path).expect("a file")) {
            if let Some(target) = target(&files, &used).filter(|target| target != file) {
                let statement = format!("shared/src/{file}.rs:{line}: {text}");
                graph.entry(file).or_default().entry(target).or_insert(statement);
            }
        }
    }
    // Files that use no remaining file are in no cycle; the rest are in one or use one.
    let mut left: BTreeSet<&str> = graph.keys().copied().collect();
    loop {
        let free = |file: &&str| !graph[*file].keys().any(|used| left.contains(used));
        let done: Vec<&str> = left.iter().copied().filter(free).collect();
        if done.is_empty() {
            break;
        }
        left.retain(|file| !done.contains(file));
    }
    // Likewise in reverse: files that no remaining file uses only lead to a cycle.
    loop {
        let is_used = |file: &str| left.iter().any(|user| graph[*user].contains_key(file));
        let kept: BTreeSet<&str> = left.iter().copied().filter(|file| is_used(file)).collect();
        if kept.len() == left.len() {
            break;
        }
        left = kept;
    }
    let circles: Vec<&str> = left
        .iter()
        .flat_map(|file| graph[file].iter().filter(|(used, _)| left.contains(**used)))
        .map(|(_, statement)| statement.as_str())
        .collect();
    assert!(circles.is_empty(), "\n{}", circles.join("\n"));
}

#[test]
fn a_use_the_wrong_way_round_is_named() {
    let text = "//! A room.\n\nuse crate::keys::{\n    Key,\n};\nuse crate::{edge::call::Call, ids::KeyId};\n\nfn f() -> super::table::Table {}\n";
    let found: Vec<(usize, String)> =
        uses("store/keys", text).into_iter().map(|used| (used.line, used.path.join("::"))).collect();
    let expected = [(3, "keys::Key"), (6, "edge::call::Call"), (6, "ids::KeyId"), (8, "store::table::Table")];
    assert_eq!(found, expected.map(|(line, path)| (line, path.to_owned())));
}
