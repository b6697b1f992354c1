//! The form with a recording (`multipart/form-data`, RFC 7578): `audio`, `userId`, `speciality`, and nothing else.

use std::convert::Infallible;
use std::future::ready;

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use multer::{Field, Multipart};
use serde_json::Value;
use shared::edge::key_call::Form;
use shared::error::{Error, Reason};
use shared::format::{Fields, FromField};
use shared::ids::UserId;

/// The form has three parts. A client that sends many more is told so without a list of them.
const MAX_PARTS: usize = 10;
/// Longer names are cut, for no part has one.
const MAX_NAME_CHARS: usize = 100;

/// What is to be transcribed.
pub(crate) struct Recording {
    pub(crate) user_id: UserId,
    pub(crate) speciality: String,
    pub(crate) audio: Audio,
}

/// A file, as the client sent it.
pub(crate) struct Audio {
    pub(crate) bytes: Bytes,
    pub(crate) file_name: String,
    pub(crate) content_type: Option<String>,
}

impl Recording {
    /// Reads the form.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or a part is missing, wrong, repeated or unknown; all such parts are named.
    pub(crate) fn read(form: &Form) -> Result<Self, Error> {
        let content_type = form.content_type.as_deref().unwrap_or_default();
        let boundary = boundary(content_type).ok_or_else(|| {
            let message = "content-type must be multipart/form-data with a boundary";
            Error::invalid("content-type", Reason::Value, message)
        })?;
        if form.bytes.is_empty() {
            return Err(Error::invalid("body", Reason::Required, "body is required"));
        }
        // Nothing is waited for, since the whole body is there. A parser that waits all the same has lost its way.
        let (fields, audio) =
            parts(form.bytes.clone(), boundary).now_or_never().unwrap_or_else(|| Err(unreadable()))?;
        fields.read(|fields| {
            let is_audio = fields.required("audio");
            let user_id = fields.required("userId");
            let speciality = fields.required("speciality");
            let IsAudio = is_audio?;
            let FormUserId(user_id) = user_id?;
            let Speciality(speciality) = speciality?;
            let audio = audio.ok_or(shared::format::Noted)?;
            Ok(Self { user_id, speciality, audio })
        })
    }
}

fn unreadable() -> Error {
    let message = "body must be a complete form, divided by the boundary that content-type names";
    Error::invalid("body", Reason::Structure, message)
}

/// The parameter `boundary` of a content type. It may be quoted (RFC 9110, section 5.6.6), which multer leaves to us.
fn boundary(content_type: &str) -> Option<String> {
    let boundary = multer::parse_boundary(content_type).ok()?;
    let unquoted = boundary.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let boundary = unquoted.map_or(boundary.clone(), str::to_owned);
    (!boundary.is_empty()).then_some(boundary)
}

/// The parts by their names, in the terms of other request bodies, with `audio` beside them.
async fn parts(body: Bytes, boundary: String) -> Result<(Fields, Option<Audio>), Error> {
    let mut form = Multipart::new(stream::once(ready(Ok::<_, Infallible>(body))), boundary);
    let (mut fields, mut audio) = (Fields::none(), None);
    let mut count = 0;
    while let Some(part) = form.next_field().await.map_err(|_| unreadable())? {
        count += 1;
        if count > MAX_PARTS {
            let message = "body must consist of the parts audio, userId and speciality";
            return Err(Error::invalid("body", Reason::Structure, message));
        }
        let Some(name) = part.name().map(|name| name.chars().take(MAX_NAME_CHARS).collect::<String>()) else {
            return Err(Error::invalid("body", Reason::Structure, "every part of body must have a name"));
        };
        if name == "audio" {
            let value = match read_audio(part).await? {
                Ok(read) => Value::from(audio.insert(read).bytes.len()),
                Err(problem) => Value::from(problem),
            };
            fields.insert(name, value);
        } else {
            let bytes = part.bytes().await.map_err(|_| unreadable())?;
            // What is no text has no value.
            fields.insert(name, String::from_utf8(bytes.into()).map_or(Value::Bool(false), Value::String));
        }
    }
    Ok((fields, audio))
}

/// The file, or what is wrong with its part's headers.
async fn read_audio(part: Field<'_>) -> Result<Result<Audio, &'static str>, Error> {
    let header = |name: &str| part.headers().get(name).map(|value| value.to_str().unwrap_or_default().to_lowercase());
    // `filename*` counts too: it is not allowed here (RFC 7578, section 4.2), but some clients write it.
    let is_file =
        part.file_name().is_some() || header("content-disposition").is_some_and(|it| it.contains("filename*"));
    let problem = if !is_file {
        // As when curl's `@` was forgotten and the form holds the file's name.
        Some("must be a file: its part has no filename")
    } else if header("content-type").is_some() && part.content_type().is_none() {
        Some("must have a content type that can be read, or none")
    } else if header("content-transfer-encoding").is_some_and(|it| !["7bit", "8bit", "binary"].contains(&it.trim())) {
        // Others are not allowed here (RFC 7578, section 4.7), and would be passed on as if they were audio.
        Some("must be sent as it is, without a content-transfer-encoding")
    } else {
        None
    };
    let file_name = part.file_name().filter(|name| !name.is_empty()).unwrap_or("audio").to_owned();
    let content_type = part.content_type().map(ToString::to_string);
    let bytes = part.bytes().await.map_err(|_| unreadable())?;
    Ok(match problem {
        None => Ok(Audio { bytes, file_name, content_type }),
        Some(problem) => Err(problem),
    })
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

/// Kept as it was sent. The bounds are those of a key's name.
struct Speciality(String);

impl FromField for Speciality {
    fn from_field(value: &Value) -> Result<Self, (Reason, String)> {
        let text = value.as_str().ok_or_else(|| (Reason::Type, "must be text in UTF-8".to_owned()))?;
        if !(1..=100).contains(&text.trim().chars().count()) {
            return Err((Reason::Value, "must have 1 to 100 characters".to_owned()));
        }
        if text.chars().any(char::is_control) {
            return Err((Reason::Value, "must have no control characters".to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}
