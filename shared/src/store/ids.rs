//! The counter of ids, and the ids of imported keys. An imported key keeps its id; new ids come after it.
//!
//! The counter of ids says which is the last that was given, but not which of those before it are in use. So an import that
//! needs a higher id raises the counter and notes the ids that it skips: they are given to imported keys alone, and an item
//! for each that is given keeps it from being given again.

use std::ops::RangeInclusive;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, TransactWriteItem};

use super::aws_requests::Request as _;
use super::item::{Item, count_of, number};
use super::keys::Keys;
use super::pages;
use super::primary_key::PrimaryKey;
use super::table::{VALIDATION, built, failure};
use crate::damage::Damaged;
use crate::error::Error;
use crate::ids::{KeyId, MAX_ID};

impl Keys {
    /// Ids for keys to import, in their order: each keeps the id that it has, or `None` if a key of this service may have it;
    /// those without one get new ids.
    pub(super) async fn ids_for_import(&self, wanted: &[Option<KeyId>]) -> Result<Vec<Option<KeyId>>, Error> {
        let kept = || wanted.iter().copied().flatten();
        let ranges = match (kept().min(), kept().max()) {
            (Some(first), Some(last)) => {
                self.raise_ids(last).await?;
                self.ranges_of_imports(Some(first)).await?
            }
            _ => Vec::new(),
        };
        let count = wanted.iter().filter(|id| id.is_none()).count() as u64;
        let mut new = if count == 0 { None } else { Some(self.next_ids(count).await?) };
        let of_imports = |id: KeyId| ranges.iter().any(|range| range.contains(&id.get()));
        let ids = wanted.iter().map(|id| match id {
            Some(id) => of_imports(*id).then_some(*id),
            None => new.as_mut().and_then(Iterator::next).and_then(KeyId::new),
        });
        Ok(ids.collect())
    }

    /// Lets new ids come after one, and notes those that are skipped.
    async fn raise_ids(&self, last: KeyId) -> Result<(), Error> {
        let mut attempts = self.attempts();
        loop {
            let stored = self.table.get(PrimaryKey::next_id()).await?.and_then(|mut item| item.remove("last_id"));
            let given = stored.as_ref().map(|value| number::<u64>(value).ok_or_else(damaged_counter)).transpose()?;
            let given = given.unwrap_or_default();
            if given >= last.get() {
                return Ok(());
            }
            let update = self
                .table
                .update(PrimaryKey::next_id())
                .update_expression("SET last_id = :last")
                .expression_attribute_values(":last", count_of(last.get()));
            let update = match stored {
                Some(stored) => {
                    update.condition_expression("last_id = :stored").expression_attribute_values(":stored", stored)
                }
                None => update.condition_expression("attribute_not_exists(last_id)"),
            };
            let put = self.table.put(range_item(&(given + 1..=last.get())).ok_or_else(damaged_range)?);
            let writes = vec![
                TransactWriteItem::builder().update(built(update.build())?).build(),
                TransactWriteItem::builder().put(built(put.build())?).build(),
            ];
            match self.table.commit(writes).await {
                Ok(()) => return Ok(()),
                Err(cancelled) => attempts.again(cancelled).await?,
            }
        }
    }

    /// The ranges of ids that are for imported keys: all of them, or from the one that may hold an id on.
    pub(super) async fn ranges_of_imports(&self, from: Option<KeyId>) -> Result<Vec<RangeInclusive<u64>>, Error> {
        let sort = |id: Option<KeyId>| {
            AttributeValue::S(id.map_or_else(PrimaryKey::import_ranges, PrimaryKey::import_range_sort))
        };
        let query = self
            .table
            .query()
            .consistent_read(true)
            .key_condition_expression("PK = :system AND SK BETWEEN :from AND :last")
            .expression_attribute_values(":system", AttributeValue::S(PrimaryKey::SYSTEM.to_owned()))
            .expression_attribute_values(":from", sort(from))
            .expression_attribute_values(":last", sort(KeyId::new(MAX_ID)));
        let (items, _) = pages::all_or_some(None, None, |start, limit| {
            query.clone().set_exclusive_start_key(start).set_limit(limit).send_boxed()
        })
        .await?;
        items.iter().map(|item| range_of(item).ok_or_else(|| damaged_range().into())).collect()
    }

    /// Notes a range of ids that are for imported keys, as another table has it.
    pub(super) async fn note_range(&self, ids: &RangeInclusive<u64>) -> Result<(), Error> {
        let item = range_item(ids).ok_or_else(damaged_range)?;
        self.table.put_item(item).send_boxed().await.map_err(|error| failure(&error))?;
        Ok(())
    }

    /// Gives so many new ids, which follow each other.
    pub(super) async fn next_ids(&self, count: u64) -> Result<RangeInclusive<u64>, Error> {
        let update = self
            .table
            .update_item(PrimaryKey::next_id())
            .update_expression("ADD last_id :count")
            .expression_attribute_values(":count", count_of(count))
            .return_values(ReturnValue::UpdatedNew);
        let attributes = match update.send_boxed().await {
            Ok(output) => output.attributes.unwrap_or_default(),
            // Nothing can be added to it.
            Err(error) if error.code() == Some(VALIDATION) => return Err(damaged_counter().into()),
            Err(error) => return Err(failure(&error)),
        };
        let last = attributes.get("last_id").and_then(number).and_then(KeyId::new).ok_or_else(damaged_counter)?.get();
        Ok(last.checked_sub(count).ok_or_else(damaged_counter)? + 1..=last)
    }
}

/// The item of ids that are for imported keys.
fn range_item(ids: &RangeInclusive<u64>) -> Option<Item> {
    let mut item = Item::from(PrimaryKey::import_range(KeyId::new(*ids.end())?));
    item.insert("first_id".to_owned(), count_of(*ids.start()));
    Some(item)
}

fn range_of(item: &Item) -> Option<RangeInclusive<u64>> {
    Some(item.get("first_id").and_then(number)?..=PrimaryKey::parse_import_range(item)?.get())
}

pub(super) fn damaged_counter() -> Damaged {
    Damaged::new("the counter of ids", "last_id")
}

fn damaged_range() -> Damaged {
    Damaged::new("a range of ids for imports", "first_id")
}
