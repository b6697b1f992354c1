//! Outcomes of requests with an `Idempotency-Key`: stored with the change, replayed for 24 hours.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use super::item::{Item, number};
use super::key_record::{from_item, to_item};
use super::keys::Keys;
use super::primary_key::PrimaryKey;
use super::table::built;
use crate::clock::Timestamp;
use crate::damage::Damaged;
use crate::error::Error;
use crate::ids::{Locator, UserId};
use crate::keys::{Idempotency, Issued, Key, KeyView, SECONDS_KEPT, ShownKey};

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
        let plain = self.vault.open(&key.secret, Locator { user_id: key.user_id, key_id: key.id }).await?;
        Ok(Some(Issued { key: KeyView::new(key, ShownKey::Whole(plain), *is_default, at), replayed: true }))
    }

    /// Remembers the outcome, in the transaction that brings it about.
    pub(super) fn remember(
        &self,
        idempotency: Option<&Idempotency>,
        key: &Key,
        is_default: bool,
        now: Timestamp,
    ) -> Result<Option<TransactWriteItem>, Error> {
        let Some(Idempotency { key: name, fingerprint }) = idempotency else { return Ok(None) };
        let until = AttributeValue::N((now.seconds() + SECONDS_KEPT).to_string());
        let now = AttributeValue::N(now.seconds().to_string());
        let mut item = Item::from(PrimaryKey::idempotency(key.user_id, name));
        let attributes = [
            ("fingerprint", AttributeValue::B(Blob::new(fingerprint.as_slice()))),
            ("outcome", AttributeValue::M(to_item(key))),
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
        Ok(Some(TransactWriteItem::builder().put(built(put)?).build()))
    }
}
