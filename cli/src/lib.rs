//! `nuxera-keys`: the API keys of Nuxera, from a command line.

mod arguments;
mod client;
mod commands;
mod failure;
mod output;
mod retries;
mod settings;
mod table;
mod usage_chart;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::Arguments;

/// Does what the command line says.
pub async fn run() -> ExitCode {
    match commands::run(Arguments::parse()).await {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit_code()
        }
    }
}
