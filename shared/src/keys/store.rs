//! The keys in the table: one method per access pattern.
//!
//! Every change is the same three steps: read, decide in pure code, commit record and audit entry in one transaction
//! on the condition that the record is still the one that was read. A conflict starts the steps again.

use std::borrow::Cow;
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, KeysAndAttributes, Put, TransactWriteItem, Update as UpdateItem,
};
use futures_util::future::{join, join3, try_join_all};

use crate::audit::{self, Action, Change, Changes};
use crate::call::{Call, Cursor, PageRequest};
use crate::clock::{Random, Timestamp};
use crate::config::{Config, KeyReveal};
use crate::error::Error;
use crate::format::AuditPage;
use crate::keys::expiry::next_due;
use crate::keys::idempotency::{Idempotency, Made};
use crate::keys::record::{CHANGEABLE, from_item, to_item};
use crate::keys::{
    GracePeriod, Key, KeyExpired, KeyId, KeyName, KeyPage, KeyType, KeyView, Locator, PlainKey, Prefix, ShownKey,
    Status, UserId, Vault,
};
use crate::requests::Request as _;
use crate::table::{Cancelled, Conflict, Item, KEY_PREFIX, PrimaryKey, Table, failure, number};
use crate::usage::{Usage, UsageView};

/// How often a change is tried when others change the same records: enough for fifty at once where a step takes 60 ms.
const MAX_ATTEMPTS: u32 = 20;

/// The keys of all users.
pub struct Keys {
    pub(super) table: Table,
    pub(super) vault: Vault,
    pub(super) random: Random,
    reveal: KeyReveal,
    max_keys_per_user: u32,
    pub(super) test_key_daily_limit: u32,
}

/// What a key is made from.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Its name.
    pub name: KeyName,
    /// Its type, which also decides its prefix.
    pub kind: KeyType,
    /// Its first status.
    pub status: Status,
    /// When it ends; nothing for never.
    pub expires_at: Option<Timestamp>,
}

/// What is kept once per user.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meta {
    pub(super) default_id: Option<KeyId>,
    key_count: u64,
}

impl From<&Item> for Meta {
    fn from(item: &Item) -> Self {
        Self {
            default_id: item.get("default_id").and_then(number).and_then(KeyId::new),
            key_count: item.get("key_count").and_then(number).unwrap_or(0),
        }
    }
}

/// The attempts of a change that others may be in the way of.
pub(super) struct Attempts<'a> {
    keys: &'a Keys,
    made: u32,
}

impl Attempts<'_> {
    /// Waits before the next attempt; fails when there should be none.
    pub(super) async fn again(&mut self, cancelled: Cancelled) -> Result<(), Error> {
        match cancelled {
            Cancelled::Other(error) => Err(error),
            Cancelled::Conflict(_) => self.after_conflict().await,
        }
    }

    /// Waits before the next attempt, after a conflict.
    pub(super) async fn after_conflict(&mut self) -> Result<(), Error> {
        self.made += 1;
        if self.made == MAX_ATTEMPTS {
            return Err(Error::Unavailable(Cow::Borrowed("too many changes of the same records at once")));
        }
        self.keys.back_off(self.made).await;
        Ok(())
    }
}

impl Keys {
    pub(crate) fn new(table: Table, vault: Vault, config: &Config, random: Random) -> Self {
        let Config { key_reveal, max_keys_per_user, test_key_daily_limit, .. } = *config;
        Self { table, vault, random, reveal: key_reveal, max_keys_per_user, test_key_daily_limit }
    }

