//! Reads of keys, and the parts that all changes are made of.

use std::borrow::Cow;
use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, TransactWriteItem};
use chrono::{DateTime, Utc};
use futures_util::future::{join, try_join_all};

use super::attempts::{Attempts, back_off};
use super::aws_requests::Request as _;
use super::item::{Item, count_of};
use super::key_record::{COUNTED, from_item, to_item};
use super::meta::Meta;
use super::primary_key::{KEY_PREFIX, PrimaryKey};
use super::table::{Table, built, failure};
use super::vault::Vault;
use super::{audit_record, pages};
use crate::checksum::Checksums;
use crate::clock::{Clock, Random, Timestamp};
use crate::config::{Config, KeyReveal};
use crate::damage::{note, readable};
use crate::error::Error;
use crate::ids::{KeyId, Locator, UserId};
use crate::keys::{
    Action, AuditPage, Author, Changes, Cursor, Entry, Key, KeyFilter, KeyPage, KeyView, MAX_PAGE, PageRequest, Shown,
    ShownKey, UsageView,
};

/// The keys of all users: one method per access pattern.
///
/// Every change takes the same three steps: read, decide in pure code, commit record and audit entry in one transaction
/// on the condition that the record is still the one that was read. A conflict starts the steps again.
pub struct Keys {
    pub(super) table: Table,
    pub(super) vault: Vault,
    pub(super) clock: Clock,
    pub(super) random: Random,
    checksums: Option<Checksums>,
    pub(super) service: String,
    pub(super) reveal: KeyReveal,
    pub(super) max_keys_per_user: u32,
    pub(super) test_key_daily_limit: u32,
}

impl Keys {
    pub(crate) fn new(table: Table, vault: Vault, config: &Config, clock: Clock, random: Random) -> Self {
        let Config { key_reveal, max_keys_per_user, test_key_daily_limit, .. } = *config;
        let (checksums, service) = (config.checksums.clone(), config.service_name.clone());
        Self {
            table,
            vault,
            clock,
            random,
            checksums,
            service,
            reveal: key_reveal,
            max_keys_per_user,
            test_key_daily_limit,
        }
    }

