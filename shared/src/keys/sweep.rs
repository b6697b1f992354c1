//! What the sweep does to keys for which something is due.
//!
//! Events are published after the write that they speak of. So that none is lost when a run is cut off between the
//! two, a run first writes a [`Journal`] of what it is about to do, and removes it when the events are out. A run that
//! finds the journal of one that is over publishes what that one did.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::audit::{Action, Actor, Entry};
use crate::auth::Role;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::events::Event;
use crate::keys::record::from_item;
use crate::keys::store::count_of;
use crate::keys::{Key, KeyId, Keys, Status, Step, UserId};
use crate::requests::Request as _;
use crate::schedule::Run;
use crate::table::{Cancelled, Conflict, Item, PrimaryKey, failure, number};

/// The index of keys for which something will fall due.
const INDEX: &str = "ExpiryIndex";
/// Keys on a page: as many as one `BatchGetItem` reads.
const KEYS_PER_PAGE: i32 = 100;
/// Journals on a page; one holds up to [`KEYS_PER_PAGE`] keys.
const JOURNALS_PER_PAGE: i32 = 10;

/// A part of a list that is too long to be held.
pub struct Page<T> {
    /// The part.
    pub elements: Vec<T>,
    /// Where the next part begins.
    pub next: Option<Position>,
}

/// A place in a list.
#[derive(Clone)]
pub struct Position(Item);

/// What the index says of a key: where its record is. The record says what is due, if it still is.
pub struct DueKey {
    place: Item,
    due_at: Option<Timestamp>,
}

impl DueKey {
    /// Since when something is due for it.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        self.due_at
    }
}

/// Keys for which something is due, and for which nothing was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// How many.
    pub count: u64,
    /// Since when something is due for the first of them.
    pub since: Option<Timestamp>,
}

/// A step that a key is about to take.
pub struct Planned {
    before: Key,
    after: Key,
    step: Step,
}

impl Planned {
    /// The step.
    #[must_use]
    pub fn step(&self) -> Step {
        self.step
    }

    /// What subscribers are told when it is taken.
    #[must_use]
    pub fn event(&self) -> Event {
        Event::new(&self.after, self.step)
    }
}

/// What a run is about to do.
pub struct Journal {
    id: Uuid,
    /// Until then the run may be doing it, in milliseconds since 1970.
    until: i64,
    intents: Vec<Intent>,
}

/// A planned step, and what to know it by in the record when it was taken.
struct Intent {
    user_id: UserId,
    key_id: KeyId,
    due_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    step: Step,
}