    /// Makes a key for the caller.
    ///
    /// # Errors
    ///
    /// [`Error::LimitReached`] when the caller has as many keys as allowed; [`Error::IdempotencyMismatch`].
    pub async fn create(&self, call: &Call, new: NewKey) -> Result<Made, Error> {
        let idempotency = Idempotency::of(call)?;
        let (first_round, replayed) = join(
            join3(self.vault.ready(), self.next_id(), call.admission.granted()),
            self.replay(call, idempotency.as_ref()),
        )
        .await;
        // An id that is taken but not used, because the call is refused or repeated, is a gap: ids need not be dense.
        let (ready, id, admitted) = first_round;
        admitted?;
        ready?;
        if let Some(made) = replayed? {
            return Ok(made);
        }
        let owner = call.caller.user_id;
        let locator = Locator { user_id: owner, key_id: id? };
        let plain = PlainKey::generate(Prefix::of(new.kind), locator, &self.random);
        let NewKey { name, kind, status, expires_at } = new;
        let key = Key {
            id: locator.key_id,
            user_id: owner,
            name,
            kind,
            stored_status: status,
            created_at: call.timestamp(),
            expires_at,
            due_at: next_due(status, expires_at, call.timestamp()),
            secret: self.vault.seal(&plain, locator, &self.random, call.now).await?,
            previous: None,
            usage: Usage::default(),
            version: 1,
        };
        let put = Put::builder().table_name(self.table.name()).set_item(Some(to_item(&key)));
        let put = put.condition_expression("attribute_not_exists(PK)").build();
        let count = self
            .update(PrimaryKey::meta(owner))
            .update_expression("ADD key_count :1")
            .condition_expression("attribute_not_exists(key_count) OR key_count < :max")
            .expression_attribute_values(":1", count_of(1))
            .expression_attribute_values(":max", count_of(self.max_keys_per_user.into()))
            .build();
        let mut writes = vec![
            TransactWriteItem::builder().put(built(put)?).build(),
            TransactWriteItem::builder().update(built(count)?).build(),
            self.entry(call, key.id, Action::Create, key.creation())?,
        ];
        writes.extend(self.remember(call, idempotency.as_ref(), &key, false)?);
        let mut attempts = self.attempts();
        while let Err(cancelled) = self.table.commit(writes.clone()).await {
            // The conflict may be with the same request, which may have made the last key that the limit allows; and
            // a transaction that is not answered may be done.
            if let Some(made) = self.replay(call, idempotency.as_ref()).await? {
                return Ok(made);
            }
            if let Cancelled::Conflict(conflicts) = &cancelled
                && matches!(conflicts.get(1), Some(Conflict::Condition(_)))
            {
                return Err(Error::LimitReached);
            }
            attempts.again(cancelled).await?;
        }
        Ok(Made::new(KeyView::new(key, ShownKey::Whole(plain), false, call.timestamp())))
    }

    /// Gives one of the caller's keys a new string; the old one works until the grace ends.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Expired`]; [`Error::IdempotencyMismatch`].
    pub async fn rotate(&self, call: &Call, id: KeyId, grace: GracePeriod) -> Result<Made, Error> {
        let idempotency = Idempotency::of(call)?;
        let locator = Locator { user_id: call.caller.user_id, key_id: id };
        let (read, replayed) = join(self.read_one(call, id), self.replay(call, idempotency.as_ref())).await;
        if let Some(made) = replayed? {
            return Ok(made);
        }
        let (mut before, mut meta) = read?;
        let mut attempts = self.attempts();
        loop {
            before.ensure_not_expired(call.timestamp()).map_err(|KeyExpired| Error::Expired)?;
            call.admission.granted().await?;
            let plain = PlainKey::generate(Prefix::of(before.kind), locator, &self.random);
            let sealed = self.vault.seal(&plain, locator, &self.random, call.now).await?;
            let mut key = before.clone();
            key.rotate(sealed, grace, call.timestamp()).map_err(|KeyExpired| Error::Expired)?;
            let is_default = meta.default_id == Some(id);
            let mut writes =
                vec![self.replace(&before, &key)?, self.entry(call, id, Action::Rotate, key.changes_since(&before))?];
            writes.extend(self.remember(call, idempotency.as_ref(), &key, is_default)?);
            match self.table.commit(writes).await {
                Ok(()) => {
                    return Ok(Made::new(KeyView::new(key, ShownKey::Whole(plain), is_default, call.timestamp())));
                }
                Err(cancelled) => {
                    // As when a key is made.
                    if let Some(made) = self.replay(call, idempotency.as_ref()).await? {
                        return Ok(made);
                    }
                    attempts.again(cancelled).await?;
                    (before, meta) = self.read_one(call, id).await?;
                }
            }
        }
    }

