//! Ends in a restored table what was ended since its backup.
//!
//! A restored table revives keys that were deleted, paused, rotated or given an earlier expiry since. The trail in the old
//! table says which. Each revocation is repeated in its transaction with an audit entry of the system, which has the id of
//! the repeated entry as its `request_id`; so doing it again changes nothing. No key string is printed.

use std::fmt;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use shared::damage::Damaged;
use shared::ids::Locator;
use shared::keys::{Author, Key, Revocation, Trails};
use shared::{App, Error};

/// Keys that are brought up to date in parallel.
const KEYS_AT_ONCE: usize = 16;
/// Keys that one request looks up.
const KEYS_LOOKED_UP: usize = 100;

/// What is to be done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Only says what it would end.
    pub is_dry: bool,
    /// The time before which changes do not count: those that the restore is to undo.
    pub since: Option<DateTime<Utc>>,
}

/// A fact about a key.
#[derive(Clone, Debug)]
pub struct Finding {
    key: Locator,
    fact: Fact,
}

#[derive(Clone, Debug)]
enum Fact {
    /// It was ended, or would be.
    Ended(Revocation),
    /// Changes of these fields are lost.
    Lost(Vec<String>),
    /// The backup does not have it.
    Missing,
    /// The old table has no trail of it.
    Untraced,
    /// It could not be brought up to date.
    Failed(Error),
}

impl Finding {
    /// Whether the key could not be brought up to date.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self.fact, Fact::Failed(_))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Locator { user_id, key_id } = self.key;
        write!(f, "key {key_id} of user {user_id} ")?;
        match &self.fact {
            Fact::Ended(Revocation::Deleted) => write!(f, "was deleted"),
            Fact::Ended(Revocation::Paused) => write!(f, "was paused"),
            Fact::Ended(Revocation::Expiry(expiry)) => write!(f, "got the expiry {expiry}"),
            Fact::Ended(Revocation::Rotated { old_until }) => {
                write!(f, "was rotated; its owner must rotate it again to get a string")?;
                old_until.map_or(Ok(()), |until| write!(f, ", and has until {until} with the one before"))
            }
            Fact::Lost(fields) => write!(f, "lost later changes of {}", fields.join(", ")),
            Fact::Missing => write!(f, "was created since the backup, and is lost"),
            Fact::Untraced => {
                write!(f, "has no trail in the old table: it was created since the restore, or its trail is gone")
            }
            Fact::Failed(Error::Damaged(damaged)) => {
                write!(f, "is as it was: {damaged}. Repair it, then reconcile again")
            }
            Fact::Failed(error) => write!(f, "may be as it was: {error}. Reconcile again"),
        }
    }
}

/// Numbers of keys and findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Keys of the restored table.
    pub keys: u64,
    /// Revocations that were ended, or would be.
    pub ended: u64,
    /// Keys whose other changes are lost.
    pub lost: u64,
    /// Keys that the backup does not have.
    pub missing: u64,
    /// Keys without a trail in the old table.
    pub untraced: u64,
    /// Keys that could not be brought up to date.
    pub failed: u64,
}

impl Counts {
    fn count(&mut self, finding: &Finding) {
        let counter = match finding.fact {
            Fact::Ended(_) => &mut self.ended,
            Fact::Lost(_) => &mut self.lost,
            Fact::Missing => &mut self.missing,
            Fact::Untraced => &mut self.untraced,
            Fact::Failed(_) => &mut self.failed,
        };
        *counter += 1;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys, ended, lost, missing, untraced, failed } = self;
        write!(
            f,
            "{keys} keys: {ended} revocations, {lost} with lost changes, {untraced} without a trail, {failed} failures. "
        )?;
        write!(f, "{missing} keys are not in the backup")
    }
}

/// Brings all keys of a restored table up to date, and reports what it finds as it goes.
///
/// # Errors
///
/// When a table cannot be read. Failures of single keys are findings.
pub async fn reconcile(
    old: &App,
    restored: &App,
    options: Options,
    mut report: impl FnMut(&Finding),
) -> Result<Counts, Error> {
    let mut counts = Counts::default();
    let mut found = |finding: &Finding, counts: &mut Counts| {
        counts.count(finding);
        report(finding);
    };
    for key in missing(old, restored).await? {
        found(&Finding { key, fact: Fact::Missing }, &mut counts);
    }
    let mut from = None;
    loop {
        let page = restored.keys.scan(from).await?;
        counts.keys += page.elements.len() as u64;
        let keys = page.elements.into_iter().map(|(place, key)| bring_up_to_date(old, restored, options, place, key));
        let mut keys = stream::iter(keys).buffer_unordered(KEYS_AT_ONCE);
        while let Some(findings) = keys.next().await {
            for finding in &findings {
                found(finding, &mut counts);
            }
        }
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    if !options.is_dry {
        restored.keys.continue_ids_of(&old.keys).await?;
    }
    Ok(counts)
}

/// The keys of the old table that are not in the restored one.
async fn missing(old: &App, restored: &App) -> Result<Vec<Locator>, Error> {
    let mut missing = Vec::new();
    let mut from = None;
    loop {
        let page = old.keys.scan(from).await?;
        let places: Vec<Locator> = page.elements.into_iter().map(|(place, _)| place).collect();
        for places in places.chunks(KEYS_LOOKED_UP) {
            missing.extend(restored.keys.missing(places.to_vec()).await?);
        }
        from = page.next;
        if from.is_none() {
            return Ok(missing);
        }
    }
}

async fn bring_up_to_date(
    old: &App,
    restored: &App,
    options: Options,
    place: Locator,
    key: Result<Key, Damaged>,
) -> Vec<Finding> {
    let mut facts = Vec::new();
    if let Err(error) = find(old, restored, options, place, key, &mut facts).await {
        facts.push(Fact::Failed(error));
    }
    facts.into_iter().map(|fact| Finding { key: place, fact }).collect()
}

async fn find(
    old: &App,
    restored: &App,
    Options { is_dry, since }: Options,
    place: Locator,
    key: Result<Key, Damaged>,
    facts: &mut Vec<Fact>,
) -> Result<(), Error> {
    let key = key?;
    let trails = Trails { old: old.keys.whole_trail(place).await?, restored: restored.keys.whole_trail(place).await? };
    if trails.old.is_empty() {
        facts.push(Fact::Untraced);
        return Ok(());
    }
    if !trails.are_of_one_key() {
        // The one of the old table was created since the backup, and its id was given again.
        facts.push(Fact::Missing);
        return Ok(());
    }
    let now = Author::system(String::new(), restored.clock.now()).timestamp();
    let missed = trails.missed(&key, since, now);
    for (revocation, entry) in missed.revocations {
        if !is_dry {
            let author = Author::system(entry.to_string(), restored.clock.now());
            restored.keys.revoke(&author, place, revocation).await?;
        }
        facts.push(Fact::Ended(revocation));
    }
    if !missed.lost.is_empty() {
        facts.push(Fact::Lost(missed.lost));
    }
    Ok(())
}
