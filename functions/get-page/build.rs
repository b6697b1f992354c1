//! Lists what Vite built in `web/dist`, to be a part of the program.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const DIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/web/dist");

#[expect(clippy::disallowed_methods, reason = "cargo says in the environment where the list is to go")]
fn main() {
    println!("cargo::rerun-if-changed={DIST}");
    let mut files = files(Path::new(DIST));
    if files.is_empty() {
        println!("cargo::error=the pages are not built, so there is no {DIST}: run `make pages`");
        return;
    }
    files.sort();
    let mut list = "&[\n".to_owned();
    for path in files {
        let name = path.strip_prefix(DIST).expect("it is below");
        writeln!(list, "    ({:?}, include_str!({:?})),", name.display().to_string(), path.display().to_string())
            .expect("memory");
    }
    list.push_str("]\n");
    let out = std::env::var_os("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out).join("files.rs"), list).expect("the list can be written");
}

/// All files below a folder; none if it is not there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
