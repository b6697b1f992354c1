//! The URL of all messages, each of which names the operation that it asks for.

use shared::{Endpoint, Operation};

/// The endpoint of the operation that a message asks for. Forms, imports, and bodies that are not read, are no messages.
#[must_use]
pub fn endpoint(operation: Operation) -> Option<Endpoint> {
    let endpoint = match operation {
        Operation::CreateKey => Endpoint::new(create_key::ACCESS, create_key::handle),
        Operation::ListKeys => Endpoint::new(list_keys::ACCESS, list_keys::handle),
        Operation::GetKey => Endpoint::new(get_key::ACCESS, get_key::handle),
        Operation::UpdateKey => Endpoint::new(update_key::ACCESS, update_key::handle),
        Operation::DeleteKey => Endpoint::new(delete_key::ACCESS, delete_key::handle),
        Operation::PauseKey => Endpoint::new(pause_key::ACCESS, pause_key::handle),
        Operation::ResumeKey => Endpoint::new(resume_key::ACCESS, resume_key::handle),
        Operation::SetDefault => Endpoint::new(set_default::ACCESS, set_default::handle),
        Operation::RemoveDefault => Endpoint::new(remove_default::ACCESS, remove_default::handle),
        Operation::ListUserKeys => Endpoint::new(list_user_keys::ACCESS, list_user_keys::handle),
        Operation::ListAudit => Endpoint::new(list_audit::ACCESS, list_audit::handle),
        Operation::RotateKey => Endpoint::new(rotate_key::ACCESS, rotate_key::handle),
        Operation::GetUsage => Endpoint::new(get_usage::ACCESS, get_usage::handle),
        Operation::VerifyKey => Endpoint::new(verify_key::ACCESS, verify_key::handle),
        Operation::LookupKey => Endpoint::new(lookup_key::ACCESS, lookup_key::handle),
        Operation::AuthorizeRequest
        | Operation::ImportKeys
        | Operation::Transcribe
        | Operation::ForwardTranscription
        | Operation::Dictate
        | Operation::ReceiveMessage => return None,
    };
    Some(endpoint)
}
