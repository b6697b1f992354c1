//! The operations of the API: one row of a table per endpoint. The rows and the readers of their columns are one file, which
//! grows by a row with each endpoint.

/// One per endpoint, in the order of the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `POST /api/apiKeys`
    CreateKey,
    /// `GET /api/apiKeys`
    ListKeys,
    /// `GET /api/apiKeys/{id}`
    GetKey,
    /// `PUT /api/apiKeys/{id}`
    UpdateKey,
    /// `DELETE /api/apiKeys/{id}`
    DeleteKey,
    /// `PATCH /api/apiKeys/{id}/pause`
    PauseKey,
    /// `PATCH /api/apiKeys/{id}/resume`
    ResumeKey,
    /// `PATCH /api/apiKeys/setDefault`
    SetDefault,
    /// `PATCH /api/apiKeys/removeDefault`
    RemoveDefault,
    /// `GET /api/apiKeys/userKeys/{user_id}`
    ListUserKeys,
    /// `GET /api/apiKeys/{id}/audit`
    ListAudit,
    /// `POST /api/apiKeys/{id}/rotate`
    RotateKey,
    /// `GET /api/apiKeys/{id}/usage`
    GetUsage,
    /// `POST /api/apiKeys/verify`
    VerifyKey,
    /// `GET /api/apiKeys/authorize` and below, and by other methods
    AuthorizeRequest,
    /// `POST /api/transcribe`
    Transcribe,
    /// `POST /api/transcribe/{path+}`
    ForwardTranscription,
    /// `POST /api/dictate`
    Dictate,
    /// `POST /api/apiKeys/lookup`
    LookupKey,
    /// `POST /api/apiKeys/import`
    ImportKeys,
    /// `POST /hl7`, with a message that asks for none of the others
    ReceiveMessage,
}

/// The body of an operation's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestBody {
    /// None; a message or resource without fields is accepted.
    None,
    /// Fields in the request format, or nothing.
    Optional,
    /// Fields in the request format.
    Required,
    /// A form (`multipart/form-data`), whatever the request format.
    Form,
    /// Anything, which is passed on unread.
    Opaque,
    /// Anything, which is of no concern, like the formats that the headers announce: they are those of a request to another
    /// service.
    Ignored,
}

impl RequestBody {
    /// Whether it holds the fields that [`crate::fields`] names.
    #[must_use]
    pub const fn has_fields(self) -> bool {
        match self {
            Self::None | Self::Optional | Self::Required => true,
            Self::Form | Self::Opaque | Self::Ignored => false,
        }
    }
}

/// What distinguishes an operation.
#[expect(clippy::struct_excessive_bools, reason = "the columns of a table, each a fact of its own")]
struct Row {
    operation: Operation,
    /// The name of the endpoint's folder under `functions/`, also used in logs.
    name: &'static str,
    /// The documented text of a status 500.
    failure: &'static str,
    body: RequestBody,
    /// The parts of a form. The other bodies have the fields that [`crate::fields`] names.
    form_parts: &'static [&'static str],
    /// HL7 v2: the trigger event, MSH-9.2.
    trigger_event: &'static str,
    /// The field that the path of its route holds, and a message at the URL of all messages instead.
    path_field: Option<&'static str>,
    /// HL7 v2: whether a request must have a ZAK segment.
    needs_zak: bool,
    /// FHIR: whether a request may be a `Basic` resource.
    takes_basic: bool,
    /// The query parameters of its requests. `None` where somebody else reads them: another service, or a message's operation.
    query_parameters: Option<&'static [&'static str]>,
    /// FHIR: the routes below its base, and their query parameters.
    fhir_routes: &'static [&'static str],
    fhir_parameters: &'static [&'static str],
    /// Whether a request may repeat what responses have and clients do not set, as long as it is unchanged.
    takes_unchanged: bool,
    /// The verb by which Nuxera's web client names the operation in HL7 v2 and FHIR, if it has the operation.
    web_client_verb: Option<&'static str>,
    /// The time after which the service answers by itself, in seconds. Each step of a call is bounded more narrowly; this
    /// bounds many slow steps in a row. `template.yaml` lets Lambda give up a little later.
    deadline_seconds: u64,
    /// Whether the function issues or checks key strings, and so has the secrets of their checksum.
    handles_key_strings: bool,
    /// Whether the call waits for a service behind this one, so that its latency says nothing about this one.
    waits_for_upstream: bool,
    /// Whether requests and responses have no other format than JSON. Errors do.
    is_json_only: bool,
    /// The largest body of a request, unless it is a form or passed on, in bytes.
    max_body_bytes: usize,
}

