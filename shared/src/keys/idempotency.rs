//! Requests that may be repeated: the first outcome is remembered, and a repeat within 24 hours gets it again.

use std::borrow::Cow;

use aws_lc_rs::digest;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};

use crate::call::Call;
use crate::clock::Timestamp;
use crate::error::{Error, Reason};
use crate::keys::record::{from_item, to_item};
use crate::keys::store::built;
use crate::keys::{Key, KeyView, Keys, Locator, ShownKey};
use crate::table::{Item, PrimaryKey, number};

/// How long an outcome is remembered.
const SECONDS_KEPT: i64 = 24 * 60 * 60;
/// The longest `Idempotency-Key`, in characters.
const MAX_CHARS: usize = 255;

/// What came of a request that makes a key string.
#[derive(Clone, Debug)]
pub struct Made {
    /// The key.
    pub key: KeyView,
    /// Whether it was made by an earlier request with the same `Idempotency-Key`.
    pub replayed: bool,
}

impl Made {
    pub(super) fn new(key: KeyView) -> Self {
        Self { key, replayed: false }
    }
}

/// A request's `Idempotency-Key`, and what it asks for.
pub(super) struct Idempotency<'a> {
    key: &'a str,
    fingerprint: Vec<u8>,
}

impl<'a> Idempotency<'a> {
    /// Nothing for a request without the header.
    pub(super) fn of(call: &'a Call) -> Result<Option<Self>, Error> {
        let Some(key) = call.idempotency_key.as_deref() else { return Ok(None) };
        if key.is_empty() || key.len() > MAX_CHARS || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = "Idempotency-Key must be 1 to 255 visible ASCII characters";
            return Err(Error::invalid("Idempotency-Key", Reason::Value, message));
        }
        let fingerprint = digest::digest(&digest::SHA256, call.canonical().as_bytes()).as_ref().to_vec();
        Ok(Some(Self { key, fingerprint }))
    }
}

impl Keys {
    /// The outcome of an earlier request, where the call repeats one.
    ///
    /// # Errors
    ///
    /// [`Error::IdempotencyMismatch`].
    pub async fn made_before(&self, call: &Call) -> Result<Option<Made>, Error> {
        self.replay(call, Idempotency::of(call)?.as_ref()).await
    }

    /// The outcome of an earlier request with the same key.
    pub(super) async fn replay(
        &self,
        call: &Call,
        idempotency: Option<&Idempotency<'_>>,
    ) -> Result<Option<Made>, Error> {
        let Some(Idempotency { key, fingerprint }) = idempotency else { return Ok(None) };
        let place = PrimaryKey::idempotency(call.caller.user_id, key);
        let Some(item) = self.table.get(place).await? else { return Ok(None) };
        // DynamoDB deletes what is past its time within days, not at once.
        let until: i64 = item.get("ttl").and_then(number).unwrap_or(0);
        if until <= call.timestamp().seconds() {
            return Ok(None);
        }
        if item.get("fingerprint").and_then(|known| known.as_b().ok()).map(AsRef::as_ref)
            != Some(fingerprint.as_slice())
        {
            return Err(Error::IdempotencyMismatch);
        }
        self.outcome(&item).await.map(Some)
    }

    async fn outcome(&self, item: &Item) -> Result<Made, Error> {
        let lost = || Error::Failed(Cow::Borrowed("a remembered outcome is damaged"));
        let record = item.get("outcome").and_then(|outcome| outcome.as_m().ok()).ok_or_else(lost)?;
        let key = from_item(record)?;
        let is_default = item.get("is_default").and_then(|value| value.as_bool().ok()).ok_or_else(lost)?;
        let at = item.get("at").and_then(number).and_then(Timestamp::from_seconds).ok_or_else(lost)?;
        let plain = self.vault.open(&key.secret, Locator { user_id: key.user_id, key_id: key.id }).await?;
        Ok(Made { key: KeyView::new(key, ShownKey::Whole(plain), *is_default, at), replayed: true })
    }

    /// Remembers the outcome, in the transaction that brings it about.
    pub(super) fn remember(
        &self,
        call: &Call,
        idempotency: Option<&Idempotency<'_>>,
        key: &Key,
        is_default: bool,
    ) -> Result<Option<TransactWriteItem>, Error> {
        let Some(Idempotency { key: name, fingerprint }) = idempotency else { return Ok(None) };
        let now = AttributeValue::N(call.timestamp().seconds().to_string());
        let until = AttributeValue::N((call.timestamp().seconds() + SECONDS_KEPT).to_string());
        let mut item = Item::from(PrimaryKey::idempotency(call.caller.user_id, name));
        let attributes = [
            ("fingerprint", AttributeValue::B(Blob::new(fingerprint.as_slice()))),
            ("outcome", AttributeValue::M(to_item(key))),
            ("is_default", AttributeValue::Bool(is_default)),
            ("at", now.clone()),
            ("ttl", until),
        ];
        item.extend(attributes.map(|(name, value)| (name.to_owned(), value)));
        let put = Put::builder()
            .table_name(self.table.name())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(PK) OR #ttl <= :now")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", now)
            .build();
        Ok(Some(TransactWriteItem::builder().put(built(put)?).build()))
    }
}
