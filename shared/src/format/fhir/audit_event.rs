//! Audit entries as `AuditEvent` resources (R4; the codes are DICOM's and the FHIR project's).

use serde::Serialize;
use serde_json::Value;

use super::data_types::{Coding, Concept, Reference, instant, user_text};
use super::definitions::Definitions;
use crate::format::digits::decimal;
use crate::keys::{Action, Actor, Entry};

const EVENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";

/// An entry to be written as an `AuditEvent`.
pub(super) struct AuditEntry<'a> {
    pub(super) entry: &'a Entry,
    pub(super) definitions: &'a Definitions,
}

impl Serialize for AuditEntry<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Entry {
            id,
            at,
            action,
            key_id,
            user_id,
            actor: Actor { user_id: actor, role },
            source_ip,
            request_id,
            changes,
        } = self.entry;
        let (key, owner, actor) = (decimal(key_id.get()), user_text(*user_id), actor.map(user_text));
        let reference = format!("Basic/{key}");
        let system = || Reference { display: Some(role.as_str()), ..Reference::default() };
        let agent = Agent {
            role: [Concept { text: Some(role.as_str()), ..Concept::default() }],
            who: actor.as_deref().map_or_else(system, |actor| self.definitions.user(actor)),
            requestor: actor.is_some(),
            network: source_ip.as_deref().filter(|ip| !ip.is_empty()).map(|address| Network { address, kind: "2" }),
        };
        let mut detail: Vec<_> = Detail::new("request_id".to_owned(), request_id.as_str().into()).into_iter().collect();
        for (field, change) in changes {
            detail.extend(Detail::new(format!("{field}.from"), text(&change.from)));
            detail.extend(Detail::new(format!("{field}.to"), text(&change.to)));
        }
        let what = Reference {
            literal: Some(&reference),
            kind: Some("Basic"),
            identifier: Some(self.definitions.key(&key)),
            display: None,
        };
        let coding = |system, code, display| Coding { system, code, display: Some(display) };
        let event = AuditEvent {
            resource_type: "AuditEvent",
            id: id.to_string(),
            kind: coding(EVENT_TYPE, "rest", "RESTful Operation"),
            subtype: [Coding { system: &self.definitions.action, code: action.as_str(), display: None }],
            action: code(*action),
            recorded: instant(*at),
            // Only changes that took effect are recorded.
            outcome: "0",
            agent: [agent],
            source: Source { observer: Reference { display: Some("Nuxera API keys"), ..Reference::default() } },
            entity: [
                Entity { what, kind: coding(ENTITY_TYPE, "2", "System Object"), role: None, detail },
                Entity {
                    what: self.definitions.user(&owner),
                    kind: coding(ENTITY_TYPE, "1", "Person"),
                    role: Some(coding(OBJECT_ROLE, "6", "User")),
                    detail: Vec::new(),
                },
            ],
        };
        event.serialize(serializer)
    }
}

/// `AuditEvent.action`: a change without new values from the client is an execution.
const fn code(action: Action) -> &'static str {
    match action {
        Action::Create | Action::Import => "C",
        Action::Update => "U",
        Action::Delete => "D",
        Action::Pause
        | Action::Resume
        | Action::SetDefault
        | Action::RemoveDefault
        | Action::Rotate
        | Action::Expire => "E",
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuditEvent<'a> {
    resource_type: &'static str,
    id: String,
    #[serde(rename = "type")]
    kind: Coding<'a>,
    subtype: [Coding<'a>; 1],
    action: &'static str,
    recorded: String,
    outcome: &'static str,
    agent: [Agent<'a>; 1],
    source: Source<'a>,
    entity: [Entity<'a>; 2],
}

#[derive(Serialize)]
struct Agent<'a> {
    role: [Concept<'a>; 1],
    who: Reference<'a>,
    requestor: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Network<'a>>,
}

#[derive(Serialize)]
struct Network<'a> {
    address: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct Source<'a> {
    observer: Reference<'a>,
}

#[derive(Serialize)]
struct Entity<'a> {
    what: Reference<'a>,
    #[serde(rename = "type")]
    kind: Coding<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Coding<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    detail: Vec<Detail>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    #[serde(rename = "type")]
    kind: String,
    value_string: String,
}

impl Detail {
    /// A detail, unless its value is empty: FHIR has no empty strings.
    fn new(kind: String, value_string: String) -> Option<Self> {
        (!value_string.is_empty()).then_some(Self { kind, value_string })
    }
}
