//! README.md and docs/: links resolve, no sentence occurs twice, tables agree with the template, and named tests exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_yaml_ng::Value;
use tests::repository::{self, typical_routes};

const MAX_README_LINES: usize = 200;

/// Shorter sentences may be common phrases.
const WORDS_OF_A_SENTENCE: usize = 8;

/// The root without symbolic links, as in resolved paths of links.
fn root() -> PathBuf {
    repository::root().canonicalize().expect("it is there")
}

/// The Markdown files of the repository's root, and those below docs/, by their paths.
fn pages() -> BTreeMap<PathBuf, String> {
    let root = root();
    let folders = [root.clone(), root.join("docs"), root.join("docs/decisions")];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).expect("a folder"));
    let files = files.map(|file| file.expect("a file").path());
    let pages = files.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.map(|path| (path.clone(), std::fs::read_to_string(path).expect("UTF-8"))).collect()
}

/// A page without its code blocks.
fn prose(page: &str) -> String {
    Regex::new(r"(?ms)^```.*?^```$").expect("a pattern").replace_all(page, "").into_owned()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> BTreeSet<String> {
    let page = prose(page);
    let headings = page.lines().filter_map(|line| line.strip_prefix('#')).map(|line| line.trim_start_matches('#'));
    let letter = |letter: char| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        _ => letter.is_alphanumeric().then(|| letter.to_ascii_lowercase()),
    };
    headings.map(|heading| heading.trim().chars().filter_map(letter).collect()).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let pages = pages();
    let link = Regex::new(r"\]\(([^)\s]+)\)").expect("a pattern");
    let mut links = 0;
    for (path, page) in &pages {
        for target in link.captures_iter(&prose(page)).map(|link| link[1].to_owned()) {
            // With a scheme, it leads out of the repository.
            if target.contains(':') {
                continue;
            }
            links += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().expect("a folder").join(file) };
            let file = file.canonicalize().unwrap_or_else(|error| panic!("{}: {target}: {error}", path.display()));
            let found = anchor.is_empty() || anchors(&pages[&file]).contains(anchor);
            assert!(found, "{}: {target}: no such heading", path.display());
        }
    }
    assert!(links > 50, "{links} links");
}

#[test]
fn the_readme_is_short_and_leads_to_every_page() {
    let readme = repository::read("README.md");
    let lines = readme.lines().count();
    assert!(lines <= MAX_README_LINES, "{lines} lines");
    let index = repository::read("docs/decisions/README.md");
    let root = root();
    for page in pages().into_keys().filter(|page| page.starts_with(root.join("docs"))) {
        let name = page.file_name().and_then(|name| name.to_str()).expect("UTF-8");
        let (list, link) = match page.parent().is_some_and(|folder| folder.ends_with("decisions")) {
            true if name != "README.md" => (&index, format!("]({name})")),
            true => (&readme, "](docs/decisions/README.md)".to_owned()),
            false => (&readme, format!("](docs/{name})")),
        };
        assert!(list.contains(&link), "no list of pages has {link}");
    }
}

#[test]
fn no_sentence_is_written_twice() {
    let end = Regex::new(r"[.!?:;|]\s|\n").expect("a pattern");
    let mut seen: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut repeated = Vec::new();
    for (path, page) in pages() {
        // An index repeats headings.
        let text: Vec<String> = prose(&page).lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
        for sentence in end.split(&text.join("\n")) {
            let words: Vec<String> = sentence.split_whitespace().map(str::to_lowercase).collect();
            if words.len() >= WORDS_OF_A_SENTENCE
                && let Some(before) = seen.insert(words.join(" "), path.clone())
            {
                repeated.push(format!("{} and {}: {sentence}", before.display(), path.display()));
            }
        }
    }
    assert!(repeated.is_empty(), "{}", repeated.join("\n"));
    assert!(seen.len() > 100, "{} sentences", seen.len());
}

/// The rows of a page's tables whose first cell is a name in backticks: the name, and the other cells.
fn rows(page: &str) -> BTreeMap<String, Vec<String>> {
    let cells = |line: &str| line.split(" |").map(|cell| cell.trim_matches([' ', '|', '`']).to_owned()).collect();
    let rows = page.lines().filter(|line| line.starts_with("| `")).map(cells);
    rows.filter_map(|row: Vec<String>| Some((row.first()?.clone(), row.get(1..)?.to_vec()))).collect()
}

