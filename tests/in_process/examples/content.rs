//! The content of a response, from its JSON, and how the service writes it in another format

use chrono::DateTime;
use serde_json::Value;
use shared::Operation;
use shared::clock::Timestamp;
use shared::config::DEFAULT_FHIR_BASE_URL;
use shared::error::{ErrorKind, Problem, Refusal, Violation};
use shared::fields::Field;
use shared::format::{Content, Format, Sender, WriteContext, write};
use shared::ids::{KeyId, UserId};
use shared::keys::{
    Action, Actor, AuditPage, DailyUsage, Entry, KeyName, KeyPage, KeyType, KeyView, Role, ShownKey, Status, UsageView,
    Verification,
};

use super::REASONS;

/// A response in a format, to a request in the same one.
pub fn written(format: Format, name: &str, json: &Value, operation: Operation) -> String {
    let content = content(format, name, json, operation);
    // A form has no format and names no sender.
    let is_form = !operation.body().has_fields();
    let sender = Sender {
        application: "LABGW".to_owned(),
        facility: "HOSP".to_owned(),
        control_id: "C00001".to_owned(),
        ..Sender::default()
    };
    let path = [(Operation::ListUserKeys, "/userKeys/123"), (Operation::ListAudit, "/42/audit")];
    let path = path.iter().find(|(of, _)| *of == operation).map_or("", |(_, path)| path);
    let about = WriteContext {
        operation,
        request_id: "5b1d7c34-3f0a-4a0e-9c1d-2e6f7a8b9c0d",
        now: DateTime::parse_from_rfc3339("2026-03-03T09:00:00Z").expect("a time").to_utc(),
        sender: (!is_form).then_some(&sender),
        fhir_base: DEFAULT_FHIR_BASE_URL,
        service_base: "https://nuxera.cloud/fhir",
        self_url: &format!("https://nuxera.cloud/api/apiKeys{path}"),
        next_url: None,
        request_format: if is_form { Format::Json } else { format },
    };
    let text = |format| String::from_utf8(write(format, &content, &about)).expect("UTF-8");
    let own: Value = serde_json::from_str(&text(Format::Json)).expect("JSON");
    assert_eq!(own, *json, "{name} is not what the service writes in JSON");
    text(format)
}

fn content(format: Format, name: &str, json: &Value, operation: Operation) -> Content {
    if let Some(list) = json.as_array() {
        return if operation == Operation::ListAudit {
            Content::Audit(AuditPage { entries: list.iter().map(entry).collect(), next: None })
        } else {
            let keys: Vec<_> = list.iter().map(key).collect();
            Content::Keys(KeyPage { total: Some(keys.len() as u64), keys, next: None })
        };
    }
    if json["error"].is_string() {
        Content::Problem(problem(format, name, json, operation))
    } else if json["message"].is_string() && json["id"].is_null() {
        Content::Deleted
    } else if json["message"].is_string() {
        Content::Created(Box::new(key(json)))
    } else if json["valid"].is_boolean() {
        Content::Verification(verification(json))
    } else if json["daily"].is_array() {
        Content::Usage(usage(json))
    } else {
        Content::Key(Box::new(key(json)))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn key_id(value: &Value) -> KeyId {
    KeyId::new(number(value)).expect("an id")
}

fn user_id(value: &Value) -> UserId {
    UserId::new(number(value)).expect("an id")
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str().map(|text| Timestamp::parse(text).expect("a time"))
}

fn key(json: &Value) -> KeyView {
    KeyView {
        id: key_id(&json["id"]),
        // Whole or masked, it is written unchanged.
        key: ShownKey::Masked(text(&json["key"]).to_owned()),
        name: KeyName::new(text(&json["name"])).expect("a name"),
        kind: KeyType::parse(text(&json["type"])).expect("a type"),
        status: Status::parse(text(&json["status"])).expect("a status"),
        is_default: json["is_default"].as_bool().expect("a boolean"),
        created_at: time(&json["created_at"]).expect("a time"),
        expiry_at: time(&json["expiry_at"]),
        user_id: user_id(&json["user_id"]),
        last_used_at: time(&json["last_used_at"]),
        usage_count: number(&json["usage_count"]),
        version: 1,
    }
}

fn entry(json: &Value) -> Entry {
    let actor = &json["actor"];
    Entry {
        id: text(&json["id"]).parse().expect("a UUID"),
        at: DateTime::parse_from_rfc3339(text(&json["at"])).expect("a time").to_utc(),
        action: Action::parse(text(&json["action"])).expect("an action"),
        key_id: key_id(&json["key_id"]),
        user_id: user_id(&json["user_id"]),
        actor: Actor {
            user_id: (!actor["user_id"].is_null()).then(|| user_id(&actor["user_id"])),
            role: Role::parse(text(&actor["role"])).expect("a role"),
        },
        source_ip: json["source_ip"].as_str().map(str::to_owned),
        request_id: text(&json["request_id"]).to_owned(),
        changes: serde_json::from_value(json["changes"].clone()).expect("changes"),
    }
}

fn usage(json: &Value) -> UsageView {
    let daily = json["daily"].as_array().expect("a list").iter();
    UsageView {
        id: key_id(&json["id"]),
        usage_count: number(&json["usage_count"]),
        last_used_at: time(&json["last_used_at"]),
        daily: daily
            .map(|day| DailyUsage { date: text(&day["date"]).to_owned(), count: number(&day["count"]) })
            .collect(),
    }
}

fn verification(json: &Value) -> Verification {
    if json["valid"] == false {
        return Verification::Invalid(Refusal::parse(text(&json["reason"])).expect("a reason"));
    }
    Verification::Valid {
        user_id: user_id(&json["user_id"]),
        id: key_id(&json["id"]),
        kind: KeyType::parse(text(&json["type"])).expect("a type"),
        status: Status::parse(text(&json["status"])).expect("a status"),
    }
}

fn problem(format: Format, name: &str, json: &Value, operation: Operation) -> Problem {
    // Kinds that share a text have the same status and codes.
    let kind = ErrorKind::ALL.into_iter().find(|kind| kind.text(operation) == text(&json["error"]));
    let kind = kind.unwrap_or_else(|| panic!("{name}: no error of {operation:?} has this text"));
    let reasons = REASONS.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, reasons)| *reasons);
    let details = json["details"].as_array().map_or(&[][..], Vec::as_slice);
    assert_eq!(details.len(), reasons.len(), "{name} has not as many violations as its row has reasons");
    let violations = details.iter().zip(reasons).map(|(detail, reason)| {
        let field = text(&detail["field"]);
        let violation = Violation::new(field.to_owned(), *reason, text(&detail["message"]));
        let is_parameter = Field::named(field).is_some_and(|field| field.is_input_of(operation));
        let place = format!("Parameters.parameter.where(name = '{field}')");
        Violation { at: (format == Format::Fhir && is_parameter).then_some(place), ..violation }
    });
    Problem { kind, text: kind.text(operation), violations: violations.collect() }
}
