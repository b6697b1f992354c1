//! Which calls are repeated, and when.

use std::time::Duration;

/// What a repeat of a call can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Nothing that the first call did not do.
    Harmless,
    /// Something again, if the first call was done and only its answer was lost.
    Risky,
}

/// The waiting time that is left for repeats.
pub struct Patience {
    left: Duration,
    next: Duration,
}

impl Patience {
    /// Waits for `seconds` at most, over all repeats of a call.
    pub fn of(seconds: u64) -> Self {
        Self { left: Duration::from_secs(seconds), next: Duration::from_secs(1) }
    }

    /// How long to wait before the call is repeated, if it is.
    ///
    /// `status` is that of the answer, if there was one. A 429 was not done, whatever the call.
    pub fn before_repeat(&mut self, status: Option<u16>, asked: Option<u64>, repeat: Repeat) -> Option<Duration> {
        let may_repeat = match status {
            Some(429) => true,
            Some(503) | None => repeat == Repeat::Harmless,
            Some(_) => false,
        };
        let wait = asked.map_or(self.next, Duration::from_secs).max(Duration::from_millis(100));
        if !may_repeat || wait > self.left {
            return None;
        }
        self.left -= wait;
        self.next *= 2;
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(patience: &mut Patience, status: Option<u16>, asked: Option<u64>, repeat: Repeat) -> Option<u64> {
        patience.before_repeat(status, asked, repeat).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_repeat_waits_as_long_as_the_service_asks_or_longer_each_time() {
        let mut patience = Patience::of(30);
        assert_eq!(seconds(&mut patience, Some(503), Some(5), Repeat::Harmless), Some(5));
        assert_eq!(seconds(&mut patience, Some(429), None, Repeat::Risky), Some(2));
        assert_eq!(seconds(&mut patience, None, None, Repeat::Harmless), Some(4));
        assert_eq!(seconds(&mut patience, Some(429), Some(20), Repeat::Risky), None, "19 s are left");
        assert_eq!(seconds(&mut patience, Some(429), Some(19), Repeat::Risky), Some(19));
        assert_eq!(seconds(&mut patience, Some(429), Some(1), Repeat::Risky), None);
    }

    #[test]
    fn what_may_have_been_done_is_not_done_again() {
        for (status, repeat, repeated) in [
            (Some(503), Repeat::Risky, false),
            (None, Repeat::Risky, false),
            (Some(503), Repeat::Harmless, true),
            (Some(500), Repeat::Harmless, false),
            (Some(400), Repeat::Harmless, false),
        ] {
            let wait = Patience::of(30).before_repeat(status, Some(1), repeat);
            assert_eq!(wait.is_some(), repeated, "{status:?} {repeat:?}");
        }
    }
}
