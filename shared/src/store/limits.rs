//! Rate limits of management calls: exact, per user, by one conditional write.

use std::borrow::Cow;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use chrono::{DateTime, Timelike, Utc};

use super::aws_requests::Request as _;
use super::item::{Item, number};
use super::primary_key::PrimaryKey;
use super::table::{Table, failure};
use crate::admission::Admission;
use crate::allowance::Allowance;
use crate::config::RateLimits;
use crate::error::Error;
use crate::ids::UserId;

const SECONDS_PER_HOUR: i64 = 3_600;

/// Counts a call of a user against the limits; the request is sent when the admission is first awaited.
#[must_use]
pub fn admission(table: Table, limits: RateLimits, user_id: UserId, now: DateTime<Utc>) -> Admission {
    Admission::by(async move { admit(&table, limits, user_id, now).await })
}

async fn admit(table: &Table, limits: RateLimits, user_id: UserId, now: DateTime<Utc>) -> Result<Allowance, Error> {
    let hour = now.timestamp().div_euclid(SECONDS_PER_HOUR);
    let result = table
        .update_item(PrimaryKey::limit(user_id, hour))
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
        .send_boxed()
        .await;
    match result {
        Ok(output) => Ok(allowance(limits, &output.attributes.unwrap_or_default(), now)),
        Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
            let UpdateItemError::ConditionalCheckFailedException(refusal) = error.into_err() else {
                return Err(Error::Failed(Cow::Borrowed("a condition failed without saying so")));
            };
            Err(Error::RateLimited(allowance(limits, &refusal.item.unwrap_or_default(), now)))
        }
        Err(error) => Err(failure(&error)),
    }
}

fn allowance(limits: RateLimits, counters: &Item, now: DateTime<Utc>) -> Allowance {
    let used = |name: &str| counters.get(name).and_then(number).unwrap_or(0);
    Allowance::new(limits, used(&minute_attribute(now)), used("hour"), now)
}

fn minute_attribute(now: DateTime<Utc>) -> String {
    format!("m{}", now.minute())
}
