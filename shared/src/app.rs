//! What every endpoint works with: built once per container, cheap to clone.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, SharedCredentialsProvider};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_types::SdkConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::auth::Authenticator;
use crate::clock::{Clock, Random};
use crate::config::{AwsConfig, Config};
use crate::error::Error;
use crate::keys::{Keys, Vault};
use crate::log::Log;
use crate::round_trips::Counted;
use crate::table::Table;

/// The endpoints' surroundings.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What an [`App`] is made of.
pub struct Parts {
    /// The deployment's settings.
    pub config: Config,
    authenticator: OnceLock<Authenticator>,
    /// The table.
    pub table: Table,
    /// The keys in it.
    pub keys: Keys,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Where it is told what became of calls and runs.
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
        let vault = Vault::new(table.clone(), sdk.clone(), config.kms_key_id.clone());
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
        let keys = Keys::new(table.clone(), vault, &config, random.clone());
        Self(Arc::new(Parts { config, authenticator: OnceLock::new(), table, keys, clock, random, log }))
    }

    /// What checks JWTs. It is made when it is first asked for: a function without callers needs none.
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

/// The configuration of the AWS clients. `aws-config` would look for it in many more places, all of them in vain on
/// Lambda, and at every start.
///
/// # Errors
///
/// If the HTTP client cannot be made.
pub fn sdk_config(aws: AwsConfig) -> Result<SdkConfig, lambda_http::Error> {
    let AwsConfig { region, credentials, endpoint_url, service_endpoint_urls } = aws;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(5))
        .build();
    let retries = RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50));
    let mut sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(retries)
        .timeout_config(timeouts)
        .http_client(Counted::new(http_client()?))
        .service_config(ServiceEndpoints(service_endpoint_urls));
    sdk.set_endpoint_url(endpoint_url);
    Ok(sdk.build())
}

/// Where single services are, as the SDK asks for it.
#[derive(Debug)]
struct ServiceEndpoints(Vec<(&'static str, String)>);

impl LoadServiceConfig for ServiceEndpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let mut endpoints = self.0.iter().filter(|_| key.env() == "AWS_ENDPOINT_URL");
        endpoints.find(|(service, _)| *service == key.service_id()).map(|(_, url)| url.clone())
    }
}

/// A client that trusts Amazon's certificate authorities only: AWS needs no others, and parsing a system's whole set
/// takes half of a function's start-up.
fn http_client() -> Result<aws_smithy_runtime_api::client::http::SharedHttpClient, lambda_http::Error> {
    let roots = include_bytes!("amazon-trust-services.pem").as_slice();
    let trust_store = TrustStore::empty().with_native_roots(false).with_pem_certificate(roots);
    let context = TlsContext::builder().with_trust_store(trust_store).build()?;
    Ok(aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(context)
        .build_https())
}
