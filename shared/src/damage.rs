//! Damage to stored items: attributes that are missing or are not what this service writes.
//!
//! A read that can do without a damaged item leaves it out and notes it here; the line of the call or run then names it.
//! As with round trips, notes belong to the task that handles the call.

use std::borrow::Cow;
use std::cell::RefCell;

use serde::{Serialize, Serializer};

use crate::ids::Locator;

/// A damaged item, by its name and the attribute. The value is never repeated: it may be anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("attribute {attribute} of {item} is missing or damaged")]
pub struct Damaged {
    item: Cow<'static, str>,
    attribute: &'static str,
}

impl Damaged {
    /// An attribute of an item.
    pub fn new(item: impl Into<Cow<'static, str>>, attribute: &'static str) -> Self {
        Self { item: item.into(), attribute }
    }

    /// An attribute of a key.
    pub(crate) fn key(Locator { user_id, key_id }: Locator, attribute: &'static str) -> Self {
        Self::new(format!("key {key_id} of user {user_id}"), attribute)
    }
}

impl Serialize for Damaged {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

tokio::task_local! {
    static NOTED: RefCell<Vec<Damaged>>;
}

/// Collects the notes of a future, each once. A large future is best boxed before: it would be copied here.
pub async fn noted<F: Future>(future: F) -> (F::Output, Vec<Damaged>) {
    let noted = async {
        let output = future.await;
        (output, NOTED.with(RefCell::take))
    };
    NOTED.scope(RefCell::default(), noted).await
}

/// Notes an item that is left out. Outside of [`noted`] it is noted nowhere.
pub(crate) fn note(damaged: Damaged) {
    let _ = NOTED.try_with(|noted| {
        let mut noted = noted.borrow_mut();
        if !noted.contains(&damaged) {
            noted.push(damaged);
        }
    });
}

/// What can be read; damage is noted.
pub(crate) fn readable<T>(read: Result<T, Damaged>) -> Option<T> {
    read.map_err(note).ok()
}
