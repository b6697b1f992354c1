//! Reads a transaction `Bundle` of Nuxera's web client: the fields of a request.
//!
//! The client describes a key as a `Device` of the `Patient` that is its user, under a `MessageHeader` with the operation. It
//! sends the whole record each time, so fields that the operation does not take are skipped, and so are elements of the
//! resources that say nothing about a key.

use serde_json::Value;

use super::field_value::Reading;
use super::node::Node;
use crate::error::Reason;
use crate::fields::Field;
use crate::format::exchange::ReadContext;
use crate::format::request_fields::Fields;
use crate::ids::{KeyId, UserId};

const EVENTS: &str = "http://nuxera.ai/events";
const USER_ID: &str = "http://nuxera.ai/user-id";
const KEY_ID: &str = "http://nuxera.ai/api-key-id";
const EXTENSION: &str = "http://nuxera.ai/extensions/api-key";

/// The resources, in the order in which the client sends them.
#[derive(Default)]
struct Resources<'n, 'a> {
    header: Option<&'n Node<'a>>,
    patient: Option<&'n Node<'a>>,
    device: Option<&'n Node<'a>>,
    /// The `request.url` of the device's entry.
    device_url: Option<&'n str>,
}

/// Reads the resource. `verb` is the client's for the operation.
pub(super) fn read(bundle: &Node<'_>, verb: &str, expected: ReadContext<'_>) -> Fields {
    let mut reading = Reading::new(expected, place);
    if bundle.repeats_a_member() {
        reading.refuse("body", Reason::Structure, "Bundle must not contain an element twice", "Bundle");
    } else if bundle.member("type").and_then(Node::text) != Some("transaction") {
        reading.refuse("body", Reason::Value, "Bundle.type must be transaction in a request", "Bundle.type");
    } else if let Some(resources) = read_entries(&mut reading, bundle) {
        read_header(&mut reading, resources.header, verb);
        read_patient(&mut reading, resources.patient);
        read_device(&mut reading, &resources, verb);
    }
    reading.finish()
}

/// The `FHIRPath` expression of a field.
fn place(field: &str) -> String {
    let path = match field {
        "id" => "identifier.value",
        "name" => "deviceName.name",
        "type" => "extension.extension.where(url = 'keyType').value",
        "status" => "status",
        "old_id" => "extension.extension.where(url = 'oldApiKeyId').value",
        _ => return "Bundle".to_owned(),
    };
    format!("Bundle.entry.resource.ofType(Device).{path}")
}

/// Sorts the entries; nothing if they are not those of a request.
fn read_entries<'n, 'a>(reading: &mut Reading<'_>, bundle: &'n Node<'a>) -> Option<Resources<'n, 'a>> {
    let mut resources = Resources::default();
    for (index, entry) in bundle.member("entry").and_then(Node::list).unwrap_or_default().iter().enumerate() {
        let resource = entry.member("resource");
        let kind = resource.and_then(|resource| resource.member("resourceType")).and_then(Node::text);
        let slot = match kind {
            Some("MessageHeader") => Some(&mut resources.header),
            Some("Patient") => Some(&mut resources.patient),
            Some("Device") => {
                let url = entry.member("request").and_then(|request| request.member("url"));
                resources.device_url = url.and_then(Node::text);
                Some(&mut resources.device)
            }
            Some(_) | None => None,
        };
        match slot {
            Some(slot) if slot.is_none() => *slot = resource,
            Some(_) | None => {
                let at = format!("Bundle.entry[{index}]");
                let message = format!("{at} must be the only MessageHeader, Patient or Device of the Bundle");
                reading.refuse("body", Reason::Structure, message, &at);
                return None;
            }
        }
    }
    Some(resources)
}

fn read_header(reading: &mut Reading<'_>, header: Option<&Node<'_>>, verb: &str) {
    let event = || {
        let coding = header?.member("eventCoding")?;
        let is_ours = coding.member("system")?.text()? == EVENTS;
        coding.member("code")?.text()?.strip_prefix("api-key-").filter(|_| is_ours)
    };
    if event() != Some(verb) {
        let message = format!("body must have a MessageHeader with the eventCoding api-key-{verb} of {EVENTS}");
        let at = "Bundle.entry.resource.ofType(MessageHeader).event";
        reading.refuse("body", if header.is_none() { Reason::Required } else { Reason::Value }, message, at);
    }
}