impl Keys {
    /// A page of the keys in a shard of the index for which something is due.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn due(&self, shard: u8, now: Timestamp, from: Option<Position>) -> Result<Page<DueKey>, Error> {
        let query = self.query_due(shard, now, from).limit(KEYS_PER_PAGE);
        let output = query.sent().await.map_err(|error| failure(&error))?;
        let place = |mut item: Item| {
            let due_at = due_at(&item);
            item.retain(|name, _| name == "PK" || name == "SK");
            DueKey { place: item, due_at }
        };
        let elements = output.items.unwrap_or_default().into_iter().map(place).collect();
        Ok(Page { elements, next: output.last_evaluated_key.map(Position) })
    }

    /// What there is in a shard for which something is due. This reads 64 bytes or so of each key in the index, and keeps
    /// none.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn left_due(&self, shard: u8, now: Timestamp, from: Option<Position>) -> Result<Left, Error> {
        let first = self.query_due(shard, now, from.clone()).limit(1).sent().await.map_err(|error| failure(&error))?;
        let since = first.items().first().and_then(due_at);
        let mut count = 0;
        let mut from = from;
        loop {
            let query = self.query_due(shard, now, from).select(Select::Count);
            let output = query.sent().await.map_err(|error| failure(&error))?;
            count += u64::try_from(output.count).unwrap_or(0);
            from = output.last_evaluated_key.map(Position);
            if from.is_none() {
                return Ok(Left { count, since });
            }
        }
    }

    fn query_due(
        &self,
        shard: u8,
        now: Timestamp,
        from: Option<Position>,
    ) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        self.table
            .client()
            .query()
            .table_name(self.table.name())
            .index_name(INDEX)
            .key_condition_expression("expiry_shard = :shard AND due_at <= :now")
            .expression_attribute_values(":shard", count_of(shard.into()))
            .expression_attribute_values(":now", AttributeValue::N(now.seconds().to_string()))
            .set_exclusive_start_key(from.map(|Position(item)| item))
    }

    /// Reads the records of a page, and says what each is to do. The index lags behind the table, so for some nothing
    /// may be due any more. A record that cannot be read stands in nobody else's way.
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
            Err(error) => Some(Err(error.into())),
        };
        Ok(items.iter().filter_map(plan).collect())
    }

    /// Takes a step: the record, and the audit entry of an end, in one transaction. False if somebody changed or deleted
    /// the key since it was read (its version tells); then nothing was done.
    ///
    /// # Errors
    ///
    /// When the table fails; the step may have been taken all the same.
    pub async fn take(&self, planned: &Planned, run: &Run, now: DateTime<Utc>) -> Result<bool, Error> {
        let Planned { before, after, step } = planned;
        let mut writes = vec![self.replace(before, after)?];
        if *step == Step::Expire {
            let changes = after.changes_since(before).into_iter();
            writes.push(self.put_entry(&Entry {
                id: self.random.uuid_v7(now),
                at: now,
                action: Action::Expire,
                key_id: after.id,
                user_id: after.user_id,
                actor: Actor { user_id: None, role: Role::System },
                source_ip: None,
                request_id: run.id.clone(),
                changes: changes.map(|(field, change)| (field.to_owned(), change)).collect(),
            })?);
        }
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

    /// Writes down what a run is about to do.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn open_journal(&self, steps: &[Planned], run: &Run, now: DateTime<Utc>) -> Result<Journal, Error> {
        let intents = steps.iter().map(|Planned { before, step, .. }| Intent {
            user_id: before.user_id,
            key_id: before.id,
            due_at: before.due_at,
            expires_at: before.expires_at,
            step: *step,
        });
        let journal = Journal {
            id: self.random.uuid_v7(now),
            until: run.deadline.timestamp_millis(),
            intents: intents.collect(),
        };
        let put = self.table.client().put_item().table_name(self.table.name()).set_item(Some(journal.to_item()));
        put.sent().await.map_err(|error| failure(&error))?;
        Ok(journal)
    }

    /// Removes a journal, when all that it led to is published.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn close_journal(&self, journal: &Journal) -> Result<(), Error> {
        let key = Some(PrimaryKey::journal(journal.id).into());
        let delete = self.table.client().delete_item().table_name(self.table.name()).set_key(key);
        delete.sent().await.map_err(|error| failure(&error))?;
        Ok(())
    }

    /// A page of the journals of runs that are over.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn left_journals(&self, now: DateTime<Utc>, from: Option<Position>) -> Result<Page<Journal>, Error> {
        let query = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .consistent_read(true)
            .key_condition_expression("PK = :sweep")
            .filter_expression("#until < :now")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":sweep", AttributeValue::S(PrimaryKey::SWEEP.to_owned()))
            .expression_attribute_values(":now", AttributeValue::N(now.timestamp_millis().to_string()))
            .limit(JOURNALS_PER_PAGE)
            .set_exclusive_start_key(from.map(|Position(item)| item));
        let output = query.sent().await.map_err(|error| failure(&error))?;
        let journals = output.items.unwrap_or_default();
        let elements = journals.iter().map(|item| Journal::from_item(item).ok_or_else(damaged_journal));
        Ok(Page { elements: elements.collect::<Result<_, _>>()?, next: output.last_evaluated_key.map(Position) })
    }

    /// Makes a journal that was left this run's own. False if another run did so first.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn claim_journal(&self, journal: &Journal, run: &Run) -> Result<bool, Error> {
        let update = self
            .table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(PrimaryKey::journal(journal.id).into()))
            .update_expression("SET #until = :until")
            .condition_expression("#until = :seen")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":seen", AttributeValue::N(journal.until.to_string()))
            .expression_attribute_values(":until", AttributeValue::N(run.deadline.timestamp_millis().to_string()));
        match update.sent().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(false),
            Err(error) => Err(failure(&error)),
        }
    }

    /// The events of those steps in a journal that were taken. A key that was deleted since, or has another expiry now,
    /// is no longer spoken of.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn events_of(&self, journal: &Journal) -> Result<Vec<Event>, Error> {
        let places = journal.intents.iter().map(|intent| PrimaryKey::key(intent.user_id, intent.key_id).into());
        let items = self.batch_get(places.collect()).await?;
        let event = |item| {
            let key = from_item(item).ok()?;
            let intent = journal.intents.iter().find(|intent| intent.key_id == key.id)?;
            intent.was_taken(&key).then(|| Event::new(&key, intent.step))
        };
        Ok(items.iter().filter_map(event).collect())
    }
}

