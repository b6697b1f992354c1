//! Changes of existing keys: transitions, deletion and the default.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join;

use super::item::count_of;
use super::key_record::from_item;
use super::keys::{Keys, Meta};
use super::primary_key::PrimaryKey;
use super::table::{Cancelled, Conflict, built};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::{KeyId, Locator, UserId};
use crate::keys::{Action, Author, Change, Changes, Key, KeyExpired, KeyView};

/// The place of a displaced default's record in the transaction that sets another one.
const DISPLACED: usize = 3;

impl Keys {
    /// Changes a key as `transition` says. A transition that changes nothing writes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::ChangeOfExpired`] when the transition is refused.
    pub async fn change(
        &self,
        author: &Author,
        locator: Locator,
        action: Action,
        transition: impl Fn(&mut Key, Timestamp) -> Result<(), KeyExpired>,
    ) -> Result<KeyView, Error> {
        let mut attempts = self.attempts();
        loop {
            let (before, meta) = self.read_one(locator).await?;
            let mut key = before.clone();
            transition(&mut key, author.timestamp()).map_err(|KeyExpired| Error::ChangeOfExpired)?;
            let changes = key.changes_since(&before);
            if changes.is_empty() {
                return self.show(author, key, meta).await;
            }
            author.admission.granted().await?;
            key.entry_at = before.next_entry_at(self.clock.now());
            let entry = self.entry(author, locator, key.entry_at, action, changes)?;
            let writes = vec![self.replace(&before, &key)?, entry];
            match self.table.commit(writes).await {
                Ok(()) => return self.show(author, key, meta).await,
                Err(cancelled) => attempts.again(cancelled).await?,
            }
        }
    }

    /// Deletes a key; deleting the default leaves no default.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn delete(&self, author: &Author, locator: Locator) -> Result<(), Error> {
        let Locator { user_id: owner, key_id: id } = locator;
        let mut attempts = self.attempts();
        loop {
            let (mut keys, meta) = self.read(owner, &[id]).await?;
            let key = keys.pop().flatten().ok_or(Error::NotFound)?;
            author.admission.granted().await?;
            let delete = self
                .table
                .delete(PrimaryKey::key(owner, id))
                .condition_expression("version = :version")
                .expression_attribute_values(":version", count_of(key.version))
                .build();
            let count = self
                .table
                .update(PrimaryKey::meta(owner))
                .expression_attribute_values(":minus1", AttributeValue::N("-1".to_owned()))
                .expression_attribute_values(":id", count_of(id.get()));
            let count = if meta.default_id == Some(id) {
                let expression = "ADD key_count :minus1 REMOVE default_id";
                count.update_expression(expression).condition_expression("default_id = :id")
            } else {
                let condition = "attribute_not_exists(default_id) OR default_id <> :id";
                count.update_expression("ADD key_count :minus1").condition_expression(condition)
            };
            let writes = vec![
                TransactWriteItem::builder().delete(built(delete)?).build(),
                TransactWriteItem::builder().update(built(count.build())?).build(),
                self.entry(author, locator, key.next_entry_at(self.clock.now()), Action::Delete, key.deletion())?,
            ];
            match self.table.commit(writes).await {
                Ok(()) => return Ok(()),
                Err(cancelled) => attempts.again(cancelled).await?,
            }
        }
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
        loop {
            let (ready, read) = join(self.vault.ready(), self.read(owner, &ids)).await;
            ready?;
            let (keys, meta) = read?;
            let keys: Vec<Key> = keys.into_iter().collect::<Option<_>>().ok_or(Error::NotFound)?;
            let before = keys.into_iter().next().ok_or(Error::NotFound)?;
            before.ensure_not_expired(author.timestamp()).map_err(|KeyExpired| Error::ChangeOfExpired)?;
            if meta.default_id == Some(id) {
                return self.show(author, before, meta).await;
            }
            author.admission.granted().await?;
            let now = before.next_entry_at(self.clock.now());
            let since = after.max(meta.default_at.map(|last| last + TimeDelta::milliseconds(1)));
            let at = since.map_or(now, |since| since.max(now));
            let key = Key { entry_at: at, ..before.clone() };
            // The first write also makes sure that the key still exists and is unexpired when the pointer to it is set.
            let mut writes = vec![
                self.replace(&before, &key)?,
                self.point_default(owner, meta.default_id, Some(id), at)?,
                self.entry(author, locator, at, Action::SetDefault, default_change(true))?,
            ];
            if let Some(displaced) = meta.default_id {
                let displaced = Locator { user_id: owner, key_id: displaced };
                writes.push(self.note_entry(displaced, at)?);
                writes.push(self.entry(author, displaced, at, Action::RemoveDefault, default_change(false))?);
            }
            match self.table.commit(writes).await {
                Ok(()) => return self.show(author, key, Meta { default_id: Some(id), ..meta }).await,
                Err(cancelled) => {
                    if let Cancelled::Conflict(conflicts) = &cancelled
                        && let Some(Conflict::Condition(Some(displaced))) = conflicts.get(DISPLACED)
                        && let Ok(displaced) = from_item(displaced)
                    {
                        after = Some(displaced.next_entry_at(at));
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
            if meta.default_id != Some(locator.key_id) {
                return self.show(author, before, meta).await;
            }
            author.admission.granted().await?;
            let key = Key { entry_at: before.next_entry_at(self.clock.now()), ..before.clone() };
            let writes = vec![
                self.replace(&before, &key)?,
                self.point_default(locator.user_id, Some(locator.key_id), None, key.entry_at)?,
                self.entry(author, locator, key.entry_at, Action::RemoveDefault, default_change(false))?,
            ];
            match self.table.commit(writes).await {
                Ok(()) => return self.show(author, key, Meta { default_id: None, ..meta }).await,
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
            .condition_expression("attribute_exists(PK) AND NOT entry_at >= :at")
            .expression_attribute_values(":1", count_of(1))
            .expression_attribute_values(":at", AttributeValue::N(at.timestamp_millis().to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        Ok(TransactWriteItem::builder().update(built(update)?).build())
    }

    /// Moves a user's default, on the condition that it is still where it was read.
    fn point_default(
        &self,
        owner: UserId,
        from: Option<KeyId>,
        to: Option<KeyId>,
        at: DateTime<Utc>,
    ) -> Result<TransactWriteItem, Error> {
        let update = self
            .table
            .update(PrimaryKey::meta(owner))
            .expression_attribute_values(":at", AttributeValue::N(at.timestamp_millis().to_string()));
        let update = match from {
            Some(from) => update
                .condition_expression("default_id = :from")
                .expression_attribute_values(":from", count_of(from.get())),
            None => update.condition_expression("attribute_not_exists(default_id)"),
        };
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
