//! Attempts of a change that competes with others for the same records.

use std::borrow::Cow;
use std::time::Duration;

use super::table::Cancelled;
use crate::clock::Random;
use crate::error::Error;

/// The most attempts of a change: enough for fifty at once where a step takes 60 ms.
const MAX_ATTEMPTS: u32 = 20;

/// The attempts of one change.
pub(super) struct Attempts<'a> {
    random: &'a Random,
    made: u32,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(random: &'a Random) -> Self {
        Self { random, made: 0 }
    }

    /// Waits before the next attempt; fails when there should be none.
    pub(super) async fn again(&mut self, cancelled: Cancelled) -> Result<(), Error> {
        match cancelled {
            Cancelled::Other(error) => Err(error),
            Cancelled::Conflict(_) => self.after_conflict().await,
        }
    }

    /// Waits before the next attempt, after a conflict.
    pub(super) async fn after_conflict(&mut self) -> Result<(), Error> {
        self.made += 1;
        if self.made == MAX_ATTEMPTS {
            return Err(Error::Unavailable(Cow::Borrowed("too many changes of the same records at once")));
        }
        back_off(self.random, self.made).await;
        Ok(())
    }
}

/// Waits a random time: up to 20 ms before the second attempt, then up to twice as much each time, 1 s at most.
pub(super) async fn back_off(random: &Random, made: u32) {
    let longest = (10_u64 << made.min(7)).min(1_000);
    let random = u64::from(u16::from_be_bytes(random.bytes()));
    tokio::time::sleep(Duration::from_millis(random * longest / u64::from(u16::MAX))).await;
}
