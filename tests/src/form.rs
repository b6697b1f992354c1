//! Forms (`multipart/form-data`, RFC 7578) with the boundary `form`, as `TestCall::form` sends them.

pub const AUDIO: &str =
    "Content-Disposition: form-data; name=\"audio\"; filename=\"recording.wav\"\r\nContent-Type: audio/wav";
pub const USER_ID: &str = "Content-Disposition: form-data; name=\"userId\"";
pub const SPECIALITY: &str = "Content-Disposition: form-data; name=\"speciality\"";

/// A form of parts, each with its header lines and content.
#[must_use]
pub fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let part = |(headers, content): &(&str, &[u8])| {
        [format!("--form\r\n{headers}\r\n\r\n").as_bytes(), *content, b"\r\n".as_slice()].concat()
    };
    [parts.iter().flat_map(part).collect(), b"--form--\r\n".to_vec()].concat()
}

/// The form of a transcription for a user.
#[must_use]
pub fn transcription(audio: &[u8], user_id: u64) -> Vec<u8> {
    form(&[(AUDIO, audio), (USER_ID, user_id.to_string().as_bytes()), (SPECIALITY, b"General Practice")])
}
