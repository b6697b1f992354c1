//! Builds the call of a request.

use serde_json::{Value, json};
use shared::Operation;
use tests::test_app::TestCall;
use tests::{TestApp, form, tokens};

use crate::history::{Change, End, Request, shown};
use crate::plan::Invalid;

/// Added to a user's id, gives that of the admin who lists the user's keys. The last digit stays the same.
pub const ADMINS: u64 = 1_000_000;
/// An id without a key.
pub const NO_KEY: u64 = 9_000_000_000;

/// The sender of a call, with its container.
pub struct Sender<'a> {
    pub container: &'a TestApp,
    pub user: u64,
    /// The id of another user's key.
    pub others_key: u64,
}

impl<'a> Sender<'a> {
    /// The call of a request. The marker identifies the call at the transcription service.
    pub fn call(&self, request: &Request, caller: u64, marker: &str) -> TestCall<'a> {
        let call = |operation| self.container.call(operation).user(caller);
        match request {
            Request::Create { name, kind, status, end, idempotency } => {
                let mut body = json!({"name": name, "type": kind, "status": status});
                match end {
                    End::Default => {}
                    End::Never => body["expiry_at"] = Value::Null,
                    End::At(time) => body["expiry_at"] = shown(*time).into(),
                }
                with_idempotency(call(Operation::CreateKey).json(&body), idempotency.as_deref())
            }
            Request::List { as_admin: false } => call(Operation::ListKeys),
            Request::List { as_admin: true } => call(Operation::ListUserKeys)
                .bearer(&tokens::with_role(caller, "admin"))
                .path_parameter("user_id", &self.user.to_string()),
            Request::Get(id) => call(Operation::GetKey).id(id),
            Request::Update { id, change } => call(Operation::UpdateKey).id(id).json(&match change {
                Change::Name(name) => json!({"name": name}),
                Change::Kind(kind) => json!({"type": kind}),
                Change::ExpiresAt(time) => json!({"expiry_at": time.map(shown)}),
            }),
            Request::Pause(id) => call(Operation::PauseKey).id(id),
            Request::Resume(id) => call(Operation::ResumeKey).id(id),
            Request::SetDefault { id, old_id } => {
                call(Operation::SetDefault).json(&json!({"id": id, "old_id": old_id}))
            }
            Request::RemoveDefault(id) => call(Operation::RemoveDefault).json(&json!({"id": id})),
            Request::Delete(id) => call(Operation::DeleteKey).id(id),
            Request::Rotate { id, grace, idempotency } => {
                let call = call(Operation::RotateKey).id(id).json(&json!({"grace_period_seconds": grace}));
                with_idempotency(call, idempotency.as_deref())
            }
            Request::Usage(id) => call(Operation::GetUsage).id(id),
            Request::Audit(id) => call(Operation::ListAudit).id(id),
            Request::Verify { key, .. } => {
                call(Operation::VerifyKey).bearer(&tokens::with_role(1, "service")).json(&json!({"key": key}))
            }
            Request::Transcribe { key } => {
                let call = call(Operation::Transcribe).form(&form(&self.user.to_string(), marker));
                match key {
                    Some((_, key)) => call.header("x-api-key", key),
                    None => call,
                }
            }
            Request::Misuse { idempotency } => {
                let body = json!({"name": "another request", "type": "live", "status": "active"});
                with_idempotency(call(Operation::CreateKey).json(&body), Some(idempotency))
            }
            Request::Invalid(invalid) => self.invalid(*invalid, marker),
            Request::Sweep => unreachable!("a sweep is no call"),
        }
    }

    fn invalid(&self, invalid: Invalid, marker: &str) -> TestCall<'a> {
        let call = |operation| self.container.call(operation).user(self.user);
        let create = |body: &Value| call(Operation::CreateKey).json(body);
        let body = json!({"name": "never made", "type": "live", "status": "active"});
        match invalid {
            Invalid::NoBody => call(Operation::CreateKey),
            Invalid::UnknownType => create(&json!({"name": "never made", "type": "gold", "status": "active"})),
            Invalid::UnknownField => call(Operation::SetDefault).json(&json!({"id": 1, "force": true})),
            Invalid::BadId => call(Operation::DeleteKey).id("first"),
            Invalid::UnknownId => call(Operation::DeleteKey).id(NO_KEY),
            Invalid::OthersKey => call(Operation::PauseKey).id(self.others_key),
            Invalid::OthersList => call(Operation::ListUserKeys).path_parameter("user_id", &ADMINS.to_string()),
            Invalid::NoToken => create(&body).without_header("Authorization"),
            Invalid::BadToken => create(&body).bearer("e30.e30.e30"),
            Invalid::BadFormat => create(&body).header("x-response-format", "xml"),
            Invalid::BadIdempotencyKey => create(&body).header("Idempotency-Key", "two words"),
            Invalid::TooLarge => create(&json!({"name": "n".repeat(20_000), "type": "live", "status": "active"})),
            Invalid::VerifyAsUser => call(Operation::VerifyKey).json(&json!({"key": "nux_live_"})),
            Invalid::TranscribeIncomplete => call(Operation::Transcribe).form(b"--form--\r\n"),
            Invalid::TranscribeForOther => call(Operation::Transcribe).form(&form("1000000", marker)),
        }
    }
}

fn with_idempotency<'a>(call: TestCall<'a>, key: Option<&str>) -> TestCall<'a> {
    match key {
        Some(key) => call.header("Idempotency-Key", key),
        None => call,
    }
}

/// The form for the transcription service, in which the speciality identifies the call.
fn form(user: &str, speciality: &str) -> Vec<u8> {
    form::form(&[(form::AUDIO, b"RIFF"), (form::USER_ID, user.as_bytes()), (form::SPECIALITY, speciality.as_bytes())])
}