fn read_patient(reading: &mut Reading<'_>, patient: Option<&Node<'_>>) {
    for value in identifiers(patient, USER_ID) {
        let text = decimal(value).unwrap_or_else(|| "?".to_owned());
        if matches!(&*text, "" | "unknown") {
            continue;
        }
        if let Some(user) = UserId::parse(&text) {
            reading.add_sender(user);
        } else {
            let message = "user_id must be an integer from 1 to 9007199254740991";
            let at = "Bundle.entry.resource.ofType(Patient).identifier.value";
            reading.refuse("user_id", Reason::Type, message, at);
        }
    }
}

fn read_device(reading: &mut Reading<'_>, resources: &Resources<'_, '_>, verb: &str) {
    let Some(device) = resources.device else {
        let at = "Bundle.entry.resource.ofType(Device)";
        return reading.refuse("body", Reason::Required, "body must have a Device", at);
    };
    read_ids(reading, device, resources.device_url);
    let name = device.member("deviceName").and_then(Node::list).and_then(<[_]>::first);
    take(reading, "name", name.and_then(|name| name.member("name")), text);
    take(reading, "status", device.member("status"), text);
    read_extension(reading, device.member("extension"), verb);
}

/// The key's id, of which the client has two copies: an identifier, and the end of the request's URL.
fn read_ids(reading: &mut Reading<'_>, device: &Node<'_>, url: Option<&str>) {
    let of_url = url.and_then(|url| url.strip_prefix("Device/")).map(str::to_owned);
    let ids = identifiers(Some(device), KEY_ID).map(|value| decimal(value).unwrap_or_default()).chain(of_url);
    let ids: Vec<Option<KeyId>> = ids.map(|id| KeyId::parse(&id)).collect();
    let is_input = Field::named("id").is_some_and(|field| field.is_input_of(reading.expected.operation));
    match (reading.expected.path_id, &ids[..]) {
        (Some(_), []) => {}
        (Some(path_id), ids) => {
            if ids.iter().any(|id| *id != Some(path_id)) {
                reading.refuse("id", Reason::Value, "id must match the id in the path", &place("id"));
            }
        }
        (None, [Some(id), others @ ..]) if is_input && others.iter().all(|other| *other == Some(*id)) => {
            reading.insert("id", id.get().into());
        }
        (None, [_, ..]) if is_input => {
            let message = "id must be one integer from 1 to 9007199254740991";
            reading.refuse("id", Reason::Type, message, &place("id"));
        }
        (None, _) => {}
    }
}

fn read_extension(reading: &mut Reading<'_>, extensions: Option<&Node<'_>>, verb: &str) {
    let at = "Bundle.entry.resource.ofType(Device).extension";
    let extensions = extensions.and_then(Node::list).unwrap_or_default();
    let is_known = |node: &Node<'_>| node.member("url").and_then(Node::text) == Some(EXTENSION);
    if extensions.len() > 1 || !extensions.iter().all(is_known) {
        let message = format!("body must have no extension of the Device but one {EXTENSION}");
        return reading.refuse("body", Reason::Unknown, message, at);
    }
    let parts = extensions.first().and_then(|extension| extension.member("extension")).and_then(Node::list);
    let mut operation = None;
    let mut seen: Vec<&str> = Vec::new();
    for part in parts.unwrap_or_default() {
        let url = part.member("url").and_then(Node::text).unwrap_or_default();
        if seen.contains(&url) {
            return reading.refuse("body", Reason::Structure, "body must not have a part of an extension twice", at);
        }
        seen.push(url);
        match url {
            "operation" => operation = part.member("valueString").and_then(Node::text),
            "keyType" => take(reading, "type", part.member("valueString"), text),
            "oldApiKeyId" => take(reading, "old_id", part.member("valueInteger"), id_or_null),
            "isDefault" => {}
            _ => {
                let message =
                    "body must have only the parts keyType, isDefault, operation and oldApiKeyId in the extension";
                return reading.refuse("body", Reason::Unknown, message, at);
            }
        }
    }
    if operation.is_none_or(|operation| !operation.eq_ignore_ascii_case(verb)) {
        let expected = verb.to_ascii_uppercase();
        let message = format!("body must have the part operation with the value {expected} in the extension");
        let reason = if operation.is_none() { Reason::Required } else { Reason::Value };
        reading.refuse("body", reason, message, at);
    }
}

