//! What the clients of a run share: the engine, the clock, and what is known of each user's keys.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use chrono::TimeDelta;
use tests::TestApp;
use tokio::sync::Semaphore;

use crate::history::Request;

/// How many calls are under way at once: as many as there are users in a full run.
pub const CALLS_AT_ONCE: u32 = 50;

/// What all clients share.
pub struct World {
    pub seed: u64,
    pub engine: String,
    pub deployment: TestApp,
    clock: AtomicI64,
    books: Vec<Mutex<Book>>,
    pub steps_done: AtomicUsize,
    pub calls: Semaphore,
}

/// What a user's clients know of the user's keys.
#[derive(Default)]
pub struct Book {
    pub held: Vec<Held>,
    /// Requests with an `Idempotency-Key` that were answered.
    pub repeatable: Vec<Request>,
}

/// A key that was heard of.
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

    /// Lets time pass. Each caller gets a time of its own.
    pub fn tick(&self, milliseconds: i64) -> i64 {
        self.clock.fetch_add(milliseconds, Ordering::SeqCst)
    }

    /// Lets time pass between calls.
    pub fn advance(&self, by: TimeDelta) {
        self.tick(by.num_milliseconds());
    }

    /// The user after another one, who is the same if there is but one.
    pub fn next_user(&self, user: u64) -> u64 {
        user % (self.books.len() as u64 - 1) + 1
    }

    /// The keys that a user's clients have heard of: ids and strings.
    pub fn known(&self, user: u64) -> Vec<(u64, Vec<String>)> {
        let book = self.book(user).lock().expect("not poisoned");
        book.held.iter().map(|held| (held.id, held.strings.clone())).collect()
    }

    /// What a user's clients know.
    pub fn book(&self, user: u64) -> &Mutex<Book> {
        &self.books[usize::try_from(user).expect("few users")]
    }
}
