//! Responses as resources.

use serde::Serialize;

use super::audit_event::AuditEntry;
use super::bundle::Bundle;
use super::definitions::Definitions;
use super::operation_outcome::OperationOutcome;
use super::write_basic::ApiKey;
use super::write_parameters::Parameters;
use crate::format::exchange::{Content, WriteContext};
use crate::keys::KeyView;

/// The approximate size of a list's entry with the usual base, so that a list takes one allocation.
const KEY_BYTES: usize = 1_664;
const OUTCOME_BYTES: usize = 256;

/// Writes a response.
pub(crate) fn write(content: &Content, about: &WriteContext<'_>) -> Vec<u8> {
    let base = about.fhir_base;
    match content {
        Content::Key(view) | Content::Created(view) => {
            to_json(&ApiKey { view, definitions: &Definitions::new(base) }, KEY_BYTES)
        }
        Content::Keys(page) => {
            let definitions = &Definitions::new(base);
            let url = |view: &KeyView| format!("{}/Basic/{}", about.service_base, view.id);
            let keys = page.keys.iter().map(|view| (url(view), ApiKey { view, definitions }));
            to_json(&Bundle::new(page.total, keys, about), KEY_BYTES * (1 + page.keys.len()))
        }
        Content::Deleted => to_json(&OperationOutcome::information("API Key deleted successfully"), OUTCOME_BYTES),
        Content::Audit(page) => {
            let definitions = &Definitions::new(base);
            let entries = page.entries.iter();
            // Entries are not to be had one by one.
            let events = entries.map(|entry| (format!("urn:uuid:{}", entry.id), AuditEntry { entry, definitions }));
            // The trail is read page by page and never counted.
            to_json(&Bundle::new(None, events, about), KEY_BYTES * (1 + page.entries.len()))
        }
        Content::Usage(usage) => to_json(&Parameters::usage(usage), KEY_BYTES),
        Content::Verification(verification) => to_json(&Parameters::verification(verification), OUTCOME_BYTES),
        Content::Problem(problem) => to_json(&OperationOutcome::problem(problem, about), OUTCOME_BYTES),
    }
}

