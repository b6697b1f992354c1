//! Journals of the sweep: no event is lost when a run is cut off.
//!
//! Events are published after the write that they report. Before it writes, a run stores a [`Journal`] of its plan; it
//! removes the journal once the events are out. A run that finds the journal of a run that is over publishes the events of
//! the steps that were taken.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::aws_requests::Request as _;
use super::item::{Item, count_of, number};
use super::key_record::from_item;
use super::keys::Keys;
use super::primary_key::PrimaryKey;
use super::sweep::{Page, Planned, Position};
use super::table::failure;
use crate::clock::Timestamp;
use crate::damage::{Damaged, readable};
use crate::error::Error;
use crate::ids::{KeyId, UserId};
use crate::keys::{Event, Key, Status, Step};

/// Journals on a page; one holds up to 100 keys.
const JOURNALS_PER_PAGE: i32 = 10;

/// The plan of a run.
pub struct Journal {
    id: Uuid,
    /// The run's deadline, in milliseconds since 1970. Until then it may still be at work.
    until: i64,
    intents: Vec<Intent>,
}

/// A planned step, with the values by which the record shows whether it was taken.
struct Intent {
    user_id: UserId,
    key_id: KeyId,
    due_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    step: Step,
}

impl Keys {
    /// Stores the plan of a run.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn open_journal(
        &self,
        steps: &[Planned],
        deadline: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Journal, Error> {
        let intents = steps.iter().map(|Planned { before, step, .. }| Intent {
            user_id: before.user_id,
            key_id: before.id,
            due_at: before.due_at,
            expires_at: before.expires_at,
            step: *step,
        });
        let journal =
            Journal { id: self.random.uuid_v7(now), until: deadline.timestamp_millis(), intents: intents.collect() };
        let put = self.table.put_item(journal.to_item());
        put.send_boxed().await.map_err(|error| failure(&error))?;
        Ok(journal)
    }

    /// Removes a journal whose events are published.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn close_journal(&self, journal: &Journal) -> Result<(), Error> {
        let delete = self.table.delete_item(PrimaryKey::journal(journal.id));
        delete.send_boxed().await.map_err(|error| failure(&error))?;
        Ok(())
    }

    /// A page of the journals of runs that are over. Damaged ones are left out.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn left_journals(&self, now: DateTime<Utc>, from: Option<Position>) -> Result<Page<Journal>, Error> {
        let query = self
            .table
            .query()
            .consistent_read(true)
            .key_condition_expression("PK = :sweep")
            // So that one without an end in time is found as well.
            .filter_expression("NOT #until >= :now")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":sweep", AttributeValue::S(PrimaryKey::SWEEP.to_owned()))
            .expression_attribute_values(":now", AttributeValue::N(now.timestamp_millis().to_string()))
            .limit(JOURNALS_PER_PAGE)
            .set_exclusive_start_key(from.map(|Position(item)| item));
        let output = query.send_boxed().await.map_err(|error| failure(&error))?;
        let journals = output.items.unwrap_or_default();
        let elements = journals.iter().filter_map(|item| readable(Journal::from_item(item))).collect();
        Ok(Page { elements, next: output.last_evaluated_key.map(Position) })
    }

    /// Takes over the journal of a run that is over. False if another run did so first.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn claim_journal(&self, journal: &Journal, deadline: DateTime<Utc>) -> Result<bool, Error> {
        let update = self
            .table
            .update_item(PrimaryKey::journal(journal.id))
            .update_expression("SET #until = :until")
            .condition_expression("#until = :seen")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":seen", AttributeValue::N(journal.until.to_string()))
            .expression_attribute_values(":until", AttributeValue::N(deadline.timestamp_millis().to_string()));
        match update.send_boxed().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(false),
            Err(error) => Err(failure(&error)),
        }
    }

    /// The events of the steps in a journal that were taken. Keys that were deleted or given another expiry since are left
    /// out.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn events_of(&self, journal: &Journal) -> Result<Vec<Event>, Error> {
        let places = journal.intents.iter().map(|intent| PrimaryKey::key(intent.user_id, intent.key_id).into());
        let items = self.batch_get(places.collect()).await?;
        let event = |item| {
            let key = readable(from_item(item))?;
            let intent = journal.intents.iter().find(|intent| intent.key_id == key.id)?;
            intent.was_taken(&key).then(|| Event::new(&self.service, &key, intent.step))
        };
        Ok(items.iter().filter_map(event).collect())
    }
}

impl Intent {
    fn was_taken(&self, key: &Key) -> bool {
        match self.step {
            // Only the sweep stores the status of a key that expires.
            Step::Expire => key.stored_status == Status::Expired,
            // Only a step or a new expiry moves the due moment.
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
        let time = |name| match item.get(name) {
            Some(time) => number(time).and_then(Timestamp::from_seconds).map(Some),
            None => Some(None),
        };
        Some(Self {
            user_id: item.get("user_id").and_then(number).and_then(UserId::new)?,
            key_id: item.get("key_id").and_then(number).and_then(KeyId::new)?,
            due_at: time("due_at")?,
            expires_at: time("expires_at")?,
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

    fn from_item(item: &Item) -> Result<Self, Damaged> {
        let id = item.get("SK").and_then(|id| id.as_s().ok()?.parse::<Uuid>().ok());
        let id = id.ok_or_else(|| Damaged::new("a journal of the sweep", "SK"))?;
        let damaged = |name| Damaged::new(format!("journal {id} of the sweep"), name);
        let intents = item.get("steps").and_then(|steps| {
            let steps = steps.as_l().ok()?.iter().map(|intent| Intent::from_item(intent.as_m().ok()?));
            let intents = steps.collect::<Option<Vec<_>>>()?;
            // One `BatchGetItem` reads 1 to 100 distinct keys.
            let keys: BTreeSet<u64> = intents.iter().map(|intent| intent.key_id.get()).collect();
            (keys.len() == intents.len() && (1..=100).contains(&keys.len())).then_some(intents)
        });
        Ok(Self {
            id,
            until: item.get("until").and_then(number).ok_or_else(|| damaged("until"))?,
            intents: intents.ok_or_else(|| damaged("steps"))?,
        })
    }
}
