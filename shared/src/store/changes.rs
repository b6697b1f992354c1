//! Changes of existing keys: transitions, deletion and the default.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use futures_util::future::join;

use super::item::{Item, count_of, number};
use super::key_record::{audited_in, from_item, last_entry_in};
use super::keys::Keys;
use super::meta::Meta;
use super::primary_key::PrimaryKey;
use super::table::{Cancelled, Conflict, built};
use crate::clock::Timestamp;
use crate::damage::note;
use crate::error::Error;
use crate::ids::{KeyId, Locator, UserId};
use crate::keys::{Action, Author, Change, Changes, Key, KeyExpired, KeyView, Precondition, deletion, entry_after};

/// The place of a displaced default's record in the transaction that sets another one.
const DISPLACED: usize = 3;

/// A displaced default whose record cannot be changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lost {
    /// There is none: the meta item points nowhere.
    Missing(KeyId),
    /// It is damaged.
    Damaged(KeyId),
}

impl Keys {
    /// Changes a key as `transition` says. A transition that changes nothing writes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::ChangeOfExpired`] when the transition is refused; those of the precondition.
    pub async fn change(
        &self,
        author: &Author,
        locator: Locator,
        action: Action,
        precondition: &Precondition,
        transition: impl Fn(&mut Key, Timestamp) -> Result<(), KeyExpired>,
    ) -> Result<KeyView, Error> {
        let mut attempts = self.attempts();
        loop {
            let (before, meta) = self.read_one(locator).await?;
            precondition.check_version(before.version)?;
            if !precondition.unchanged.is_empty() {
                precondition.check_fields(&self.show(author, before.clone(), &meta).await?)?;
            }
            let mut key = self.without_string(before.clone()).await?;
            transition(&mut key, author.timestamp()).map_err(|KeyExpired| Error::ChangeOfExpired)?;
            let changes = key.changes_since(&before);
            if !changes.is_empty() {
                key.version += 1;
            }
            // Before the change: one whose result cannot be shown is not made.
            let shown = self.show(author, key.clone(), &meta).await?;
            if changes.is_empty() {
                return Ok(shown);
            }
            author.admission.granted().await?;
            key.entry_at = before.next_entry_at(self.clock.now());
            let entry = self.entry(author, locator, key.entry_at, action, changes)?;
            let writes = vec![self.replace(&before, &key)?, entry];
            match self.table.commit(writes).await {
                Ok(()) => return Ok(shown),
                Err(cancelled) => attempts.again(cancelled).await?,
            }
        }
    }

    /// Deletes a key, also a damaged one; deleting the default leaves no default.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::PreconditionFailed`].
    pub async fn delete(&self, author: &Author, locator: Locator, precondition: &Precondition) -> Result<(), Error> {
        let Locator { user_id: owner, key_id: id } = locator;
        let mut attempts = self.attempts();
        loop {
            let (mut items, meta) = self.read(owner, &[id]).await?;
            let item = items.pop().flatten().ok_or(Error::NotFound)?;
            precondition.check_version(item.get("version").and_then(number).unwrap_or_default())?;
            author.admission.granted().await?;
            let now = self.clock.now();
            let at = last_entry_in(&item).map_or(now.trunc_subsecs(3), |last| entry_after(last, now));
            let mut writes = vec![
                self.remove(locator, &item)?,
                self.entry(author, locator, at, Action::Delete, deletion(audited_in(&item)))?,
                self.forget_issued(locator)?,
            ];
            writes.extend(self.discount(locator, &meta)?);
            match self.table.commit(writes).await {
                Ok(()) => return Ok(()),
                Err(cancelled) => attempts.again(cancelled).await?,
            }
        }
    }

    /// Removes a record, on the condition that it is still the one that was read.
    fn remove(&self, key: Locator, item: &Item) -> Result<TransactWriteItem, Error> {
        let delete = self.table.delete(PrimaryKey::key(key.user_id, key.key_id));
        let delete = match item.get("version") {
            // Whatever it is: it may be damaged.
            Some(version) => delete
                .condition_expression("version = :version")
                .expression_attribute_values(":version", version.clone()),
            None => delete.condition_expression("attribute_exists(PK) AND attribute_not_exists(version)"),
        };
        Ok(TransactWriteItem::builder().delete(built(delete.build())?).build())
    }

