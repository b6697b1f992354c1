//! API keys: the record and what may become of it, its string, its encryption, and where it is stored.

mod check;
mod expiry;
mod idempotency;
mod key;
mod record;
mod secret;
mod store;
mod sweep;
mod vault;
mod view;

pub use self::check::{Checked, Refusal, Verification};
pub use self::expiry::{NOTICE_DAYS, Step};
pub use self::idempotency::Made;
pub use self::key::{GracePeriod, Key, KeyExpired, KeyId, KeyName, KeyType, MAX_ID, Previous, Status, Update, UserId};
pub use self::record::EXPIRY_SHARDS;
pub use self::secret::{Locator, PlainKey, Prefix};
pub use self::store::{Keys, NewKey};
pub use self::sweep::{DueKey, Journal, Left, Page, Planned, Position};
pub use self::vault::{DataKey, Sealed, Vault};
pub use self::view::{KeyPage, KeyView, ShownKey};
