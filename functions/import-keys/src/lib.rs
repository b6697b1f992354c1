//! `POST /api/apiKeys/import`

use shared::clock::Timestamp;
use shared::error::Reason;
use shared::format::{Fields, Rejected};
use shared::ids::KeyId;
use shared::keys::{ExistingKey, ExistingString, MAX_IMPORTED_ID, PlainKey};
use shared::{Access, App, Call, Error, Operation, Reply};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::ImportKeys;
/// The access that a caller needs.
pub const ACCESS: Access = Access::AdminInBulk;

/// The most keys of one call.
const MAX_KEYS: usize = 100;

/// Takes keys over from before this service, with an outcome for each. Safe to repeat. 503 while another import runs.
///
/// # Errors
///
/// As above, if `keys` is missing or has too few or too many elements, or if DynamoDB or KMS fails.
pub async fn handle(app: App, mut call: Call) -> Result<Reply, Error> {
    let now = call.timestamp();
    let keys = call.read(|fields| fields.objects("keys", 1..=MAX_KEYS))?;
    let keys = keys.into_iter().map(|key| key.checked(|fields| existing_key(fields, now))).collect();
    Ok(Reply::imported(app.keys.import(&call.author, keys).await?))
}

fn existing_key(fields: &mut Fields, now: Timestamp) -> Result<ExistingKey, Rejected> {
    let string = existing_string(fields);
    let user_id = fields.required("user_id");
    let id = kept_id(fields);
    let name = fields.required("name");
    let kind = fields.required("type");
    let status = fields.required("status");
    let is_default = fields.optional("is_default");
    let created_at = match fields.optional("created_at") {
        Ok(Some(at)) if at > now => Err(fields.reject("created_at", Reason::Value, "must not be in the future")),
        created_at => created_at,
    };
    let expires_at = fields.nullable("expiry_at");
    Ok(ExistingKey {
        string: string?,
        user_id: user_id?,
        id: id?,
        name: name?,
        kind: kind?,
        status: status?,
        is_default: is_default?.unwrap_or_default(),
        created_at: created_at?,
        expires_at: expires_at?.flatten(),
    })
}

/// `key` or `key_sha256`.
fn existing_string(fields: &mut Fields) -> Result<ExistingString, Rejected> {
    let whole = fields.optional::<String>("key");
    let hashed = fields.optional::<String>("key_sha256");
    match (whole?, hashed?) {
        (Some(whole), None) => PlainKey::existing(&whole).map(ExistingString::Whole).ok_or_else(|| {
            let rule = "must be a UUID, or nux_live_ or nux_test_ and 16 hexadecimal digits, in lower case";
            fields.reject("key", Reason::Value, rule)
        }),
        (None, Some(hashed)) => sha256(&hashed)
            .map(ExistingString::Hashed)
            .ok_or_else(|| fields.reject("key_sha256", Reason::Value, "must be 64 hexadecimal digits in lower case")),
        (Some(_), Some(_)) => Err(fields.reject("key_sha256", Reason::Value, "must be absent where there is key")),
        (None, None) => Err(fields.reject("key", Reason::Required, "or key_sha256 is required")),
    }
}

fn kept_id(fields: &mut Fields) -> Result<Option<KeyId>, Rejected> {
    match fields.optional::<KeyId>("id")? {
        Some(id) if id.get() > MAX_IMPORTED_ID => {
            Err(fields.reject("id", Reason::Value, format!("must be an integer from 1 to {MAX_IMPORTED_ID}")))
        }
        id => Ok(id),
    }
}

fn sha256(text: &str) -> Option<[u8; 32]> {
    let is_lower_case = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if text.len() != 64 || !is_lower_case {
        return None;
    }
    let mut hash = [0; 32];
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(hash)
}