    /// Counts a key of a user no more, notes that it was deleted last, and takes it off as the default. A damaged count is
    /// left as it is.
    fn discount(&self, key: Locator, meta: &Meta) -> Result<Option<TransactWriteItem>, Error> {
        let Locator { user_id: owner, key_id: id } = key;
        let is_default = meta.default_id == Some(id);
        let is_counted = meta.key_count.is_some_and(|count| count > 0);
        let expression = match (is_counted, is_default) {
            (true, true) => "SET deleted_id = :id ADD key_count :minus1 REMOVE default_id",
            (true, false) => "SET deleted_id = :id ADD key_count :minus1",
            (false, true) => "SET deleted_id = :id REMOVE default_id",
            (false, false) => {
                note(Meta::damaged(owner, "key_count"));
                return Ok(None);
            }
        };
        let condition =
            if is_default { "default_id = :id" } else { "attribute_not_exists(default_id) OR default_id <> :id" };
        let mut update = self
            .table
            .update(PrimaryKey::meta(owner))
            .update_expression(expression)
            .condition_expression(condition)
            .expression_attribute_values(":id", count_of(id.get()));
        if is_counted {
            update = update.expression_attribute_values(":minus1", AttributeValue::N("-1".to_owned()));
        } else {
            note(Meta::damaged(owner, "key_count"));
        }
        Ok(Some(TransactWriteItem::builder().update(built(update.build())?).build()))
    }

    /// Makes a key its owner's default, the only one.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when either key is not there; [`Error::ChangeOfExpired`] when the key is expired.
    pub async fn set_default(
        &self,
        author: &Author,
        locator: Locator,
        old_id: Option<KeyId>,
    ) -> Result<KeyView, Error> {
        let Locator { user_id: owner, key_id: id } = locator;
        let ids: Vec<KeyId> = [id].into_iter().chain(old_id.filter(|old_id| *old_id != id)).collect();
        let mut attempts = self.attempts();
        // Later than the last entry of a displaced default, which is not read.
        let mut after: Option<DateTime<Utc>> = None;
        let mut lost = None;
        loop {
            let (ready, read) = join(self.ready_to_show(), self.read(owner, &ids)).await;
            ready?;
            let (items, meta) = read?;
            let items: Vec<Item> = items.into_iter().collect::<Option<_>>().ok_or(Error::NotFound)?;
            let before = from_item(items.first().ok_or(Error::NotFound)?)?;
            before.ensure_not_expired(author.timestamp()).map_err(|KeyExpired| Error::ChangeOfExpired)?;
            if meta.default_id == Some(id) {
                return self.show(author, before, &meta).await;
            }
            let key = Key { version: before.version + 1, ..before.clone() };
            let shown = self.show(author, key, &Meta { default_id: Some(id), ..meta.clone() }).await?;
            author.admission.granted().await?;
            let now = before.next_entry_at(self.clock.now());
            let since = after.max(meta.default_at.map(|last| last + TimeDelta::milliseconds(1)));
            let at = since.map_or(now, |since| since.max(now));
            let key = Key { entry_at: at, ..self.without_string(before.clone()).await? };
            // The first write also makes sure that the key still exists and is unexpired when the pointer to it is set.
            let mut writes = vec![
                self.replace(&before, &key)?,
                self.point_default(owner, &meta, Some(id), at)?,
                self.entry(author, locator, at, Action::SetDefault, default_change(true))?,
            ];
            if let Some(displaced) = meta.default_id {
                let place = Locator { user_id: owner, key_id: displaced };
                if !matches!(lost, Some(Lost::Missing(key) | Lost::Damaged(key)) if key == displaced) {
                    writes.push(self.note_entry(place, at)?);
                }
                if lost != Some(Lost::Missing(displaced)) {
                    writes.push(self.entry(author, place, at, Action::RemoveDefault, default_change(false))?);
                }
            }
            match self.table.commit(writes).await {
                Ok(()) => return Ok(shown),
                Err(cancelled) => {
                    if let Cancelled::Conflict(conflicts) = &cancelled
                        && let Some(Conflict::Condition(item)) = conflicts.get(DISPLACED)
                        && let Some(displaced) = meta.default_id
                    {
                        let last_entry = item.as_ref().and_then(last_entry_in);
                        after = last_entry.map(|last| entry_after(last, at));
                        lost = match item.as_ref().map(from_item) {
                            Some(Ok(_)) => None,
                            Some(Err(damaged)) => {
                                note(damaged);
                                Some(Lost::Damaged(displaced))
                            }
                            None => {
                                note(Meta::damaged(owner, "default_id"));
                                Some(Lost::Missing(displaced))
                            }
                        };
                    }
                    attempts.again(cancelled).await?;
                }
            }
        }
    }

