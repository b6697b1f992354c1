//! Issuance of key strings: new keys and rotations.

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use chrono::SubsecRound;
use futures_util::future::{join, join3, join4};

use super::ids::damaged_counter;
use super::item::count_of;
use super::key_record::to_item;
use super::keys::Keys;
use super::meta::{Meta, WITHIN_LIMIT};
use super::primary_key::PrimaryKey;
use super::table::{Cancelled, Conflict, built};
use crate::clock::Timestamp;
use crate::config::KeyReveal;
use crate::error::Error;
use crate::ids::{KeyId, Locator, UserId};
use crate::keys::{
    Action, Author, GracePeriod, Idempotency, Issued, Key, KeyExpired, KeyView, NewKey, PlainKey, Precondition, Prefix,
    Sealed, Secret, Shown, ShownKey, Usage, next_due,
};

/// The place of the count of a user's keys in the transaction that creates one.
const COUNTED: usize = 1;

/// A key with a new string.
pub(super) struct Issuance {
    pub(super) key: Key,
    pub(super) plain: PlainKey,
    /// The string as it is stored, if it is.
    pub(super) sealed: Option<Sealed>,
}

impl Issuance {
    fn issued(self, is_default: bool, now: Timestamp) -> Issued {
        Issued::new(KeyView::new(self.key, ShownKey::Whole(self.plain), is_default, now))
    }
}

impl Keys {
    /// Issues a key to a user.
    ///
    /// # Errors
    ///
    /// [`Error::LimitReached`] when the user has as many keys as allowed; [`Error::IdempotencyMismatch`].
    pub async fn create(
        &self,
        author: &Author,
        owner: UserId,
        idempotency: Option<&Idempotency>,
        new: NewKey,
    ) -> Result<Issued, Error> {
        let (first_round, replayed) = join(
            join4(
                self.ready_to_seal(idempotency),
                self.next_id(),
                self.last_deleted(owner),
                author.admission.granted(),
            ),
            self.replay(owner, idempotency, author.timestamp()),
        )
        .await;
        // A refused or repeated call leaves a gap: ids need not be dense.
        let (ready, id, last_deleted, admitted) = first_round;
        admitted?;
        ready?;
        if let Some(made) = replayed? {
            return Ok(made);
        }
        let locator = Locator { user_id: owner, key_id: id? };
        let plain = PlainKey::generate(Prefix::of(new.kind), locator, &self.random, self.checksums()?);
        let (secret, sealed) = self.protect(&plain, locator, idempotency, author).await?;
        let NewKey { name, kind, status, expires_at } = new;
        let key = Key {
            id: locator.key_id,
            user_id: owner,
            name,
            kind,
            stored_status: status,
            created_at: author.timestamp(),
            expires_at,
            due_at: next_due(status, expires_at, author.timestamp()),
            secret,
            previous: None,
            usage: Usage::default(),
            entry_at: self.clock.now().trunc_subsecs(3),
            version: 1,
        };
        let put = self.table.put(to_item(&key)).condition_expression("attribute_not_exists(PK)").build();
        let mut last_deleted = last_deleted?;
        let mut writes = vec![
            TransactWriteItem::builder().put(built(put)?).build(),
            self.count(owner, last_deleted.clone())?,
            self.entry(author, locator, key.entry_at, Action::Create, key.creation())?,
        ];
        let issuance = Issuance { key, plain, sealed };
        if let Some(idempotency) = idempotency {
            writes.extend(self.remember(idempotency, &issuance, false, author.timestamp())?);
        }
        let mut attempts = self.attempts();
        while let Err(cancelled) = self.table.commit(writes.clone()).await {
            // The conflict may be with the same request, which may have created the last key that the limit allows; and an
            // unanswered transaction may have been applied.
            if let Some(made) = self.replay(owner, idempotency, author.timestamp()).await? {
                return Ok(made);
            }
            if let Cancelled::Conflict(conflicts) = &cancelled {
                // The id was given before: the counter has been set back.
                if matches!(conflicts.first(), Some(Conflict::Condition(_))) {
                    return Err(damaged_counter().into());
                }
                if let Some(Conflict::Condition(meta)) = conflicts.get(COUNTED) {
                    let found = meta.as_ref().and_then(Meta::last_deleted);
                    if found == last_deleted {
                        return Err(Meta::refused_creation(owner, meta.as_ref()));
                    }
                    last_deleted = found;
                    writes[COUNTED] = self.count(owner, last_deleted.clone())?;
                }
            }
            attempts.again(cancelled).await?;
        }
        Ok(issuance.issued(false, author.timestamp()))
    }