/// Takes a field that the operation takes, if it is there.
fn take(
    reading: &mut Reading<'_>,
    name: &'static str,
    node: Option<&Node<'_>>,
    read: fn(&Node<'_>) -> Result<Value, &'static str>,
) {
    let is_input = Field::named(name).is_some_and(|field| field.is_input_of(reading.expected.operation));
    match node.filter(|_| is_input).map(read) {
        None => {}
        Some(Ok(value)) => reading.insert(name, value),
        Some(Err(rule)) => reading.refuse(name, Reason::Type, format!("{name} {rule}"), &place(name)),
    }
}

fn text(node: &Node<'_>) -> Result<Value, &'static str> {
    node.text().map(Value::from).ok_or("must be a string")
}

fn id_or_null(node: &Node<'_>) -> Result<Value, &'static str> {
    if matches!(node, Node::Null) {
        return Ok(Value::Null);
    }
    let id = decimal(node).and_then(|id| KeyId::parse(&id));
    id.map(|id| id.get().into()).ok_or("must be an integer from 1 to 9007199254740991")
}

/// The values of a resource's identifiers in a system.
fn identifiers<'n, 'a>(resource: Option<&'n Node<'a>>, system: &'static str) -> impl Iterator<Item = &'n Node<'a>> {
    let all = resource.and_then(|resource| resource.member("identifier")).and_then(Node::list).unwrap_or_default();
    let of_system = move |identifier: &&Node<'_>| identifier.member("system").and_then(Node::text) == Some(system);
    all.iter().filter(of_system).filter_map(|identifier| identifier.member("value"))
}

/// An id as text: the client writes some as numbers.
fn decimal(node: &Node<'_>) -> Option<String> {
    node.text().map(str::to_owned).or_else(|| node.number().map(ToString::to_string))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::read;
    use super::*;
    use crate::format::samples::values;
    use crate::operation::Operation;

    const NAMES: [&str; 5] = ["id", "old_id", "name", "type", "status"];

    fn expected(operation: Operation) -> ReadContext<'static> {
        let is_in_path = !matches!(operation, Operation::CreateKey | Operation::SetDefault | Operation::RemoveDefault);
        let path_id = is_in_path.then(|| KeyId::new(42)).flatten();
        ReadContext { operation, path_id, path_field: None, fhir_base: "https://nuxera.cloud/fhir", charset: None }
    }

    /// A bundle as the client writes it, about key 42 of user 123 unless the operation creates one.
    fn bundle(verb: &str) -> Value {
        let (identifier, url) = match verb {
            "create" => (json!([]), "Device"),
            _ => (json!([{"system": KEY_ID, "value": "42"}]), "Device/42"),
        };
        let parts = json!([
            {"url": "keyType", "valueString": "ai-medical-note"}, {"url": "isDefault", "valueBoolean": false},
            {"url": "operation", "valueString": verb.to_uppercase()}, {"url": "oldApiKeyId", "valueInteger": 41},
        ]);
        json!({"resourceType": "Bundle", "type": "transaction", "timestamp": "2026-03-03T09:00:00Z", "entry": [
            {"fullUrl": "urn:uuid:1", "request": {"method": "POST", "url": "MessageHeader"}, "resource": {
                "resourceType": "MessageHeader", "eventCoding": {"system": EVENTS, "code": format!("api-key-{verb}")},
                "source": {"name": "Nuxera-Client"}}},
            {"resource": {"resourceType": "Patient", "identifier": [{"system": USER_ID, "value": "123"}]}},
            {"request": {"method": "PUT", "url": url}, "resource": {
                "resourceType": "Device", "identifier": identifier, "status": "active",
                "deviceName": [{"name": "Ward 3", "type": "user-friendly-name"}],
                "extension": [{"url": EXTENSION, "extension": parts}]}},
        ]})
    }

    fn fields(operation: Operation, body: &Value) -> Result<Vec<Value>, Vec<(String, Reason)>> {
        values(read(body.to_string().as_bytes(), expected(operation)), &NAMES)
    }

    #[test]
    fn each_operation_takes_its_fields_of_the_record() {
        let absent = || json!("absent");
        let (name, kind, status) = (json!("Ward 3"), json!("ai-medical-note"), json!("active"));
        for (operation, expected) in [
            (Operation::CreateKey, [absent(), absent(), name.clone(), kind.clone(), status]),
            (Operation::UpdateKey, [absent(), absent(), name, kind, absent()]),
            (Operation::SetDefault, [json!(42), json!(41), absent(), absent(), absent()]),
            (Operation::RemoveDefault, [json!(42), absent(), absent(), absent(), absent()]),
            (Operation::PauseKey, [(); 5].map(|()| absent())),
            (Operation::ResumeKey, [(); 5].map(|()| absent())),
            (Operation::DeleteKey, [(); 5].map(|()| absent())),
        ] {
            let verb = operation.web_client_verb().expect("the client has it");
            assert_eq!(fields(operation, &bundle(verb)), Ok(expected.to_vec()), "{operation:?}");
        }
    }

    #[test]
    fn the_user_is_read() {
        let is_for = |body: &Value, user| {
            let incoming = read(body.to_string().as_bytes(), expected(Operation::CreateKey));
            !incoming.fields.expect("fields").is_sent_for_another_than(UserId::new(user).expect("an id"))
        };
        let mut body = bundle("create");
        assert!(is_for(&body, 123) && !is_for(&body, 7));
        body["entry"][1]["resource"]["identifier"][0]["value"] = json!(7);
        assert!(is_for(&body, 7) && !is_for(&body, 123));
        body["entry"][1]["resource"]["identifier"][0]["value"] = json!("unknown");
        assert!(is_for(&body, 123) && is_for(&body, 7));
        body["entry"].as_array_mut().expect("entries").remove(1);
        assert!(is_for(&body, 123) && is_for(&body, 7));
    }

    #[test]
    fn what_does_not_fit_is_refused_at_its_place() {
        let device = "Bundle.entry.resource.ofType(Device)";
        let (event, extension) = ("Bundle.entry.resource.ofType(MessageHeader).event", &*format!("{device}.extension"));
        let parts = "/entry/2/resource/extension/0/extension";
        for (operation, pointer, value, at, reason) in [
            (Operation::CreateKey, "/type", json!("message"), "Bundle.type", Reason::Value),
            (Operation::CreateKey, "/entry/0/resource/eventCoding/code", json!("api-key-update"), event, Reason::Value),
            (Operation::CreateKey, "/entry/0/resource/eventCoding/system", json!("x"), event, Reason::Value),
            (Operation::CreateKey, "/entry/0/resource/eventCoding", json!(null), event, Reason::Value),
            (
                Operation::CreateKey,
                "/entry/1/resource/resourceType",
                json!("Person"),
                "Bundle.entry[1]",
                Reason::Structure,
            ),
            (
                Operation::CreateKey,
                "/entry/1/resource/resourceType",
                json!("Device"),
                "Bundle.entry[2]",
                Reason::Structure,
            ),
            (
                Operation::CreateKey,
                "/entry/1/resource/identifier/0/value",
                json!("me"),
                "Bundle.entry.resource.ofType(Patient).identifier.value",
                Reason::Type,
            ),
            (Operation::CreateKey, "/entry/2/resource/extension/0/url", json!("x"), extension, Reason::Unknown),
            (Operation::CreateKey, &format!("{parts}/1/url"), json!("colour"), extension, Reason::Unknown),
            (Operation::CreateKey, &format!("{parts}/1/url"), json!("keyType"), extension, Reason::Structure),
            (Operation::CreateKey, &format!("{parts}/2/valueString"), json!("DELETE"), extension, Reason::Value),
            (Operation::CreateKey, parts, json!([]), extension, Reason::Required),
            (Operation::CreateKey, "/entry/2/resource/status", json!(1), &format!("{device}.status"), Reason::Type),
            (Operation::UpdateKey, "/entry/2/request/url", json!("Device/43"), &place("id"), Reason::Value),
            (Operation::UpdateKey, "/entry/2/resource/identifier/0/value", json!(43), &place("id"), Reason::Value),
            (Operation::SetDefault, "/entry/2/request/url", json!("Device/43"), &place("id"), Reason::Type),
            (Operation::SetDefault, &format!("{parts}/3/valueInteger"), json!("x"), &place("old_id"), Reason::Type),
            // The client has no such request.
            (Operation::RotateKey, "/type", json!("transaction"), "Resource", Reason::Structure),
        ] {
            let mut body = bundle(operation.web_client_verb().unwrap_or("create"));
            *body.pointer_mut(pointer).expect(pointer) = value;
            let refused = fields(operation, &body).expect_err(pointer);
            assert_eq!(refused[0], (at.to_owned(), reason), "{pointer}: {refused:?}");
        }
        let twice = bundle("create").to_string().replacen("\"system\"", "\"code\":\"x\",\"system\"", 1);
        let refused = values(read(twice.as_bytes(), expected(Operation::CreateKey)), &NAMES);
        assert_eq!(refused, Err(vec![("Bundle".to_owned(), Reason::Structure)]));
        let empty = json!({"resourceType": "Bundle", "type": "transaction"});
        let refused = fields(Operation::CreateKey, &empty).expect_err("nothing in it");
        assert_eq!(refused.iter().map(|(_, reason)| *reason).collect::<Vec<_>>(), [Reason::Required; 2]);
    }

    #[test]
    fn a_default_may_have_had_none_before() {
        let mut body = bundle("setDefault");
        body["entry"][2]["resource"]["extension"][0]["extension"][3]["valueInteger"] = Value::Null;
        let absent = || json!("absent");
        assert_eq!(
            fields(Operation::SetDefault, &body),
            Ok(vec![json!(42), Value::Null, absent(), absent(), absent()])
        );
    }
}