    /// Makes a key no longer its owner's default; nothing changes if it is not.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn remove_default(&self, author: &Author, locator: Locator) -> Result<KeyView, Error> {
        let mut attempts = self.attempts();
        loop {
            let (before, meta) = self.read_one(locator).await?;
            let is_default = meta.known_default(locator.user_id)? == Some(locator.key_id);
            let without = Meta { default_id: None, ..meta.clone() };
            if !is_default {
                return self.show(author, before, &without).await;
            }
            let key = Key { version: before.version + 1, ..before.clone() };
            let shown = self.show(author, key, &without).await?;
            author.admission.granted().await?;
            let key = self.without_string(before.clone()).await?;
            let key = Key { entry_at: before.next_entry_at(self.clock.now()), ..key };
            let writes = vec![
                self.replace(&before, &key)?,
                self.point_default(locator.user_id, &meta, None, key.entry_at)?,
                self.entry(author, locator, key.entry_at, Action::RemoveDefault, default_change(false))?,
            ];
            match self.table.commit(writes).await {
                Ok(()) => return Ok(shown),
                Err(cancelled) => attempts.again(cancelled).await?,
            }
        }
    }

    /// Makes an entry the last one of a key that was not read, unless it has a later one.
    fn note_entry(&self, key: Locator, at: DateTime<Utc>) -> Result<TransactWriteItem, Error> {
        let update = self
            .table
            .update(PrimaryKey::key(key.user_id, key.key_id))
            .update_expression("SET version = version + :1, entry_at = :at")
            .condition_expression("attribute_exists(PK) AND attribute_type(version, :number) AND NOT entry_at >= :at")
            .expression_attribute_values(":number", AttributeValue::S("N".to_owned()))
            .expression_attribute_values(":1", count_of(1))
            .expression_attribute_values(":at", AttributeValue::N(at.timestamp_millis().to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        Ok(TransactWriteItem::builder().update(built(update)?).build())
    }

    /// Moves a user's default, on the condition that it is still as it was read, even if that is damaged, and was not moved
    /// away and back since: an abandoned request that arrives late must not move it.
    fn point_default(
        &self,
        owner: UserId,
        from: &Meta,
        to: Option<KeyId>,
        at: DateTime<Utc>,
    ) -> Result<TransactWriteItem, Error> {
        let mut update = self
            .table
            .update(PrimaryKey::meta(owner))
            .expression_attribute_values(":at", AttributeValue::N(at.timestamp_millis().to_string()));
        let mut conditions = Vec::new();
        for (name, value) in [("default_id", &from.stored_default), ("default_at", &from.stored_default_at)] {
            if let Some(value) = value {
                conditions.push(format!("{name} = :read_{name}"));
                update = update.expression_attribute_values(format!(":read_{name}"), value.clone());
            } else {
                conditions.push(format!("attribute_not_exists({name})"));
            }
        }
        let update = update.condition_expression(conditions.join(" AND "));
        let update = match to {
            Some(to) => update
                .update_expression("SET default_id = :to, default_at = :at")
                .expression_attribute_values(":to", count_of(to.get())),
            None => update.update_expression("SET default_at = :at REMOVE default_id"),
        };
        Ok(TransactWriteItem::builder().update(built(update.build())?).build())
    }
}

fn default_change(is_default: bool) -> Changes {
    Changes::from([("is_default", Change { from: (!is_default).into(), to: is_default.into() })])
}