    /// Reads the usage of a key.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn usage(&self, key: Locator, now: Timestamp) -> Result<UsageView, Error> {
        let item = self.table.get(PrimaryKey::key(key.user_id, key.key_id)).await?.ok_or(Error::NotFound)?;
        Ok(UsageView::new(key.key_id, from_item(&item)?.usage, now))
    }

    /// Reads a key.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn get(&self, author: &Author, key: Locator) -> Result<KeyView, Error> {
        let (key, meta) = self.read_one(key).await?;
        self.show(author, key, &meta).await
    }

    /// Reads a page of the keys of a user that a filter admits, oldest first. Damaged keys are left out.
    ///
    /// # Errors
    ///
    /// If the service did not issue the cursor.
    pub async fn list(
        &self,
        author: &Author,
        owner: UserId,
        filter: &KeyFilter,
        page: &PageRequest,
    ) -> Result<KeyPage, Error> {
        let after = page.cursor.as_ref().map(|cursor| KeyId::parse(cursor.element()).ok_or_else(Cursor::invalid));
        let after = after.transpose()?;
        let keys = self.admitted(owner, filter, after, page.limit, author.timestamp());
        let (ready, (keys, meta)) = join(self.ready_to_show(), join(keys, self.meta(owner))).await;
        ready?;
        let (keys, last) = keys?;
        let meta = meta?;
        let is_whole = after.is_none() && last.is_none();
        let total = if filter.is_empty() { meta.key_count } else { None };
        let total = total.or_else(|| is_whole.then_some(keys.len() as u64));
        let next = last.map(|id| Cursor::after(&id).encode());
        let shown = keys.into_iter().map(async |key| match self.show(author, key, &meta).await {
            Err(Error::Damaged(damaged)) => {
                note(damaged);
                Ok(None)
            }
            shown => shown.map(Some),
        });
        let keys = try_join_all(shown).await?.into_iter().flatten().collect();
        Ok(KeyPage { keys, total, next })
    }

    /// Reads the keys after one that a filter admits; says which is the last, if there are more.
    async fn admitted(
        &self,
        owner: UserId,
        filter: &KeyFilter,
        after: Option<KeyId>,
        limit: u32,
        now: Timestamp,
    ) -> Result<(Vec<Key>, Option<KeyId>), Error> {
        if filter.is_empty() {
            let (items, more) = self.items_after(owner, after, limit).await?;
            let last = items.iter().rev().filter(|_| more).find_map(PrimaryKey::parse_key);
            let keys = items.iter().filter_map(|item| readable(from_item(item))).collect();
            return Ok((keys, last.map(|(_, id)| id)));
        }
        let (before_first, last) = filter.bounds().map(|(first, last)| (KeyId::new(first.get() - 1), last)).unzip();
        let mut start = after.max(before_first.flatten());
        let mut found: Vec<Key> = Vec::new();
        loop {
            // No more than are between the ids that it names.
            let between = last.map(|last| last.get().saturating_sub(start.map_or(0, KeyId::get)));
            let chunk = between.and_then(|ids| u32::try_from(ids).ok()).unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
            let (items, more) = self.items_after(owner, start, chunk).await?;
            start = items.last().and_then(PrimaryKey::parse_key).map(|(_, id)| id);
            let keys = items.iter().filter_map(|item| readable(from_item(item)));
            found.extend(keys.filter(|key| filter.admits(key, now)));
            let has_passed_all = last.is_some_and(|last| start.is_some_and(|start| start >= last));
            if !more || has_passed_all || found.len() > limit as usize {
                break;
            }
        }
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let last = found.last().filter(|_| more).map(|key| key.id);
        Ok((found, last))
    }

    /// Reads the items of the keys of a user after one; says whether there are more.
    async fn items_after(&self, owner: UserId, after: Option<KeyId>, limit: u32) -> Result<(Vec<Item>, bool), Error> {
        let start = after.map(|id| Item::from(PrimaryKey::key(owner, id)));
        let query = self
            .table
            .query()
            .consistent_read(true)
            .key_condition_expression("PK = :owner AND begins_with(SK, :key)")
            .expression_attribute_values(":owner", AttributeValue::S(PrimaryKey::user_partition(owner)))
            .expression_attribute_values(":key", AttributeValue::S(KEY_PREFIX.to_owned()));
        let query = |start, limit| query.clone().set_exclusive_start_key(start).set_limit(limit).send_boxed();
        pages::all_or_some(Some(limit), start, query).await
    }

    /// Reads a page of a key's audit trail, newest first; it outlives the key. Damaged entries are left out.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a key that never existed.
    pub async fn audit(&self, key: Locator, page: &PageRequest) -> Result<AuditPage, Error> {
        let Locator { user_id: owner, key_id: id } = key;
        let after = page.cursor.as_ref().map(|cursor| cursor.element().parse().map_err(|_| Cursor::invalid()));
        let after = after.transpose()?.map(|entry| Item::from(PrimaryKey::audit(owner, id, entry)));
        let from_start = after.is_none();
        let query = self
            .table
            .query()
            .consistent_read(true)
            .scan_index_forward(false)
            .key_condition_expression("PK = :trail")
            .expression_attribute_values(":trail", AttributeValue::S(PrimaryKey::audit_partition(owner, id)));
        let query = |start, limit| query.clone().set_exclusive_start_key(start).set_limit(limit).send_boxed();
        let (items, more) = pages::all_or_some(Some(page.limit), after, query).await?;
        // A trail begins with the key's creation, so every key that ever existed has one. A made-up cursor may point past
        // its end.
        if items.is_empty() && (from_start || pages::all_or_some(Some(1), None, query).await?.0.is_empty()) {
            return Err(Error::NotFound);
        }
        let last = items.iter().rev().filter(|_| more).find_map(audit_record::entry_id);
        let next = last.map(|id| Cursor::after(&id).encode());
        let entries = items.iter().filter_map(|item| readable(audit_record::from_item(item, key))).collect();
        Ok(AuditPage { entries, next })
    }

    /// Reads a key that is to be shown, and its owner's meta item.
    pub(super) async fn read_one(&self, key: Locator) -> Result<(Key, Meta), Error> {
        let (ready, read) = join(self.ready_to_show(), self.read(key.user_id, &[key.key_id])).await;
        ready?;
        let (mut items, meta) = read?;
        Ok((from_item(&items.pop().flatten().ok_or(Error::NotFound)?)?, meta))
    }

    /// Reads keys of a user, in the order of the ids, and the user's meta item, all at once. The keys may be damaged.
    pub(super) async fn read(&self, owner: UserId, ids: &[KeyId]) -> Result<(Vec<Option<Item>>, Meta), Error> {
        let wanted = ids.iter().map(|id| PrimaryKey::key(owner, *id)).chain([PrimaryKey::meta(owner)]);
        let items = self.batch_get(wanted.map(Item::from).collect()).await?;
        let mut keys = vec![None; ids.len()];
        let mut meta = Meta::default();
        for item in items {
            if let Some((_, key_id)) = PrimaryKey::parse_key(&item) {
                if let Some(index) = ids.iter().position(|id| *id == key_id) {
                    keys[index] = Some(item);
                }
            } else {
                meta = Meta::of(owner, &item);
            }
        }
        Ok((keys, meta))
    }

    /// Reads up to 100 items, in any order; missing ones are left out.
    pub(super) async fn batch_get(&self, mut missing: Vec<Item>) -> Result<Vec<Item>, Error> {
        let mut items: Vec<Item> = Vec::with_capacity(missing.len());
        for attempt in 1.. {
            let keys = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(missing)).build();
            let batch = self.table.client().batch_get_item().request_items(self.table.name(), built(keys)?);
            let output = batch.send_boxed().await.map_err(|error| failure(&error))?;
            items.extend(output.responses.unwrap_or_default().remove(self.table.name()).unwrap_or_default());
            // DynamoDB leaves out what it throttles.
            let left = output.unprocessed_keys.unwrap_or_default().remove(self.table.name());
            missing = left.map(|left| left.keys).unwrap_or_default();
            if missing.is_empty() {
                break;
            }
            if attempt == 4 {
                return Err(Error::Unavailable(Cow::Borrowed("BatchGetItem left keys unprocessed")));
            }
            back_off(&self.random, attempt).await;
        }
        Ok(items)
    }

    pub(super) async fn meta(&self, owner: UserId) -> Result<Meta, Error> {
        let item = self.table.get(PrimaryKey::meta(owner)).await?;
        Ok(item.map(|item| Meta::of(owner, &item)).unwrap_or_default())
    }

    /// Prepares the vault, in parallel with a first read, for keys that are shown whole.
    pub(super) async fn ready_to_show(&self) -> Result<(), Error> {
        match self.reveal {
            KeyReveal::Always => self.vault.ready().await,
            KeyReveal::Once => Ok(()),
        }
    }

    /// The key as a change stores it: with `KeyReveal=once`, a string from before is replaced by its mask.
    pub(super) async fn without_string(&self, mut key: Key) -> Result<Key, Error> {
        if let (KeyReveal::Once, Shown::Whole(sealed)) = (self.reveal, &key.secret.shown) {
            let plain = self.vault.open(sealed, Locator { user_id: key.user_id, key_id: key.id }).await?;
            key.secret.shown = Shown::Masked(plain.masked());
        }
        Ok(key)
    }

    /// The view of a key for the caller: whole to its owner if the deployment says so, else masked.
    pub(super) async fn show(&self, author: &Author, key: Key, meta: &Meta) -> Result<KeyView, Error> {
        let is_whole = self.reveal == KeyReveal::Always && author.actor.user_id == Some(key.user_id);
        self.show_as(author, key, meta, is_whole).await
    }

    /// The view of a key with its string masked, also for its owner.
    pub(super) async fn show_masked(&self, author: &Author, key: Key, meta: &Meta) -> Result<KeyView, Error> {
        self.show_as(author, key, meta, false).await
    }

    async fn show_as(&self, author: &Author, key: Key, meta: &Meta, is_whole: bool) -> Result<KeyView, Error> {
        let locator = Locator { user_id: key.user_id, key_id: key.id };
        let shown = match &key.secret.shown {
            Shown::Whole(sealed) => {
                let plain = self.vault.open(sealed, locator).await?;
                if is_whole { ShownKey::Whole(plain) } else { ShownKey::Masked(plain.masked().into()) }
            }
            Shown::Masked(mask) => ShownKey::Masked(mask.clone().into()),
        };
        let is_default = meta.default_id == Some(key.id);
        Ok(KeyView::new(key, shown, is_default, author.timestamp()))
    }

    /// Writes the attributes that differ, but for the [`COUNTED`] ones.
    pub(super) fn replace(&self, before: &Key, after: &Key) -> Result<TransactWriteItem, Error> {
        let (old, new) = (to_item(before), to_item(after));
        let mut update = self
            .table
            .update(PrimaryKey::key(after.user_id, after.id))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", count_of(before.version))
            .expression_attribute_values(":next", count_of(before.version + 1));
        let mut sets = vec!["version = :next".to_owned()];
        let mut removes = Vec::new();
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let left_alone = |name: &str| name == "version" || COUNTED.contains(&name);
        for name in names.into_iter().filter(|name| !left_alone(name) && old.get(*name) != new.get(*name)) {
            update = update.expression_attribute_names(format!("#{name}"), name);
            match new.get(name) {
                Some(value) => {
                    sets.push(format!("#{name} = :{name}"));
                    update = update.expression_attribute_values(format!(":{name}"), value.clone());
                }
                None => removes.push(format!("#{name}")),
            }
        }
        let mut expression = format!("SET {}", sets.join(", "));
        if !removes.is_empty() {
            expression.push_str(" REMOVE ");
            expression.push_str(&removes.join(", "));
        }
        let update = built(update.update_expression(expression).build())?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// The entry of a change in the audit trail.
    pub(super) fn entry(
        &self,
        author: &Author,
        key: Locator,
        at: DateTime<Utc>,
        action: Action,
        changes: Changes,
    ) -> Result<TransactWriteItem, Error> {
        let id = self.random.uuid_v7(at);
        let item = audit_record::to_item(&Entry::new(id, at, author, key, action, changes));
        let put = self.table.put(item).condition_expression("attribute_not_exists(PK)").build();
        Ok(TransactWriteItem::builder().put(built(put)?).build())
    }

    /// The checksum's secrets.
    pub(crate) fn checksums(&self) -> Result<&Checksums, Error> {
        self.checksums.as_ref().ok_or(Error::Failed(Cow::Borrowed("KEY_CHECKSUM_SECRETS is not set")))
    }

    pub(super) fn attempts(&self) -> Attempts<'_> {
        Attempts::new(&self.random)
    }
}
