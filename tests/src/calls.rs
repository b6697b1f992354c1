//! Records the calls to DynamoDB, and the round trips that they make up.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::interceptors::{BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;

/// The calls made so far.
#[derive(Clone, Debug, Default)]
pub struct CallLog(Arc<Mutex<Vec<Moment>>>);

#[derive(Clone, Debug)]
enum Moment {
    Sent(SentCall),
    /// The request id of the response, if there was one.
    Answered(Option<String>),
}

/// A recorded call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentCall {
    /// The operation, such as `UpdateItem`.
    pub operation: String,
    /// The request in JSON.
    pub request: String,
    /// The number of responses received before it was sent.
    pub after: usize,
}

impl CallLog {
    /// Clears the record.
    pub fn clear(&self) {
        self.0.lock().expect("not poisoned").clear();
    }

    /// The number of calls of an operation.
    #[must_use]
    pub fn count(&self, operation: &str) -> usize {
        self.rounds().iter().flatten().filter(|called| *called == operation).count()
    }

    /// The request ids of the responses that were read.
    #[must_use]
    pub fn answers(&self) -> Vec<String> {
        let moments = self.0.lock().expect("not poisoned");
        let answer = |moment: &Moment| match moment {
            Moment::Sent(_) => None,
            Moment::Answered(id) => id.clone(),
        };
        moments.iter().filter_map(answer).collect()
    }

    /// The operations by round trip: those of one round trip overlapped, and each round trip waited for the previous
    /// one.
    #[must_use]
    pub fn rounds(&self) -> Vec<Vec<String>> {
        let sent = self.sent();
        let rounds = sent.chunk_by(|one, next| one.after == next.after).map(|round| {
            let mut operations: Vec<_> = round.iter().map(|call| call.operation.clone()).collect();
            operations.sort();
            operations
        });
        rounds.collect()
    }

    /// The calls, in the order in which they were sent.
    #[must_use]
    pub fn sent(&self) -> Vec<SentCall> {
        let moments = self.0.lock().expect("not poisoned");
        let call = |moment: &Moment| match moment {
            Moment::Sent(call) => Some(call.clone()),
            Moment::Answered(_) => None,
        };
        moments.iter().filter_map(call).collect()
    }
}

impl Intercept for CallLog {
    fn name(&self) -> &'static str {
        "CallLog"
    }

    fn read_before_attempt(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context.request().headers().get("x-amz-target").unwrap_or("?");
        let operation = target.rsplit('.').next().unwrap_or(target).to_owned();
        let request = context.request().body().bytes().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
        let mut moments = self.0.lock().expect("not poisoned");
        let after = moments.iter().filter(|moment| matches!(moment, Moment::Answered(_))).count();
        moments.push(Moment::Sent(SentCall { operation, request, after }));
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // An abandoned attempt has no response.
        let id = context.response().and_then(|response| response.headers().get("x-amzn-requestid"));
        self.0.lock().expect("not poisoned").push(Moment::Answered(id.map(str::to_owned)));
        Ok(())
    }
}
