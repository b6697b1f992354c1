//! The import of keys from before this service: each is a transaction with its entry in the trail.
//!
//! One import runs at a time. Another one gets a 503 meanwhile, so that a file that is sent by many hands does not take the
//! table's throughput from everybody else.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use futures_util::future::join3;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::aws_requests::Request as _;
use super::ids::damaged_counter;
use super::item::{Item, count_of};
use super::key_record::{bytes, milliseconds, to_item};
use super::keys::Keys;
use super::meta::{Meta, WITHIN_LIMIT};
use super::presented::{existing_item, place_of};
use super::primary_key::PrimaryKey;
use super::table::{Cancelled, Conflict, built, failure};
use crate::config::KeyReveal;
use crate::error::{Error, Reason, Violation};
use crate::ids::{KeyId, Locator, UserId};
use crate::keys::{
    Action, Author, ExistingKey, ExistingString, ImportOutcome, Secret, Shown, entry_after, import_changes,
};

/// The transactions that run at once. Those of one user's keys would only be in each other's way.
const AT_ONCE: usize = 16;

/// The longest time that a call has its turn: as long as Lambda lets it run.
const TURN: TimeDelta = TimeDelta::seconds(30);

/// The places in the transaction that imports a key.
const RECORD: usize = 0;
const COUNTED: usize = 1;
const STRING: usize = 2;
const ID: usize = 4;

/// A key that is valid by itself.
struct Candidate {
    index: usize,
    key: ExistingKey,
    /// The hashes that its string may be stored under: one for each secret, newest first.
    hashes: Vec<[u8; 32]>,
}

impl Candidate {
    /// The outcome if its string has been imported, given the record that it leads to.
    fn settled(&self, place: Locator, record: Option<&Item>) -> ImportOutcome {
        let stored = record.and_then(|record| bytes(record, "hash"));
        let is_current = stored.is_some_and(|stored| self.hashes.iter().any(|hash| hash == stored));
        if place.user_id != self.key.user_id {
            self.refused("belongs to another user")
        } else if is_current {
            ImportOutcome::Exists(place.key_id)
        } else {
            self.refused("was rotated or its key was deleted, after which a string never works again")
        }
    }

    fn refused(&self, rule: &str) -> ImportOutcome {
        let field = match self.key.string {
            ExistingString::Whole(_) => "key",
            ExistingString::Hashed(_) => "key_sha256",
        };
        invalid(field, rule)
    }
}

fn invalid(field: &'static str, rule: &str) -> ImportOutcome {
    ImportOutcome::Invalid(vec![Violation::new(field, Reason::Value, format!("{field} {rule}"))])
}

impl Keys {
    /// Imports keys; the outcomes are in their order. Repeating it is safe: what was imported is found to exist.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] while another import runs, or when the table fails. Keys may have been imported then.
    pub async fn import(
        &self,
        author: &Author,
        keys: Vec<Result<ExistingKey, Vec<Violation>>>,
    ) -> Result<Vec<ImportOutcome>, Error> {
        let mut outcomes: BTreeMap<usize, ImportOutcome> = BTreeMap::new();
        let mut candidates = Vec::with_capacity(keys.len());
        for (index, key) in keys.into_iter().enumerate() {
            match key {
                Ok(key) => {
                    let hashes = self.checksums()?.keyed_hashes(&key.string.sha256());
                    candidates.push(Candidate { index, key, hashes });
                }
                Err(violations) => drop(outcomes.insert(index, ImportOutcome::Invalid(violations))),
            }
        }
        let hashes: BTreeSet<[u8; 32]> = candidates.iter().flat_map(|candidate| candidate.hashes.clone()).collect();
        let (turn, ready, places) =
            join3(self.take_turn(author), self.ready_to_show(), self.places_of(hashes.into_iter().collect())).await;
        turn?;
        let imported = async {
            ready?;
            self.import_candidates(author, candidates, &places?).await
        };
        let imported = imported.await;
        self.end_turn(author).await;
        outcomes.extend(imported?);
        Ok(outcomes.into_values().collect())
    }

