//! The HL7 and FHIR examples of openapi.yaml: those of responses are generated from the JSON examples by the service's own
//! writers, those of requests are read by its readers and hold the same fields as the JSON ones
//!
//! `make generated` writes them. A response's example is written once, in JSON, and has a row in [`RESPONSES`].

mod content;
mod yaml_lines;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use shared::Operation;
use shared::config::DEFAULT_FHIR_BASE_URL;
use shared::error::Reason;
use shared::fields::FIELDS;
use shared::format::{Fields, Format, FromField, ReadContext, read};
use shared::ids::KeyId;
use tests::{TestApp, TestCall, form, repository};

use Operation::{
    CreateKey, DeleteKey, ForwardTranscription, GetKey, GetUsage, ImportKeys, ListAudit, ListKeys, ListUserKeys,
    LookupKey, PauseKey, RemoveDefault, ResumeKey, RotateKey, SetDefault, Transcribe, UpdateKey, VerifyKey,
};

const CONTRACT: &str = "openapi.yaml";

/// The JSON examples of responses, and an operation that each is a response of.
const RESPONSES: &[(&str, Operation)] = &[
    ("invalidPath", ForwardTranscription),
    ("invalidForm", Transcribe),
    ("keyRequired", Transcribe),
    ("keyInvalid", Transcribe),
    ("keyIsPaused", Transcribe),
    ("keyIsExpired", Transcribe),
    ("noDefault", Transcribe),
    ("formTooLarge", Transcribe),
    ("keyLimited", Transcribe),
    ("transcriptionFailed", Transcribe),
    ("transcriptionTimedOut", Transcribe),
    ("keyCreated", CreateKey),
    ("keyGot", GetKey),
    ("keyUpdated", UpdateKey),
    ("keyPaused", PauseKey),
    ("keyResumed", ResumeKey),
    ("keyRotated", RotateKey),
    ("keyFound", LookupKey),
    ("existingKeyFound", LookupKey),
    ("keyDefaultSet", SetDefault),
    ("keyDefaultRemoved", RemoveDefault),
    ("keys", ListKeys),
    ("userKeys", ListUserKeys),
    ("noKeys", ListKeys),
    ("deleted", DeleteKey),
    ("usage", GetUsage),
    ("noUsage", GetUsage),
    ("keyValid", VerifyKey),
    ("keyRefused", VerifyKey),
    ("audit", ListAudit),
    ("invalid", CreateKey),
    ("invalidId", GetKey),
    ("invalidFormat", GetKey),
    ("tokenRequired", GetKey),
    ("tokenInvalid", GetKey),
    ("accessDenied", ListUserKeys),
    ("serviceRequired", VerifyKey),
    ("adminRequired", LookupKey),
    ("invalidImport", ImportKeys),
    ("importTooLarge", ImportKeys),
    ("notFound", GetKey),
    ("expired", PauseKey),
    ("changed", UpdateKey),
    ("limitReached", CreateKey),
    ("idempotencyMismatch", CreateKey),
    ("tooLarge", CreateKey),
    ("rateLimited", GetKey),
    ("failed", CreateKey),
    ("unavailable", GetKey),
];

/// The reasons of violations, which JSON does not name.
const REASONS: &[(&str, &[Reason])] = &[
    ("invalidPath", &[Reason::Value]),
    ("invalidForm", &[Reason::Required, Reason::Required]),
    ("formTooLarge", &[Reason::TooLong]),
    ("invalid", &[Reason::Required, Reason::Value]),
    ("invalidId", &[Reason::Type]),
    ("invalidFormat", &[Reason::Value]),
    ("tooLarge", &[Reason::TooLong]),
    ("importTooLarge", &[Reason::TooLong]),
    ("invalidImport", &[Reason::Value]),
];

/// The examples of published definitions, and their files.
const DEFINITIONS: &[(&str, &str)] =
    &[("capabilityStatementFhir", "CapabilityStatement-nuxera-api-keys"), ("valueSetFhir", "ValueSet-api-key-status")];

