//! The state of a container: built once, cheap to clone.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use aws_types::SdkConfig;

use super::auth::Authenticator;
use super::aws_clients::sdk_config;
use crate::checksum::Checksums;
use crate::clock::{Clock, Random};
use crate::config::{AwsConfig, Config};
use crate::error::Error;
use crate::store::{Keys, RateLimiter, Table, Vault};
use crate::telemetry::log::Log;

/// The state that endpoints share.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of an [`App`].
pub struct Parts {
    /// The deployment's settings.
    pub config: Config,
    authenticator: OnceLock<Authenticator>,
    /// The table.
    pub table: Table,
    /// The keys in it.
    pub keys: Keys,
    /// The rate limits of management calls.
    pub limiter: RateLimiter,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// The log of calls and runs.
    pub log: Log,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// The app of a Lambda function, from its environment.
    ///
    /// # Errors
    ///
    /// If the settings cannot be used; the function does not start then.
    pub fn from_env() -> Result<Self, lambda_http::Error> {
        Ok(Self::with_sdk_from_env()?.0)
    }

    /// The same, with the configuration for clients of further AWS services.
    pub(crate) fn with_sdk_from_env() -> Result<(Self, SdkConfig), lambda_http::Error> {
        let config = Config::from_env()?;
        let sdk = sdk_config(AwsConfig::from_env()?)?;
        let table = Table::new(aws_sdk_dynamodb::Client::new(&sdk), &config.table_name);
        let vault = Vault::new(table.clone(), sdk.clone(), config.kms_key_id.clone(), config.vault_name.clone());
        Ok((Self::new(config, table, vault, Clock::system(), Random::system()), sdk))
    }

    /// An app of given parts, which logs to standard output.
    #[must_use]
    pub fn new(config: Config, table: Table, vault: Vault, clock: Clock, random: Random) -> Self {
        let log = Log::stdout(&config.service_name);
        Self::with_log(config, table, vault, clock, random, log)
    }

    /// An app of given parts.
    #[must_use]
    pub fn with_log(config: Config, table: Table, vault: Vault, clock: Clock, random: Random, log: Log) -> Self {
        let keys = Keys::new(table.clone(), vault, &config, clock.clone(), random.clone());
        let limiter = RateLimiter::new(table.clone(), config.rate_limits);
        Self(Arc::new(Parts { config, authenticator: OnceLock::new(), table, keys, limiter, clock, random, log }))
    }

    /// The secrets of the checksum of key strings.
    ///
    /// # Errors
    ///
    /// If the function has none.
    pub fn checksums(&self) -> Result<&Checksums, Error> {
        self.keys.checksums()
    }

    /// The check of JWTs, made on first use: a function without callers needs none.
    ///
    /// # Errors
    ///
    /// If the settings of the JWTs cannot be used.
    pub fn authenticator(&self) -> Result<&Authenticator, Error> {
        if let Some(authenticator) = self.authenticator.get() {
            return Ok(authenticator);
        }
        let authenticator = Authenticator::new(&self.config.jwt).map_err(|cause| Error::Failed(cause.into()))?;
        Ok(self.authenticator.get_or_init(|| authenticator))
    }
}
