//! Runs the examples of the README and of pages of docs/ in one shell each, as a reader would, and compares their output
//! with the pages. Python and JavaScript have the packages of `tests/validators`, FHIR's clients among them.
//!
//! `UPDATE_DOCS=1 make test-deployed` writes the output into the pages instead.

use std::ops::Range;
use std::process::Command;

use regex::Regex;
use tests::repository;

use crate::command_line::program;

/// The pages with their minimum number of examples. They use the same user's keys, so they run one after the other.
const PAGES: [(&str, usize); 5] = [
    ("README.md", 7),
    ("docs/api-tour.md", 28),
    ("docs/command-line.md", 6),
    ("docs/formats.md", 6),
    ("docs/existing-keys.md", 5),
];
const MARK: &str = "@@@ end of example";

/// A block of a program, with the block that shows its output.
struct Example {
    script: String,
    /// The place of the output in the page.
    shown: Option<Range<usize>>,
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the environment says whether to compare or to update")]
fn pages_show_what_their_examples_print() {
    let updates = std::env::var_os("UPDATE_DOCS").is_some();
    for (page, least) in PAGES {
        let mut text = repository::read(page);
        let examples = examples(&text);
        assert!(examples.len() >= least, "{page}: {} examples", examples.len());
        let outputs = run(&examples);
        assert_eq!(outputs.len(), examples.len(), "{page}: an output for each example");
        if updates {
            for (example, output) in examples.iter().zip(&outputs).rev() {
                if let Some(shown) = &example.shown {
                    text.replace_range(shown.clone(), &format!("{}\n", output.trim_end()));
                }
            }
            std::fs::write(repository::root().join(page), text).expect("the page can be written");
            continue;
        }
        for (example, output) in examples.iter().zip(&outputs) {
            let shown = example.shown.as_ref().map_or("", |shown| &text[shown.clone()]);
            assert_eq!(normalized(output), normalized(shown), "{page}: printed and shown by\n{}", example.script);
        }
    }
}

/// The examples of a page, in order.
fn examples(page: &str) -> Vec<Example> {
    let fence = Regex::new(r"(?m)^```(\w*)\n").expect("a pattern");
    let mut examples: Vec<Example> = Vec::new();
    let mut at = 0;
    while let Some(block) = fence.captures_at(page, at) {
        let opening = block.get(0).expect("the whole");
        let close = opening.end() + page[opening.end()..].find("```\n").expect("the block ends");
        let content = opening.end()..close;
        if let Some(script) = script(&block[1], &page[content.clone()]) {
            examples.push(Example { script, shown: None });
        } else if page[at..opening.start()].trim().is_empty()
            && let Some(example) = examples.last_mut().filter(|example| example.shown.is_none())
        {
            example.shown = Some(content);
        }
        at = close + "```\n".len();
    }
    examples
}

/// The command that runs a program in a language; nothing for blocks that are no program.
fn script(language: &str, program: &str) -> Option<String> {
    let interpreter = match language {
        "bash" => return Some(program.to_owned()),
        "python" => "venv/bin/python -",
        "js" => "node --input-type=module -",
        _ => return None,
    };
    Some(format!("(cd .local/validators && {interpreter}) << 'END'\n{program}END\n"))
}

/// The output of each example.
fn run(examples: &[Example]) -> Vec<String> {
    let mut script = "set -euo pipefail\n".to_owned();
    for example in examples {
        // The stack under test may differ from the reader's.
        script.push_str(&example.script.replace(". .local/", ". \"$LOCAL_DIR\"/"));
        script.push_str(&["printf '%s\\n' '", MARK, "'\n"].concat());
    }
    // As if the command line had been installed.
    let programs = program().parent().expect("a folder").display().to_string();
    let script = format!("PATH={programs}:$PATH\n{script}");
    let output =
        Command::new("bash").arg("-c").arg(script).current_dir(repository::root()).output().expect("bash is there");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    printed.split_inclusive(&format!("{MARK}\n")).map(|part| part.replace(&format!("{MARK}\n"), "")).collect()
}

/// Replaces what differs between runs.
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
        (r"Key \d+ is", "Key ID is"),
        (r"http://[^/\s]+", "http://HOST"),
        (r#"("system": "https://nuxera.cloud/fhir/sid/api-key-id",\s+"value": )"\d+""#, "${1}ID"),
    ];
    patterns.iter().fold(text.to_owned(), |text, (pattern, replacement)| {
        Regex::new(pattern).expect("a pattern").replace_all(&text, *replacement).into_owned()
    })
}
