//! The author of a change: what the store needs to know of a call or a scheduled run.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::admission::Admission;
use crate::clock::Timestamp;
use crate::ids::UserId;
use crate::names::named;

/// A caller with a verified token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub user_id: UserId,
    /// The role in which they act: of several, the one with the most rights over keys.
    pub role: Role,
    /// Whether the token has the role `service`, alone or beside another.
    pub is_service: bool,
}

named! {
    /// The role of a caller or an author.
    pub enum Role {
        /// Their own keys only.
        User = "user",
        /// May list any user's keys, masked.
        Admin = "admin",
        /// A service that checks keys.
        Service = "service",
        /// The deployment itself, in the audit trail; no token has this role.
        System = "system",
    }
}

/// The user or system in an audit entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Actor {
    /// The caller's user id; `null` for the system.
    pub user_id: Option<UserId>,
    /// The role in which they acted.
    pub role: Role,
}

/// Who acts, when, from where, and whether the rate limits allow it.
#[derive(Clone)]
pub struct Author {
    /// The user or system that acts.
    pub actor: Actor,
    /// The beginning of the call or run.
    pub now: DateTime<Utc>,
    /// The id that the response carries as `x-request-id`; for a scheduled run, Lambda's id of the invocation.
    pub request_id: String,
    /// The caller's address; nothing for the system.
    pub source_ip: Option<String>,
    /// Whether the call is within the caller's rate limits; every write waits for it.
    pub admission: Admission,
}

impl Author {
    /// The service itself, in a scheduled run.
    #[must_use]
    pub fn system(request_id: String, now: DateTime<Utc>) -> Self {
        let actor = Actor { user_id: None, role: Role::System };
        Self { actor, now, request_id, source_ip: None, admission: Admission::unlimited() }
    }

    /// The time of the call, in whole seconds.
    ///
    /// # Panics
    ///
    /// After the year 9999.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        Timestamp::from_time(self.now).expect("the clock is before the year 10000")
    }
}