fn to_json(resource: &impl Serialize, capacity: usize) -> Vec<u8> {
    let mut json = Vec::with_capacity(capacity);
    serde_json::to_writer(&mut json, resource).expect("resources have string keys and no failing serializers");
    json
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::{Value, json};

    use super::*;
    use crate::error::{ErrorKind, Problem, Reason, Violation};
    use crate::format::samples::{context, key};
    use crate::format::wire_format::Format;
    use crate::ids::{KeyId, UserId};
    use crate::keys::{Action, Actor, AuditPage, Change, Entry, KeyPage, Role};
    use crate::operation::Operation;

    fn json_of(content: &Content, about: &WriteContext<'_>) -> Value {
        serde_json::from_slice(&write(content, about)).expect("JSON")
    }

    #[test]
    fn a_key_is_a_basic() {
        let text = String::from_utf8(write(&Content::Key(Box::new(key())), &context())).expect("UTF-8");
        let expected = r#"{"resourceType":"Basic","id":"42","meta":{"versionId":"1","profile":["B/StructureDefinition/api-key"]},
            "extension":[
            {"url":"B/StructureDefinition/api-key-value","valueString":"nux_live_…bm4k"},
            {"url":"B/StructureDefinition/api-key-name","valueString":"Lab gateway"},
            {"url":"B/StructureDefinition/api-key-type","valueCode":"live"},
            {"url":"B/StructureDefinition/api-key-status","valueCode":"active"},
            {"url":"B/StructureDefinition/api-key-is-default","valueBoolean":true},
            {"url":"B/StructureDefinition/api-key-created-at","valueInstant":"2026-03-01T12:00:00.000Z"},
            {"url":"B/StructureDefinition/api-key-usage-count","valueString":"0"}],
            "identifier":[{"system":"B/sid/api-key-id","value":"42"}],
            "code":{"coding":[{"system":"B/CodeSystem/resource-type","code":"api-key","display":"API key"}]},
            "subject":{"type":"Person","identifier":{"system":"B/sid/user-id","value":"7"}},
            "created":"2026-03-01"}"#;
        assert_eq!(text, expected.replace("\n            ", "").replace("\"B/", "\"https://nuxera.cloud/fhir/"));
    }

    #[test]
    fn times_are_instants_and_absent_when_null() {
        let used = KeyView { expiry_at: Some(key().created_at), last_used_at: Some(key().created_at), ..key() };
        let basic = json_of(&Content::Key(Box::new(used)), &context());
        let instants: Vec<_> = basic["extension"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|extension| extension["valueInstant"] == "2026-03-01T12:00:00.000Z")
            .filter_map(|extension| extension["url"].as_str()?.rsplit('/').next())
            .collect();
        assert_eq!(instants, ["api-key-created-at", "api-key-expiry-at", "api-key-last-used-at"]);
    }

    #[test]
    fn a_list_is_a_searchset() {
        let page = KeyPage { keys: vec![key()], total: Some(2), next: Some("x".to_owned()) };
        let about = WriteContext { next_url: Some("https://api.nuxera.cloud/api/apiKeys?cursor=x"), ..context() };
        let bundle = json_of(&Content::Keys(page), &about);
        let resource = json_of(&Content::Key(Box::new(key())), &context());
        let expected = json!({
            "resourceType": "Bundle", "type": "searchset", "total": 2,
            "link": [
                {"relation": "self", "url": "https://api.nuxera.cloud/api/apiKeys/42"},
                {"relation": "next", "url": "https://api.nuxera.cloud/api/apiKeys?cursor=x"},
            ],
            "entry": [{
                "fullUrl": "https://api.nuxera.cloud/fhir/Basic/42", "resource": resource, "search": {"mode": "match"},
            }],
        });
        assert_eq!(bundle, expected);
    }

    #[test]
    fn an_empty_list_has_no_entry() {
        let page = KeyPage { keys: vec![], total: Some(0), next: None };
        let bundle = json_of(&Content::Keys(page), &context());
        assert_eq!(bundle.get("entry"), None);
        assert_eq!((&bundle["total"], bundle["link"].as_array().map(Vec::len)), (&json!(0), Some(1)));
    }

    #[test]
    fn a_deletion_is_informational() {
        let expected = json!({"resourceType": "OperationOutcome", "issue": [{
            "severity": "information", "code": "informational", "details": {"text": "API Key deleted successfully"},
        }]});
        assert_eq!(json_of(&Content::Deleted, &context()), expected);
    }

    #[test]
    fn problems_have_their_issue_types() {
        for (kind, status, text, severity, code) in [
            (ErrorKind::Invalid, 400, "Invalid request data", "error", "invalid"),
            (ErrorKind::TokenRequired, 401, "JWT token required", "error", "login"),
            (ErrorKind::KeyRequired, 401, "API key required", "error", "login"),
            (ErrorKind::TokenExpired, 401, "Invalid or expired JWT token", "error", "unknown"),
            (ErrorKind::TokenInvalid, 401, "Invalid or expired JWT token", "error", "unknown"),
            (ErrorKind::KeyUnknown, 401, "Invalid API key", "error", "unknown"),
            (ErrorKind::AccessDenied, 403, "Access denied", "error", "forbidden"),
            (ErrorKind::KeyPaused, 403, "API key is paused", "error", "forbidden"),
            (ErrorKind::KeyExpired, 403, "API key is expired", "error", "forbidden"),
            (ErrorKind::NotFound, 404, "API Key not found", "error", "not-found"),
            (ErrorKind::ChangeOfExpired, 409, "API Key is expired", "error", "conflict"),
            (ErrorKind::KeyLimitReached, 409, "API Key limit reached", "error", "conflict"),
            (ErrorKind::NoDefault, 409, "No default API Key", "error", "conflict"),
            (
                ErrorKind::IdempotencyMismatch,
                409,
                "Idempotency-Key was used with a different request",
                "error",
                "conflict",
            ),
            (ErrorKind::TooLarge, 413, "Request body too large", "error", "too-long"),
            (ErrorKind::RateLimited, 429, "Rate limit exceeded", "error", "throttled"),
            (ErrorKind::KeyLimited, 429, "Rate limit exceeded", "error", "throttled"),
            (ErrorKind::Damaged, 500, "Failed to create API Key", "fatal", "exception"),
            (ErrorKind::Failed, 500, "Failed to create API Key", "fatal", "exception"),
            (ErrorKind::TranscriptionFailed, 502, "Transcription service failed", "error", "transient"),
            (ErrorKind::Unavailable, 503, "Service temporarily unavailable", "error", "transient"),
            (ErrorKind::TranscriptionTimedOut, 504, "Transcription service timed out", "error", "timeout"),
        ] {
            assert_eq!((kind.status(), kind.text(Operation::CreateKey)), (status, text));
            let outcome = json_of(&Content::Problem(Problem { kind, text, violations: vec![] }), &context());
            let expected = json!([{"severity": severity, "code": code, "details": {"text": text}}]);
            assert_eq!(outcome["issue"], expected);
        }
    }

    /// The code, diagnostics and expression of one violation.
    fn issue(violation: Violation, operation: Operation, request_format: Format) -> Value {
        let problem = Problem { kind: ErrorKind::Invalid, text: "Invalid request data", violations: vec![violation] };
        let outcome = json_of(&Content::Problem(problem), &WriteContext { operation, request_format, ..context() });
        let issue = &outcome["issue"][0];
        assert_eq!((&issue["severity"], &issue["details"]["text"]), (&json!("error"), &json!("Invalid request data")));
        json!([issue["code"], issue["diagnostics"], issue["expression"][0]])
    }

    #[test]
    fn a_violation_is_an_issue_with_its_place() {
        let missing = Violation::new("name", Reason::Required, "name is required");
        let create = Operation::CreateKey;
        let at = "Parameters.parameter.where(name = 'name')";
        let of_json = issue(missing.clone(), create, Format::Json);
        assert_eq!(of_json, json!(["required", "name is required", "name"]));
        let of_fhir = issue(missing.clone().at(at), create, Format::Fhir);
        assert_eq!(of_fhir, json!(["required", "name is required", at]));
        let of_hl7 = issue(missing.at("ZAK-4"), create, Format::Hl7);
        assert_eq!(of_hl7, json!(["required", "name is required (ZAK-4)", null]));
        let unparsed = Violation::new("body", Reason::Structure, "m");
        assert_eq!(issue(unparsed, create, Format::Fhir), json!(["structure", "m", null]));
        let unknown = Violation::new("na me", Reason::Unknown, "m");
        assert_eq!(issue(unknown, create, Format::Json), json!(["invalid", "m", null]), "no FHIRPath identifier");
        let limit = Violation::new("limit", Reason::Value, "m");
        assert_eq!(issue(limit, Operation::ListKeys, Format::Json), json!(["value", "m", "http.limit"]));
        let parameter = |name: &'static str| Violation::new(name, Reason::UnknownParameter, "m");
        assert_eq!(issue(parameter("name"), create, Format::Json), json!(["invalid", "m", "http.name"]));
        assert_eq!(issue(parameter("na me"), create, Format::Json), json!(["invalid", "m", null]));
        let path_id = Violation::new("id", Reason::Type, "m");
        assert_eq!(issue(path_id, Operation::GetKey, Format::Json), json!(["value", "m", "http.id"]));
        let too_large = Violation::new("body", Reason::TooLong, "m");
        assert_eq!(issue(too_large, create, Format::Json), json!(["too-long", "m", null]));
    }

    #[test]
    fn an_audit_entry_is_an_audit_event() {
        let entry = Entry {
            id: uuid::Uuid::from_u128(7),
            at: DateTime::from_timestamp_millis(1_772_528_400_045).expect("a time"),
            action: Action::Update,
            key_id: KeyId::new(42).expect("an id"),
            user_id: UserId::new(7).expect("an id"),
            actor: Actor { user_id: UserId::new(7), role: Role::User },
            source_ip: Some("2001:db8::1".into()),
            request_id: "r-1".into(),
            changes: [("expiry_at".into(), Change { from: "2027-03-01T12:00:00Z".into(), to: Value::Null })].into(),
        };
        let system = Entry {
            action: Action::Delete,
            actor: Actor { user_id: None, role: Role::System },
            source_ip: None,
            ..entry.clone()
        };
        let bundle = json_of(&Content::Audit(AuditPage { entries: vec![entry, system], next: None }), &context());
        assert_eq!(bundle.get("total"), None);
        let user =
            json!({"type": "Person", "identifier": {"system": "https://nuxera.cloud/fhir/sid/user-id", "value": "7"}});
        let expected = json!({
            "resourceType": "AuditEvent",
            "id": "00000000-0000-0000-0000-000000000007",
            "type": {
                "system": "http://terminology.hl7.org/CodeSystem/audit-event-type",
                "code": "rest",
                "display": "RESTful Operation",
            },
            "subtype": [{"system": "https://nuxera.cloud/fhir/CodeSystem/api-key-action", "code": "update"}],
            "action": "U",
            "recorded": "2026-03-03T09:00:00.045Z",
            "outcome": "0",
            "agent": [{
                "role": [{"text": "user"}],
                "who": user,
                "requestor": true,
                "network": {"address": "2001:db8::1", "type": "2"},
            }],
            "source": {"observer": {"display": "Nuxera API keys"}},
            "entity": [
                {
                    "what": {
                        "reference": "Basic/42",
                        "type": "Basic",
                        "identifier": {"system": "https://nuxera.cloud/fhir/sid/api-key-id", "value": "42"},
                    },
                    "type": {
                        "system": "http://terminology.hl7.org/CodeSystem/audit-entity-type",
                        "code": "2",
                        "display": "System Object",
                    },
                    "detail": [
                        {"type": "request_id", "valueString": "r-1"},
                        {"type": "expiry_at.from", "valueString": "2027-03-01T12:00:00Z"},
                    ],
                },
                {
                    "what": user,
                    "type": {
                        "system": "http://terminology.hl7.org/CodeSystem/audit-entity-type",
                        "code": "1",
                        "display": "Person",
                    },
                    "role": {
                        "system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "6", "display": "User",
                    },
                },
            ],
        });
        let full_url = "urn:uuid:00000000-0000-0000-0000-000000000007";
        assert_eq!(bundle["entry"][0]["fullUrl"], full_url);
        assert_eq!(bundle["entry"][0]["resource"], expected);
        let of_the_system = &bundle["entry"][1]["resource"];
        let agent = json!([{"role": [{"text": "system"}], "who": {"display": "system"}, "requestor": false}]);
        assert_eq!((&of_the_system["action"], &of_the_system["agent"]), (&json!("D"), &agent));
    }
}
