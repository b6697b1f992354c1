//! `reconcile OLD_TABLE [--dry-run]`: ends in the restored table of the environment what was ended since its backup.
//!
//! A restored table revives keys that were deleted, paused, rotated or given an earlier expiry since. The trail in the old
//! table says which. Each revocation is repeated in its transaction with an audit entry of the system; doing it again
//! changes nothing. No key string is printed.

use std::process::ExitCode;

use aws_sdk_dynamodb::Client;
use futures_util::{StreamExt, stream};
use shared::App;
use shared::clock::{Clock, Random};
use shared::config::{AwsConfig, Config};
use shared::edge::aws_clients::sdk_config;
use shared::ids::Locator;
use shared::keys::{Author, Key, Revocation};
use shared::store::{Table, Vault};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Keys that are brought up to date in parallel.
const KEYS_AT_ONCE: usize = 16;
/// Keys that one request looks up.
const KEYS_LOOKED_UP: usize = 100;

#[derive(Default)]
struct Counts {
    keys: u64,
    ended: u64,
    missing: u64,
    failed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (old_table, is_dry) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [table] => (table, false),
        [table, "--dry-run"] => (table, true),
        _ => {
            eprintln!("reconcile OLD_TABLE [--dry-run], with the settings of a function in the environment");
            return ExitCode::from(2);
        }
    };
    match reconcile(old_table, is_dry).await {
        Ok(Counts { keys, ended, missing, failed }) => {
            let done = if is_dry { "to end" } else { "ended" };
            println!(
                "{keys} keys, {ended} revocations {done}, {missing} keys that the backup lacks, {failed} failures"
            );
            if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn reconcile(old_table: &str, is_dry: bool) -> Result<Counts, Failure> {
    let config = Config::from_env()?;
    if config.table_name == old_table {
        return Err("TABLE_NAME must be the restored table, not the old one".into());
    }
    let restored = app(config.clone())?;
    let old = app(Config { table_name: old_table.to_owned(), ..config })?;
    let now = restored.clock.now();
    let author = Author::system(restored.random.uuid_v7(now).to_string(), now);
    let mut counts = Counts::default();
    let mut from = None;
    loop {
        let page = restored.keys.scan(from).await?;
        let (keys, damaged): (Vec<_>, Vec<_>) = page.elements.into_iter().partition(Result::is_ok);
        counts.keys += keys.len() as u64;
        for error in damaged.into_iter().filter_map(Result::err) {
            counts.failed += 1;
            eprintln!("{error}: it works as it is, and is left alone");
        }
        let keys = keys.into_iter().flatten();
        let revoked = stream::iter(keys.map(|key| revoke(&old, &restored, &author, key, is_dry)));
        let mut revoked = revoked.buffer_unordered(KEYS_AT_ONCE);
        while let Some(result) = revoked.next().await {
            match result {
                Ok(count) => counts.ended += count,
                Err(error) => {
                    counts.failed += 1;
                    eprintln!("{error}");
                }
            }
        }
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    counts.missing = list_missing(&old, &restored).await?;
    if !is_dry {
        restored.keys.continue_ids_of(&old.keys).await?;
    }
    Ok(counts)
}

fn app(config: Config) -> Result<App, Failure> {
    let sdk = sdk_config(AwsConfig::from_env()?)?;
    let table = Table::new(Client::new(&sdk), &config.table_name);
    let vault = Vault::new(table.clone(), sdk, config.kms_key_id.clone(), config.vault_name.clone());
    Ok(App::new(config, table, vault, Clock::system(), Random::system()))
}

/// Ends what a key has been ended by, and says so; returns the number of revocations.
async fn revoke(old: &App, restored: &App, author: &Author, key: Key, is_dry: bool) -> Result<u64, Failure> {
    let place = Locator { user_id: key.user_id, key_id: key.id };
    let failed = |error| format!("key {} of user {}: {error}", key.id, key.user_id);
    let entries = old.keys.entries_after(place, key.entry_at).await.map_err(failed)?;
    let revocations = Revocation::since(&key, &entries);
    for revocation in &revocations {
        if !is_dry {
            restored.keys.revoke(author, place, *revocation).await.map_err(failed)?;
        }
        let what = match revocation {
            Revocation::Deleted => "was deleted".to_owned(),
            Revocation::Rotated => "was rotated; its owner needs a new string: rotate it again".to_owned(),
            Revocation::Paused => "was paused".to_owned(),
            Revocation::Expiry(expiry) => format!("got the expiry {expiry}"),
        };
        println!("key {} of user {} {what}", key.id, key.user_id);
    }
    Ok(revocations.len() as u64)
}

/// Lists keys that were created since the backup. Their strings are unknown to the restored table.
async fn list_missing(old: &App, restored: &App) -> Result<u64, Failure> {
    let mut count = 0;
    let mut from = None;
    loop {
        let page = old.keys.scan(from).await?;
        let places: Vec<Locator> =
            page.elements.into_iter().flatten().map(|key| Locator { user_id: key.user_id, key_id: key.id }).collect();
        for places in places.chunks(KEYS_LOOKED_UP) {
            for Locator { user_id, key_id } in restored.keys.missing(places.to_vec()).await? {
                println!("key {key_id} of user {user_id} was created since the backup, and is lost");
                count += 1;
            }
        }
        from = page.next;
        if from.is_none() {
            return Ok(count);
        }
    }
}
