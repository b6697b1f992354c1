//! Outcomes of requests with an `Idempotency-Key`: stored with the change, replayed for 24 hours.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use super::issuance::Issuance;
use super::item::{Item, number};
use super::key_record::{bytes, from_item, sealed_attributes, sealed_in, to_item};
use super::keys::Keys;
use super::primary_key::PrimaryKey;
use super::table::built;
use crate::clock::Timestamp;
use crate::damage::Damaged;
use crate::error::Error;
use crate::ids::{Locator, UserId};
use crate::keys::{Idempotency, Issued, Key, KeyView, SECONDS_KEPT, Secret, Shown, ShownKey};

impl Keys {
    /// The outcome of an earlier request of the user with the same `Idempotency-Key`.
    ///
    /// # Errors
    ///
    /// [`Error::IdempotencyMismatch`].
    pub async fn replay(
        &self,
        owner: UserId,
        idempotency: Option<&Idempotency>,
        now: Timestamp,
    ) -> Result<Option<Issued>, Error> {
        let Some(Idempotency { key, fingerprint }) = idempotency else { return Ok(None) };
        let place = PrimaryKey::idempotency(owner, key);
        let Some(item) = self.table.get(place).await? else { return Ok(None) };
        // DynamoDB deletes what is past its time within days, not at once.
        let damaged = |name| Damaged::new(format!("a remembered outcome of user {owner}"), name);
        let until: i64 = item.get("ttl").and_then(number).ok_or_else(|| damaged("ttl"))?;
        if until <= now.seconds() {
            return Ok(None);
        }
        let known = item.get("fingerprint").and_then(|known| known.as_b().ok()).map(AsRef::<[u8]>::as_ref);
        let known = known.filter(|known| known.len() == fingerprint.len()).ok_or_else(|| damaged("fingerprint"))?;
        if known != fingerprint.as_slice() {
            return Err(Error::IdempotencyMismatch);
        }
        let record = item.get("outcome").and_then(|outcome| outcome.as_m().ok()).ok_or_else(|| damaged("outcome"))?;
        let key = from_item(record)?;
        if key.user_id != owner {
            return Err(damaged("outcome").into());
        }
        let is_default = item.get("is_default").and_then(|value| value.as_bool().ok());
        let is_default = is_default.ok_or_else(|| damaged("is_default"))?;
        let at = item.get("at").and_then(number).and_then(Timestamp::from_seconds).ok_or_else(|| damaged("at"))?;
        let shown = self.issued_string(&key).await?;
        Ok(Some(Issued { key: KeyView::new(key, shown, *is_default, at), replayed: true }))
    }

    /// The string of an outcome: whole while it is the key's string, else masked.
    async fn issued_string(&self, key: &Key) -> Result<ShownKey, Error> {
        let locator = Locator { user_id: key.user_id, key_id: key.id };
        let mask = match &key.secret.shown {
            // As before the string had an item of its own.
            Shown::Whole(sealed) => return Ok(ShownKey::Whole(self.vault.open(sealed, locator).await?)),
            Shown::Masked(mask) => mask.clone(),
        };
        let Some(item) = self.table.get(PrimaryKey::issued(key.user_id, key.id)).await? else {
            return Ok(ShownKey::Masked(mask.into()));
        };
        let Locator { user_id, key_id } = locator;
        let damaged = |name| Damaged::new(format!("the issued string of key {key_id} of user {user_id}"), name);
        if bytes(&item, "hash").ok_or_else(|| damaged("hash"))? != key.secret.hash {
            return Ok(ShownKey::Masked(mask.into()));
        }
        let sealed = sealed_in(&item).map_err(damaged)?;
        match self.vault.open(&sealed, locator).await {
            Ok(plain) => Ok(ShownKey::Whole(plain)),
            Err(Error::Damaged(cause)) => {
                let own = ["ciphertext", "data_key"].into_iter().find(|name| cause == Damaged::key(locator, name));
                Err(own.map_or(cause, damaged).into())
            }
            Err(error) => Err(error),
        }
    }

    /// Remembers the outcome, in the transaction that brings it about. The string has an item of its own, which does not
    /// survive the string.
    pub(super) fn remember(
        &self,
        Idempotency { key: name, fingerprint }: &Idempotency,
        issuance: &Issuance,
        is_default: bool,
        now: Timestamp,
    ) -> Result<[TransactWriteItem; 2], Error> {
        let Issuance { key, plain, sealed } = issuance;
        let until = AttributeValue::N((now.seconds() + SECONDS_KEPT).to_string());
        let now = AttributeValue::N(now.seconds().to_string());
        let hash = key.secret.hash;
        let mut issued = Item::from(PrimaryKey::issued(key.user_id, key.id));
        issued.insert("hash".to_owned(), AttributeValue::B(Blob::new(hash)));
        issued.insert("ttl".to_owned(), until.clone());
        issued.extend(sealed.iter().flat_map(sealed_attributes));
        let issued = self.table.put(issued).build();
        let outcome = Key { secret: Secret { hash, shown: Shown::Masked(plain.masked()) }, ..key.clone() };
        let mut item = Item::from(PrimaryKey::idempotency(key.user_id, name));
        let attributes = [
            ("fingerprint", AttributeValue::B(Blob::new(fingerprint.as_slice()))),
            ("outcome", AttributeValue::M(to_item(&outcome))),
            ("is_default", AttributeValue::Bool(is_default)),
            ("at", now.clone()),
            ("ttl", until),
        ];
        item.extend(attributes.map(|(name, value)| (name.to_owned(), value)));
        let put = self
            .table
            .put(item)
            .condition_expression("attribute_not_exists(PK) OR #ttl <= :now")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", now)
            .build();
        let write = |put| Ok::<_, Error>(TransactWriteItem::builder().put(built(put)?).build());
        Ok([write(put)?, write(issued)?])
    }

    /// Forgets the string that a key was issued for an `Idempotency-Key`, if any.
    pub(super) fn forget_issued(&self, key: Locator) -> Result<TransactWriteItem, Error> {
        let delete = self.table.delete(PrimaryKey::issued(key.user_id, key.key_id)).build();
        Ok(TransactWriteItem::builder().delete(built(delete)?).build())
    }
}
