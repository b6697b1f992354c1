//! `POST /api/transcribe`

mod multipart;
mod parameters;
mod recording;
mod service;

use shared::edge::reply::MAX_BINARY_BYTES;
use shared::{App, Error, KeyCall, Operation, Reply};

use crate::recording::Recording;

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::Transcribe;

/// Forwards a recording of the key's owner to the transcription service, and returns its answer. A use is counted only for
/// a recording that is forwarded: the request is checked before the key, and without a service the key is judged but not
/// used.
///
/// # Errors
///
/// If the form is incomplete or too large, `userId` is not the key's owner, no service is configured, the key does not
/// work, or the service fails or takes too long.
pub async fn handle(app: App, call: KeyCall) -> Result<Reply, Error> {
    let recording = Recording::read(call.form(MAX_BINARY_BYTES)?)?;
    if recording.user_id != call.claimed_user() {
        return Err(Error::AccessDenied);
    }
    let Some(service) = &app.config.transcription else {
        call.judge_key(&app.keys).await?;
        return Err(Error::Unavailable("TRANSCRIPTION_URL is not set".into()));
    };
    let key = call.use_key(&app.keys).await?;
    service::transcribe(service, &app.clock, &call, key.id, recording).await
}
