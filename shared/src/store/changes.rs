//! Changes of existing keys: transitions, deletion and the default.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use futures_util::future::join;

use super::item::count_of;
use super::keys::{Keys, Meta};
use super::primary_key::PrimaryKey;
use super::table::built;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::{KeyId, Locator, UserId};
use crate::keys::{Action, Author, Change, Changes, Key, KeyExpired, KeyView};

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
            let writes = vec![self.replace(&before, &key)?, self.entry(author, locator, action, changes)?];
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
                self.entry(author, locator, Action::Delete, key.deletion())?,
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
        loop {
            let (ready, read) = join(self.vault.ready(), self.read(owner, &ids)).await;
            ready?;
            let (keys, meta) = read?;
            let keys: Vec<Key> = keys.into_iter().collect::<Option<_>>().ok_or(Error::NotFound)?;
            let key = keys.into_iter().next().ok_or(Error::NotFound)?;
            key.ensure_not_expired(author.timestamp()).map_err(|KeyExpired| Error::ChangeOfExpired)?;
            if meta.default_id == Some(id) {
                return self.show(author, key, meta).await;
            }
            author.admission.granted().await?;
            // The key must still exist and be unexpired when the pointer to it is set.
            let unchanged = self
                .table
                .condition_check(PrimaryKey::key(owner, id))
                .condition_expression("version = :version")
                .expression_attribute_values(":version", count_of(key.version))
                .build();
            let mut writes = vec![
                TransactWriteItem::builder().condition_check(built(unchanged)?).build(),
                self.point_default(owner, meta.default_id, Some(id))?,
                self.entry(author, locator, Action::SetDefault, default_change(true))?,
            ];
            if let Some(displaced) = meta.default_id {
                let displaced = Locator { user_id: owner, key_id: displaced };
                writes.push(self.entry(author, displaced, Action::RemoveDefault, default_change(false))?);
            }
            match self.table.commit(writes).await {
                Ok(()) => return self.show(author, key, Meta { default_id: Some(id), ..meta }).await,
                Err(cancelled) => attempts.again(cancelled).await?,
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
            let (key, meta) = self.read_one(locator).await?;
            if meta.default_id != Some(locator.key_id) {
                return self.show(author, key, meta).await;
            }
            author.admission.granted().await?;
            let writes = vec![
                self.point_default(locator.user_id, Some(locator.key_id), None)?,
                self.entry(author, locator, Action::RemoveDefault, default_change(false))?,
            ];
            match self.table.commit(writes).await {
                Ok(()) => return self.show(author, key, Meta { default_id: None, ..meta }).await,
                Err(cancelled) => attempts.again(cancelled).await?,
            }
        }
    }

    /// Moves a user's default, on the condition that it is still where it was read.
    fn point_default(&self, owner: UserId, from: Option<KeyId>, to: Option<KeyId>) -> Result<TransactWriteItem, Error> {
        let update = self.table.update(PrimaryKey::meta(owner));
        let update = match from {
            Some(from) => update
                .condition_expression("default_id = :from")
                .expression_attribute_values(":from", count_of(from.get())),
            None => update.condition_expression("attribute_not_exists(default_id)"),
        };
        let update = match to {
            Some(to) => {
                update.update_expression("SET default_id = :to").expression_attribute_values(":to", count_of(to.get()))
            }
            None => update.update_expression("REMOVE default_id"),
        };
        Ok(TransactWriteItem::builder().update(built(update.build())?).build())
    }
}

fn default_change(is_default: bool) -> Changes {
    Changes::from([("is_default", Change { from: (!is_default).into(), to: is_default.into() })])
}
