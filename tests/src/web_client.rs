//! Requests as Nuxera's web client writes them in HL7 v2 and FHIR.

use serde_json::{Value, json};

/// The record of a key, of which the client sends all it knows with each request.
#[derive(Clone, Debug)]
pub struct Record {
    /// The user, `unknown` where the client does not know.
    pub user: String,
    pub id: Option<u64>,
    pub old_id: Option<u64>,
    pub name: String,
    pub kind: String,
    pub status: String,
    pub is_default: bool,
}

impl Record {
    /// A key of a user that is yet to be created.
    #[must_use]
    pub fn new(user: u64, name: &str) -> Self {
        let text = str::to_owned;
        Self {
            user: user.to_string(),
            id: None,
            old_id: None,
            name: text(name),
            kind: text("ai-medical-note"),
            status: text("active"),
            is_default: false,
        }
    }

    /// The same key once it has an id.
    #[must_use]
    pub fn with_id(self, id: u64) -> Self {
        Self { id: Some(id), ..self }
    }

    /// The HL7 message of a request. `verb` is `create`, `setDefault` and so on.
    #[must_use]
    pub fn hl7(&self, verb: &str) -> String {
        let event = match verb {
            "create" => "A04",
            "update" => "A08",
            "delete" => "A23",
            "setDefault" | "removeDefault" => "A31",
            "pause" | "resume" => "A37",
            verb => panic!("the client has no request to {verb}"),
        };
        let user = &self.user;
        let number = |id: Option<u64>| id.map(|id| id.to_string());
        let observations = [
            ("NM", "API_KEY_ID^API Key ID", number(self.id)),
            ("NM", "OLD_API_KEY_ID^Old API Key ID", number(self.old_id)),
            ("TX", "API_KEY_NAME^API Key Name", Some(self.name.clone())),
            ("TX", "API_KEY_TYPE^API Key Type", Some(self.kind.clone())),
            ("TX", "API_KEY_STATUS^API Key Status", Some(self.status.clone())),
            ("NM", "USER_ID^User ID", Some(user.clone())),
            ("CWE", "IS_DEFAULT^Is Default", Some(if self.is_default { "Y^Yes" } else { "N^No" }.to_owned())),
            ("TX", "OPERATION^Operation Type", Some(verb.to_uppercase())),
        ];
        let observations = observations.into_iter().filter_map(|(kind, code, value)| Some((kind, code, value?)));
        let observations = observations.zip(1..).map(|((kind, code, value), set_id)| {
            format!("OBX|{set_id}|{kind}|{code}||{value}|||||F|||20260303T090000")
        });
        let header = "MSH|^~\\&|Nuxera-Client|CLIENT_FACILITY|Nuxera-ApiKeys|Nuxera|20260303T090000||ADT^A08^ADT_A08|\
                      APIKEY_1772528400000a1b2c3d4e|P|2.5";
        let head = [
            header.to_owned(),
            format!("EVN|{event}|20260303T090000|||SYS^SYSTEM^NUXERA"),
            format!("PID|1||{user}||API_KEY_USER^||20260303T090000|U|||unknown||||||||{user}|||||||||||||||"),
        ];
        head.into_iter().chain(observations).map(|line| line + "\r\n").collect()
    }

    /// The FHIR bundle of a request.
    #[must_use]
    pub fn fhir(&self, verb: &str) -> Value {
        let identifier = self.id.map(|id| json!({"system": "http://nuxera.ai/api-key-id", "value": id.to_string()}));
        let url = self.id.map_or("Device".to_owned(), |id| format!("Device/{id}"));
        let status = match verb {
            "pause" => "inactive",
            "resume" => "active",
            "delete" => "entered-in-error",
            _ => &self.status,
        };
        let mut parts = vec![
            json!({"url": "keyType", "valueString": self.kind}),
            json!({"url": "isDefault", "valueBoolean": self.is_default}),
            json!({"url": "operation", "valueString": verb.to_uppercase()}),
        ];
        parts.extend(self.old_id.map(|id| json!({"url": "oldApiKeyId", "valueInteger": id})));
        json!({"resourceType": "Bundle", "type": "transaction", "timestamp": "2026-03-03T09:00:00Z", "entry": [
            {
                "fullUrl": "urn:uuid:0b2f4a3e-6d1c-4a57-9a41-5f0d8f0f6c01",
                "resource": {
                    "resourceType": "MessageHeader",
                    "eventCoding": {"system": "http://nuxera.ai/events", "code": format!("api-key-{verb}")},
                    "source": {"name": "Nuxera-Client", "endpoint": "http://nuxera.ai"},
                },
                "request": {"method": "POST", "url": "MessageHeader"},
            },
            {
                "resource": {
                    "resourceType": "Patient",
                    "identifier": [{"system": "http://nuxera.ai/user-id", "value": self.user}],
                },
                "request": {"method": "PUT", "url": "Patient"},
            },
            {
                "resource": {
                    "resourceType": "Device",
                    "identifier": identifier.into_iter().collect::<Vec<_>>(),
                    "status": status,
                    "deviceName": [{"name": self.name, "type": "user-friendly-name"}],
                    "extension": [{"url": "http://nuxera.ai/extensions/api-key", "extension": parts}],
                },
                "request": {"method": if verb == "create" { "POST" } else { "PUT" }, "url": url},
            },
        ]})
    }

    /// The body of a request in `hl7` or `fhir`.
    #[must_use]
    pub fn body(&self, format: &str, verb: &str) -> String {
        if format == "hl7" { self.hl7(verb) } else { self.fhir(verb).to_string() }
    }
}
