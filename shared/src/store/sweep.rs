//! The sweep's reads and writes: keys for which a notice or the expiry is due.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Select};

use super::aws_requests::Request as _;
use super::item::{Item, count_of, number};
use super::key_record::from_item;
use super::keys::Keys;
use super::table::{Cancelled, Conflict, failure};
use crate::clock::Timestamp;
use crate::damage::note;
use crate::error::Error;
use crate::ids::Locator;
use crate::keys::{Action, Author, Event, Key, Step};

/// The index of keys that will expire.
const INDEX: &str = "ExpiryIndex";
/// Keys on a page: as many as one `BatchGetItem` reads.
const KEYS_PER_PAGE: i32 = 100;

/// A page of a list that is too long to hold in memory.
pub struct Page<T> {
    /// The elements.
    pub elements: Vec<T>,
    /// The start of the next page.
    pub next: Option<Position>,
}

/// A place in a list.
#[derive(Clone)]
pub struct Position(pub(super) Item);

/// A key in the index. Its record says which step is due, if one still is.
pub struct DueKey {
    place: Item,
    due_at: Option<Timestamp>,
}

impl DueKey {
    /// The moment at which its step fell due.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        self.due_at
    }
}

/// Keys with a step that is due and was not taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Their number.
    pub count: u64,
    /// The moment at which the first step fell due.
    pub since: Option<Timestamp>,
}

/// A step that a key is about to take.
pub struct Planned {
    pub(super) before: Key,
    after: Key,
    pub(super) step: Step,
}

impl Planned {
    /// The step.
    #[must_use]
    pub fn step(&self) -> Step {
        self.step
    }

    /// The event to publish once it is taken, for a service by its name.
    #[must_use]
    pub fn event(&self, service: &str) -> Event {
        Event::new(service, &self.after, self.step)
    }
}

impl Keys {
    /// A page of the keys in a shard of the index with a step that is due.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn due(&self, shard: u8, now: Timestamp, from: Option<Position>) -> Result<Page<DueKey>, Error> {
        let query = self.query_due(shard, now, from).limit(KEYS_PER_PAGE);
        let output = query.send_boxed().await.map_err(|error| failure(&error))?;
        let place = |mut item: Item| {
            let due_at = due_at(&item);
            item.retain(|name, _| name == "PK" || name == "SK");
            DueKey { place: item, due_at }
        };
        let elements = output.items.unwrap_or_default().into_iter().map(place).collect();
        Ok(Page { elements, next: output.last_evaluated_key.map(Position) })
    }

    /// Counts the keys in a shard with a step that is due. This reads about 64 bytes of the index for each key, and keeps
    /// none of them.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn left_due(&self, shard: u8, now: Timestamp, from: Option<Position>) -> Result<Left, Error> {
        let first =
            self.query_due(shard, now, from.clone()).limit(1).send_boxed().await.map_err(|error| failure(&error))?;
        let since = first.items().first().and_then(due_at);
        let mut count = 0;
        let mut from = from;
        loop {
            let query = self.query_due(shard, now, from).select(Select::Count);
            let output = query.send_boxed().await.map_err(|error| failure(&error))?;
            count += u64::try_from(output.count).unwrap_or(0);
            from = output.last_evaluated_key.map(Position);
            if from.is_none() {
                return Ok(Left { count, since });
            }
        }
    }

    fn query_due(&self, shard: u8, now: Timestamp, from: Option<Position>) -> QueryFluentBuilder {
        self.table
            .query()
            .index_name(INDEX)
            .key_condition_expression("expiry_shard = :shard AND due_at <= :now")
            .expression_attribute_values(":shard", count_of(shard.into()))
            .expression_attribute_values(":now", AttributeValue::N(now.seconds().to_string()))
            .set_exclusive_start_key(from.map(|Position(item)| item))
    }

    /// Reads the records of a page and plans the step of each. The index lags behind the table, so some may have no step
    /// any more. A record that cannot be read does not hold up the others.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn plan(&self, due: &[DueKey], now: Timestamp) -> Result<Vec<Result<Planned, Error>>, Error> {
        let items = self.batch_get(due.iter().map(|key| key.place.clone()).collect()).await?;
        let plan = |item| match from_item(item) {
            Ok(before) => {
                let mut after = before.clone();
                after.fall_due(now).map(|step| Ok(Planned { before, after, step }))
            }
            Err(damaged) => {
                note(damaged.clone());
                Some(Err(damaged.into()))
            }
        };
        Ok(items.iter().filter_map(plan).collect())
    }

    /// Takes a step: the record, and the audit entry of an end, in one transaction. False if the key was changed or deleted
    /// since it was read (its version tells); then nothing was done.
    ///
    /// # Errors
    ///
    /// When the table fails; the step may have been taken all the same.
    pub async fn take(&self, planned: &Planned, author: &Author) -> Result<bool, Error> {
        let Planned { before, after, step } = planned;
        let mut after = after.clone();
        let mut entry = None;
        if *step == Step::Expire {
            let key = Locator { user_id: after.user_id, key_id: after.id };
            after.entry_at = before.next_entry_at(author.now);
            entry = Some(self.entry(author, key, after.entry_at, Action::Expire, after.changes_since(before))?);
        }
        let writes: Vec<_> = [self.replace(before, &after)?].into_iter().chain(entry).collect();
        let mut attempts = self.attempts();
        loop {
            match self.table.commit(writes.clone()).await {
                Ok(()) => return Ok(true),
                Err(Cancelled::Conflict(conflicts)) if matches!(conflicts.first(), Some(Conflict::Condition(_))) => {
                    return Ok(false);
                }
                Err(cancelled) => attempts.again(cancelled).await?,
            }
        }
    }
}

fn due_at(item: &Item) -> Option<Timestamp> {
    item.get("due_at").and_then(number).and_then(Timestamp::from_seconds)
}
