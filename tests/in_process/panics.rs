//! Panics: a call that panics is answered, and the next one is not affected.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shared::Operation;
use shared::clock::Clock;
use tests::TestApp;
use tests::engine::Engine;

#[tokio::test]
async fn a_call_that_panics_before_or_after_its_endpoint_is_answered() {
    let engine = Engine::Embedded.start().await;
    let test = TestApp::on(&engine, &[]).await;
    // The clock is read with the head and for the log line.
    for panicking in 0..2 {
        let now = test.now();
        let asked = Arc::new(AtomicUsize::new(0));
        let clock = Clock::new(move || {
            assert!(asked.fetch_add(1, Ordering::Relaxed) != panicking, "a fault of the clock");
            now
        });
        let test = test.with_clock(&engine, clock);
        let answer = test.call(Operation::ListKeys).send().await;
        answer.assert_refused(500, "Failed to fetch API Keys");
        let (line, _) = test.log.take_one();
        assert_eq!((&line["operation"], &line["status"]), (&"list-keys".into(), &500.into()));
        assert_eq!(line["cause"], "failed: the function panicked");
        assert_eq!(test.call(Operation::ListKeys).send().await.status, 200);
        test.log.forget();
    }
}
