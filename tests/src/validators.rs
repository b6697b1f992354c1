//! Independent validators for every answer of the API: hl7apy and hl7types for HL7 v2, Medplum's and fhir.resources for
//! FHIR. Common HL7 parsers say what they read. `tests/validators/install.sh` installs them.
//!
//! Each runs as a process that starts with the first document, reads one document per line, and ends with the tests.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use serde_json::Value;

use crate::repository::root;

static HL7: LazyLock<Validator> = LazyLock::new(|| Validator::start("venv/bin/python", "hl7_segments.py"));
static FHIR: LazyLock<Validator> = LazyLock::new(|| Validator::start("node", "fhir.mjs"));
static PARSERS: LazyLock<Validator> = LazyLock::new(|| Validator::start("venv/bin/python", "hl7_parsers.py"));
static NODE_PARSER: LazyLock<Validator> = LazyLock::new(|| Validator::start("node", "hl7_parsers.mjs"));
static FHIR_RESOURCES: LazyLock<Validator> = LazyLock::new(|| Validator::start("venv/bin/python", "fhir_resources.py"));

/// Checks an HL7 v2 message.
///
/// # Errors
///
/// All complaints of the validators, and the message.
pub fn hl7(message: &str) -> Result<(), String> {
    report(&hl7_complaints(message), &message.replace('\r', "\n"))
}

/// The segments after MSH that each of the common parsers reads in an HL7 v2 message: by parser, lists of the name and the
/// fields.
#[must_use]
pub fn hl7_readings(message: &str) -> Vec<(String, Vec<Vec<String>>)> {
    let mut readings = PARSERS.ask(&message.into());
    readings["node-hl7-client"] = NODE_PARSER.ask(&message.into());
    let texts = |segments: &Value| serde_json::from_value(segments.clone()).expect("lists of texts");
    let readings = readings.as_object().expect("one for each parser").iter();
    readings.map(|(parser, segments)| (parser.clone(), texts(segments))).collect()
}

/// Checks a FHIR resource from a server with the default base URL.
///
/// # Errors
///
/// All complaints of the validators, and the resource.
pub fn fhir(resource: &Value) -> Result<(), String> {
    report(&fhir_complaints(resource), &format!("{resource:#}"))
}

/// Checks a response by its `Content-Type`; JSON is not checked here.
///
/// # Errors
///
/// All complaints of the validators, and the response.
pub fn response(content_type: &str, text: &str) -> Result<(), String> {
    match content_type {
        "application/json" => Ok(()),
        // A message is answered in its own media type.
        "application/hl7-v2; charset=utf-8"
        | "application/hl7-v2+er7; charset=utf-8"
        | "x-application/hl7-v2+er7; charset=utf-8"
        | "text/plain; charset=utf-8" => hl7(text),
        "application/fhir+json; charset=utf-8" => fhir(&serde_json::from_str(text).expect("FHIR is JSON")),
        _ => panic!("{content_type} is none of ours"),
    }
}

fn report(complaints: &[String], document: &str) -> Result<(), String> {
    if complaints.is_empty() { Ok(()) } else { Err(format!("{}\n\n{document}", complaints.join("\n"))) }
}

fn hl7_complaints(message: &str) -> Vec<String> {
    HL7.complaints(&message.into())
}

fn fhir_complaints(resource: &Value) -> Vec<String> {
    let others =
        FHIR_RESOURCES.complaints(resource).into_iter().map(|complaint| format!("fhir.resources: {complaint}"));
    FHIR.complaints(resource).into_iter().chain(others).collect()
}

struct Validator(Mutex<(Child, BufReader<ChildStdout>)>);

impl Validator {
    /// Starts a script of `tests/validators` with a program, found in the installation or on the `PATH`.
    fn start(program: &str, script: &str) -> Self {
        let installation = root().join(".local/validators");
        assert!(
            installation.join("installed").exists(),
            "The validators are not installed: run tests/validators/install.sh"
        );
        let own = installation.join(program);
        let mut child = Command::new(if own.exists() { own } else { program.into() })
            .arg(root().join("tests/validators").join(script))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the validator starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        Self(Mutex::new((child, BufReader::new(stdout))))
    }

    fn complaints(&self, document: &Value) -> Vec<String> {
        serde_json::from_value(self.ask(document)).expect("a list of complaints")
    }