    /// How one of the caller's keys is used.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn usage(&self, call: &Call, id: KeyId) -> Result<UsageView, Error> {
        let item = self.table.get(PrimaryKey::key(call.caller.user_id, id)).await?.ok_or(Error::NotFound)?;
        Ok(UsageView::new(id, from_item(&item)?.usage, call.timestamp()))
    }

    /// One of the caller's keys.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for an unknown id and for somebody else's.
    pub async fn get(&self, call: &Call, id: KeyId) -> Result<KeyView, Error> {
        let (key, meta) = self.read_one(call, id).await?;
        self.show(call, key, meta).await
    }

    /// A page of a user's keys, oldest first.
    ///
    /// # Errors
    ///
    /// If the cursor is not one of ours.
    pub async fn list(&self, call: &Call, owner: UserId, page: &PageRequest) -> Result<KeyPage, Error> {
        let after = page.cursor.as_ref().map(|cursor| KeyId::parse(cursor.element()).ok_or_else(Cursor::invalid));
        let after = after.transpose()?.map(|id| Item::from(PrimaryKey::key(owner, id)));
        let query = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .consistent_read(true)
            .key_condition_expression("PK = :owner AND begins_with(SK, :key)")
            .expression_attribute_values(":owner", AttributeValue::S(PrimaryKey::user_partition(owner)))
            .expression_attribute_values(":key", AttributeValue::S(KEY_PREFIX.to_owned()));
        let items = all_or_some(page.limit, after, |start, limit| {
            query.clone().set_exclusive_start_key(start).set_limit(limit).sent()
        });
        let (ready, (items, meta)) = join(self.vault.ready(), join(items, self.meta(owner))).await;
        ready?;
        let (items, more) = items?;
        let meta = meta?;
        let keys: Vec<Key> = items.iter().map(from_item).collect::<Result<_, _>>()?;
        let next = keys.last().filter(|_| more).map(|key| Cursor::after(&key.id).encode());
        let keys = try_join_all(keys.into_iter().map(|key| self.show(call, key, meta))).await?;
        Ok(KeyPage { keys, total: meta.key_count, next })
    }

    /// Changes one of the caller's keys as `transition` says. A transition that changes nothing writes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Expired`] when the transition is refused.
    pub async fn change(
        &self,
        call: &Call,
        id: KeyId,
        action: Action,
        transition: impl Fn(&mut Key, Timestamp) -> Result<(), KeyExpired>,
    ) -> Result<KeyView, Error> {
        let mut attempts = self.attempts();
        loop {
            let (before, meta) = self.read_one(call, id).await?;
            let mut key = before.clone();
            transition(&mut key, call.timestamp()).map_err(|KeyExpired| Error::Expired)?;
            let changes = key.changes_since(&before);
            if changes.is_empty() {
                return self.show(call, key, meta).await;
            }
            call.admission.granted().await?;
            let writes = vec![self.replace(&before, &key)?, self.entry(call, id, action, changes)?];
            match self.table.commit(writes).await {
                Ok(()) => return self.show(call, key, meta).await,
                Err(cancelled) => attempts.again(cancelled).await?,
            }
        }
    }

    /// Deletes one of the caller's keys; deleting the default leaves no default.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn delete(&self, call: &Call, id: KeyId) -> Result<(), Error> {
        let owner = call.caller.user_id;
        let mut attempts = self.attempts();
        loop {
            let (mut keys, meta) = self.read(owner, &[id]).await?;
            let key = keys.pop().flatten().ok_or(Error::NotFound)?;
            call.admission.granted().await?;
            let delete = Delete::builder()
                .table_name(self.table.name())
                .set_key(Some(PrimaryKey::key(owner, id).into()))
                .condition_expression("version = :version")
                .expression_attribute_values(":version", count_of(key.version))
                .build();
            let count = self
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
                self.entry(call, id, Action::Delete, key.deletion())?,
            ];
            match self.table.commit(writes).await {
                Ok(()) => return Ok(()),
                Err(cancelled) => attempts.again(cancelled).await?,
            }
        }
    }

    /// Makes one of the caller's keys the default, the only one.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when either id is not the caller's; [`Error::Expired`] when the key is expired.
    pub async fn set_default(&self, call: &Call, id: KeyId, old_id: Option<KeyId>) -> Result<KeyView, Error> {
        let owner = call.caller.user_id;
        let ids: Vec<KeyId> = [id].into_iter().chain(old_id.filter(|old_id| *old_id != id)).collect();
        let mut attempts = self.attempts();
        loop {
            let (ready, read) = join(self.vault.ready(), self.read(owner, &ids)).await;
            ready?;
            let (keys, meta) = read?;
            let keys: Vec<Key> = keys.into_iter().collect::<Option<_>>().ok_or(Error::NotFound)?;
            let key = keys.into_iter().next().ok_or(Error::NotFound)?;
            key.ensure_not_expired(call.timestamp()).map_err(|KeyExpired| Error::Expired)?;
            if meta.default_id == Some(id) {
                return self.show(call, key, meta).await;
            }
            call.admission.granted().await?;
            // The key must still be there, unexpired, when the pointer to it is set.
            let unchanged = ConditionCheck::builder()
                .table_name(self.table.name())
                .set_key(Some(PrimaryKey::key(owner, id).into()))
                .condition_expression("version = :version")
                .expression_attribute_values(":version", count_of(key.version))
                .build();
            let mut writes = vec![
                TransactWriteItem::builder().condition_check(built(unchanged)?).build(),
                self.point_default(owner, meta.default_id, Some(id))?,
                self.entry(call, id, Action::SetDefault, default_change(true))?,
            ];
            if let Some(displaced) = meta.default_id {
                writes.push(self.entry(call, displaced, Action::RemoveDefault, default_change(false))?);
            }
            match self.table.commit(writes).await {
                Ok(()) => return self.show(call, key, Meta { default_id: Some(id), ..meta }).await,
                Err(cancelled) => attempts.again(cancelled).await?,
            }
        }
    }

    /// Makes one of the caller's keys no longer the default; nothing changes if it is not.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn remove_default(&self, call: &Call, id: KeyId) -> Result<KeyView, Error> {
        let mut attempts = self.attempts();
        loop {
            let (key, meta) = self.read_one(call, id).await?;
            if meta.default_id != Some(id) {
                return self.show(call, key, meta).await;
            }
            call.admission.granted().await?;
            let writes = vec![
                self.point_default(call.caller.user_id, Some(id), None)?,
                self.entry(call, id, Action::RemoveDefault, default_change(false))?,
            ];
            match self.table.commit(writes).await {
                Ok(()) => return self.show(call, key, Meta { default_id: None, ..meta }).await,
                Err(cancelled) => attempts.again(cancelled).await?,
            }
        }
    }

    /// A page of the audit trail of one of the caller's keys, newest first; still there after the key's deletion.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a key that never was the caller's.
    pub async fn audit(&self, call: &Call, id: KeyId, page: &PageRequest) -> Result<AuditPage, Error> {
        let owner = call.caller.user_id;
        let after = page.cursor.as_ref().map(|cursor| cursor.element().parse().map_err(|_| Cursor::invalid()));
        let after = after.transpose()?.map(|entry| Item::from(PrimaryKey::audit(owner, id, entry)));
        let from_start = after.is_none();
        let query = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .consistent_read(true)
            .scan_index_forward(false)
            .key_condition_expression("PK = :trail")
            .expression_attribute_values(":trail", AttributeValue::S(PrimaryKey::audit_partition(owner, id)));
        let query = |start, limit| query.clone().set_exclusive_start_key(start).set_limit(limit).sent();
        let (items, more) = all_or_some(page.limit, after, query).await?;
        // A key's trail begins with its creation, so there is one for every key that ever was. After a cursor that no
        // Link header gave there may be nothing left of it.
        if items.is_empty() && (from_start || all_or_some(Some(1), None, query).await?.0.is_empty()) {
            return Err(Error::NotFound);
        }
        let entries: Vec<audit::Entry> = items.iter().map(audit::from_item).collect::<Result<_, _>>()?;
        let next = entries.last().filter(|_| more).map(|entry| Cursor::after(&entry.id).encode());
        Ok(AuditPage { entries, next })
    }

    /// Reads one of the caller's keys, to be shown.
    async fn read_one(&self, call: &Call, id: KeyId) -> Result<(Key, Meta), Error> {
        let (ready, read) = join(self.vault.ready(), self.read(call.caller.user_id, &[id])).await;
        ready?;
        let (mut keys, meta) = read?;
        Ok((keys.pop().flatten().ok_or(Error::NotFound)?, meta))
    }

    /// Reads keys of a user, in the order of the ids, and the user's meta item, all at once.
    async fn read(&self, owner: UserId, ids: &[KeyId]) -> Result<(Vec<Option<Key>>, Meta), Error> {
        let wanted = ids.iter().map(|id| PrimaryKey::key(owner, *id)).chain([PrimaryKey::meta(owner)]);
        let items = self.batch_get(wanted.map(Item::from).collect()).await?;
        let mut keys = vec![None; ids.len()];
        let mut meta = Meta::default();
        for item in &items {
            if item.contains_key("version") {
                let key = from_item(item)?;
                if let Some(index) = ids.iter().position(|id| *id == key.id) {
                    keys[index] = Some(key);
                }
            } else {
                meta = item.into();
            }
        }
        Ok((keys, meta))
    }

    /// Reads up to 100 items, in any order; those that are not there are left out.
    pub(super) async fn batch_get(&self, mut missing: Vec<Item>) -> Result<Vec<Item>, Error> {
        let mut items: Vec<Item> = Vec::with_capacity(missing.len());
        for attempt in 1.. {
            let keys = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(missing)).build();
            let batch = self.table.client().batch_get_item().request_items(self.table.name(), built(keys)?);
            let output = batch.sent().await.map_err(|error| failure(&error))?;
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
            self.back_off(attempt).await;
        }
        Ok(items)
    }

    pub(super) async fn meta(&self, owner: UserId) -> Result<Meta, Error> {
        let item = self.table.get(PrimaryKey::meta(owner)).await?;
        Ok(item.as_ref().map(Meta::from).unwrap_or_default())
    }

    async fn next_id(&self) -> Result<KeyId, Error> {
        let update = self
            .table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(PrimaryKey::next_id().into()))
            .update_expression("ADD last_id :1")
            .expression_attribute_values(":1", count_of(1))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::UpdatedNew);
        let attributes = update.sent().await.map_err(|error| failure(&error))?.attributes.unwrap_or_default();
        let id = attributes.get("last_id").and_then(number).and_then(KeyId::new);
        id.ok_or(Error::Failed(Cow::Borrowed("the counter of ids is damaged or used up")))
    }

    /// Shows a key to the caller: whole to its owner if the deployment says so, else masked.
    async fn show(&self, call: &Call, key: Key, meta: Meta) -> Result<KeyView, Error> {
        let locator = Locator { user_id: key.user_id, key_id: key.id };
        let plain = self.vault.open(&key.secret, locator).await?;
        let whole = self.reveal == KeyReveal::Always && call.caller.user_id == key.user_id;
        let shown = if whole { ShownKey::Whole(plain) } else { ShownKey::Masked(plain.masked()) };
        let is_default = meta.default_id == Some(key.id);
        Ok(KeyView::new(key, shown, is_default, call.timestamp()))
    }

    /// Writes the changeable attributes of a record that differ. Its usage is left alone: it is counted beside all changes.
    pub(super) fn replace(&self, before: &Key, after: &Key) -> Result<TransactWriteItem, Error> {
        let (old, new) = (to_item(before), to_item(after));
        let mut update = self
            .update(PrimaryKey::key(after.user_id, after.id))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", count_of(before.version))
            .expression_attribute_values(":next", count_of(before.version + 1));
        let mut sets = vec!["version = :next".to_owned()];
        let mut removes = Vec::new();
        for name in CHANGEABLE.iter().filter(|name| old.get(**name) != new.get(**name)) {
            update = update.expression_attribute_names(format!("#{name}"), *name);
            match new.get(*name) {
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

    /// Moves a user's default from where it was read to be.
    fn point_default(&self, owner: UserId, from: Option<KeyId>, to: Option<KeyId>) -> Result<TransactWriteItem, Error> {
        let update = self.update(PrimaryKey::meta(owner));
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

    fn entry(&self, call: &Call, key_id: KeyId, action: Action, changes: Changes) -> Result<TransactWriteItem, Error> {
        self.put_entry(&audit::Entry {
            id: self.random.uuid_v7(call.now),
            at: call.now,
            action,
            key_id,
            user_id: call.caller.user_id,
            actor: audit::Actor { user_id: Some(call.caller.user_id), role: call.caller.role },
            source_ip: call.source_ip.clone(),
            request_id: call.request_id.clone(),
            changes: changes.into_iter().map(|(field, change)| (field.to_owned(), change)).collect(),
        })
    }

    pub(super) fn put_entry(&self, entry: &audit::Entry) -> Result<TransactWriteItem, Error> {
        let put = Put::builder().table_name(self.table.name()).set_item(Some(audit::to_item(entry)));
        let put = put.condition_expression("attribute_not_exists(PK)").build();
        Ok(TransactWriteItem::builder().put(built(put)?).build())
    }

    fn update(&self, key: PrimaryKey) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        UpdateItem::builder().table_name(self.table.name()).set_key(Some(key.into()))
    }

    pub(super) fn attempts(&self) -> Attempts<'_> {
        Attempts { keys: self, made: 0 }
    }

    /// Waits a random time: up to 20 ms before the first new attempt, then up to twice as much each time, 1 s at most.
    async fn back_off(&self, made: u32) {
        let longest = (10_u64 << made.min(7)).min(1_000);
        let random = u64::from(u16::from_be_bytes(self.random.bytes()));
        tokio::time::sleep(Duration::from_millis(random * longest / u64::from(u16::MAX))).await;
    }
}

/// Runs a query to its end, or until `limit` items are there; says whether there are more.
async fn all_or_some<F, E>(
    limit: Option<u32>,
    start: Option<Item>,
    query: impl Fn(Option<Item>, Option<i32>) -> F,
) -> Result<(Vec<Item>, bool), Error>
where
    F: Future<Output = Result<aws_sdk_dynamodb::operation::query::QueryOutput, aws_sdk_dynamodb::error::SdkError<E>>>,
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata + std::error::Error + 'static,
{
    // One more than asked for tells whether there is a next page.
    let wanted = limit.map(|limit| limit as usize + 1);
    let mut items = Vec::new();
    let mut start = start;
    loop {
        let left = wanted.map(|wanted| i32::try_from(wanted - items.len()).unwrap_or(i32::MAX));
        let output = query(start, left).await.map_err(|error| failure(&error))?;
        items.extend(output.items.unwrap_or_default());
        start = output.last_evaluated_key;
        if start.is_none() || wanted.is_some_and(|wanted| items.len() >= wanted) {
            break;
        }
    }
    let more = limit.is_some_and(|limit| items.len() > limit as usize);
    items.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
    Ok((items, more))
}

fn default_change(is_default: bool) -> Changes {
    Changes::from([("is_default", Change { from: (!is_default).into(), to: is_default.into() })])
}

pub(super) fn count_of(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A part of a request whose required members are all set.
pub(super) fn built<T>(result: Result<T, aws_sdk_dynamodb::error::BuildError>) -> Result<T, Error> {
    result.map_err(|error| Error::Failed(Cow::Owned(error.to_string())))
}