    async fn import_candidates(
        &self,
        author: &Author,
        candidates: Vec<Candidate>,
        places: &BTreeMap<[u8; 32], Locator>,
    ) -> Result<Vec<(usize, ImportOutcome)>, Error> {
        let place_of = |candidate: &Candidate| candidate.hashes.iter().find_map(|hash| places.get(hash)).copied();
        let found: BTreeMap<(UserId, KeyId), Item> = {
            let wanted: BTreeSet<(UserId, KeyId)> =
                candidates.iter().filter_map(place_of).map(|place| (place.user_id, place.key_id)).collect();
            let wanted: Vec<Item> = wanted.into_iter().map(|(user, id)| PrimaryKey::key(user, id).into()).collect();
            let records = if wanted.is_empty() { Vec::new() } else { self.batch_get(wanted).await? };
            records.into_iter().filter_map(|record| Some((PrimaryKey::parse_key(&record)?, record))).collect()
        };
        let mut outcomes = Vec::with_capacity(candidates.len());
        let mut new = Vec::new();
        for candidate in candidates {
            match place_of(&candidate) {
                Some(place) => {
                    let record = found.get(&(place.user_id, place.key_id));
                    outcomes.push((candidate.index, candidate.settled(place, record)));
                }
                None => new.push(candidate),
            }
        }
        let wanted: Vec<Option<KeyId>> = new.iter().map(|candidate| candidate.key.id).collect();
        let mut by_user: BTreeMap<UserId, Vec<(Candidate, KeyId)>> = BTreeMap::new();
        for (candidate, id) in new.into_iter().zip(self.ids_for_import(&wanted).await?) {
            match id {
                Some(id) => by_user.entry(candidate.key.user_id).or_default().push((candidate, id)),
                None => outcomes.push((candidate.index, id_is_taken())),
            }
        }
        let imports = by_user.into_values().map(async |candidates| {
            let mut outcomes = Vec::with_capacity(candidates.len());
            for (candidate, id) in candidates {
                outcomes.push((candidate.index, self.import_one(author, candidate, id).await?));
            }
            Ok::<_, Error>(outcomes)
        });
        let imported: Vec<Vec<_>> = stream::iter(imports).buffer_unordered(AT_ONCE).try_collect().await?;
        outcomes.extend(imported.into_iter().flatten());
        Ok(outcomes)
    }

    async fn import_one(&self, author: &Author, candidate: Candidate, id: KeyId) -> Result<ImportOutcome, Error> {
        let now = author.timestamp();
        let Candidate { index: _, key: existing, hashes } = &candidate;
        let hash = *hashes.first().ok_or(Error::Failed(Cow::Borrowed("no secret to hash by")))?;
        let place = Locator { user_id: existing.user_id, key_id: id };
        let secret = Secret { hash, shown: self.shown_of(&existing.string, place, author).await? };
        let mut becomes_default = existing.is_default && !existing.is_expired(now);
        let mut left_out = (existing.is_default && !becomes_default).then_some("an expired key cannot be the default");
        let mut last_entry: Option<DateTime<Utc>> = None;
        let mut attempts = self.attempts();
        loop {
            let current = self.clock.now();
            let at = last_entry.map_or(current.trunc_subsecs(3), |last| entry_after(last, current));
            let key = existing.clone().into_key(id, secret.clone(), now, at);
            let put = |item| -> Result<TransactWriteItem, Error> {
                let put = self.table.put(item).condition_expression("attribute_not_exists(PK)");
                let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
                Ok(TransactWriteItem::builder().put(built(put.build())?).build())
            };
            let mut writes = vec![
                put(to_item(&key))?,
                self.count_imported(place, becomes_default, at)?,
                put(existing_item(&hash, place))?,
                self.entry(author, place, at, Action::Import, import_changes(&key, becomes_default))?,
            ];
            if existing.id.is_some() {
                writes.push(put(PrimaryKey::imported_id(id).into())?);
            }
            let Err(cancelled) = self.table.commit(writes).await else {
                return Ok(ImportOutcome::Imported { id, left_out });
            };
            if let Cancelled::Conflict(conflicts) = &cancelled {
                if let Some(Conflict::Condition(Some(item))) = conflicts.get(STRING) {
                    let place = place_of(item)?;
                    let record = self.batch_get(vec![PrimaryKey::key(place.user_id, place.key_id).into()]).await?;
                    return Ok(candidate.settled(place, record.first()));
                }
                if let Some(Conflict::Condition(_)) = conflicts.get(ID) {
                    return Ok(id_is_taken());
                }
                if let Some(Conflict::Condition(_)) = conflicts.get(RECORD) {
                    return Err(damaged_counter().into());
                }
                if let Some(Conflict::Condition(meta)) = conflicts.get(COUNTED) {
                    let meta = meta.as_ref();
                    if becomes_default && meta.is_some_and(|meta| meta.contains_key("default_id")) {
                        becomes_default = false;
                        left_out = Some("the user has another default, which stays");
                    } else if let Some(last) = later_default(meta, at).filter(|_| becomes_default) {
                        last_entry = Some(last);
                    } else {
                        let refused = Meta::refused_creation(place.user_id, meta);
                        if !matches!(refused, Error::LimitReached) {
                            return Err(refused);
                        }
                        return Ok(invalid("user_id", "has as many keys as a user may have"));
                    }
                    continue;
                }
            }
            attempts.again(cancelled).await?;
        }
    }

