//! The rules of API keys: pure, given the time. Nothing here knows the table, a format or HTTP.

mod audit;
mod author;
mod event;
mod existing;
mod expiry;
pub(crate) mod free_text;
mod idempotency;
mod key;
mod key_type;
mod name;
mod page;
mod precondition;
mod revocation;
mod secret;
mod status;
mod usage;
mod verification;
mod view;

pub use self::audit::{Action, Change, Changes, Entry, format_milliseconds};
pub use self::author::{Actor, Author, Caller, Role};
pub use self::event::Event;
pub use self::existing::{ExistingKey, ExistingString, ImportOutcome, MAX_IMPORTED_ID, import_changes};
pub use self::expiry::{NOTICE_DAYS, Step, next_due};
pub use self::idempotency::{Idempotency, Issued, SECONDS_KEPT};
pub use self::key::{Audited, GracePeriod, Key, KeyExpired, NewKey, Previous, Update, audited, deletion, entry_after};
pub use self::key_type::KeyType;
pub use self::name::KeyName;
pub use self::page::{AuditPage, Cursor, KeyFilter, KeyPage, MAX_PAGE, PageRequest};
pub use self::precondition::{Precondition, Unchanged};
pub use self::revocation::{Missed, Revocation, Trails};
pub use self::secret::{Mask, PlainKey, Prefix, Sealed, Secret, Shown};
pub use self::status::Status;
pub use self::usage::{DAYS_SHOWN, DailyUsage, Day, Usage, UsageView};
pub use self::verification::{Checked, Verification};
pub use self::view::{FieldValue, KeyView, ShownKey};
