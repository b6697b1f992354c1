//! Metering: one conditional update checks a presented key, counts the use and returns the record.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::aws_requests::Request as _;
use super::item::count_of;
use super::key_record::from_item;
use super::keys::Keys;
use super::presented::Claim;
use super::primary_key::PrimaryKey;
use super::table::{VALIDATION, failure};
use crate::clock::Timestamp;
use crate::damage::Damaged;
use crate::error::{Error, KeyRefused, Refusal};
use crate::ids::{Locator, UserId};
use crate::keys::{Checked, DAYS_SHOWN, Day, Key, KeyType, Status};

impl Keys {
    /// Checks a presented key and counts the use. A string that cannot be a key is refused without a read.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn check(&self, presented: &str, now: Timestamp) -> Result<Checked, Error> {
        match self.locate(presented).await? {
            Some(claim) => self.check_key(claim, now).await,
            None => Ok(Checked::Refused(Refusal::Unknown.into())),
        }
    }

    /// Checks a presented key whose place is known, and counts the use.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn check_key(&self, claim: Claim, now: Timestamp) -> Result<Checked, Error> {
        self.count_use(claim.locator, Some(claim.hash), now).await
    }

    /// Counts a use of a user's default key, for a verified caller.
    ///
    /// # Errors
    ///
    /// [`Error::NoDefault`], or when the table fails.
    pub async fn use_default(&self, owner: UserId, now: Timestamp) -> Result<Checked, Error> {
        let default = self.default_of(owner).await?;
        self.count_use(default, None, now).await
    }

    /// Judges a presented key without counting a use: `None` if it works.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn judge_key(&self, claim: Claim, now: Timestamp) -> Result<Option<KeyRefused>, Error> {
        self.judge(claim.locator, Some(claim.hash), now).await
    }

    /// Judges a user's default key without counting a use: `None` if it works.
    ///
    /// # Errors
    ///
    /// [`Error::NoDefault`], or when the table fails.
    pub async fn judge_default(&self, owner: UserId, now: Timestamp) -> Result<Option<KeyRefused>, Error> {
        let default = self.default_of(owner).await?;
        self.judge(default, None, now).await
    }

    async fn judge(&self, key: Locator, hash: Option<[u8; 32]>, now: Timestamp) -> Result<Option<KeyRefused>, Error> {
        let item = self.table.get(PrimaryKey::key(key.user_id, key.key_id)).await?;
        let key = item.as_ref().map(from_item).transpose()?;
        let used_up = |key: &Key| {
            let today = key.usage.days.get(&Day::of(now)).copied().unwrap_or_default();
            key.kind == KeyType::Test && today >= self.test_key_daily_limit.into()
        };
        let refusal = refusal(key.as_ref(), hash, now);
        let works = refusal.reason == Refusal::Limit && !key.as_ref().is_some_and(used_up);
        Ok((!works).then_some(refusal))
    }

    async fn default_of(&self, owner: UserId) -> Result<Locator, Error> {
        let id = self.meta(owner).await?.known_default(owner)?.ok_or(Error::NoDefault)?;
        Ok(Locator { user_id: owner, key_id: id })
    }

    async fn count_use(&self, key: Locator, hash: Option<[u8; 32]>, now: Timestamp) -> Result<Checked, Error> {
        let mut attempts = self.attempts();
        loop {
            let error = match self.metering(key, hash, now).send_boxed().await {
                Ok(output) => {
                    let key = from_item(&output.attributes.unwrap_or_default())?;
                    self.prune_past_days(&key, Day::of(now)).await;
                    return Ok(Checked::Accepted(Box::new(key)));
                }
                Err(error) => error,
            };
            if let SdkError::ServiceError(service) = &error {
                if let UpdateItemError::ConditionalCheckFailedException(failed) = service.err() {
                    let key = failed.item.as_ref().map(from_item).transpose()?;
                    return Ok(Checked::Refused(refusal(key.as_ref(), hash, now)));
                }
                // A transaction that changes the record is under way; the SDK does not retry this.
                if service.err().code() == Some("TransactionConflictException") {
                    attempts.after_conflict().await?;
                    continue;
                }
                // Nothing can be added to a count that is no number.
                if service.err().code() == Some(VALIDATION) {
                    return Err(Damaged::key(key, "uses or days").into());
                }
            }
            return Err(failure(&error));
        }
    }

    /// The update that counts a use, and fails when there must be none.
    fn metering(&self, key: Locator, hash: Option<[u8; 32]>, now: Timestamp) -> UpdateItemFluentBuilder {
        // No comparison holds with an attribute that is not there or of another type. So an expiry must be ahead, or there
        // must be none, nor a moment at which one is due. A key without uses today is below its limit. Other damage shows
        // when the record is read: then the use is counted, but not accepted.
        let valid = "#status = :active \
                     AND (expires_at > :now OR attribute_not_exists(expires_at) AND attribute_not_exists(due_at)) \
                     AND NOT (#type = :test AND #days.#today >= :limit)";
        let update = self
            .table
            .update_item(PrimaryKey::key(key.user_id, key.key_id))
            .update_expression(
                "SET uses = uses + :1, used_at = :now, #days.#today = if_not_exists(#days.#today, :0) + :1",
            )
            .expression_attribute_names("#days", "days")
            .expression_attribute_names("#today", Day::of(now).attribute())
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#type", "type")
            .expression_attribute_values(":0", count_of(0))
            .expression_attribute_values(":1", count_of(1))
            .expression_attribute_values(":now", AttributeValue::N(now.seconds().to_string()))
            .expression_attribute_values(":active", AttributeValue::S(Status::Active.as_str().to_owned()))
            .expression_attribute_values(":test", AttributeValue::S(KeyType::Test.as_str().to_owned()))
            .expression_attribute_values(":limit", count_of(self.test_key_daily_limit.into()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Some(hash) = hash else { return update.condition_expression(valid) };
        update
            .condition_expression(format!("{valid} AND (#hash = :hash OR old_hash = :hash AND old_until > :now)"))
            .expression_attribute_names("#hash", "hash")
            .expression_attribute_values(":hash", AttributeValue::B(Blob::new(hash)))
    }

    /// Prunes daily counters older than 31 days, so that the record stays small: at most once a day, best effort.
    async fn prune_past_days(&self, key: &Key, today: Day) {
        if key.usage.days.len() <= DAYS_SHOWN as usize {
            return;
        }
        let past: Vec<Day> = key.usage.days.keys().copied().filter(|day| day.is_past(today)).collect();
        let placeholders: Vec<String> = (0..past.len()).map(|index| format!("#days.#{index}")).collect();
        let mut update = self
            .table
            .update_item(PrimaryKey::key(key.user_id, key.id))
            .update_expression(format!("REMOVE {}", placeholders.join(", ")))
            .condition_expression("attribute_exists(PK)")
            .expression_attribute_names("#days", "days");
        for (index, day) in past.iter().enumerate() {
            update = update.expression_attribute_names(format!("#{index}"), day.attribute());
        }
        if let Err(error) = update.send_boxed().await {
            tracing::warn!(key_id = key.id.get(), cause = %failure(&error), "past days of usage are not pruned");
        }
    }
}

/// The reason to refuse a key, given its record. An active key is refused for nothing but its daily limit.
fn refusal(key: Option<&Key>, hash: Option<[u8; 32]>, now: Timestamp) -> KeyRefused {
    let Some(key) = key else { return Refusal::Unknown.into() };
    if !hash.is_none_or(|hash| key.knows(&hash, now)) {
        return Refusal::Unknown.into();
    }
    match key.status(now) {
        Status::Expired => Refusal::Expired.into(),
        Status::Paused => Refusal::Paused.into(),
        Status::Active => KeyRefused { reason: Refusal::Limit, retry_after: Some(Day::seconds_left(now)) },
    }
}
