//! The table of fields agrees with every place that repeats it, and `docs/add-a-field.md` lists these places.

use std::collections::BTreeSet;

use serde_json::Value;
use shared::Operation;
use shared::config::DEFAULT_FHIR_BASE_URL;
use shared::fields::{FIELDS, Field, FieldType, TRAIL_ONLY};
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

    /// The files that do not agree.
    fn files(&self) -> BTreeSet<String> {
        self.0.iter().filter_map(|difference| Some(difference.split([':', ',']).next()?.to_owned())).collect()
    }
}

fn names<'a>(fields: impl IntoIterator<Item = &'a Field>) -> Vec<String> {
    fields.into_iter().map(|field| field.name.to_owned()).collect()
}

fn inputs(fields: &[Field], operation: Operation) -> impl Iterator<Item = &Field> {
    fields.iter().filter(move |field| field.is_input_of(operation))
}

/// The operations that FHIR calls by a name. The others are interactions with resources.
fn is_named_in_fhir(operation: Operation) -> bool {
    operation.fhir_routes().iter().any(|route| route.contains('$'))
}

/// The operations whose requests have fields.
fn with_inputs(fields: &[Field]) -> impl Iterator<Item = Operation> {
    Operation::ALL.into_iter().filter(|operation| inputs(fields, *operation).next().is_some())
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

fn check_responses(fields: &[Field], differences: &mut Differences) {
    let contract = contract();
    let schemas = &contract["components"]["schemas"];
    let shown = names(fields.iter().filter(|field| field.is_shown));
    differences.compare("openapi.yaml, ApiKey.required", &texts(&schemas["ApiKey"]["required"]), &shown);
    differences.compare(
        "openapi.yaml, ApiKey.properties",
        &sorted(keys(&schemas["ApiKey"]["properties"])),
        &sorted(shown.clone()),
    );
    let created = &schemas["ApiKeyCreated"];
    let shown: Vec<String> = shown.into_iter().chain(["message".to_owned()]).collect();
    differences.compare("openapi.yaml, ApiKeyCreated.required", &texts(&created["required"]), &shown);
    differences.compare(
        "openapi.yaml, ApiKeyCreated.properties",
        &sorted(keys(&created["properties"])),
        &sorted(shown),
    );
    let audited = fields.iter().filter(|field| field.is_audited);
    let in_trail = names(audited).into_iter().chain(TRAIL_ONLY.map(str::to_owned)).collect();
    let of_trail = &schemas["AuditEntry"]["properties"]["changes"]["propertyNames"]["enum"];
    differences.compare("openapi.yaml, AuditEntry.changes.propertyNames", &sorted(texts(of_trail)), &sorted(in_trail));
}

fn check_requests(fields: &[Field], differences: &mut Differences) {
    let contract = contract();
    for operation in with_inputs(fields) {
        let schema = format!("{operation:?}");
        let properties = keys(&contract["components"]["schemas"][&schema]["properties"]);
        let place = format!("openapi.yaml, {schema}.properties");
        let taken = fields.iter().filter(|field| field.may_be_in(operation));
        differences.compare(&place, &sorted(properties), &sorted(names(taken)));
    }
}

fn check_hl7_positions(fields: &[Field], differences: &mut Differences) {
    let contract = contract();
    let schemas = &contract["components"]["schemas"];
    for (schema, is_listed) in [
        // The user is named where one URL takes all events, and none is in the path.
        ("Hl7Request", (|field| !field.input_of.is_empty() || field.name == "user_id") as fn(&Field) -> bool),
        ("Hl7Keys", |field| field.is_shown),
    ] {
        let rows = text(&schemas[schema]["description"]).lines().filter_map(|line| line.strip_prefix("| ZAK-"));
        let found = rows.filter_map(|row| row.split_once(" |").map(|(number, _)| number.to_owned()));
        let listed = fields.iter().filter(|field| is_listed(field)).map(|field| field.zak.to_string());
        let place = format!("openapi.yaml, ZAK in the description of {schema}");
        differences.compare(
            &place,
            &found.collect::<Vec<_>>(),
            &["1".to_owned()].into_iter().chain(listed).collect::<Vec<_>>(),
        );
    }
    let guide = repository::read("docs/formats.md");
    for Field { name, zak, extension, .. } in fields {
        let row = guide.lines().find(|line| line.starts_with(&format!("| `{name}` | ZAK-{zak}")));
        let is_mapped = row.is_some_and(|row| extension.is_none_or(|extension| row.contains(extension)));
        differences.expect("docs/formats.md", is_mapped, &format!("no row of {name} with ZAK-{zak} and its extension"));
    }
    // The validator's own layout: a type per field, the set id first.
    let validator = repository::read("tests/validators/hl7_segments.py");
    let layout = validator.split("    \"ZAK\": [\n").nth(1).and_then(|rest| rest.split("    ],").next());
    let types: Vec<_> = layout.expect("a layout").lines().filter_map(|line| line.split('"').nth(1)).collect();
    let expected: Vec<_> = ["SI"].into_iter().chain(fields.iter().map(|field| hl7_type(field.kind))).collect();
    differences.expect(
        "tests/validators/hl7_segments.py, ZAK",
        types == expected,
        &format!("has {types:?}, not {expected:?}"),
    );
}

fn check_fhir_extensions(fields: &[Field], differences: &mut Differences) {
    let contract = repository::read("openapi.yaml");
    let profile = definition("StructureDefinition", "api-key");
    let base = DEFAULT_FHIR_BASE_URL;
    for (field, extension) in fields.iter().filter_map(|field| Some((field, field.extension?))) {
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
    let count = fields.iter().filter(|field| field.extension.is_some()).count().to_string();
    let slicing = profile["differential"]["element"].as_array().into_iter().flatten();
    let max = slicing.filter(|element| element["id"] == "Basic.extension").map(|element| element["max"].clone());
    differences.expect(
        "functions/get-conformance/resources/StructureDefinition-api-key.json, Basic.extension.max",
        max.eq([Value::from(count.as_str())]),
        &format!("is not {count}"),
    );
}

fn check_fhir_parameters(fields: &[Field], differences: &mut Differences) {
    let contract = contract();
    let described: Vec<String> = strings(&contract["components"]["schemas"]);
    for operation in with_inputs(fields).filter(|operation| is_named_in_fhir(*operation)) {
        let id = operation.name();
        let place = format!("functions/get-conformance/resources/OperationDefinition-{id}.json");
        let parameters = definition("OperationDefinition", id)["parameter"].clone();
        let given = parameters.as_array().into_iter().flatten().filter(|parameter| parameter["use"] == "in");
        let found: Vec<_> =
            given.map(|parameter| format!("{} {}", text(&parameter["name"]), text(&parameter["type"]))).collect();
        // An id may be an integer, a reference or a string.
        let kind = |field: &Field| if field.kind == FieldType::Id { "Element" } else { fhir_type(field.kind) };
        let expected: Vec<_> =
            inputs(fields, operation).map(|field| format!("{} {}", field.name, kind(field))).collect();
        differences.compare(&place, &found, &expected);
        for field in inputs(fields, operation) {
            let rule = format!("no parameter with the name {}", field.name);
            differences.expect("openapi.yaml, FhirParameter…", described.contains(&field.name.to_owned()), &rule);
        }
    }
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

fn check_samples(fields: &[Field], differences: &mut Differences) {
    let message = repository::read("tests/corpus/hl7/every-field.hl7");
    let zak = message.split(['\r', '\n']).find(|segment| segment.starts_with("ZAK")).expect("a ZAK segment");
    let filled = zak.split('|').skip(1).filter(|field| !field.is_empty()).count();
    let expected = fields.len() + 1;
    let rule = format!("ZAK has {filled} fields, not {expected}");
    differences.expect("tests/corpus/hl7/every-field.hl7", filled == expected, &rule);
}

/// Compares fields with every place that repeats the table.
fn compare(fields: &[Field]) -> Differences {
    let mut differences = Differences::default();
    check_responses(fields, &mut differences);
    check_requests(fields, &mut differences);
    check_hl7_positions(fields, &mut differences);
    check_fhir_extensions(fields, &mut differences);
    check_fhir_parameters(fields, &mut differences);
    check_samples(fields, &mut differences);
    differences
}

#[test]
fn every_place_agrees_with_the_table() {
    compare(&FIELDS).assert_none();
}

/// The first column of the guide's tables.
fn guide() -> BTreeSet<String> {
    let guide = repository::read("docs/add-a-field.md");
    let rows = guide.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    rows.map(str::to_owned).collect()
}

/// The guide's example: the places that its author has to change are those that the guide names.
#[test]
fn a_new_field_is_missed_in_the_places_that_the_guide_names() {
    let note = Field {
        name: "note",
        kind: FieldType::Text,
        zak: FIELDS.last().expect("a field").zak + 1,
        extension: Some("api-key-note"),
        is_shown: true,
        input_of: &[Operation::CreateKey, Operation::UpdateKey],
        is_audited: true,
    };
    let missed = compare(&[&FIELDS[..], &[note]].concat()).files();
    let guide = guide();
    let is_named =
        |file: &String| guide.iter().any(|place| file == place || place.ends_with('/') && file.starts_with(place));
    let unnamed: Vec<_> = missed.iter().filter(|file| !is_named(file)).collect();
    assert!(unnamed.is_empty(), "docs/add-a-field.md does not name {unnamed:?}");
    let compared = [
        "openapi.yaml",
        "docs/formats.md",
        "tests/corpus/hl7/every-field.hl7",
        "tests/validators/hl7_segments.py",
        "functions/get-conformance/resources/StructureDefinition-api-key.json",
        "functions/get-conformance/resources/StructureDefinition-api-key-note.json",
    ];
    assert_eq!(missed, compared.map(str::to_owned).into());
}

#[test]
fn the_guide_names_files_that_exist() {
    let guide = guide();
    assert!(guide.len() >= 8, "{} paths", guide.len());
    for path in guide {
        assert!(repository::root().join(&path).exists(), "docs/add-a-field.md: there is no {path}");
    }
}
