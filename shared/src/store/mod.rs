//! The keys in DynamoDB, and their encryption under KMS. Nothing here knows HTTP or a format.

mod attempts;
mod audit_record;
mod aws_requests;
mod changes;
mod data_key;
mod idempotency;
mod ids;
mod import;
mod issuance;
mod item;
mod journal;
mod key_record;
mod keys;
mod limits;
mod meta;
mod metering;
mod pages;
mod presented;
mod primary_key;
mod restore;
mod sweep;
mod table;
mod vault;

pub(crate) use self::aws_requests::Request;
pub use self::data_key::DataKey;
pub use self::item::{Item, number};
pub use self::journal::Journal;
pub use self::key_record::EXPIRY_SHARDS;
pub use self::keys::Keys;
pub use self::limits::RateLimiter;
pub use self::presented::Claim;
pub use self::primary_key::PrimaryKey;
pub use self::sweep::{DueKey, Left, Page, Planned, Position};
pub use self::table::{Cancelled, Conflict, Table, failure};
pub use self::vault::Vault;
