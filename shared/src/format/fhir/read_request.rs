//! Reads the resource of a request: `Parameters`, `Basic`, or the `Bundle` of Nuxera's web client.

use super::node::{Member, Node};
use super::{read_basic, read_bundle, read_parameters};
use crate::error::{Reason, Violation};
use crate::format::exchange::{Incoming, ReadContext};
use crate::format::request_fields::Fields;
use crate::operation::RequestBody;

/// Reads a request.
pub(crate) fn read(body: &[u8], expected: ReadContext<'_>) -> Incoming {
    Incoming { sender: None, fields: read_resource(body, expected) }
}

fn read_resource(body: &[u8], expected: ReadContext<'_>) -> Result<Fields, Vec<Violation>> {
    let node = serde_json::from_slice::<Node<'_>>(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let message =
            format!("body must be a FHIR resource in valid JSON; parsing failed at line {line}, column {column}");
        vec![Violation::new("body", Reason::Structure, message)]
    })?;
    let takes_basic = expected.operation.takes_basic();
    let members = node.object().unwrap_or_default();
    // Some clients send an empty object where they mean nothing.
    if node.object().is_some_and(<[_]>::is_empty) && expected.operation.body() != RequestBody::Required {
        return Ok(Fields::none());
    }
    match (resource_type(members), expected.operation.web_client_verb()) {
        (Some("Parameters"), _) => Ok(read_parameters::read(members, expected)),
        (Some("Basic"), _) if takes_basic => Ok(read_basic::read(members, expected)),
        (Some("Bundle"), Some(verb)) => Ok(read_bundle::read(&node, verb, expected)),
        (Some(_) | None, _) => {
            let kinds = if takes_basic { "a Parameters or Basic resource" } else { "a Parameters resource" };
            let message = format!("body must be {kinds} with exactly one resourceType");
            Err(vec![Violation::new("body", Reason::Structure, message).at("Resource")])
        }
    }
}