/// The HL7 and FHIR examples of requests, with the JSON examples that say the same, and their operations.
const REQUESTS: &[(&str, &str, Operation)] = &[
    ("createHl7", "create", CreateKey),
    ("createFhirParameters", "create", CreateKey),
    ("createFhirBasic", "create", CreateKey),
    ("createFhirNoExpiry", "createNoExpiry", CreateKey),
    ("updateHl7", "update", UpdateKey),
    ("updateFhirParameters", "update", UpdateKey),
    ("updateFhirBasic", "update", UpdateKey),
    ("updateNoExpiryHl7", "updateNoExpiry", UpdateKey),
    ("setDefaultHl7", "setDefaultOld", SetDefault),
    ("setDefaultFhir", "setDefaultOld", SetDefault),
    ("removeDefaultHl7", "removeDefault", RemoveDefault),
    ("removeDefaultFhir", "removeDefault", RemoveDefault),
    ("rotateHl7", "rotate", RotateKey),
    ("rotateFhir", "rotate", RotateKey),
    ("verifyHl7", "verify", VerifyKey),
    ("lookupHl7", "lookup", LookupKey),
    ("verifyFhir", "verify", VerifyKey),
    ("pauseHl7", "nothing", PauseKey),
    ("resumeHl7", "nothing", ResumeKey),
    ("nothingFhir", "nothing", PauseKey),
];

/// The published examples by name.
fn examples() -> BTreeMap<String, Value> {
    let contract = serde_json::to_value(repository::yaml(CONTRACT)).expect("it is JSON, too");
    let examples = contract["components"]["examples"].as_object().expect("examples").clone();
    examples.into_iter().map(|(name, example)| (name, example["value"].clone())).collect()
}

/// The contract with its generated examples behind those that they are made from.
fn generated(contract: &str) -> String {
    let (before, examples) = contract.split_once("\n  examples:\n").expect("examples at the end");
    let values = self::examples();
    let blocks = blocks(examples);
    let mut text = vec![format!("{before}\n  examples:\n")];
    for (name, block) in &blocks {
        if RESPONSES.iter().any(|(from, _)| *name == format!("{from}Hl7") || *name == format!("{from}Fhir")) {
            continue;
        }
        if let Some((_, file)) = DEFINITIONS.iter().find(|(example, _)| example == name) {
            let summary = block.lines().nth(1).expect("a summary");
            let definition = repository::read(&format!("functions/get-conformance/resources/{file}.json"));
            let definition = yaml_lines::block(&serde_json::from_str(&definition).expect("FHIR is JSON"), 8);
            text.push(format!("    {name}:\n{summary}\n      value:\n{definition}"));
            continue;
        }
        text.push(block.clone());
        if let Some((_, operation)) = RESPONSES.iter().find(|(from, _)| from == name) {
            let summary = block.lines().nth(1).expect("a summary");
            let written = |format| content::written(format, name, &values[*name], *operation);
            let hl7 = yaml_lines::quoted(&written(Format::Hl7));
            let fhir = serde_json::from_str(&written(Format::Fhir)).expect("FHIR is JSON");
            let fhir = yaml_lines::block(&fhir, 8);
            text.push(format!("    {name}Hl7:\n{summary}\n      value: {hl7}\n"));
            text.push(format!("    {name}Fhir:\n{summary}\n      value:\n{fhir}"));
        }
    }
    text.concat()
}

/// The examples as they are written, by name.
fn blocks(examples: &str) -> Vec<(&str, String)> {
    let mut blocks: Vec<(&str, String)> = Vec::new();
    for line in examples.lines() {
        assert!(line.starts_with("    "), "{CONTRACT}: not an example, so not below examples: {line:?}");
        let name = line.strip_prefix("    ").and_then(|line| line.strip_suffix(':'));
        if let Some(name) = name.filter(|name| !name.starts_with(' ')) {
            blocks.push((name, String::new()));
        }
        let (_, block) = blocks.last_mut().expect("a name comes first");
        block.push_str(line);
        block.push('\n');
    }
    blocks
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the environment says whether to compare or to update")]
fn generating_them_again_changes_nothing() {
    let contract = repository::read(CONTRACT);
    let generated = generated(&contract);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(repository::root().join(CONTRACT), generated).expect("it is written");
        return;
    }
    let different = contract.lines().zip(generated.lines()).position(|(found, expected)| found != expected);
    let line = different.map_or(0, |index| index + 1);
    assert!(contract == generated, "{CONTRACT}, line {line}: not what the JSON example gives; run: make generated");
}