#[test]
fn every_parameter_is_documented_with_its_default() {
    let template = repository::yaml("template.yaml");
    let default = |parameter: &Value| match parameter["Default"].as_u64() {
        Some(number) => number.to_string(),
        None => parameter["Default"].as_str().expect("every parameter has a default").to_owned(),
    };
    let parameters = template["Parameters"].as_mapping().expect("parameters").iter();
    let parameters: BTreeMap<String, String> =
        parameters.map(|(name, parameter)| (name.as_str().expect("a name").to_owned(), default(parameter))).collect();
    let page = repository::read("docs/deploy.md");
    let documented = rows(&page).into_iter().map(|(name, cells)| (name, cells[0].clone())).collect();
    assert_eq!(parameters, documented);
}

/// The routes that the examples of a page call, with variables of the shell in place of parameters.
fn called(page: &str) -> BTreeSet<(String, Vec<String>)> {
    let block = Regex::new(r"(?ms)^```bash\n(.*?)^```$").expect("a pattern");
    let url = Regex::new(r#""\$API_URL(/[^"?]*)"#).expect("a pattern");
    let method = Regex::new(r"-X (\w+)").expect("a pattern");
    let mut called = BTreeSet::new();
    for block in block.captures_iter(page) {
        for call in block[1].split("curl ").skip(1) {
            // Behind a pipe, options are those of another program.
            let call = call.split(" | ").next().expect("a call");
            let sends = [" -d ", " -F ", " --data-binary "].iter().any(|option| call.contains(option));
            let default = if sends { "POST" } else { "GET" };
            let method = method.captures(call).map_or(default.to_owned(), |method| method[1].to_owned());
            let path = &url.captures(call).unwrap_or_else(|| panic!("a call without a URL: {call}"))[1];
            called.insert((method, segments(path)));
        }
    }
    called
}

fn segments(path: &str) -> Vec<String> {
    path.trim_matches('/').split('/').map(str::to_owned).collect()
}

#[test]
fn the_tour_makes_every_call() {
    let called = called(&repository::read("docs/api-tour.md"));
    // Pages are looked at. What is below FHIR's base is called by its clients, in formats.md.
    let routes = typical_routes().into_iter().filter(|(name, _)| name != "get-page");
    for route in routes.flat_map(|(_, routes)| routes).filter(|route| !route.contains(" /fhir")) {
        let (method, path) = route.split_once(' ').expect("a method and a path");
        let path = segments(path);
        let matches = |call: &[String]| {
            call.len() == path.len()
                && path.iter().zip(call).all(|(wanted, segment)| wanted.starts_with('{') || wanted == segment)
        };
        assert!(called.iter().any(|(by, call)| by == method && matches(call)), "{route} is not called");
    }
    assert!(called.len() > 15, "{called:?}");
}

#[test]
fn places_are_links_or_exist() {
    let path = Regex::new(r"`((?:functions|tests|local|events)/[\w./-]*)`").expect("a pattern");
    for (page, text) in pages() {
        for found in path.captures_iter(&prose(&text)) {
            let exists = repository::root().join(&found[1]).exists();
            assert!(exists, "{}: {} is not there", page.display(), &found[1]);
        }
    }
}

/// The Rust files below a folder: their paths without the extension, between slashes, and their texts.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let files = entries.flat_map(|path| {
        if path.is_dir() {
            sources(&path)
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let module = path.with_extension("");
            let module = format!("{}/", module.to_str().expect("UTF-8"));
            vec![(module, std::fs::read_to_string(path).expect("UTF-8"))]
        } else {
            Vec::new()
        }
    });
    files.collect()
}

#[test]
fn every_test_that_shows_a_requirement_exists() {
    let root = repository::root();
    let sources: Vec<_> =
        ["shared/src", "functions", "tests"].iter().flat_map(|folder| sources(&root.join(folder))).collect();
    let named = Regex::new("`([a-z0-9_/]+)::([a-z0-9_]+)`").expect("a pattern");
    let page = repository::read("docs/security-standards.md");
    let mut tests = BTreeSet::new();
    for name in named.captures_iter(&page) {
        let (module, test) = (format!("/{}/", &name[1]), format!("fn {}(", &name[2]));
        let exists = sources.iter().any(|(path, text)| path.contains(&module) && text.contains(&test));
        assert!(exists, "{} is not there", &name[0]);
        tests.insert(name[0].to_owned());
    }
    assert!(tests.len() > 50, "{} tests", tests.len());
}
