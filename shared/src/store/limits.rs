//! Rate limits of management calls: exact, per user, by one conditional write.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
use crate::damage::Damaged;
use crate::error::Error;
use crate::ids::UserId;

const SECONDS_PER_HOUR: i64 = 3_600;

/// The most users whose refusal a container remembers.
const REFUSED_USERS: usize = 10_000;

/// The rate limits of a deployment.
#[derive(Clone)]
pub struct RateLimiter {
    table: Table,
    limits: RateLimits,
    refused: Arc<Mutex<HashMap<UserId, Refused>>>,
}

/// The last refusal of a user.
#[derive(Clone, Copy)]
struct Refused {
    allowance: Allowance,
    /// The number of the window that was used up, counted from 1970.
    window: i64,
}

impl RateLimiter {
    /// A limiter that counts in a table.
    #[must_use]
    pub fn new(table: Table, limits: RateLimits) -> Self {
        Self { table, limits, refused: Arc::default() }
    }

    /// What is left of a user's limits, if this container knows that they are used up until the window ends. Nothing needs
    /// to be asked then: counts do not fall within a window.
    #[must_use]
    pub fn known_refusal(&self, user_id: UserId, now: DateTime<Utc>) -> Option<Allowance> {
        let refused = self.refused().get(&user_id).copied()?;
        let Refused { allowance, window } = refused;
        (now.timestamp().div_euclid(allowance.window_seconds()) == window).then(|| allowance.at(now))
    }

    /// Counts a call of a user against the limits; the request is sent when the admission is first awaited.
    #[must_use]
    pub fn admission(&self, user_id: UserId, now: DateTime<Utc>) -> Admission {
        let limiter = self.clone();
        Admission::by(async move {
            let admitted = admit(&limiter.table, limiter.limits, user_id, now).await;
            if let Err(Error::RateLimited(allowance)) = &admitted {
                limiter.remember(user_id, *allowance, now);
            }
            admitted
        })
    }

    fn remember(&self, user_id: UserId, allowance: Allowance, now: DateTime<Utc>) {
        let window = now.timestamp().div_euclid(allowance.window_seconds());
        let mut refused = self.refused();
        if refused.len() >= REFUSED_USERS {
            refused.clear();
        }
        refused.insert(user_id, Refused { allowance, window });
    }

    fn refused(&self) -> MutexGuard<'_, HashMap<UserId, Refused>> {
        // A panic elsewhere leaves the map whole.
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        Ok(output) => Ok(allowance(limits, user_id, &output.attributes.unwrap_or_default(), now)?),
        Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
            let UpdateItemError::ConditionalCheckFailedException(refusal) = error.into_err() else {
                return Err(Error::Failed(Cow::Borrowed("a condition failed without saying so")));
            };
            Err(Error::RateLimited(allowance(limits, user_id, &refusal.item.unwrap_or_default(), now)?))
        }
        Err(error) => Err(failure(&error)),
    }
}

/// What the counters leave. A counter that is no number is over no limit, and below none: it is damage.
fn allowance(limits: RateLimits, user_id: UserId, counters: &Item, now: DateTime<Utc>) -> Result<Allowance, Damaged> {
    let damaged = |name| Damaged::new(format!("the call counters of user {user_id}"), name);
    let used = |name: &str| counters.get(name).map_or(Some(0), number);
    let in_minute = used(&minute_attribute(now)).ok_or_else(|| damaged("m"))?;
    Ok(Allowance::new(limits, in_minute, used("hour").ok_or_else(|| damaged("hour"))?, now))
}

fn minute_attribute(now: DateTime<Utc>) -> String {
    format!("m{}", now.minute())
}
