//! Records the calls to DynamoDB, and how many had to wait for one another.

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
    /// If it succeeded, by what the SDK marks all tries of one call with.
    Answered(Option<String>),
}

/// A call as it went out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SentCall {
    /// `UpdateItem`, …
    pub operation: String,
    /// The request, in JSON.
    pub request: String,
}

impl CallLog {
    /// Forgets the calls made so far.
    ///
    /// # Panics
    ///
    /// If a test panicked while recording.
    pub fn clear(&self) {
        self.0.lock().expect("not poisoned").clear();
    }

    /// How often an operation was called.
    ///
    /// # Panics
    ///
    /// If a test panicked while recording.
    #[must_use]
    pub fn count(&self, operation: &str) -> usize {
        self.rounds().iter().flatten().filter(|called| *called == operation).count()
    }

    /// The tries that were answered with success, by what the SDK marks all tries of one call with.
    ///
    /// # Panics
    ///
    /// If a test panicked while recording.
    #[must_use]
    pub fn succeeded(&self) -> Vec<String> {
        let moments = self.0.lock().expect("not poisoned");
        let succeeded = |moment: &Moment| match moment {
            Moment::Sent(_) => None,
            Moment::Answered(succeeded) => succeeded.clone(),
        };
        moments.iter().filter_map(succeeded).collect()
    }

    /// The operations called, in rounds: those of one round were under way together, and each round waited for the
    /// one before it.
    ///
    /// # Panics
    ///
    /// If a test panicked while recording.
    #[must_use]
    pub fn rounds(&self) -> Vec<Vec<String>> {
        let rounds = self.requests().into_iter();
        rounds.map(|round| round.into_iter().map(|call| call.operation).collect()).collect()
    }

    /// The same with what was sent.
    ///
    /// # Panics
    ///
    /// If a test panicked while recording.
    #[must_use]
    pub fn requests(&self) -> Vec<Vec<SentCall>> {
        let mut rounds: Vec<Vec<SentCall>> = Vec::new();
        let mut answered_since = true;
        for moment in self.0.lock().expect("not poisoned").iter() {
            match moment {
                Moment::Sent(call) => {
                    if answered_since {
                        rounds.push(Vec::new());
                    }
                    answered_since = false;
                    rounds.last_mut().expect("there is a round").push(call.clone());
                }
                Moment::Answered(_) => answered_since = true,
            }
        }
        for round in &mut rounds {
            round.sort();
        }
        rounds
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
        self.0.lock().expect("not poisoned").push(Moment::Sent(SentCall { operation, request }));
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // A try that was given up has no response.
        let is_success = context.response().is_some_and(|response| response.status().is_success());
        let invocation = context.request().and_then(|request| request.headers().get("amz-sdk-invocation-id"));
        let succeeded = invocation.filter(|_| is_success).map(str::to_owned);
        self.0.lock().expect("not poisoned").push(Moment::Answered(succeeded));
        Ok(())
    }
}
