//! `POST /api/transcribe`

mod multipart;
mod parameters;
mod recording;

use shared::edge::reply::MAX_BINARY_BYTES;
use shared::edge::upstream::{Target, Upstream, forward};
use shared::format::Format;
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
    let has_fields = call.request_format == Format::Json;
    let recording = Recording::read(call.body(MAX_BINARY_BYTES)?, has_fields)?;
    if recording.user_id.is_some_and(|user_id| user_id != call.claimed_user()) {
        return Err(Error::AccessDenied);
    }
    let target = Target { upstream: Upstream::Transcription, subpath: None, query: &[] };
    forward(&app, &call, target, recording.form).await
}