/// A call that answers from the table, about one key, without a body.
const DEFAULTS: Row = Row {
    operation: Operation::GetKey,
    name: "",
    failure: "",
    body: RequestBody::None,
    form_parts: &[],
    trigger_event: "",
    path_field: Some("id"),
    needs_zak: true,
    takes_basic: false,
    query_parameters: Some(&[]),
    fhir_routes: &[],
    fhir_parameters: &[],
    takes_unchanged: false,
    web_client_verb: None,
    deadline_seconds: 12,
    handles_key_strings: false,
    waits_for_upstream: false,
    is_json_only: false,
    max_body_bytes: 16 * 1024,
};

/// A call that is passed on to a service behind this one, with the use of a key.
const FORWARDED: Row = Row {
    body: RequestBody::Opaque,
    query_parameters: None,
    path_field: None,
    needs_zak: false,
    // The service is waited for until 27 s are over.
    deadline_seconds: 28,
    handles_key_strings: true,
    waits_for_upstream: true,
    ..DEFAULTS
};

const ROWS: [Row; 21] = [
    Row {
        operation: Operation::CreateKey,
        name: "create-key",
        failure: "Failed to create API Key",
        body: RequestBody::Required,
        trigger_event: "Z01",
        path_field: None,
        fhir_routes: &["POST /fhir/Basic"],
        web_client_verb: Some("create"),
        takes_basic: true,
        handles_key_strings: true,
        ..DEFAULTS
    },
    Row {
        operation: Operation::ListKeys,
        name: "list-keys",
        failure: "Failed to fetch API Keys",
        trigger_event: "Z02",
        query_parameters: Some(&["limit", "cursor", "status", "type"]),
        path_field: None,
        fhir_routes: &["GET /fhir/Basic"],
        fhir_parameters: &["_count", "cursor", "_summary", "_id", "status", "type"],
        needs_zak: false,
        ..DEFAULTS
    },
    Row {
        operation: Operation::GetKey,
        name: "get-key",
        failure: "Failed to fetch API Key",
        trigger_event: "Z03",
        fhir_routes: &["GET /fhir/Basic/{id}"],
        ..DEFAULTS
    },
    Row {
        operation: Operation::UpdateKey,
        name: "update-key",
        failure: "Failed to update API Key",
        body: RequestBody::Required,
        trigger_event: "Z04",
        takes_unchanged: true,
        fhir_routes: &["PUT /fhir/Basic/{id}"],
        web_client_verb: Some("update"),
        takes_basic: true,
        ..DEFAULTS
    },
    Row {
        operation: Operation::DeleteKey,
        name: "delete-key",
        failure: "Failed to delete API Key",
        trigger_event: "Z05",
        fhir_routes: &["DELETE /fhir/Basic/{id}"],
        web_client_verb: Some("delete"),
        ..DEFAULTS
    },
    Row {
        operation: Operation::PauseKey,
        name: "pause-key",
        failure: "Failed to pause API Key",
        trigger_event: "Z06",
        fhir_routes: &["POST /fhir/Basic/{id}/$pause"],
        web_client_verb: Some("pause"),
        ..DEFAULTS
    },
    Row {
        operation: Operation::ResumeKey,
        name: "resume-key",
        failure: "Failed to resume API Key",
        trigger_event: "Z07",
        fhir_routes: &["POST /fhir/Basic/{id}/$resume"],
        web_client_verb: Some("resume"),
        ..DEFAULTS
    },
    Row {
        operation: Operation::SetDefault,
        name: "set-default",
        failure: "Failed to set default API Key",
        body: RequestBody::Required,
        trigger_event: "Z08",
        path_field: None,
        fhir_routes: &["POST /fhir/Basic/$set-default"],
        web_client_verb: Some("setDefault"),
        ..DEFAULTS
    },
    Row {
        operation: Operation::RemoveDefault,
        name: "remove-default",
        failure: "Failed to remove default API Key",
        body: RequestBody::Required,
        trigger_event: "Z09",
        path_field: None,
        fhir_routes: &["POST /fhir/Basic/$remove-default"],
        web_client_verb: Some("removeDefault"),
        ..DEFAULTS
    },
    Row {
        operation: Operation::ListUserKeys,
        name: "list-user-keys",
        failure: "Failed to fetch API Keys",
        trigger_event: "Z10",
        query_parameters: Some(&["limit", "cursor", "status", "type"]),
        path_field: Some("user_id"),
        needs_zak: false,
        ..DEFAULTS
    },
    Row {
        operation: Operation::ListAudit,
        name: "list-audit",
        failure: "Failed to fetch API Key audit trail",
        trigger_event: "Z13",
        query_parameters: Some(&["limit", "cursor"]),
        fhir_routes: &["GET /fhir/Basic/{id}/$audit", "POST /fhir/Basic/{id}/$audit"],
        fhir_parameters: &["_count", "cursor", "_summary"],
        ..DEFAULTS
    },
    Row {
        operation: Operation::RotateKey,
        name: "rotate-key",
        failure: "Failed to rotate API Key",
        body: RequestBody::Optional,
        trigger_event: "Z11",
        fhir_routes: &["POST /fhir/Basic/{id}/$rotate"],
        handles_key_strings: true,
        ..DEFAULTS
    },
    Row {
        operation: Operation::GetUsage,
        name: "get-usage",
        failure: "Failed to fetch API Key usage",
        trigger_event: "Z12",
        fhir_routes: &["GET /fhir/Basic/{id}/$usage", "POST /fhir/Basic/{id}/$usage"],
        ..DEFAULTS
    },
    Row {
        operation: Operation::VerifyKey,
        name: "verify-key",
        failure: "Failed to verify API Key",
        body: RequestBody::Required,
        trigger_event: "Z14",
        path_field: None,
        fhir_routes: &["POST /fhir/Basic/$verify"],
        handles_key_strings: true,
        ..DEFAULTS
    },
    Row {
        operation: Operation::AuthorizeRequest,
        name: "authorize-request",
        failure: "Failed to authorize the request",
        body: RequestBody::Ignored,
        trigger_event: "Z19",
        query_parameters: None,
        path_field: None,
        needs_zak: false,
        handles_key_strings: true,
        ..DEFAULTS
    },
    Row {
        operation: Operation::Transcribe,
        name: "transcribe",
        failure: "Failed to transcribe",
        body: RequestBody::Form,
        form_parts: &["audio", "userId", "speciality"],
        query_parameters: Some(&[]),
        trigger_event: "Z15",
        ..FORWARDED
    },
    Row {
        operation: Operation::ForwardTranscription,
        name: "forward-transcription",
        failure: "Failed to forward to the transcription service",
        trigger_event: "Z21",
        ..FORWARDED
    },
    Row {
        operation: Operation::Dictate,
        name: "dictate",
        failure: "Failed to dictate",
        trigger_event: "Z22",
        ..FORWARDED
    },
    Row {
        operation: Operation::LookupKey,
        name: "lookup-key",
        failure: "Failed to look up API Key",
        body: RequestBody::Required,
        trigger_event: "Z16",
        path_field: None,
        fhir_routes: &["POST /fhir/Basic/$lookup"],
        handles_key_strings: true,
        ..DEFAULTS
    },
    Row {
        operation: Operation::ImportKeys,
        name: "import-keys",
        failure: "Failed to import API Keys",
        body: RequestBody::Required,
        trigger_event: "Z20",
        path_field: None,
        // A hundred transactions, and those that conflicts repeat.
        deadline_seconds: 28,
        handles_key_strings: true,
        is_json_only: true,
        max_body_bytes: 256 * 1024,
        ..DEFAULTS
    },
    Row {
        operation: Operation::ReceiveMessage,
        name: "receive-message",
        failure: "Failed to process the message",
        body: RequestBody::Required,
        query_parameters: None,
        path_field: None,
        needs_zak: false,
        handles_key_strings: true,
        ..DEFAULTS
    },
];

