//! The rate limits of management calls: exact, per user, by one conditional write.

use std::borrow::Cow;
use std::collections::HashMap;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use chrono::{DateTime, Timelike, Utc};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

use crate::config::RateLimits;
use crate::error::Error;
use crate::keys::UserId;
use crate::requests::Request as _;
use crate::table::{PrimaryKey, Table, failure, number};

const SECONDS_PER_HOUR: i64 = 3_600;

/// How much a user has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    limits: RateLimits,
    used_in_minute: u32,
    used_in_hour: u32,
    /// Seconds until the minute ends, 1 to 60.
    minute_reset: u64,
    /// Seconds until the hour ends, 1 to 3,600.
    hour_reset: u64,
}

impl Allowance {
    /// The header `RateLimit-Policy` (IETF draft "`RateLimit` header fields for HTTP").
    #[must_use]
    pub fn policy_header(&self) -> String {
        let RateLimits { per_minute, per_hour } = self.limits;
        format!("\"minute\";q={per_minute};w=60, \"hour\";q={per_hour};w=3600")
    }

    /// The header `RateLimit` (same draft): what is left, and seconds until it is all there again.
    #[must_use]
    pub fn header(&self) -> String {
        let minute_left = self.limits.per_minute.saturating_sub(self.used_in_minute);
        let hour_left = self.limits.per_hour.saturating_sub(self.used_in_hour);
        format!("\"minute\";r={minute_left};t={}, \"hour\";r={hour_left};t={}", self.minute_reset, self.hour_reset)
    }

    /// Seconds until a refused call can succeed.
    #[must_use]
    pub fn retry_after(&self) -> u64 {
        if self.hour_is_used_up() { self.hour_reset } else { self.minute_reset }
    }

    /// Which limit a refused call reached, by a name for metrics.
    #[must_use]
    pub fn limit_reached(&self) -> &'static str {
        if self.hour_is_used_up() { "calls_per_hour" } else { "calls_per_minute" }
    }

    fn hour_is_used_up(&self) -> bool {
        self.used_in_hour >= self.limits.per_hour
    }

    fn new(limits: RateLimits, item: &HashMap<String, AttributeValue>, now: DateTime<Utc>) -> Self {
        let used = |name: &str| item.get(name).and_then(number).unwrap_or(0);
        let second = u64::from(now.second().min(59));
        Self {
            limits,
            used_in_minute: used(&minute_attribute(now)),
            used_in_hour: used("hour"),
            minute_reset: 60 - second,
            hour_reset: 3_600 - u64::from(now.minute()) * 60 - second,
        }
    }
}

/// The answer to "may this call be done", which is on its way while the call reads what it needs.
///
/// Every write of a management call needs an [`Admitted`], and only this gives one: a call that is refused cannot have
/// written anything.
#[derive(Clone)]
pub struct Admission(Shared<BoxFuture<'static, Result<Option<Allowance>, Error>>>);

/// Proof that a call is within its user's limits.
#[derive(Clone, Copy, Debug)]
pub struct Admitted(());

impl Admission {
    /// Counts a call of the user against the limits; the request is sent when this is first awaited.
    #[must_use]
    pub fn request(table: Table, limits: RateLimits, user_id: UserId, now: DateTime<Utc>) -> Self {
        Self(async move { admit(&table, limits, user_id, now).await.map(Some) }.boxed().shared())
    }

    /// Admits a call that no limit applies to.
    #[must_use]
    pub fn unlimited() -> Self {
        Self(std::future::ready(Ok(None)).boxed().shared())
    }

    /// Waits for the answer.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`] when the call is refused, [`Error::Unavailable`] when it is not known.
    pub async fn granted(&self) -> Result<Admitted, Error> {
        self.allowance().await.map(|_| Admitted(()))
    }

    /// Waits for the answer and what is left, of a limited call.
    ///
    /// # Errors
    ///
    /// As [`Admission::granted`].
    pub async fn allowance(&self) -> Result<Option<Allowance>, Error> {
        self.0.clone().await
    }
}

async fn admit(table: &Table, limits: RateLimits, user_id: UserId, now: DateTime<Utc>) -> Result<Allowance, Error> {
    let hour = now.timestamp().div_euclid(SECONDS_PER_HOUR);
    let result = table
        .client()
        .update_item()
        .table_name(table.name())
        .set_key(Some(PrimaryKey::limit(user_id, hour).into()))
        .update_expression("ADD #hour :1, #minute :1 SET #ttl = :ttl")
        .condition_expression(
            "(attribute_not_exists(#hour) OR #hour < :per_hour) AND (attribute_not_exists(#minute) OR #minute < :per_minute)",
        )
        .expression_attribute_names("#hour", "hour")
        .expression_attribute_names("#minute", minute_attribute(now))
        .expression_attribute_names("#ttl", "ttl")
        .expression_attribute_values(":1", AttributeValue::N("1".to_owned()))
        .expression_attribute_values(":per_hour", AttributeValue::N(limits.per_hour.to_string()))
        .expression_attribute_values(":per_minute", AttributeValue::N(limits.per_minute.to_string()))
        .expression_attribute_values(":ttl", AttributeValue::N(((hour + 2) * SECONDS_PER_HOUR).to_string()))
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .sent()
        .await;
    match result {
        Ok(output) => Ok(Allowance::new(limits, &output.attributes.unwrap_or_default(), now)),
        Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
            let UpdateItemError::ConditionalCheckFailedException(refusal) = error.into_err() else {
                return Err(Error::Failed(Cow::Borrowed("a condition failed without saying so")));
            };
            Err(Error::RateLimited(Allowance::new(limits, &refusal.item.unwrap_or_default(), now)))
        }
        Err(error) => Err(failure(&error)),
    }
}

fn minute_attribute(now: DateTime<Utc>) -> String {
    format!("m{}", now.minute())
}