fn resource_type<'a>(members: &'a [Member<'_>]) -> Option<&'a str> {
    let mut types = members.iter().filter(|(name, _)| name == "resourceType");
    let (_, node) = types.next()?;
    if types.next().is_some() { None } else { node.text() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::Error;
    use crate::format::samples::values;
    use crate::ids::KeyId;
    use crate::keys::{KeyName, KeyType, Status};
    use crate::operation::Operation;

    const BASE: &str = "https://nuxera.cloud/fhir";
    const NOT_APPLICABLE: &str = r#"{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"not-applicable"}]}"#;

    fn expected(operation: Operation) -> ReadContext<'static> {
        let path_id = if operation == Operation::UpdateKey { KeyId::new(42) } else { None };
        ReadContext { operation, path_id, path_field: None, fhir_base: BASE, charset: None }
    }

    /// The values of the named fields, or the places and reasons of the violations.
    fn fields(operation: Operation, body: &str, names: &[&'static str]) -> Result<Vec<Value>, Vec<(String, Reason)>> {
        values(read(body.as_bytes(), expected(operation)), names)
    }

    fn parameters(parameters: &str) -> String {
        format!(r#"{{"resourceType":"Parameters","parameter":[{parameters}]}}"#)
    }

    /// A `Basic` with a code, further members and extensions; `B` in the texts stands for the base.
    fn basic(members: &str, extensions: &str) -> String {
        let code = r#""code":{"coding":[{"system":"B/CodeSystem/resource-type","code":"api-key"}]}"#;
        let extensions = if extensions.is_empty() { String::new() } else { format!(r#""extension":[{extensions}],"#) };
        let text = format!(r#"{{"resourceType":"Basic",{members}{extensions}{code}}}"#);
        text.replace("\"B/", &format!("\"{BASE}/"))
    }

    fn extension(name: &str, value: &str) -> String {
        format!(r#"{{"url":"B/StructureDefinition/api-key-{name}",{value}}}"#)
    }

    fn refused(operation: Operation, body: &str, at: &str, reason: Reason) {
        let names = ["id", "old_id", "name", "type", "status", "expiry_at"];
        assert_eq!(fields(operation, body, &names), Err(vec![(at.to_owned(), reason)]), "{body}");
    }

    const NAME: &str = r#"{"name":"name","valueString":"Lab gateway"}"#;

    #[test]
    fn parameters_have_the_names_of_json() {
        let body = parameters(
            r#"{"name":"name","valueString":"Lab \u00e9"},{"name":"type","valueCode":"live"},
               {"valueCode":"active","name":"status"},{"name":"expiry_at","valueInstant":"2027-03-01T12:00:00Z"}"#,
        );
        let read = fields(Operation::CreateKey, &body, &["name", "type", "status", "expiry_at"]);
        assert_eq!(read, Ok(vec![json!("Lab é"), json!("live"), json!("active"), json!("2027-03-01T12:00:00Z")]));
    }

    #[test]
    fn ids_are_integers_references_or_strings() {
        let id = |value: &str| {
            let body = parameters(&format!(r#"{{"name":"id",{value}}}"#));
            fields(Operation::RemoveDefault, &body, &["id"]).map(|mut values| values.swap_remove(0))
        };
        for value in [
            r#""valueInteger":43"#,
            r#""valueString":"43""#,
            r#""valueReference":{"reference":"Basic/43"}"#,
            r#""valueReference":{"type":"Basic","reference":"https://nuxera.cloud/fhir/Basic/43","display":"x"}"#,
        ] {
            assert_eq!(id(value), Ok(json!(43)), "{value}");
        }
        assert_eq!(id(r#""valueString":"9007199254740991""#), Ok(json!(9_007_199_254_740_991_u64)));
        for value in [
            r#""valueInteger":0"#,
            r#""valueInteger":-1"#,
            r#""valueInteger":2147483648"#,
            r#""valueInteger":43.0"#,
            r#""valueInteger":"43""#,
            r#""valueString":"043""#,
            r#""valueReference":"Basic/43""#,
            r#""valueReference":{"reference":"Patient/43"}"#,
            r#""valueReference":{"reference":"https://example.org/Basic/43"}"#,
            r#""valueReference":{"reference":"Basic/43/_history/1"}"#,
            r#""valueReference":{"reference":"Basic/43","identifier":{}}"#,
            r#""valueReference":{}"#,
            r#""valueDecimal":43"#,
        ] {
            assert_eq!(
                id(value),
                Err(vec![("Parameters.parameter.where(name = 'id')".into(), Reason::Type)]),
                "{value}"
            );
        }
    }

    #[test]
    fn an_expiry_can_be_removed() {
        let body = parameters(&format!(r#"{{"name":"expiry_at","_valueInstant":{NOT_APPLICABLE}}}"#));
        assert_eq!(fields(Operation::UpdateKey, &body, &["expiry_at"]), Ok(vec![Value::Null]));
        let body = basic("", &extension("expiry-at", &format!(r#""_valueInstant":{NOT_APPLICABLE}"#)));
        assert_eq!(fields(Operation::UpdateKey, &body, &["expiry_at"]), Ok(vec![Value::Null]));
        let place = "Parameters.parameter.where(name = 'expiry_at')";
        for value in [
            r#""valueInstant":null"#.to_owned(),
            r#""_valueInstant":null"#.to_owned(),
            format!(r#""_valueInstant":{}"#, NOT_APPLICABLE.replace("not-applicable", "unknown")),
            format!(r#""_valueInstant":{}"#, NOT_APPLICABLE.replace("hl7.org", "example.org")),
            format!(r#""_valueInstant":{}"#, NOT_APPLICABLE.replace("]}", "],\"id\":\"x\"}")),
            format!(r#""_valueDateTime":{NOT_APPLICABLE}"#),
        ] {
            let body = parameters(&format!(r#"{{"name":"expiry_at",{value}}}"#));
            refused(Operation::UpdateKey, &body, place, Reason::Type);
        }
        let both =
            format!(r#"{{"name":"expiry_at","valueInstant":"2027-03-01T12:00:00Z","_valueInstant":{NOT_APPLICABLE}}}"#);
        refused(Operation::UpdateKey, &parameters(&both), "Parameters.parameter[0]", Reason::Structure);
    }

    #[test]
    fn every_field_has_its_type_of_value() {
        for (name, value) in [
            ("name", r#""valueCode":"x""#),
            ("name", r#""valueString":7"#),
            ("name", r#""valueString":null"#),
            ("type", r#""valueString":"live""#),
            ("status", r#""valueBoolean":true"#),
            ("expiry_at", r#""valueDateTime":"2027-03-01T12:00:00Z""#),
        ] {
            let body = parameters(&format!(r#"{{"name":"{name}",{value}}}"#));
            let place = format!("Parameters.parameter.where(name = '{name}')");
            refused(Operation::CreateKey, &body, &place, Reason::Type);
        }
        refused(
            Operation::CreateKey,
            &parameters(r#"{"name":"name"}"#),
            "Parameters.parameter.where(name = 'name')",
            Reason::Type,
        );
    }

    #[test]
    fn a_basic_is_a_key_without_the_server_s_fields() {
        let extensions = [
            extension("name", r#""valueString":"Lab gateway""#),
            extension("type", r#""valueCode":"live""#),
            extension("status", r#""valueCode":"active""#),
            extension("expiry-at", r#""valueInstant":"2027-03-01T12:00:00.000Z""#),
        ];
        let body = basic(r#""meta":{"profile":["B/StructureDefinition/api-key"]},"#, &extensions.join(","));
        let read = fields(Operation::CreateKey, &body, &["name", "type", "status", "expiry_at"]);
        let expiry = json!("2027-03-01T12:00:00.000Z");
        assert_eq!(read, Ok(vec![json!("Lab gateway"), json!("live"), json!("active"), expiry]));
        let update = basic(r#""id":"42","#, &extension("name", r#""valueString":"New name""#));
        assert_eq!(fields(Operation::UpdateKey, &update, &["name"]), Ok(vec![json!("New name")]));
    }

    #[test]
    fn other_elements_of_a_basic_are_refused() {
        let update = |members, at, reason| refused(Operation::UpdateKey, &basic(members, ""), at, reason);
        update(r#""id":"43","#, "Basic.id", Reason::Value);
        update(r#""id":42,"#, "Basic.id", Reason::Value);
        update(r#""id":"42","id":"42","#, "Basic", Reason::Structure);
        update(r#""identifier":[],"#, "Basic.identifier", Reason::Value);
        update(r#""identifier":[{"system":"B/sid/api-key-id","value":"43"}],"#, "Basic.identifier", Reason::Value);
        update(r#""identifier":[{"system":"B/sid/user-id","value":"42"}],"#, "Basic.identifier", Reason::Value);
        update(r#""subject":{},"#, "Basic.subject", Reason::Value);
        update(r#""created":2026,"#, "Basic.created", Reason::Value);
        let create = |members, at| refused(Operation::CreateKey, &basic(members, ""), at, Reason::Unknown);
        create(r#""identifier":[],"#, "Basic.identifier");
        create(r#""subject":{},"#, "Basic.subject");
        create(r#""created":"2026-03-01","#, "Basic.created");
        update(r#""implicitRules":"http://example.org","#, "Basic", Reason::Unknown);
        update(r#""meta":{"profile":["B/StructureDefinition/other"]},"#, "Basic.meta", Reason::Value);
        update(r#""meta":{"versionId":"1","security":[]},"#, "Basic.meta", Reason::Value);
        refused(Operation::CreateKey, &basic(r#""id":"42","#, ""), "Basic.id", Reason::Unknown);
        let foreign = basic("", "").replace("\"api-key\"", "\"patient\"");
        refused(Operation::UpdateKey, &foreign, "Basic.code", Reason::Value);
        refused(Operation::UpdateKey, r#"{"resourceType":"Basic"}"#, "Basic.code", Reason::Required);
        refused(Operation::UpdateKey, &basic(r#""extension":{},"#, ""), "Basic.extension", Reason::Type);
        refused(Operation::UpdateKey, &basic(r#""extension":[],"#, ""), "Basic.extension", Reason::Structure);
    }

    #[test]
    fn other_extensions_are_refused() {
        let update =
            |extensions: &str, at: &str, reason| refused(Operation::UpdateKey, &basic("", extensions), at, reason);
        for server_owned in ["value", "is-default", "created-at", "last-used-at", "usage-count"] {
            let extension = extension(server_owned, r#""valueInteger":1"#);
            refused(Operation::CreateKey, &basic("", &extension), "Basic.extension[0]", Reason::Unknown);
            let place = format!("Basic.extension.where(url.endsWith('/api-key-{server_owned}'))");
            update(&extension, &place, Reason::Type);
        }
        update(&extension("colour", r#""valueCode":"red""#), "Basic.extension[0]", Reason::Unknown);
        let name = extension("name", r#""valueString":"x""#);
        update(&name.replace("\"B/", "\"https://example.org/"), "Basic.extension[0]", Reason::Unknown);
        update(&format!("{name},{name}"), "Basic.extension[1]", Reason::Structure);
        update(&extension("name", r#""valueString":"x","id":"y""#), "Basic.extension[0]", Reason::Structure);
        let place = "Basic.extension.where(url.endsWith('/api-key-name'))";
        update(&extension("name", r#""valueCode":"x""#), place, Reason::Type);
    }

    #[test]
    fn other_parameters_are_refused() {
        let update = |list: &str, reason| {
            refused(Operation::UpdateKey, &parameters(list), "Parameters.parameter[1]", reason);
        };
        update(&format!("{NAME},{NAME}"), Reason::Structure);
        update(&format!(r#"{NAME},{{"name":"colour","valueString":"x"}}"#), Reason::Unknown);
        update(&format!(r#"{NAME},{{"name":"old_id","valueString":"7"}}"#), Reason::Unknown);
        update(&format!(r#"{NAME},{{"name":"grace_period_seconds","valueInteger":7}}"#), Reason::Unknown);
        for bad in [
            "7",
            "{}",
            r#"{"valueString":"x"}"#,
            r#"{"name":7}"#,
            r#"{"name":"type","part":[]}"#,
            r#"{"name":"type","name":"type"}"#,
            r#"{"name":"type","valueCode":"live","valueString":"live"}"#,
        ] {
            update(&format!("{NAME},{bad}"), Reason::Structure);
        }
        let unknown = parameters(NAME).replacen('{', r#"{"id":"x","#, 1);
        refused(Operation::UpdateKey, &unknown, "Parameters", Reason::Unknown);
        let twice = parameters(NAME).replacen('{', r#"{"parameter":[{"name":"type","valueCode":"live"}],"#, 1);
        refused(Operation::UpdateKey, &twice, "Parameters.parameter", Reason::Structure);
        let no_list = r#"{"resourceType":"Parameters","parameter":{}}"#;
        refused(Operation::UpdateKey, no_list, "Parameters.parameter", Reason::Type);
        refused(Operation::PauseKey, &parameters(""), "Parameters.parameter", Reason::Structure);
    }

    #[test]
    fn other_resources_and_other_json_are_refused() {
        for body in [
            "[]",
            "null",
            "{}",
            r#"{"resourceType":"Patient"}"#,
            r#"{"resourceType":7}"#,
            r#"{"resourceType":"Parameters","resourceType":"Parameters"}"#,
        ] {
            refused(Operation::CreateKey, body, "Resource", Reason::Structure);
        }
        refused(Operation::SetDefault, &basic("", ""), "Resource", Reason::Structure);
        for body in ["", "{", "\u{feff}{}", "MSH|", r#"{"resourceType":"Parameters"} x"#, &"[".repeat(100_000)] {
            refused(Operation::CreateKey, body, "", Reason::Structure);
        }
        assert!(read(b"{\"resourceType\":\"\xff\"}", expected(Operation::CreateKey)).fields.is_err());
    }

    #[test]
    fn operations_without_inputs_accept_no_parameters() {
        assert_eq!(fields(Operation::PauseKey, r#"{"resourceType":"Parameters"}"#, &[]), Ok(vec![]));
        for operation in [Operation::PauseKey, Operation::RotateKey] {
            assert_eq!(fields(operation, "{}", &[]), Ok(vec![]));
        }
        refused(Operation::PauseKey, &parameters(NAME), "Parameters.parameter[0]", Reason::Unknown);
    }

    #[test]
    fn violations_found_by_the_endpoint_have_places_too() {
        let kind = extension("type", r#""valueCode":"gold""#);
        let body = basic("", &format!("{kind},{}", extension("expiry-at", r#""valueString":"x""#)));
        let fields = read(body.as_bytes(), expected(Operation::CreateKey)).fields.expect("fields to look at");
        let error = fields.read(|fields| {
            let name = fields.required::<KeyName>("name");
            let kind = fields.required::<KeyType>("type");
            let status = fields.required::<Status>("status");
            let expiry = fields.nullable::<crate::clock::Timestamp>("expiry_at");
            Ok((name?, kind?, status?, expiry?))
        });
        let Err(Error::Invalid(violations)) = error else { panic!("{error:?}") };
        let found: Vec<_> = violations.iter().filter_map(|v| Some((v.at.as_deref()?, v.reason))).collect();
        let expected = [
            ("Basic.extension.where(url.endsWith('/api-key-expiry-at'))", Reason::Type),
            ("Basic.extension.where(url.endsWith('/api-key-name'))", Reason::Required),
            ("Basic.extension.where(url.endsWith('/api-key-type'))", Reason::Value),
            ("Basic.extension.where(url.endsWith('/api-key-status'))", Reason::Required),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn violations_are_bounded_and_do_not_repeat_the_input() {
        let rubbish = vec![r#"{"name":"SECRET","valueString":"SECRET"}"#; 5_000].join(",");
        let read = fields(Operation::CreateKey, &parameters(&rubbish), &[]).expect_err("a refusal");
        assert_eq!(read.len(), 20);
        let incoming = super::read(parameters(&rubbish).as_bytes(), expected(Operation::PauseKey));
        assert!(!format!("{:?}", incoming.fields.map(|fields| fields.read(|_| Ok(())))).contains("SECRET"));
    }
}
