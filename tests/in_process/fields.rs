//! The table of fields agrees with every place that repeats it: `docs/add-a-field.md` lists them

use serde_json::Value;
use shared::Operation;
use shared::config::DEFAULT_FHIR_BASE_URL;
use shared::fields::{FIELDS, Field, FieldType, SHOWN, TRAIL_ONLY};
use tests::repository;

/// The places that do not agree, by the name of the file and of what is in it.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn compare(&mut self, place: &str, found: &[String], expected: &[String]) {
        if found != expected {
            self.0.push(format!("{place}: has {found:?}, but the table of fields says {expected:?}"));
        }
    }

    fn expect(&mut self, place: &str, holds: bool, rule: &str) {
        if !holds {
            self.0.push(format!("{place}: {rule}"));
        }
    }

    fn assert_none(&self) {
        assert!(self.0.is_empty(), "\n{}", self.0.join("\n"));
    }
}

fn names<'a>(fields: impl IntoIterator<Item = &'a Field>) -> Vec<String> {
    fields.into_iter().map(|field| field.name.to_owned()).collect()
}

fn inputs(operation: Operation) -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().filter(move |field| field.is_input_of(operation))
}

/// The operations whose requests have fields.
fn with_inputs() -> impl Iterator<Item = Operation> {
    Operation::ALL.into_iter().filter(|operation| inputs(*operation).next().is_some())
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

fn contract() -> Value {
    serde_json::to_value(repository::yaml("openapi.yaml")).expect("it is JSON, too")
}

fn keys(object: &Value) -> Vec<String> {
    object.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// A published definition, by its type and id.
fn definition(kind: &str, id: &str) -> Value {
    let path = format!("functions/get-conformance/resources/{kind}-{id}.json");
    let text = std::fs::read_to_string(repository::root().join(path)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// FHIR's type of a field's values in responses.
fn fhir_type(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Text | FieldType::Id | FieldType::Count => "string",
        FieldType::Code => "code",
        FieldType::Flag => "boolean",
        FieldType::Time => "instant",
        FieldType::Seconds => "integer",
    }
}

/// HL7's type of a field's values.
fn hl7_type(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Id | FieldType::Count | FieldType::Seconds => "NM",
        FieldType::Text => "ST",
        FieldType::Code | FieldType::Flag => "ID",
        FieldType::Time => "TS",
    }
}

#[test]
fn the_contract_has_the_fields_of_responses() {
    let (contract, mut differences) = (contract(), Differences::default());
    let schemas = &contract["components"]["schemas"];
    let shown = names(&SHOWN);
    differences.compare("openapi.yaml, ApiKey.required", &texts(&schemas["ApiKey"]["required"]), &shown);
    differences.compare(
        "openapi.yaml, ApiKey.properties",
        &sorted(keys(&schemas["ApiKey"]["properties"])),
        &sorted(shown),
    );
    let audited = FIELDS.iter().filter(|field| field.is_audited);
    let in_trail = names(audited).into_iter().chain(TRAIL_ONLY.map(str::to_owned)).collect();
    let of_trail = &schemas["AuditEntry"]["properties"]["changes"]["propertyNames"]["enum"];
    differences.compare("openapi.yaml, AuditEntry.changes.propertyNames", &sorted(texts(of_trail)), &sorted(in_trail));
    differences.assert_none();
}

#[test]
fn the_contract_has_the_fields_of_requests() {
    let (contract, mut differences) = (contract(), Differences::default());
    for operation in with_inputs() {
        let schema = format!("{operation:?}");
        let properties = keys(&contract["components"]["schemas"][&schema]["properties"]);
        let place = format!("openapi.yaml, {schema}.properties");
        differences.compare(&place, &sorted(properties), &sorted(names(inputs(operation))));
    }
    differences.assert_none();
}

#[test]
fn the_contract_has_the_positions_of_hl7() {
    let (contract, mut differences) = (repository::read("openapi.yaml"), Differences::default());
    let comment: String = contract
        .lines()
        .skip_while(|line| !line.starts_with("    # ZAK:"))
        .take_while(|line| !line.starts_with("    # ZUS:"))
        .collect();
    for Field { name, zak, .. } in &FIELDS {
        let place = "openapi.yaml, the comment on ZAK";
        differences.expect(place, comment.contains(&format!(" {zak} {name}")), &format!("no \"{zak} {name}\""));
    }
    let guide = repository::read("docs/formats.md");
    for Field { name, zak, extension, .. } in &FIELDS {
        let row = guide.lines().find(|line| line.starts_with(&format!("| `{name}` | ZAK-{zak}")));
        let is_mapped = row.is_some_and(|row| extension.is_none_or(|extension| row.contains(extension)));
        differences.expect("docs/formats.md", is_mapped, &format!("no row of {name} with ZAK-{zak} and its extension"));
    }
    // The validator's own layout: a type per field, the set id first.
    let validator = repository::read("tests/validators/hl7_segments.py");
    let layout = validator.split("    \"ZAK\": [\n").nth(1).and_then(|rest| rest.split("    ],").next());
    let types: Vec<_> = layout.expect("a layout").lines().filter_map(|line| line.split('"').nth(1)).collect();
    let expected: Vec<_> = ["SI"].into_iter().chain(FIELDS.iter().map(|field| hl7_type(field.kind))).collect();
    differences.expect(
        "tests/validators/hl7_segments.py, ZAK",
        types == expected,
        &format!("has {types:?}, not {expected:?}"),
    );
    differences.assert_none();
}

#[test]
fn the_definitions_have_the_extensions() {
    let mut differences = Differences::default();
    let contract = repository::read("openapi.yaml");
    let profile = definition("StructureDefinition", "api-key");
    let base = DEFAULT_FHIR_BASE_URL;
    for (field, extension) in FIELDS.iter().filter_map(|field| Some((field, field.extension?))) {
        let url = format!("{base}/StructureDefinition/{extension}");
        let place = format!("functions/get-conformance/resources/StructureDefinition-{extension}.json");
        let own = definition("StructureDefinition", extension);
        differences.expect(&place, own["url"] == *url, &format!("is not the definition of {url}"));
        let value = own["differential"]["element"].as_array().into_iter().flatten();
        let mut value = value.filter(|element| element["id"] == "Extension.value[x]");
        let kind = value.next().map_or(Value::Null, |value| value["type"][0]["code"].clone());
        let expected = fhir_type(field.kind);
        differences.expect(&place, kind == expected, &format!("value[x] is {kind}, not {expected:?}"));
        let slices = profile["differential"]["element"].as_array().into_iter().flatten();
        let is_slice = |slice: &Value| slice["type"][0]["profile"][0] == *url;
        let place = "functions/get-conformance/resources/StructureDefinition-api-key.json";
        differences.expect(place, slices.clone().any(is_slice), &format!("no slice of {url}"));
        differences.expect("openapi.yaml, FhirExtension…", contract.contains(&url), &format!("no {url}"));
    }
    let count = FIELDS.iter().filter(|field| field.extension.is_some()).count().to_string();
    let slicing = profile["differential"]["element"].as_array().into_iter().flatten();
    let max = slicing.filter(|element| element["id"] == "Basic.extension").map(|element| element["max"].clone());
    differences.expect(
        "functions/get-conformance/resources/StructureDefinition-api-key.json, Basic.extension.max",
        max.eq([Value::from(count.as_str())]),
        &format!("is not {count}"),
    );
    differences.assert_none();
}

#[test]
fn the_definitions_have_the_parameters() {
    let mut differences = Differences::default();
    let contract = contract();
    let described: Vec<String> = strings(&contract["components"]["schemas"]);
    for operation in with_inputs() {
        let id = operation.name();
        let place = format!("functions/get-conformance/resources/OperationDefinition-{id}.json");
        let parameters = definition("OperationDefinition", id)["parameter"].clone();
        let given = parameters.as_array().into_iter().flatten().filter(|parameter| parameter["use"] == "in");
        let found: Vec<_> =
            given.map(|parameter| format!("{} {}", text(&parameter["name"]), text(&parameter["type"]))).collect();
        // An id may be an integer, a reference or a string.
        let kind = |field: &Field| if field.kind == FieldType::Id { "Element" } else { fhir_type(field.kind) };
        let expected: Vec<_> = inputs(operation).map(|field| format!("{} {}", field.name, kind(field))).collect();
        differences.compare(&place, &found, &expected);
        for field in inputs(operation) {
            let rule = format!("no parameter with the name {}", field.name);
            differences.expect("openapi.yaml, FhirParameter…", described.contains(&field.name.to_owned()), &rule);
        }
    }
    differences.assert_none();
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The constants of the `name` properties in schemas, which are the names of FHIR parameters.
fn strings(schemas: &Value) -> Vec<String> {
    match schemas {
        Value::Object(members) => {
            let own = members.get("name").and_then(|name| name.get("const")).and_then(Value::as_str);
            own.map(str::to_owned).into_iter().chain(members.values().flat_map(strings)).collect()
        }
        Value::Array(values) => values.iter().flat_map(strings).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[test]
fn samples_have_every_field() {
    let mut differences = Differences::default();
    let message = repository::read("tests/corpus/hl7/every-field.hl7");
    let zak = message.split(['\r', '\n']).find(|segment| segment.starts_with("ZAK")).expect("a ZAK segment");
    let filled = zak.split('|').skip(1).filter(|field| !field.is_empty()).count();
    let expected = FIELDS.len() + 1;
    let rule = format!("ZAK has {filled} fields, not {expected}");
    differences.expect("tests/corpus/hl7/every-field.hl7", filled == expected, &rule);
    differences.assert_none();
}

/// The paths in the guide's tables, which a reader follows.
#[test]
fn the_guide_names_files_that_exist() {
    let guide = repository::read("docs/add-a-field.md");
    let rows = guide.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let mut count = 0;
    for path in rows.filter(|path| !path.contains('<')) {
        count += 1;
        assert!(repository::root().join(path).exists(), "docs/add-a-field.md: there is no {path}");
    }
    assert!(count >= 8, "{count} paths");
}