    /// Gives a key a new string; the old one works until the grace ends.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::ChangeOfExpired`]; [`Error::IdempotencyMismatch`]; [`Error::PreconditionFailed`].
    pub async fn rotate(
        &self,
        author: &Author,
        locator: Locator,
        idempotency: Option<&Idempotency>,
        precondition: &Precondition,
        grace: GracePeriod,
    ) -> Result<Issued, Error> {
        let now = author.timestamp();
        let replay = self.replay(locator.user_id, idempotency, now);
        let (ready, read, replayed) = join3(self.ready_to_seal(idempotency), self.read_one(locator), replay).await;
        if let Some(made) = replayed? {
            return Ok(made);
        }
        ready?;
        let (mut before, mut meta) = read?;
        let mut attempts = self.attempts();
        loop {
            precondition.check_version(before.version)?;
            before.ensure_not_expired(now).map_err(|KeyExpired| Error::ChangeOfExpired)?;
            author.admission.granted().await?;
            let plain = PlainKey::generate(Prefix::of(before.kind), locator, &self.random, self.checksums()?);
            let (secret, sealed) = self.protect(&plain, locator, idempotency, author).await?;
            let mut key = before.clone();
            key.rotate(secret, grace, now).map_err(|KeyExpired| Error::ChangeOfExpired)?;
            key.version += 1;
            key.entry_at = before.next_entry_at(self.clock.now());
            let is_default = meta.default_id == Some(locator.key_id);
            let mut writes = vec![
                self.replace(&before, &key)?,
                self.entry(author, locator, key.entry_at, Action::Rotate, key.changes_since(&before))?,
            ];
            let issuance = Issuance { key, plain, sealed };
            match idempotency {
                Some(idempotency) => writes.extend(self.remember(idempotency, &issuance, is_default, now)?),
                None => writes.push(self.forget_issued(locator)?),
            }
            match self.table.commit(writes).await {
                Ok(()) => return Ok(issuance.issued(is_default, now)),
                Err(cancelled) => {
                    // As in `create`.
                    if let Some(made) = self.replay(locator.user_id, idempotency, now).await? {
                        return Ok(made);
                    }
                    if let (Cancelled::Other(Error::Unavailable(_)), None) = (&cancelled, idempotency) {
                        // It may have been applied, and a repetition would end the grace of the string before.
                        let (found, _) = self.read_one(locator).await?;
                        if found.secret.hash == issuance.key.secret.hash {
                            return Ok(issuance.issued(is_default, now));
                        }
                    }
                    attempts.again(cancelled).await?;
                    (before, meta) = self.read_one(locator).await?;
                }
            }
        }
    }

    /// Whether the string of a call is stored encrypted: with its key, or for repetitions of the call.
    fn seals(&self, idempotency: Option<&Idempotency>) -> bool {
        self.reveal == KeyReveal::Always || idempotency.is_some()
    }

    /// Prepares the vault, in parallel with a first request, if the call needs it.
    async fn ready_to_seal(&self, idempotency: Option<&Idempotency>) -> Result<(), Error> {
        if self.seals(idempotency) { self.vault.ready().await } else { Ok(()) }
    }

    /// A new string as its record holds it, and encrypted, if it is stored so.
    async fn protect(
        &self,
        plain: &PlainKey,
        locator: Locator,
        idempotency: Option<&Idempotency>,
        author: &Author,
    ) -> Result<(Secret, Option<Sealed>), Error> {
        let sealed = if self.seals(idempotency) {
            Some(self.vault.seal(plain, locator, &self.random, author.now).await?)
        } else {
            None
        };
        let shown = match (self.reveal, &sealed) {
            (KeyReveal::Always, Some(sealed)) => Shown::Whole(sealed.clone()),
            (KeyReveal::Once, _) | (_, None) => Shown::Masked(plain.masked()),
        };
        Ok((Secret { hash: plain.hash(), shown }, sealed))
    }

    /// Counts a new key of a user, within the limit, on the condition that no key of the user was deleted since: an abandoned
    /// request that arrives late must not make a key that was refused, or that is gone.
    fn count(&self, owner: UserId, last_deleted: Option<AttributeValue>) -> Result<TransactWriteItem, Error> {
        let mut update = self.counting(owner).update_expression("ADD key_count :1");
        let unchanged = if let Some(id) = last_deleted {
            update = update.expression_attribute_values(":last_deleted", id);
            "deleted_id = :last_deleted"
        } else {
            "attribute_not_exists(deleted_id)"
        };
        let update = update.condition_expression(format!("{WITHIN_LIMIT} AND {unchanged}"));
        Ok(TransactWriteItem::builder().update(built(update.build())?).build())
    }

    /// The beginning of an update that counts one key more (`:1`) of a user, on conditions of which one is [`WITHIN_LIMIT`].
    pub(super) fn counting(&self, owner: UserId) -> UpdateBuilder {
        self.table
            .update(PrimaryKey::meta(owner))
            .expression_attribute_values(":1", count_of(1))
            .expression_attribute_values(":max", count_of(self.max_keys_per_user.into()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// The last key of a user that was deleted, as it is stored.
    async fn last_deleted(&self, owner: UserId) -> Result<Option<AttributeValue>, Error> {
        Ok(self.table.get(PrimaryKey::meta(owner)).await?.as_ref().and_then(Meta::last_deleted))
    }

    async fn next_id(&self) -> Result<KeyId, Error> {
        let id = *self.next_ids(1).await?.start();
        KeyId::new(id).ok_or_else(|| damaged_counter().into())
    }
}
