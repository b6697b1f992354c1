//! The README's examples do what it says: its section "Use it" is run as it stands, in one shell.

use std::process::Command;

use tests::repository;

#[expect(clippy::disallowed_methods, reason = "the local AWS of the tests is not where a reader's is")]
fn script_of(blocks: &[Example]) -> String {
    // A reader's local AWS writes .local/stack.env, that of the tests writes to a folder of its own.
    let folder = std::env::var("LOCAL_DIR").unwrap_or_else(|_| ".local".to_owned());
    let here = format!("{folder}/stack.env");
    let end = format!("printf '\\n{END}\\n'\n");
    let scripts = blocks.iter().map(|example| example.script.replace(".local/stack.env", &here));
    scripts.flat_map(|script| [script, end.clone()]).collect()
}

/// What ends the output of a block.
const END: &str = "-- end of block --";

/// A block of commands, and what they print according to the README.
struct Example {
    line: usize,
    script: String,
    output: Option<String>,
}

#[test]
fn the_examples_print_what_the_readme_says() {
    let examples = examples(&repository::read("README.md"));
    assert!(examples.len() > 10, "the section is there");
    let shell = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script_of(&examples)])
        .current_dir(repository::root())
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .output()
        .expect("bash, curl and jq are installed");
    let printed = String::from_utf8(shell.stdout).expect("UTF-8");
    let errors = String::from_utf8_lossy(&shell.stderr);
    assert!(shell.status.success(), "{printed}\n{errors}");
    let outputs: Vec<&str> = printed.split(END).map(str::trim).collect();
    assert_eq!(outputs.len(), examples.len() + 1, "{printed}\n{errors}");
    let (mut documented, mut actual) = (Names::default(), Names::default());
    for (example, output) in examples.iter().zip(outputs) {
        if let Some(expected) = &example.output {
            let (expected, normal) = (documented.replace(expected), actual.replace(output));
            assert!(
                expected == normal,
                "README.md:{} prints\n{output}\n\n{normal}\n\ninstead of\n{expected}",
                example.line
            );
        }
    }
}

#[test]
fn what_differs_from_run_to_run_is_told_apart_and_no_more() {
    let replace = |text: &str| Names::default().replace(text);
    let key = |last: char| format!("\"key\": \"nux_live_{}{last}\",\n", "0".repeat(55));
    assert_eq!(replace(&format!("{}{}", key('a'), key('b'))), replace(&format!("{}{}", key('c'), key('d'))));
    assert_ne!(replace(&format!("{}{}", key('a'), key('b'))), replace(&format!("{}{}", key('a'), key('a'))));
    assert_eq!(replace("\"id\": 1,\n\"key_id\": 1,"), replace("\"id\": 7,\n\"key_id\": 7,"));
    assert_ne!(replace("\"id\": 1,\n\"key_id\": 1,"), replace("\"id\": 7,\n\"key_id\": 8,"));
    assert_eq!(replace("\"at\": \"2026-03-01T12:00:03.962Z\""), replace("\"at\": \"2026-11-24T09:08:07.123Z\""));
    assert_ne!(replace("\"at\": \"2026-03-01T12:00:03.962Z\""), replace("\"at\": \"2026-11-24T09:08:07Z\""));
    assert_ne!(replace("\"usage_count\": 0"), replace("\"usage_count\": 1"));
    assert_ne!(replace("\"status\": \"active\""), replace("\"status\": \"paused\""));
}

/// The blocks of commands of the section, each with the output that follows it.
fn examples(readme: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut block: Option<(&str, usize, String)> = None;
    let mut in_section = false;
    let mut awaits_output = false;
    for (index, line) in readme.lines().enumerate() {
        match (&mut block, line.strip_prefix("```")) {
            (None, None) if line.starts_with("## ") => in_section = line == "## Use it",
            (None, None) => {}
            (None, Some(kind)) => block = Some((kind, index + 1, String::new())),
            (Some((_, _, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (Some(_), Some(_)) => {
                let (kind, line, text) = block.take().expect("a block");
                if in_section && kind == "bash" {
                    examples.push(Example { line, script: text, output: None });
                } else if in_section && kind == "json" && awaits_output {
                    examples.last_mut().expect("a block of commands").output = Some(text.trim().to_owned());
                }
                awaits_output = kind == "bash";
            }
        }
    }
    examples
}

/// Names for what differs from run to run: the same thing gets the same name wherever it occurs.
#[derive(Default)]
struct Names {
    ids: Vec<String>,
    keys: Vec<String>,
}

impl Names {
    fn replace(&mut self, text: &str) -> String {
        text.trim().lines().map(|line| self.replace_in(line) + "\n").collect()
    }

    /// `jq` prints a field a line.
    fn replace_in(&mut self, line: &str) -> String {
        let Some((name, value)) = line.split_once(": ") else { return line.to_owned() };
        let (value, comma) = value.strip_suffix(',').map_or((value, ""), |value| (value, ","));
        let text = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let replaced = match (name.trim(), text) {
            (r#""id""# | r#""key_id""#, None) => format!("<id {}>", number_of(&mut self.ids, value)),
            (r#""key""#, Some(text)) => self.key(text),
            (_, Some(text)) => shape(text).unwrap_or(value).to_owned(),
            (_, None) => value.to_owned(),
        };
        format!("{name}: {replaced}{comma}")
    }

    fn key(&mut self, text: &str) -> String {
        let prefix = &text[..text.len().min("nux_live_".len())];
        if let Some((_, last)) = text.split_once('…') {
            let known = self.keys.iter().position(|key| key.ends_with(last));
            return format!("{prefix}<the end of key {known:?}>");
        }
        assert_eq!(text.len(), 65, "{text} is a key");
        format!("{prefix}<key {}>", number_of(&mut self.keys, text))
    }
}

fn number_of(known: &mut Vec<String>, text: &str) -> usize {
    known.iter().position(|known| known == text).unwrap_or_else(|| {
        known.push(text.to_owned());
        known.len() - 1
    })
}

/// What a time, a date or a UUID is called.
fn shape(text: &str) -> Option<&'static str> {
    let digits: String = text
        .chars()
        .map(|character| match character {
            '0'..='9' => '0',
            'a'..='f' => 'a',
            other => other,
        })
        .collect();
    match digits.as_str() {
        "0000-00-00T00:00:00Z" => Some("<time>"),
        "0000-00-00T00:00:00.000Z" => Some("<time in milliseconds>"),
        "0000-00-00" => Some("<date>"),
        _ => {
            let groups: Vec<&str> = digits.split('-').collect();
            let hex = digits.chars().all(|character| matches!(character, '0' | 'a' | '-'));
            (hex && groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])).then_some("<UUID>")
        }
    }
}
