//! The history of a run: every attempt at a call, with request and answer.

use std::fmt;

use chrono::DateTime;
use serde_json::Value;

use crate::faults::Kind;
use crate::plan::Invalid;

/// An attempt at a call, or at a sweep.
#[derive(Clone)]
pub struct Attempt {
    /// The request id, which its audit entries carry.
    pub id: String,
    /// The user of its token.
    pub caller: u64,
    /// The owner of the keys concerned.
    pub owner: u64,
    pub request: Request,
    /// Its start by the run's clock, in milliseconds, unique in the run. For the service, the whole call takes place at
    /// this time.
    pub start: i64,
    /// Its end.
    pub end: i64,
    pub status: u16,
    /// The answer, if in JSON.
    pub body: Value,
    /// Whether the answer is marked as a replay.
    pub replayed: bool,
    /// The faults that it met.
    pub faults: Vec<Kind>,
    /// Whether it took so long that the service may have timed out.
    pub is_slow: bool,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Create {
        name: String,
        kind: String,
        status: String,
        end: End,
        idempotency: Option<String>,
    },
    /// A list; an admin sees masked strings.
    List {
        as_admin: bool,
    },
    Get(u64),
    Update {
        id: u64,
        change: Change,
    },
    Pause(u64),
    Resume(u64),
    SetDefault {
        id: u64,
        old_id: Option<u64>,
    },
    RemoveDefault(u64),
    Delete(u64),
    Rotate {
        id: u64,
        grace: i64,
        idempotency: Option<String>,
    },
    Usage(u64),
    Audit(u64),
    Verify {
        id: u64,
        key: String,
    },
    Transcribe {
        /// The key used; `None` with a JWT.
        key: Option<(u64, String)>,
    },
    /// Another request with a known `Idempotency-Key`.
    Misuse {
        idempotency: String,
    },
    Invalid(Invalid),
    Sweep,
}

/// The expiry of a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The deployment's default.
    Default,
    Never,
    At(i64),
}

/// The change of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Name(String),
    Kind(String),
    ExpiresAt(Option<i64>),
}

impl Request {
    /// Its name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::List { as_admin: false } => "list",
            Self::List { as_admin: true } => "list as admin",
            Self::Get(_) => "get",
            Self::Update { .. } => "update",
            Self::Pause(_) => "pause",
            Self::Resume(_) => "resume",
            Self::SetDefault { .. } => "set default",
            Self::RemoveDefault(_) => "remove default",
            Self::Delete(_) => "delete",
            Self::Rotate { .. } => "rotate",
            Self::Usage(_) => "usage",
            Self::Audit(_) => "audit",
            Self::Verify { .. } => "verify",
            Self::Transcribe { .. } => "transcribe",
            Self::Misuse { .. } => "other request",
            Self::Invalid(_) => "invalid",
            Self::Sweep => "sweep",
        }
    }
}

impl Request {
    /// Its action in the audit trail.
    pub fn action(&self) -> Option<&'static str> {
        match self {
            Self::Create { .. } => Some("create"),
            Self::Update { .. } => Some("update"),
            Self::Pause(_) => Some("pause"),
            Self::Resume(_) => Some("resume"),
            Self::Rotate { .. } => Some("rotate"),
            Self::Delete(_) => Some("delete"),
            Self::SetDefault { .. } => Some("set_default"),
            Self::RemoveDefault(_) => Some("remove_default"),
            Self::Sweep => Some("expire"),
            Self::List { .. }
            | Self::Get(_)
            | Self::Usage(_)
            | Self::Audit(_)
            | Self::Verify { .. }
            | Self::Transcribe { .. }
            | Self::Misuse { .. }
            | Self::Invalid(_) => None,
        }
    }
}

impl Attempt {
    /// Its start in whole seconds, the service's precision.
    pub fn now(&self) -> i64 {
        self.start.div_euclid(1_000)
    }

    /// Whether its outcome is known.
    pub fn is_answered(&self) -> bool {
        self.status < 500
    }