#[test]
fn every_example_is_generated_or_read() {
    let of_responses =
        RESPONSES.iter().flat_map(|(name, _)| [(*name).to_owned(), format!("{name}Hl7"), format!("{name}Fhir")]);
    let of_requests = REQUESTS.iter().flat_map(|(name, json, _)| [*name, *json]);
    // JSON alone: what the services behind this one take and send, what proxies get, imports, and requests that say what
    // others say in three formats. FHIR alone: what is published in FHIR.
    let alone = [
        "transcript",
        "dictatedText",
        "authorized",
        "medicalNote",
        "import",
        "imported",
        "updateAll",
        "setDefault",
        "noSuchDefinitionFhir",
    ];
    let definitions = DEFINITIONS.iter().map(|(name, _)| *name);
    let known: BTreeSet<_> =
        of_responses.chain(of_requests.chain(alone).chain(definitions).map(str::to_owned)).collect();
    assert_eq!(examples().into_keys().collect::<BTreeSet<_>>(), known);
}

/// Any value, unchecked.
struct Any(Value);

impl FromField for Any {
    fn from_field(value: &Value) -> Result<Self, (Reason, String)> {
        Ok(Self(value.clone()))
    }
}

/// The fields of a request, as its operation sees them.
fn fields(format: Format, body: &str, operation: Operation) -> BTreeMap<&'static str, Value> {
    let path_id = KeyId::new(42).filter(|_| ![CreateKey, SetDefault, RemoveDefault, VerifyKey].contains(&operation));
    let context = ReadContext { operation, path_id, path_field: None, fhir_base: DEFAULT_FHIR_BASE_URL, charset: None };
    let fields: Fields = read(format, body.as_bytes(), context).fields.unwrap_or_else(|found| panic!("{found:?}"));
    let inputs = FIELDS.iter().filter(|field| field.is_input_of(operation));
    let read = fields.read(|fields| {
        inputs.map(|field| Ok((field.name, fields.nullable::<Any>(field.name)?))).collect::<Result<Vec<_>, _>>()
    });
    let present = read.expect("valid").into_iter().filter_map(|(name, value)| Some((name, value?)));
    present.map(|(name, value)| (name, value.map_or(Value::Null, |value| value.0))).collect()
}

#[test]
fn requests_say_the_same_in_every_format() {
    let examples = examples();
    for (name, json, operation) in REQUESTS {
        let example = &examples[*name];
        let (format, body) = match example.as_str() {
            Some(message) => (Format::Hl7, message.to_owned()),
            None => (Format::Fhir, example.to_string()),
        };
        let expected = fields(Format::Json, &examples[*json].to_string(), *operation);
        assert_eq!(fields(format, &body, *operation), expected, "{name}");
        assert_eq!(expected.len(), examples[*json].as_object().map_or(0, serde_json::Map::len), "{json}");
    }
}

#[tokio::test]
async fn violations_are_those_that_the_service_finds() {
    let test = TestApp::start().await;
    let incomplete = json!({"resourceType": "Parameters", "parameter": [
        {"name": "type", "valueCode": "live"}, {"name": "status", "valueCode": "on"}]});
    let too_large = "x".repeat(16 * 1024 + 1);
    let calls: [(&str, TestCall<'_>); 5] = [
        ("invalidForm", test.call(Transcribe).form(&form::form(&[(form::USER_ID, b"7")]))),
        ("invalid", test.call(CreateKey).header("x-request-format", "fhir").json(&incomplete)),
        ("invalidId", test.call(GetKey).id("x")),
        ("invalidFormat", test.call(GetKey).header("x-request-format", "xml")),
        ("tooLarge", test.call(CreateKey).body(&too_large)),
    ];
    let examples = examples();
    for (name, call) in calls {
        let answer = async |format| call.clone().header("x-response-format", format).send().await;
        assert_eq!(answer("json").await.json(), examples[name], "{name}");
        assert_eq!(answer("fhir").await.json(), examples[&format!("{name}Fhir")], "{name}");
        let errors = |message: &str| -> Vec<String> {
            message.split('\r').filter(|segment| segment.starts_with("ERR|")).map(str::to_owned).collect()
        };
        let expected = errors(examples[&format!("{name}Hl7")].as_str().expect("a message"));
        assert_eq!(errors(&answer("hl7").await.text), expected, "{name}");
    }
}
