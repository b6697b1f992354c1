//! Measures and summarizes times.

use std::time::{Duration, Instant};

/// Starts measuring a time.
#[expect(clippy::disallowed_methods, reason = "a benchmark takes the time")]
pub fn start() -> Instant {
    Instant::now()
}

/// The median.
pub fn median(times: &[Duration]) -> Duration {
    percentile(times, 50)
}

/// A percentile.
pub fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

/// Milliseconds.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