    /// Whether it is a management call, which always counts towards the rate limits.
    pub fn is_limited(&self) -> bool {
        match &self.request {
            Request::Verify { .. } | Request::Transcribe { .. } | Request::Sweep => false,
            Request::Invalid(invalid) => match invalid {
                Invalid::NoBody
                | Invalid::UnknownType
                | Invalid::UnknownField
                | Invalid::BadId
                | Invalid::UnknownId
                | Invalid::OthersKey
                | Invalid::OthersList
                | Invalid::BadIdempotencyKey
                | Invalid::TooLarge => true,
                Invalid::NoToken
                | Invalid::BadToken
                | Invalid::BadFormat
                | Invalid::VerifyAsUser
                | Invalid::TranscribeIncomplete
                | Invalid::TranscribeForOther => false,
            },
            Request::Create { .. }
            | Request::List { .. }
            | Request::Get(_)
            | Request::Update { .. }
            | Request::Pause(_)
            | Request::Resume(_)
            | Request::SetDefault { .. }
            | Request::RemoveDefault(_)
            | Request::Delete(_)
            | Request::Rotate { .. }
            | Request::Usage(_)
            | Request::Audit(_)
            | Request::Misuse { .. } => true,
        }
    }

    /// Whether the rate limit refused it, so that nothing was read.
    pub fn is_over_rate_limit(&self) -> bool {
        self.status == 429 && self.is_limited()
    }

    /// Its `Idempotency-Key`.
    pub fn idempotency(&self) -> Option<&str> {
        if let Request::Create { idempotency, .. } | Request::Rotate { idempotency, .. } = &self.request {
            idempotency.as_deref()
        } else {
            None
        }
    }

    /// The error text of the answer.
    pub fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }

    /// The key in the answer.
    pub fn view(&self) -> Option<View> {
        View::read(&self.body)
    }
}

/// On one line, for reports of violations.
impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, caller, owner: _, request, start, end, status, body, replayed, faults, is_slow } = self;
        write!(f, "{id} of user {caller} from {start} to {end}, {faults:?}: {request:?} -> {status} {body}")?;
        f.write_str(if *replayed { ", replayed" } else { "" })?;
        f.write_str(if *is_slow { ", slow" } else { "" })
    }
}

/// A key as answers show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub id: u64,
    pub key: String,
    pub name: String,
    pub kind: String,
    pub status: String,
    pub is_default: bool,
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub user_id: u64,
    pub uses: u64,
}

impl View {
    /// `None` for anything but a complete key object.
    pub fn read(body: &Value) -> Option<Self> {
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        Some(Self {
            id: body["id"].as_u64()?,
            key: text("key")?,
            name: text("name")?,
            kind: text("type")?,
            status: text("status")?,
            is_default: body["is_default"].as_bool()?,
            created_at: seconds(body["created_at"].as_str()?)?,
            expires_at: match body.get("expiry_at")?.as_str() {
                Some(time) => Some(seconds(time)?),
                None => None,
            },
            user_id: body["user_id"].as_u64()?,
            uses: body["usage_count"].as_u64()?,
        })
    }
}

impl View {
    /// Whether the string is masked.
    pub fn is_masked(&self) -> bool {
        self.key.contains('…')
    }

    /// Whether two views are the same, though the string of one or both may be masked.
    pub fn is_like(&self, other: &Self) -> bool {
        let is_mask_of = |mask: &str, string: &str| {
            mask.split_once('…').is_some_and(|(start, end)| string.starts_with(start) && string.ends_with(end))
        };
        let same_string =
            self.key == other.key || is_mask_of(&self.key, &other.key) || is_mask_of(&other.key, &self.key);
        same_string && Self { key: other.key.clone(), ..self.clone() } == *other
    }
}

fn seconds(time: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(time).ok().map(|time| time.timestamp())
}

/// A time as the API shows it.
pub fn shown(seconds: i64) -> String {
    let time = DateTime::from_timestamp(seconds, 0).expect("a time within the run");
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
