//! The one DynamoDB table: how its keys are spelled, and what its failures mean.

use std::borrow::Cow;
use std::collections::HashMap;
use std::str::FromStr;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use uuid::Uuid;

use crate::error::Error;
use crate::keys::{KeyId, UserId};
use crate::requests::Request as _;

/// An item as DynamoDB has it.
pub type Item = HashMap<String, AttributeValue>;

/// A client and the name of the table.
#[derive(Clone, Debug)]
pub struct Table {
    client: Client,
    name: String,
}

/// Where an item is. Key strings are spelled here and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrimaryKey {
    partition: String,
    sort: String,
}

/// The sort keys of all of a user's keys begin with this.
pub const KEY_PREFIX: &str = "KEY#";
/// The sort keys of all data keys begin with this.
pub const DATA_KEY_PREFIX: &str = "DATA_KEY#";

impl PrimaryKey {
    /// A key record.
    #[must_use]
    pub fn key(user_id: UserId, id: KeyId) -> Self {
        // Padded to the sixteen digits of 2^53, so that keys sort by id, which is by age.
        Self { partition: Self::user_partition(user_id), sort: format!("{KEY_PREFIX}{id:0>16}") }
    }

    /// Whose key record an item is, and which; nothing if it is none.
    #[must_use]
    pub fn parse_key(item: &Item) -> Option<(UserId, KeyId)> {
        let part = |name: &str, prefix: &str| item.get(name)?.as_s().ok()?.strip_prefix(prefix);
        let id = part("SK", KEY_PREFIX)?.trim_start_matches('0');
        Some((UserId::parse(part("PK", "USER#")?)?, KeyId::parse(id)?))
    }

    /// What is kept once per user: the default's id and the number of keys.
    #[must_use]
    pub fn meta(user_id: UserId) -> Self {
        Self { partition: Self::user_partition(user_id), sort: "META".to_owned() }
    }

    /// An audit entry.
    #[must_use]
    pub fn audit(user_id: UserId, id: KeyId, entry: Uuid) -> Self {
        Self { partition: Self::audit_partition(user_id, id), sort: entry.to_string() }
    }

    /// The counters of a user's calls in an hour (hours since 1970).
    #[must_use]
    pub fn limit(user_id: UserId, hour: i64) -> Self {
        Self { partition: format!("LIMIT#{user_id}"), sort: hour.to_string() }
    }

    /// The outcome of a request that carried an `Idempotency-Key`.
    #[must_use]
    pub fn idempotency(user_id: UserId, key: &str) -> Self {
        Self { partition: format!("IDEMPOTENCY#{user_id}"), sort: key.to_owned() }
    }

    /// What a run of the sweep is about to do to some keys.
    #[must_use]
    pub fn journal(id: Uuid) -> Self {
        Self { partition: Self::SWEEP.to_owned(), sort: id.to_string() }
    }

    /// The counter of key ids.
    #[must_use]
    pub fn next_id() -> Self {
        Self { partition: Self::SYSTEM.to_owned(), sort: "NEXT_ID".to_owned() }
    }

    /// A wrapped data key.
    #[must_use]
    pub fn data_key(version: u32) -> Self {
        Self { partition: Self::SYSTEM.to_owned(), sort: format!("{DATA_KEY_PREFIX}{version:0>10}") }
    }

    /// The partition of what belongs to no user.
    pub const SYSTEM: &'static str = "SYSTEM";

    /// The partition of the sweep's journals.
    pub const SWEEP: &'static str = "SWEEP";

    /// The partition of a user's keys.
    #[must_use]
    pub fn user_partition(user_id: UserId) -> String {
        format!("USER#{user_id}")
    }

    /// The partition of a key's audit trail.
    #[must_use]
    pub fn audit_partition(user_id: UserId, id: KeyId) -> String {
        format!("AUDIT#{user_id}#{id}")
    }
}

impl From<PrimaryKey> for Item {
    fn from(PrimaryKey { partition, sort }: PrimaryKey) -> Self {
        Self::from([("PK".to_owned(), AttributeValue::S(partition)), ("SK".to_owned(), AttributeValue::S(sort))])
    }
}

