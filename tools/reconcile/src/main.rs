//! `reconcile OLD_TABLE [--since TIME] [--dry-run]`, with the settings of a function on the restored table.

use std::process::ExitCode;

use aws_sdk_dynamodb::Client;
use reconcile::{Counts, Options, reconcile};
use shared::App;
use shared::clock::{Clock, Random, Timestamp};
use shared::config::{AwsConfig, Config};
use shared::edge::aws_clients::sdk_config;
use shared::store::{Table, Vault};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let Some((old_table, options)) = read(std::env::args().skip(1)) else {
        eprintln!("reconcile OLD_TABLE [--since 2026-11-28T06:00:00Z] [--dry-run]");
        return ExitCode::from(2);
    };
    match run(&old_table, options).await {
        Ok(counts) => {
            println!("{counts}");
            if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn read(mut arguments: impl Iterator<Item = String>) -> Option<(String, Options)> {
    let (mut old_table, mut options) = (None, Options::default());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--dry-run" => options.is_dry = true,
            "--since" => options.since = Some(Timestamp::parse(&arguments.next()?)?.time()),
            _ if old_table.is_none() && !argument.starts_with('-') => old_table = Some(argument),
            _ => return None,
        }
    }
    Some((old_table?, options))
}

async fn run(old_table: &str, options: Options) -> Result<Counts, Failure> {
    let config = Config::from_env()?;
    if config.table_name == old_table {
        return Err("TABLE_NAME must be the restored table, not the old one".into());
    }
    let restored = app(config.clone())?;
    let old = app(Config { table_name: old_table.to_owned(), ..config })?;
    let counts = reconcile(&old, &restored, options, |finding| {
        if finding.is_failure() {
            eprintln!("{finding}");
        } else {
            println!("{finding}");
        }
    });
    Ok(counts.await?)
}

fn app(config: Config) -> Result<App, Failure> {
    let sdk = sdk_config(AwsConfig::from_env()?)?;
    let table = Table::new(Client::new(&sdk), &config.table_name);
    let vault = Vault::new(table.clone(), sdk, config.kms_key_id.clone(), config.vault_name.clone());
    Ok(App::new(config, table, vault, Clock::system(), Random::system()))
}