/// The rows are in the order of the operations.
const _: () = {
    let mut index = 0;
    while index < ROWS.len() {
        assert!(ROWS[index].operation as usize == index);
        index += 1;
    }
};

impl Operation {
    /// Every operation that a request can ask for, in the order of the documentation.
    pub const ALL: [Self; Self::ReceiveMessage as usize] = {
        let mut all = [Self::CreateKey; Self::ReceiveMessage as usize];
        let mut index = 0;
        while index < all.len() {
            all[index] = ROWS[index].operation;
            index += 1;
        }
        all
    };

    const fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// The name of the endpoint's folder under `functions/`, also used in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The documented text of a failure that is the service's own (status 500).
    #[must_use]
    pub const fn failure(self) -> &'static str {
        self.row().failure
    }

    /// The body of its requests.
    #[must_use]
    pub const fn body(self) -> RequestBody {
        self.row().body
    }

    /// The parts of its form, where it has one.
    #[must_use]
    pub const fn form_parts(self) -> &'static [&'static str] {
        self.row().form_parts
    }

    /// HL7 v2: the trigger event, MSH-9.2.
    #[must_use]
    pub const fn trigger_event(self) -> &'static str {
        self.row().trigger_event
    }

    /// The field that the path of its route holds, and a message at the URL of all messages instead.
    #[must_use]
    pub const fn path_field(self) -> Option<&'static str> {
        self.row().path_field
    }

    /// HL7 v2: the operations that a message at the URL of all messages can ask for.
    pub fn in_messages() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|operation| operation.body().has_fields() && !operation.is_json_only())
    }

    /// HL7 v2: whether a request must have a ZAK segment.
    #[must_use]
    pub const fn needs_zak(self) -> bool {
        self.row().needs_zak
    }

    /// FHIR: whether a request may be a `Basic` resource.
    #[must_use]
    pub const fn takes_basic(self) -> bool {
        self.row().takes_basic
    }

    /// The query parameters of its requests. `None` where somebody else reads them: another service, or a message's operation.
    #[must_use]
    pub const fn query_parameters(self) -> Option<&'static [&'static str]> {
        self.row().query_parameters
    }

    /// FHIR: the query parameters below its base.
    #[must_use]
    pub const fn fhir_parameters(self) -> &'static [&'static str] {
        self.row().fhir_parameters
    }

    /// FHIR: the routes below its base, beside the one under `/api`.
    #[must_use]
    pub const fn fhir_routes(self) -> &'static [&'static str] {
        self.row().fhir_routes
    }

    /// Whether a request may repeat what responses have and clients do not set, as long as it is unchanged.
    #[must_use]
    pub const fn takes_unchanged(self) -> bool {
        self.row().takes_unchanged
    }

    /// The verb by which Nuxera's web client names the operation in HL7 v2 and FHIR, if it has the operation.
    #[must_use]
    pub const fn web_client_verb(self) -> Option<&'static str> {
        self.row().web_client_verb
    }

    /// The time after which the service answers by itself.
    #[must_use]
    pub const fn deadline(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.row().deadline_seconds)
    }

    /// Whether the function issues or checks key strings, and so has the secrets of their checksum.
    #[must_use]
    pub const fn handles_key_strings(self) -> bool {
        self.row().handles_key_strings
    }

    /// Whether the call waits for a service behind this one, so that its latency says nothing about this one.
    #[must_use]
    pub const fn waits_for_upstream(self) -> bool {
        self.row().waits_for_upstream
    }

    /// Whether requests and responses have no other format than JSON. Errors do.
    #[must_use]
    pub const fn is_json_only(self) -> bool {
        self.row().is_json_only
    }

    /// The largest body of a request, unless it is a form or passed on, in bytes.
    #[must_use]
    pub const fn max_body_bytes(self) -> usize {
        self.row().max_body_bytes
    }
}
