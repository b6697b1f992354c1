//! The outcome of a check of a presented key.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::clock::Timestamp;
use crate::error::{KeyRefused, Refusal};
use crate::ids::{KeyId, UserId};
use crate::keys::key::Key;
use crate::keys::key_type::KeyType;
use crate::keys::status::Status;

/// The outcome of a check.
#[derive(Clone, Debug)]
pub enum Checked {
    /// The key works; the use is counted in the record.
    Accepted(Box<Key>),
    /// The key does not work; nothing is counted.
    Refused(KeyRefused),
}

/// The answer to a service about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The key works, and the use is counted.
    Valid {
        /// The owner.
        user_id: UserId,
        /// The key's id.
        id: KeyId,
        /// Its type.
        kind: KeyType,
        /// Its status.
        status: Status,
    },
    /// The key does not work.
    Invalid(Refusal),
}

impl Verification {
    /// The answer for the outcome of a check.
    #[must_use]
    pub fn new(checked: &Checked, now: Timestamp) -> Self {
        match checked {
            Checked::Accepted(key) => {
                Self::Valid { user_id: key.user_id, id: key.id, kind: key.kind, status: key.status(now) }
            }
            Checked::Refused(refused) => Self::Invalid(refused.reason),
        }
    }
}

impl Serialize for Verification {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Valid { user_id, id, kind, status } => {
                let mut object = serializer.serialize_struct("Verification", 5)?;
                object.serialize_field("valid", &true)?;
                object.serialize_field("user_id", user_id)?;
                object.serialize_field("id", id)?;
                object.serialize_field("type", kind)?;
                object.serialize_field("status", status)?;
                object.end()
            }
            Self::Invalid(refusal) => {
                let mut object = serializer.serialize_struct("Verification", 2)?;
                object.serialize_field("valid", &false)?;
                object.serialize_field("reason", refusal.as_str())?;
                object.end()
            }
        }
    }
}
