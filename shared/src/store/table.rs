//! The one DynamoDB table: its reads, its transactions, and the meaning of its failures.

use std::borrow::Cow;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::builders::DeleteItemFluentBuilder;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::builders::{DeleteBuilder, PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};

use super::aws_requests::Request as _;
use super::item::Item;
use super::primary_key::PrimaryKey;
use crate::error::Error;

/// A client and the name of the table.
#[derive(Clone, Debug)]
pub struct Table {
    client: Client,
    name: String,
}

/// The reason why a transaction was not applied.
#[derive(Debug)]
pub enum Cancelled {
    /// Conditions failed, or another transaction was under way: one reason for each item, in order.
    Conflict(Vec<Conflict>),
    /// Something else.
    Other(Error),
}

/// The part of an item in a cancelled transaction.
#[derive(Debug, PartialEq)]
pub enum Conflict {
    /// It was no obstacle.
    None,
    /// Its condition did not hold; the item as it is, where it was asked for.
    Condition(Option<Item>),
    /// Another transaction held it, or its partition is throttled.
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

    /// A query of the table.
    #[must_use]
    pub fn query(&self) -> QueryFluentBuilder {
        self.client.query().table_name(&self.name)
    }

    /// A write of an item, by itself.
    #[must_use]
    pub fn put_item(&self, item: Item) -> PutItemFluentBuilder {
        self.client.put_item().table_name(&self.name).set_item(Some(item))
    }

    /// An update of an item, by itself.
    #[must_use]
    pub fn update_item(&self, key: PrimaryKey) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.name).set_key(Some(key.into()))
    }

    /// A deletion of an item, by itself.
    #[must_use]
    pub fn delete_item(&self, key: PrimaryKey) -> DeleteItemFluentBuilder {
        self.client.delete_item().table_name(&self.name).set_key(Some(key.into()))
    }

    /// A write of an item, in a transaction.
    pub(super) fn put(&self, item: Item) -> PutBuilder {
        Put::builder().table_name(&self.name).set_item(Some(item))
    }

    /// An update of an item, in a transaction.
    pub(super) fn update(&self, key: PrimaryKey) -> UpdateBuilder {
        Update::builder().table_name(&self.name).set_key(Some(key.into()))
    }

    /// A deletion of an item, in a transaction.
    pub(super) fn delete(&self, key: PrimaryKey) -> DeleteBuilder {
        Delete::builder().table_name(&self.name).set_key(Some(key.into()))
    }

    /// Reads an item, strongly consistent; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// If the table fails.
    pub async fn get(&self, key: PrimaryKey) -> Result<Option<Item>, Error> {
        let get = self.client.get_item().table_name(&self.name).set_key(Some(key.into())).consistent_read(true);
        Ok(get.send_boxed().await.map_err(|error| failure(&error))?.item)
    }

    /// Applies all writes or none. The SDK sends one idempotency token with all its tries, so a try that was applied
    /// but not answered is not applied twice.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] says why nothing was written.
    pub async fn commit(&self, writes: Vec<TransactWriteItem>) -> Result<(), Cancelled> {
        let result = self.client.transact_write_items().set_transact_items(Some(writes)).send_boxed().await;
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
                    Some("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded") => {
                        Some(Conflict::Busy)
                    }
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

/// Error codes of status 400 after which a retry may succeed (DynamoDB developer guide, "Error handling").
const TRANSIENT: [&str; 7] = [
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingError",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// The error code of a request that DynamoDB cannot carry out. Those of this service are right, so an attribute that they
/// touch is not of the type that it should be.
pub(super) const VALIDATION: &str = "ValidationException";

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

/// The error of a failed call to an AWS service. Its cause holds the service's code and message, which never repeat an
/// item's attributes.
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

/// A part of a request whose required members are all set.
pub(super) fn built<T>(result: Result<T, aws_sdk_dynamodb::error::BuildError>) -> Result<T, Error> {
    result.map_err(|error| Error::Failed(Cow::Owned(error.to_string())))
}