    /// What an imported key is shown from: the encrypted string, if it is known and is to be shown, else the mask.
    async fn shown_of(&self, string: &ExistingString, place: Locator, author: &Author) -> Result<Shown, Error> {
        match (string, self.reveal) {
            (ExistingString::Whole(plain), KeyReveal::Always) => {
                Ok(Shown::Whole(self.vault.seal(plain, place, &self.random, author.now).await?))
            }
            (ExistingString::Whole(_) | ExistingString::Hashed(_), _) => Ok(Shown::Masked(string.masked())),
        }
    }

    /// Counts a key of a user, within the limit, and makes it the default if there is none. What keeps a request that arrives
    /// late from importing a key again is the item of its string, which is never deleted.
    fn count_imported(
        &self,
        key: Locator,
        becomes_default: bool,
        at: DateTime<Utc>,
    ) -> Result<TransactWriteItem, Error> {
        let update = self.counting(key.user_id);
        let update = if becomes_default {
            let no_default =
                "attribute_not_exists(default_id) AND (attribute_not_exists(default_at) OR default_at < :at)";
            update
                .update_expression("SET default_id = :id, default_at = :at ADD key_count :1")
                .condition_expression(format!("{WITHIN_LIMIT} AND {no_default}"))
                .expression_attribute_values(":id", count_of(key.key_id.get()))
                .expression_attribute_values(":at", AttributeValue::N(at.timestamp_millis().to_string()))
        } else {
            update.update_expression("ADD key_count :1").condition_expression(WITHIN_LIMIT)
        };
        Ok(TransactWriteItem::builder().update(built(update.build())?).build())
    }

    /// Waits for no other import: fails while one runs.
    async fn take_turn(&self, author: &Author) -> Result<(), Error> {
        let now = self.clock.now();
        let milliseconds = |at: DateTime<Utc>| AttributeValue::N(at.timestamp_millis().to_string());
        let update = self
            .table
            .update_item(PrimaryKey::import_turn())
            .update_expression("SET request_id = :id, ends_at = :end")
            .condition_expression("attribute_not_exists(ends_at) OR ends_at <= :now OR request_id = :id")
            .expression_attribute_values(":id", AttributeValue::S(author.request_id.clone()))
            .expression_attribute_values(":now", milliseconds(now))
            .expression_attribute_values(":end", milliseconds(now + TURN));
        match update.send_boxed().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                Err(Error::Unavailable(Cow::Borrowed("another import runs")))
            }
            Err(error) => Err(failure(&error)),
        }
    }

    /// Lets the next import begin, best effort: a turn also ends by itself.
    async fn end_turn(&self, author: &Author) {
        let update = self
            .table
            .update_item(PrimaryKey::import_turn())
            .update_expression("REMOVE ends_at")
            .condition_expression("request_id = :id")
            .expression_attribute_values(":id", AttributeValue::S(author.request_id.clone()));
        if let Err(error) = update.send_boxed().await {
            tracing::warn!(cause = %failure(&error), "the turn of an import ends late");
        }
    }
}

fn id_is_taken() -> ImportOutcome {
    invalid("id", "is taken")
}

/// The time of the last entry about a default that is gone, if the clock is behind it.
fn later_default(meta: Option<&Item>, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    meta?.get("default_at").and_then(milliseconds).filter(|last| *last >= at)
}
