//! The commands and their options, with their help.

use clap::{Args, Parser, Subcommand, ValueEnum};

const AFTER_HELP: &str = "\
Environment:
  NUXERA_KEYS_URL    The URL of the service, such as https://nuxera.cloud
  NUXERA_KEYS_TOKEN  Your token (JWT). `verify` needs one with the role `service`
  NUXERA_KEYS_KEY    The key that `verify` checks, in place of standard input

Exit status:
  0  done; the verified key works
  1  the service refused the request
  2  wrong arguments, or a setting is missing
  3  the token is missing, not accepted or not sufficient
  4  there is no such key
  5  the key is expired, or the limit of keys or a conflict stands in the way
  6  too many calls: try again later
  7  the service failed or cannot be reached
  8  the verified key does not work

Start with:
  nuxera-keys create \"Ward 3 dictation\"
  nuxera-keys list
  nuxera-keys help rotate";

/// Create, inspect, rotate and delete the API keys of Nuxera.
///
/// A key string is written to a terminal, or with `--reveal`; anywhere else, all but its end is left out. Calls that the
/// service is too busy for are repeated, as long as a repeat can do no harm.
#[derive(Debug, Parser)]
#[command(name = "nuxera-keys", version, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Arguments {
    /// How to write results
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Write whole key strings, also to a pipe or a file
    #[arg(long, global = true)]
    pub reveal: bool,
    /// How long to repeat a call that the service is too busy for
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 30)]
    pub retry_for: u64,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For programs: the answers of the API
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a key
    #[command(after_help = "\
Examples:
  nuxera-keys create \"Ward 3 dictation\"
  nuxera-keys create \"CI\" --type test --expires 2027-01-01T00:00:00Z
  KEY=$(nuxera-keys create \"Ward 3\" --format json --reveal | jq -r .key)")]
    Create(Create),
    /// List your keys, oldest first
    #[command(after_help = "\
Examples:
  nuxera-keys list
  nuxera-keys list --status active --type live --type t2yd
  nuxera-keys list --format json | jq '.[].id'")]
    List(List),
    /// Show a key
    #[command(after_help = "\
Examples:
  nuxera-keys show 42
  nuxera-keys show 42 --format json --reveal")]
    Show(OneKey),
    /// Pause a key, which stops it at once
    #[command(after_help = "Example:\n  nuxera-keys pause 42")]
    Pause(OneKey),
    /// Let a paused key work again
    #[command(after_help = "Example:\n  nuxera-keys resume 42")]
    Resume(OneKey),
    /// Give a key a new string
    #[command(after_help = "\
Examples:
  nuxera-keys rotate 42                  the old string stops at once
  nuxera-keys rotate 42 --grace 86400    it works for another day")]
    Rotate(Rotate),
    /// Set or remove the default key, which calls with a token use
    #[command(
        subcommand,
        after_help = "\
Examples:
  nuxera-keys default set 42
  nuxera-keys default remove 42"
    )]
    Default(Default),
    /// Delete a key for good
    #[command(after_help = "\
Examples:
  nuxera-keys delete 42
  nuxera-keys delete 42 --yes    in scripts")]
    Delete(Delete),
    /// Show how often a key was used, day by day
    #[command(after_help = "Example:\n  nuxera-keys usage 42")]
    Usage(OneKey),
    /// Show what was done to a key, newest first
    #[command(after_help = "\
Examples:
  nuxera-keys audit 42
  nuxera-keys audit 42 --limit 10 --format json")]
    Audit(Audit),
    /// Check whether a key works; a valid check counts one use
    ///
    /// The key is read from standard input, asked for at a terminal, or taken from `NUXERA_KEYS_KEY`. It is no argument,
    /// because a shell keeps those in its history.
    #[command(after_help = "\
Examples:
  nuxera-keys verify
  nuxera-keys verify < key.txt")]
    Verify,
}

/// A new key.
#[derive(Args, Debug)]
pub struct Create {
    /// A name that tells people what the key is for
    pub name: String,
    /// What the key is for: live, test, ai-medical-note or t2yd
    #[arg(long = "type", value_name = "TYPE", default_value = "live")]
    pub kind: String,
    /// The status to begin with: active or paused
    #[arg(long, default_value = "active")]
    pub status: String,
    /// When it expires, as in 2027-01-01T00:00:00Z, or `never`; without it, as the service is set up
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
    /// Names this creation, so that a repeat makes no second key
    #[arg(long, value_name = "TEXT")]
    pub idempotency_key: Option<String>,
}

/// Which keys to list.
#[derive(Args, Debug)]
pub struct List {
    /// Only keys with this status; may be repeated
    #[arg(long)]
    pub status: Vec<String>,
    /// Only keys of this type; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Vec<String>,
    /// Stop after so many keys
    #[arg(long, value_name = "NUMBER")]
    pub limit: Option<usize>,
    /// How many keys each call asks for
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    pub page_size: u32,
}

/// A key by its id.
#[derive(Args, Debug)]
pub struct OneKey {
    /// The id of the key, as `nuxera-keys list` shows it
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub id: u64,
}

/// A rotation.
#[derive(Args, Debug)]
pub struct Rotate {
    /// The id of the key
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub id: u64,
    /// How long the old string goes on working
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub grace: u32,
    /// Names this rotation, so that a repeat makes no second string
    #[arg(long, value_name = "TEXT")]
    pub idempotency_key: Option<String>,
}

/// What to do with the default key.
#[derive(Debug, Subcommand)]
pub enum Default {
    /// Make a key the default, in place of any other
    Set(OneKey),
    /// Make it the default no longer
    Remove(OneKey),
}

/// A deletion.
#[derive(Args, Debug)]
pub struct Delete {
    /// The id of the key
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub id: u64,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// A trail.
#[derive(Args, Debug)]
pub struct Audit {
    /// The id of the key, which may be deleted
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub id: u64,
    /// Stop after so many entries
    #[arg(long, value_name = "NUMBER")]
    pub limit: Option<usize>,
}