impl Intent {
    fn was_taken(&self, key: &Key) -> bool {
        match self.step {
            // Nothing but the sweep lets a key end that has not ended.
            Step::Expire => key.stored_status == Status::Expired,
            // Nothing but a step and a new expiry moves the moment that is awaited.
            Step::Notice { .. } => key.due_at != self.due_at && key.expires_at == self.expires_at,
        }
    }

    fn to_item(&self) -> Item {
        let Self { user_id, key_id, due_at, expires_at, step } = self;
        let time = |time: Timestamp| AttributeValue::N(time.seconds().to_string());
        let days_left = match step {
            Step::Notice { days_left } => Some(count_of((*days_left).into())),
            Step::Expire => None,
        };
        let attributes = [
            ("user_id", Some(count_of(user_id.get()))),
            ("key_id", Some(count_of(key_id.get()))),
            ("due_at", due_at.map(time)),
            ("expires_at", expires_at.map(time)),
            ("days_left", days_left),
        ];
        attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    fn from_item(item: &Item) -> Option<Self> {
        let time = |name| item.get(name).and_then(number).and_then(Timestamp::from_seconds);
        Some(Self {
            user_id: item.get("user_id").and_then(number).and_then(UserId::new)?,
            key_id: item.get("key_id").and_then(number).and_then(KeyId::new)?,
            due_at: time("due_at"),
            expires_at: time("expires_at"),
            step: match item.get("days_left") {
                Some(days_left) => Step::Notice { days_left: number(days_left)? },
                None => Step::Expire,
            },
        })
    }
}

impl Journal {
    fn to_item(&self) -> Item {
        let Self { id, until, intents } = self;
        let intents = intents.iter().map(|intent| AttributeValue::M(intent.to_item())).collect();
        let mut item = Item::from(PrimaryKey::journal(*id));
        item.insert("until".to_owned(), AttributeValue::N(until.to_string()));
        item.insert("steps".to_owned(), AttributeValue::L(intents));
        item
    }

    fn from_item(item: &Item) -> Option<Self> {
        let intents = item.get("steps")?.as_l().ok()?.iter();
        Some(Self {
            id: item.get("SK")?.as_s().ok()?.parse().ok()?,
            until: item.get("until").and_then(number)?,
            intents: intents.map(|intent| Intent::from_item(intent.as_m().ok()?)).collect::<Option<_>>()?,
        })
    }
}

fn due_at(item: &Item) -> Option<Timestamp> {
    item.get("due_at").and_then(number).and_then(Timestamp::from_seconds)
}

fn damaged_journal() -> Error {
    Error::Failed("a journal of the sweep is damaged".into())
}
