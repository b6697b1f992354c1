//! The author of a change: what the store needs to know of a call or a scheduled run.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::admission::Admission;
use crate::clock::Timestamp;
use crate::ids::UserId;

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

/// The role of a caller or an author.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Their own keys only.
    User,
    /// May list any user's keys, masked.
    Admin,
    /// A service that checks keys.
    Service,
    /// The deployment itself, in the audit trail; no token has this role.
    System,
}

impl Role {
    /// The role's name in every format and in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
            Self::Service => "service",
            Self::System => "system",
        }
    }

    /// The role of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::User, Self::Admin, Self::Service, Self::System].into_iter().find(|role| role.as_str() == name)
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
