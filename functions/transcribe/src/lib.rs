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

/// Passes a recording of the key's owner on to the transcription service, and its answer back. What is wrong with the
/// request, or with the deployment, is found before the key is checked: only what is passed on counts as a use.
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
    let service = app.config.transcription.as_ref().ok_or(Error::Unavailable("TRANSCRIPTION_URL is not set".into()))?;
    let key = call.use_key(&app.keys).await?;
    service::transcribe(service, &app.clock, &call, key.id, recording).await
}