    fn ask(&self, document: &Value) -> Value {
        // A poisoned lock means that the process has died, so the next use fails, too.
        let mut process = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (child, stdout) = &mut *process;
        let stdin = child.stdin.as_mut().expect("stdin is piped");
        writeln!(stdin, "{document}").expect("the validator listens");
        let mut answer = String::new();
        stdout.read_line(&mut answer).expect("the validator answers");
        serde_json::from_str(&answer).expect("the validator answers in JSON")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::repository::{read, yaml};

    const SAMPLES: &str = "tests/validators/samples";

    fn json(path: &str) -> Value {
        serde_json::from_str(&read(path)).expect("JSON")
    }

    /// The files of a folder with this extension.
    fn files(folder: &str, extension: &str) -> Vec<String> {
        let entries = std::fs::read_dir(root().join(folder)).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
        let mut files: Vec<_> =
            names.filter(|name| name.ends_with(extension)).map(|name| format!("{folder}/{name}")).collect();
        files.sort();
        assert!(!files.is_empty(), "{folder}");
        files
    }

    /// The examples of openapi.yaml in a format, by name.
    fn examples(format: &str) -> Vec<(String, Value)> {
        let description = serde_json::to_value(yaml("openapi.yaml")).expect("JSON");
        let examples = description["components"]["examples"].as_object().expect("examples").clone();
        let of_format: Vec<_> = examples.into_iter().filter(|(name, _)| name.contains(format)).collect();
        assert!(!of_format.is_empty(), "{format}");
        of_format.into_iter().map(|(name, example)| (name, example["value"].clone())).collect()
    }

    /// Fails for each case that a named validator accepts.
    fn assert_refused(case: &Value, complaints: &[String]) {
        let named = case["by"].as_array().expect("by").iter().filter_map(Value::as_str).collect::<BTreeSet<_>>();
        let refusing = complaints.iter().filter_map(|complaint| complaint.split(':').next()).collect();
        assert!(named.is_subset(&refusing), "{} passes one of {named:?}: {complaints:#?}", case["why"]);
    }

    #[test]
    fn the_messages_that_are_right_are_accepted() {
        for path in files(SAMPLES, ".hl7") {
            assert_eq!(hl7(&read(&path).replace('\n', "\r")), Ok(()), "{path}");
        }
        for (name, example) in examples("Hl7") {
            assert_eq!(hl7(example.as_str().expect("a message")), Ok(()), "{name}");
        }
    }

    #[test]
    fn each_message_that_is_wrong_is_refused() {
        for case in json("tests/validators/broken/hl7.json").as_array().expect("a list") {
            let part = |name: &str| case[name].as_str().expect("a string");
            let right = read(&format!("{SAMPLES}/{}", part("sample")));
            let wrong = right.replacen(part("replace"), part("with"), 1);
            assert_ne!(right, wrong, "{}", case["why"]);
            assert_refused(case, &hl7_complaints(&wrong.replace('\n', "\r")));
        }
    }

    #[test]
    fn the_resources_that_are_right_are_accepted() {
        for path in files(SAMPLES, ".json") {
            assert_eq!(fhir(&json(&path)), Ok(()), "{path}");
        }
        for (name, example) in examples("Fhir") {
            assert_eq!(fhir(&example), Ok(()), "{name}");
        }
    }

    #[test]
    fn each_resource_that_is_wrong_is_refused() {
        for case in json("tests/validators/broken/fhir.json").as_array().expect("a list") {
            let part = |name: &str| case[name].as_str().expect("a string");
            let right = json(&format!("{SAMPLES}/{}", part("sample")));
            let mut wrong = right.clone();
            let (parent, name) = part("at").rsplit_once('/').expect("a JSON pointer");
            match (wrong.pointer_mut(parent).expect("a parent"), case.get("to")) {
                (Value::Object(parent), Some(to)) => drop(parent.insert(name.to_owned(), to.clone())),
                (Value::Object(parent), None) => drop(parent.remove(name)),
                (Value::Array(parent), Some(to)) => parent[name.parse::<usize>().expect("an index")] = to.clone(),
                (Value::Array(parent), None) => drop(parent.remove(name.parse().expect("an index"))),
                (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), _) => panic!("{case}"),
            }
            assert_ne!(right, wrong, "{}", case["why"]);
            assert_refused(case, &fhir_complaints(&wrong));
        }
    }

    #[test]
    fn the_published_definitions_are_right() {
        let written = files("functions/get-conformance/resources", ".json");
        for path in written.into_iter().chain(files("functions/get-conformance/generated", ".json")) {
            assert_eq!(fhir(&json(&path)), Ok(()), "{path}");
        }
    }

    #[test]
    fn generating_the_snapshots_again_changes_nothing() {
        let check = Command::new("node").arg(root().join("tests/validators/snapshot.mjs")).arg("--check").status();
        assert!(check.expect("node starts").success(), "run: make generated");
    }
}