/// Why a transaction was not applied.
#[derive(Debug)]
pub enum Cancelled {
    /// Conditions failed, or another transaction was under way: one reason for each item, in order.
    Conflict(Vec<Conflict>),
    /// Something else.
    Other(Error),
}

/// What an item had to do with a cancelled transaction.
#[derive(Debug, PartialEq)]
pub enum Conflict {
    /// Nothing.
    None,
    /// Its condition did not hold; the item as it is, where it was asked for.
    Condition(Option<Item>),
    /// Another transaction held it.
    Busy,
}

impl Table {
    /// A table by its name.
    #[must_use]
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// An item as it is now; nothing if it is not there.
    ///
    /// # Errors
    ///
    /// If the table fails.
    pub async fn get(&self, key: PrimaryKey) -> Result<Option<Item>, Error> {
        let get = self.client.get_item().table_name(&self.name).set_key(Some(key.into())).consistent_read(true);
        Ok(get.sent().await.map_err(|error| failure(&error))?.item)
    }

    /// Applies all writes or none. The SDK sends one idempotency token with all its tries, so a try that was applied
    /// but not answered is not applied twice.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] says why nothing was written.
    pub async fn commit(&self, writes: Vec<TransactWriteItem>) -> Result<(), Cancelled> {
        let result = self.client.transact_write_items().set_transact_items(Some(writes)).sent().await;
        let Err(error) = result else { return Ok(()) };
        if let SdkError::ServiceError(service) = &error
            && let TransactWriteItemsError::TransactionCanceledException(cancelled) = service.err()
        {
            let reasons = cancelled.cancellation_reasons();
            let conflicts: Option<Vec<Conflict>> = reasons
                .iter()
                .map(|reason| match reason.code() {
                    None | Some("None") => Some(Conflict::None),
                    Some("ConditionalCheckFailed") => Some(Conflict::Condition(reason.item.clone())),
                    Some("TransactionConflict") => Some(Conflict::Busy),
                    Some(_) => None,
                })
                .collect();
            return Err(match conflicts {
                Some(conflicts) => Cancelled::Conflict(conflicts),
                None => Cancelled::Other(cancellation_failure(reasons.iter().filter_map(|reason| reason.code()))),
            });
        }
        Err(Cancelled::Other(failure(&error)))
    }
}

/// Error codes of status 400 after which the same request may succeed all the same (DynamoDB developer guide, "Error
/// handling").
const TRANSIENT: [&str; 7] = [
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingError",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

fn cancellation_failure<'a>(codes: impl Iterator<Item = &'a str>) -> Error {
    let codes: Vec<&str> = codes.filter(|code| *code != "None").collect();
    let cause = Cow::Owned(format!("transaction cancelled: {}", codes.join(", ")));
    if codes
        .iter()
        .all(|code| TRANSIENT.contains(code) || matches!(*code, "ConditionalCheckFailed" | "TransactionConflict"))
    {
        Error::Unavailable(cause)
    } else {
        Error::Failed(cause)
    }
}

/// What a failed call to an AWS service means for the client. The cause holds codes and messages of the service, which
/// never repeat an item's attributes.
pub fn failure<E>(error: &SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error {
        SdkError::TimeoutError(_) => Error::Unavailable(Cow::Borrowed("AWS call timed out")),
        SdkError::DispatchFailure(dispatch) => {
            Error::Unavailable(Cow::Owned(format!("AWS cannot be reached: {:?}", dispatch.as_connector_error())))
        }
        SdkError::ResponseError(_) => Error::Unavailable(Cow::Borrowed("AWS answered with something unreadable")),
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or("unknown");
            let message = service.err().message().unwrap_or_default();
            let cause = Cow::Owned(format!("{code}: {message}"));
            let transient = TRANSIENT.contains(&code) || service.raw().status().is_server_error();
            if transient { Error::Unavailable(cause) } else { Error::Failed(cause) }
        }
        SdkError::ConstructionFailure(_) | _ => Error::Failed(Cow::Borrowed("AWS call could not be made")),
    }
}

/// A number attribute.
#[must_use]
pub fn number<T: FromStr>(value: &AttributeValue) -> Option<T> {
    value.as_n().ok()?.parse().ok()
}
