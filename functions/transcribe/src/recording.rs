//! The form with a recording (`multipart/form-data`, RFC 7578): `audio` and `speciality`, perhaps `userId`, and whatever else the
//! transcription service takes.

use serde_json::Value;
use shared::edge::key_call::RawBody;
use shared::error::{Error, Reason};
use shared::format::{Fields, FromField, Rejected};
use shared::ids::UserId;

use crate::multipart::{File, Form, Part};
use crate::parameters::is_token;

/// What is to be transcribed.
pub(crate) struct Recording {
    /// The user, if the form names one.
    pub(crate) user_id: Option<UserId>,
    /// All of it, as it goes on to the transcription service.
    pub(crate) form: RawBody,
}

impl Recording {
    /// Reads the form. In requests of other formats than JSON, a file takes the place of the fields.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or a part that is known here is missing, wrong or repeated; all such parts are named.
    pub(crate) fn read(sent: &RawBody, has_fields: bool) -> Result<Self, Error> {
        let form = Form::read(sent.content_type.as_deref().unwrap_or_default(), &sent.bytes)?;
        let mut fields = Fields::none();
        for part in &form.parts {
            match part.name.as_str() {
                "audio" => fields.insert("audio", audio(part)),
                "userId" => fields.insert("userId", text(part)),
                "speciality" if has_fields => fields.insert("speciality", text(part)),
                _ => {}
            }
        }
        let user_id = fields.read(|fields| {
            let is_audio = fields.required("audio");
            let user_id = fields.optional("userId");
            let is_complete = if has_fields { fields.required("speciality").map(|IsSpeciality| ()) } else { Ok(()) };
            let (IsAudio, user_id, ()) = (is_audio?, user_id?, is_complete?);
            Ok::<_, Rejected>(user_id.map(|FormUserId(user_id)| user_id))
        })?;
        Ok(Self { user_id, form: form.write() })
    }
}

/// The length of the file, or what is wrong with its part's headers.
fn audio(part: &Part<'_>) -> Value {
    let problem = match media_type(part) {
        // As when curl's `@` was forgotten and the form holds the file's name.
        _ if part.file == File::None => "must be a file: its part has no filename",
        Err(Unreadable) => "must have a content type that can be read, or none",
        Ok(Some(media_type)) if !is_recording(&media_type) => {
            "must have the content type audio/*, video/webm, video/mp4 or application/octet-stream, or none"
        }
        // RFC 7578, section 4.7, allows no other encoding, and it would be passed on as if it were audio.
        Ok(_) if is_encoded(part) => "must be sent as it is, without a content-transfer-encoding",
        Ok(_) => return part.body.len().into(),
    };
    problem.into()
}

/// The text of a field. A part in another type or encoding has no value, because the service would decode it.
fn text(part: &Part<'_>) -> Value {
    let is_plain = match media_type(part) {
        Ok(None) => true,
        Ok(Some(media_type)) => !media_type.starts_with("multipart/") && !media_type.starts_with("message/"),
        Err(Unreadable) => false,
    };
    let text = str::from_utf8(part.body).ok().filter(|_| is_plain && !is_encoded(part));
    text.map_or(Value::Bool(false), Value::from)
}

struct Unreadable;

/// The media type of a part in lower case, without its parameters: recorders name codecs there, in many spellings.
fn media_type(part: &Part<'_>) -> Result<Option<String>, Unreadable> {
    let Some(value) = part.header("content-type") else { return Ok(None) };
    let media_type = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    let media_type = String::from_utf8(media_type).map_err(|_| Unreadable)?;
    match media_type.split_once('/') {
        Some((kind, subtype)) if is_token(kind.as_bytes()) && is_token(subtype.as_bytes()) => Ok(Some(media_type)),
        Some(_) | None => Err(Unreadable),
    }
}

/// The types that browsers give recordings, and the one for unknown bytes. A form within the form has none of them.
fn is_recording(media_type: &str) -> bool {
    media_type.starts_with("audio/") || ["video/webm", "video/mp4", "application/octet-stream"].contains(&media_type)
}

fn is_encoded(part: &Part<'_>) -> bool {
    let plain = ["7bit", "8bit", "binary"];
    part.header("content-transfer-encoding")
        .is_some_and(|encoding| !plain.iter().any(|plain| encoding.eq_ignore_ascii_case(plain.as_bytes())))
}

/// `audio` among the fields stands for itself by its length, or by what is wrong with it.
struct IsAudio;

impl FromField for IsAudio {
    fn from_field(value: &Value) -> Result<Self, (Reason, String)> {
        match value.as_str() {
            Some(problem) => Err((Reason::Type, problem.to_owned())),
            None if value.as_u64() == Some(0) => Err((Reason::Value, "must not be empty".to_owned())),
            None => Ok(Self),
        }
    }
}

/// In a form, numbers are text.
struct FormUserId(UserId);

impl FromField for FormUserId {
    fn from_field(value: &Value) -> Result<Self, (Reason, String)> {
        let expected = || (Reason::Type, "must be an integer from 1 to 9007199254740991".to_owned());
        value.as_str().and_then(UserId::parse).map(Self).ok_or_else(expected)
    }
}

/// The bounds are those of a key's name.
struct IsSpeciality;

impl FromField for IsSpeciality {
    fn from_field(value: &Value) -> Result<Self, (Reason, String)> {
        let text = value.as_str().ok_or_else(|| (Reason::Type, "must be text in UTF-8".to_owned()))?;
        if !(1..=100).contains(&text.trim().chars().count()) {
            return Err((Reason::Value, "must have 1 to 100 characters".to_owned()));
        }
        if text.chars().any(char::is_control) {
            return Err((Reason::Value, "must have no control characters".to_owned()));
        }
        Ok(Self)
    }
}
