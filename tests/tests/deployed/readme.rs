//! Walks the README: runs the examples of "Use it" in one shell, as a reader would, and compares what they print.
//!
//! `UPDATE_README=1 make test-deployed` writes what they print into the README instead.

use std::process::Command;

use regex::Regex;
use tests::repository;

const SECTION: &str = "## Use it\n";
const MARK: &str = "@@@ end of example";

/// A `bash` block, and the block after it that shows what it prints.
struct Example {
    script: String,
    /// Where in the README the shown output is.
    shown: Option<std::ops::Range<usize>>,
}

#[test]
#[expect(clippy::disallowed_methods, reason = "tests learn from the environment what to do")]
fn the_readme_shows_what_its_examples_print() {
    let mut readme = repository::read("README.md");
    let examples = examples(&readme);
    assert!(examples.len() > 15, "{} examples", examples.len());
    let outputs = run(&examples);
    if std::env::var_os("UPDATE_README").is_some() {
        for (example, output) in examples.iter().zip(&outputs).rev() {
            if let Some(shown) = &example.shown {
                readme.replace_range(shown.clone(), &format!("{}\n", output.trim_end()));
            }
        }
        std::fs::write(repository::root().join("README.md"), readme).expect("the README can be written");
        return;
    }
    for (example, output) in examples.iter().zip(&outputs) {
        let shown = example.shown.as_ref().map_or("", |shown| &readme[shown.clone()]);
        assert_eq!(normalized(output), normalized(shown), "printed, and shown, by:\n{}", example.script);
    }
}

/// The examples of the section, in their order.
fn examples(readme: &str) -> Vec<Example> {
    let start = readme.find(SECTION).expect("the section") + SECTION.len();
    let end = readme[start..].find("\n## ").map_or(readme.len(), |end| start + end);
    let fence = Regex::new(r"(?m)^```(\w*)\n").expect("a pattern");
    let mut examples: Vec<Example> = Vec::new();
    let mut at = start;
    while let Some(block) = fence.captures_at(readme, at).filter(|block| block.get(0).is_some_and(|m| m.end() < end)) {
        let opening = block.get(0).expect("the whole");
        let close = opening.end() + readme[opening.end()..].find("```\n").expect("the block ends");
        let content = opening.end()..close;
        if &block[1] == "bash" {
            examples.push(Example { script: readme[content].to_owned(), shown: None });
        } else if readme[at..opening.start()].trim().is_empty()
            && let Some(example) = examples.last_mut().filter(|example| example.shown.is_none())
        {
            example.shown = Some(content);
        }
        at = close + "```\n".len();
    }
    examples
}

/// What each of them prints.
fn run(examples: &[Example]) -> Vec<String> {
    let mut script = "set -euo pipefail\n".to_owned();
    for example in examples {
        // The stack under test may be another than the reader's.
        script.push_str(&example.script.replace(". .local/stack.env", ". \"$LOCAL_DIR/stack.env\""));
        script.push_str(&["printf '%s\\n' '", MARK, "'\n"].concat());
    }
    let output =
        Command::new("bash").arg("-c").arg(script).current_dir(repository::root()).output().expect("bash is there");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    printed.split_inclusive(&format!("{MARK}\n")).map(|part| part.replace(&format!("{MARK}\n"), "")).collect()
}

/// Without what differs from run to run.
fn normalized(text: &str) -> String {
    let text = text.trim_end();
    let patterns = [
        (r"nux_(live|test)_([0-9A-Za-z]{56}|…\w{4})", "nux_${1}_KEY"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
        (r"\d{14}\.\d{3}\+0000", "TIME"),
        (r"\d{4}-\d\d-\d\d", "DATE"),
        (r#""(id|key_id)": "?\d+"?"#, "\"$1\": ID"),
        (r"(ZAK\|\d+\|)\d+", "${1}ID"),
        (r"\|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-\w\|", "|CONTROL|"),
        (r"Basic/\d+", "Basic/ID"),
        (r"http://[^/\s]+", "http://HOST"),
        (r#"("system": "https://nuxera.cloud/fhir/sid/api-key-id",\s+"value": )"\d+""#, "${1}ID"),
    ];
    patterns.iter().fold(text.to_owned(), |text, (pattern, replacement)| {
        Regex::new(pattern).expect("a pattern").replace_all(&text, *replacement).into_owned()
    })
}
