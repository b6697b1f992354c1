//! Admission of a call by its user's rate limits.

use futures_util::future::{BoxFuture, Shared};
use futures_util::{FutureExt, TryFutureExt};

use crate::allowance::Allowance;
use crate::error::Error;

/// The answer of the rate limits to a call, under way while the call reads what it needs.
///
/// Every write of a management call needs an [`Admitted`], and only this gives one: a refused call cannot have written
/// anything.
#[derive(Clone)]
pub struct Admission(Shared<BoxFuture<'static, Result<Option<Allowance>, Error>>>);

/// Proof that a call is within its user's limits.
#[derive(Clone, Copy, Debug)]
pub struct Admitted(());

impl Admission {
    /// An admission that a request decides on; the request is sent when the admission is first awaited.
    #[must_use]
    pub fn by(request: impl Future<Output = Result<Allowance, Error>> + Send + 'static) -> Self {
        Self(request.map_ok(Some).boxed().shared())
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
