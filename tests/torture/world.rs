//! Shared by the clients of a run: the engine, the clock and what is known of each user's keys.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use chrono::TimeDelta;
use tests::TestApp;
use tokio::sync::Semaphore;

use crate::history::Request;

/// Concurrent calls: as many as users in a full run.
pub const CALLS_AT_ONCE: u32 = 50;

/// The shared state of all clients.
pub struct World {
    pub seed: u64,
    pub engine: String,
    pub deployment: TestApp,
    clock: AtomicI64,
    books: Vec<Mutex<Book>>,
    pub steps_done: AtomicUsize,
    pub calls: Semaphore,
}

/// The keys that a user's clients know.
#[derive(Default)]
pub struct Book {
    pub held: Vec<Held>,
    /// Answered requests with an `Idempotency-Key`.
    pub repeatable: Vec<Request>,
}

/// A known key.
pub struct Held {
    pub id: u64,
    pub strings: Vec<String>,
    pub is_deleted: bool,
}

impl World {
    pub fn new(seed: u64, users: u64, engine: &str, deployment: TestApp) -> Self {
        let clock = AtomicI64::new(deployment.now().timestamp_millis());
        let books = (0..=users).map(|_| Mutex::default()).collect();
        let (steps_done, calls) = (AtomicUsize::new(0), Semaphore::new(CALLS_AT_ONCE as usize));
        Self { seed, engine: engine.to_owned(), deployment, clock, books, steps_done, calls }
    }

    /// Advances the clock. Each caller gets a unique time.
    pub fn tick(&self, milliseconds: i64) -> i64 {
        self.clock.fetch_add(milliseconds, Ordering::SeqCst)
    }

    /// Advances the clock between calls.
    pub fn advance(&self, by: TimeDelta) {
        self.tick(by.num_milliseconds());
    }

    /// The next user, the same if there is only one.
    pub fn next_user(&self, user: u64) -> u64 {
        user % (self.books.len() as u64 - 1) + 1
    }

    /// The ids and strings of the keys that a user's clients know.
    pub fn known(&self, user: u64) -> Vec<(u64, Vec<String>)> {
        let book = self.book(user).lock().expect("not poisoned");
        book.held.iter().map(|held| (held.id, held.strings.clone())).collect()
    }

    /// The known keys of a user.
    pub fn book(&self, user: u64) -> &Mutex<Book> {
        &self.books[usize::try_from(user).expect("few users")]
    }
}
