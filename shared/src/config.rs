//! Settings of the deployment: every environment variable, read once, typed. Nothing else reads the environment.

use std::fmt;
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;
use std::time::Duration;

use aws_sdk_dynamodb::config::{Credentials, Region};

use crate::checksum::Checksums;
use crate::claim_path::ClaimPath;
use crate::lanes::Lanes;

/// The default of `FHIR_BASE_URL`, under which the FHIR definitions are published. It also occurs in their text.
pub const DEFAULT_FHIR_BASE_URL: &str = "https://nuxera.cloud/fhir";

/// The settings of a deployment. An empty variable counts as absent.
#[derive(Clone, Debug)]
pub struct Config {
    /// `SERVICE_NAME`: the name of the deployment in log lines and metrics, which tells several in an account apart; default
    /// `nuxera-api-keys`.
    pub service_name: String,
    /// `TABLE_NAME`: the DynamoDB table.
    pub table_name: String,
    /// `KMS_KEY_ID`: the KMS key under which the data keys are wrapped.
    pub kms_key_id: String,
    /// `VAULT_NAME`: the name that data keys are bound to; default the table's name. A table that is restored under another
    /// name keeps it.
    pub vault_name: String,
    /// The check of JWTs.
    pub jwt: JwtConfig,
    /// `KEY_CHECKSUM_SECRETS`: the secrets of the checksum of key strings, newest first, separated by commas; only the
    /// functions that issue or check strings have them.
    pub checksums: Option<Checksums>,
    /// `KEY_REVEAL`: when the owner sees whole key strings.
    pub key_reveal: KeyReveal,
    /// `DEFAULT_KEY_LIFETIME_DAYS`: the lifetime of keys created without `expiry_at`, in days; 0 for no expiry. Default 365.
    pub default_key_lifetime_days: u32,
    /// `MAX_KEYS_PER_USER`: default 1,000.
    pub max_keys_per_user: u32,
    /// `TEST_KEY_DAILY_LIMIT`: uses of a key of type `test` per UTC day; default 100.
    pub test_key_daily_limit: u32,
    /// `TRANSCRIPTION_URL`: the service to which recordings are posted, and what is below its URL, if there is one.
    pub transcription: Option<UpstreamConfig>,
    /// `DICTATION_URL`: the service to which dictations are posted, if there is one.
    pub dictation: Option<UpstreamConfig>,
    /// Management calls a user may make.
    pub rate_limits: RateLimits,
    /// The web origins that may read responses.
    pub cors: Cors,
    /// `EVENT_BUS_NAME`: the EventBridge bus for events; default `default`.
    pub event_bus_name: String,
    /// `STACK_ARN`: the stack of the deployment, which events name.
    pub stack_arn: Option<String>,
    /// The lanes of the gateway's usage plans; only the authorizer has them.
    pub lanes: Option<Lanes>,
    /// `FHIR_BASE_URL`: where the FHIR definitions are published; default `https://nuxera.cloud/fhir`.
    pub fhir_base_url: String,
    /// `PUBLIC_ORIGIN`: scheme and host of absolute links; default https and the domain that API Gateway names.
    pub public_origin: Option<String>,
    /// `SIGN_IN_URL`: where the console sends people who have no token; https, or http to this machine.
    pub sign_in_url: Option<String>,
}

/// Region, credentials and endpoints of AWS, as Lambda sets them for every function.
#[derive(Clone, Debug)]
pub struct AwsConfig {
    /// `AWS_REGION`.
    pub region: Region,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`. They outlive a container on Lambda.
    pub credentials: Credentials,
    /// `AWS_ENDPOINT_URL`: the endpoint of all services, if not AWS itself.
    pub endpoint_url: Option<String>,
    /// `AWS_ENDPOINT_URL_DYNAMODB` and so on: the endpoint of a single service, by its id.
    pub service_endpoint_urls: Vec<(&'static str, String)>,
    /// `AWS_USE_FIPS_ENDPOINT`: whether endpoints are those validated by FIPS 140.
    pub use_fips: bool,
    /// `AWS_USE_DUALSTACK_ENDPOINT`: whether endpoints have IPv6 addresses, too.
    pub use_dual_stack: bool,
}

/// The check of JWTs: by a shared secret, by public keys, or both.
#[derive(Clone)]
pub struct JwtConfig {
    /// `JWT_SECRET`: the secret of HS256 tokens, at least 32 bytes (RFC 7518, section 3.2).
    pub secret: Option<String>,
    /// `JWT_JWKS`: a JSON Web Key Set (RFC 7517), inline.
    pub jwks: Option<String>,
    /// `JWT_JWKS_URL`: the URL of a JSON Web Key Set; https, or http to this machine.
    pub jwks_url: Option<String>,
    /// `JWT_ISSUER`: the required `iss`; absent only with `ACCEPT_ANY_ISSUER=true`.
    pub issuer: Option<String>,
    /// `JWT_AUDIENCE`: the required `aud`; absent only with `ACCEPT_ANY_ISSUER=true`.
    pub audience: Option<String>,
    /// `JWT_USER_ID_CLAIM`: the claim that holds the user's id; default the first there is of `user_id`, `userId`, `id` and `sub`.
    pub user_id_claim: Option<ClaimPath>,
    /// `JWT_ROLES_CLAIM`: the claim that holds the roles; default `role` and `roles`.
    pub roles_claim: Option<ClaimPath>,
    /// `MAX_TOKEN_HOURS`: how far ahead `exp` may be, in hours; default 24.
    pub max_token_hours: NonZeroU32,
}

impl fmt::Debug for JwtConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtConfig(redacted)")
    }
}

/// A service behind this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamConfig {
    /// Its URL: http or https.
    pub url: url::Url,
    /// `TRANSCRIPTION_TIMEOUT_SECONDS`: the longest wait for an answer; default 26.
    pub timeout: Duration,
}

/// When the owner sees whole key strings. Admins never see those of other users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyReveal {
    /// Whenever the key is read.
    Always,
    /// Only when the string is issued.
    Once,
}

/// Management calls per user; the windows are the clock's minutes and hours in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// `RATE_LIMIT_PER_MINUTE`: default 100.
    pub per_minute: u32,
    /// `RATE_LIMIT_PER_HOUR`: default 1,000.
    pub per_hour: u32,
}

/// `CORS_ORIGINS`: the web origins that may read responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// The default: none.
    None,
    /// `*`: any. Responses depend on a token that no browser sends by itself.
    Any,
    /// These, separated by commas.
    Origins(Vec<String>),
}

/// A setting that cannot be used; the function does not start.
#[derive(Debug, thiserror::Error)]
#[error("{variable} {problem}")]
pub struct ConfigError {
    variable: &'static str,
    problem: String,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    ///
    /// If a variable is missing or unreadable: the message names it and never holds its value.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may ask")]
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// Reads variables from anywhere.
    ///
    /// # Errors
    ///
    /// As [`Config::from_env`].
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let text = |name: &'static str| variable(name).filter(|value| !value.is_empty());
        let required =
            |name: &'static str| text(name).ok_or(ConfigError { variable: name, problem: "must be set".to_owned() });
        Ok(Self {
            service_name: text("SERVICE_NAME").unwrap_or_else(|| "nuxera-api-keys".to_owned()),
            table_name: required("TABLE_NAME")?,
            kms_key_id: required("KMS_KEY_ID")?,
            vault_name: text("VAULT_NAME").map_or_else(|| required("TABLE_NAME"), Ok)?,
            jwt: jwt(text)?,
            checksums: match text("KEY_CHECKSUM_SECRETS") {
                None => None,
                Some(secrets) => Some(Checksums::parse(&secrets).map_err(|problem| ConfigError {
                    variable: "KEY_CHECKSUM_SECRETS",
                    problem: problem.to_owned(),
                })?),
            },
            key_reveal: match text("KEY_REVEAL").as_deref() {
                None | Some("always") => KeyReveal::Always,
                Some("once") => KeyReveal::Once,
                Some(_) => {
                    let problem = "must be \"always\" or \"once\"".to_owned();
                    return Err(ConfigError { variable: "KEY_REVEAL", problem });
                }
            },
            default_key_lifetime_days: number(text, "DEFAULT_KEY_LIFETIME_DAYS", 365)?,
            max_keys_per_user: number(text, "MAX_KEYS_PER_USER", 1_000)?,
            test_key_daily_limit: number(text, "TEST_KEY_DAILY_LIMIT", 100)?,
            transcription: upstream(text, "TRANSCRIPTION_URL")?,
            dictation: upstream(text, "DICTATION_URL")?,
            rate_limits: RateLimits {
                per_minute: number(text, "RATE_LIMIT_PER_MINUTE", 100)?,
                per_hour: number(text, "RATE_LIMIT_PER_HOUR", 1_000)?,
            },
            cors: match text("CORS_ORIGINS").as_deref() {
                None => Cors::None,
                Some("*") => Cors::Any,
                Some(origins) => Cors::Origins(origins.split(',').map(|origin| origin.trim().to_owned()).collect()),
            },
            event_bus_name: text("EVENT_BUS_NAME").unwrap_or_else(|| "default".to_owned()),
            stack_arn: text("STACK_ARN"),
            lanes: match text("LANE_KEY_PREFIX") {
                Some(key_prefix) => Some(Lanes { key_prefix, count: number(text, "LANES", NonZeroU64::MIN)? }),
                None => None,
            },
            fhir_base_url: text("FHIR_BASE_URL")
                .as_deref()
                .unwrap_or(DEFAULT_FHIR_BASE_URL)
                .trim_end_matches('/')
                .to_owned(),
            public_origin: public_origin(text)?,
            sign_in_url: match text("SIGN_IN_URL") {
                Some(url) if !is_protected(&url) => {
                    let problem = "must be an https URL, or one of this machine".to_owned();
                    return Err(ConfigError { variable: "SIGN_IN_URL", problem });
                }
                url => url,
            },
        })
    }
}

impl AwsConfig {
    /// Reads the environment.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing.
    #[expect(clippy::disallowed_methods, reason = "this is where settings are read")]
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// Reads variables from anywhere.
    ///
    /// # Errors
    ///
    /// As [`AwsConfig::from_env`].
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let text = |name: &str| variable(name).filter(|value| !value.is_empty());
        let is_on = |name| text(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let required =
            |name: &'static str| text(name).ok_or(ConfigError { variable: name, problem: "must be set".to_owned() });
        let (id, secret) = (required("AWS_ACCESS_KEY_ID")?, required("AWS_SECRET_ACCESS_KEY")?);
        Ok(Self {
            region: Region::new(required("AWS_REGION")?),
            credentials: Credentials::new(id, secret, text("AWS_SESSION_TOKEN"), None, "environment"),
            endpoint_url: text("AWS_ENDPOINT_URL"),
            service_endpoint_urls: [
                ("DynamoDB", "AWS_ENDPOINT_URL_DYNAMODB"),
                ("EventBridge", "AWS_ENDPOINT_URL_EVENTBRIDGE"),
                ("KMS", "AWS_ENDPOINT_URL_KMS"),
            ]
            .into_iter()
            .filter_map(|(service, name)| Some((service, text(name)?)))
            .collect(),
            use_fips: is_on("AWS_USE_FIPS_ENDPOINT"),
            use_dual_stack: is_on("AWS_USE_DUALSTACK_ENDPOINT"),
        })
    }
}

fn jwt(text: impl Fn(&'static str) -> Option<String> + Copy) -> Result<JwtConfig, ConfigError> {
    const DEFAULT_HOURS: NonZeroU32 = NonZeroU32::new(24).expect("not 0");
    let refused = |variable, problem: &str| ConfigError { variable, problem: problem.to_owned() };
    let required = match text("ACCEPT_ANY_ISSUER").as_deref() {
        None | Some("false") => true,
        Some("true") => false,
        Some(_) => return Err(refused("ACCEPT_ANY_ISSUER", "must be \"true\" or \"false\"")),
    };
    let unless_any = |variable| match text(variable) {
        None if required => Err(refused(variable, "must be set, unless ACCEPT_ANY_ISSUER is \"true\"")),
        value => Ok(value),
    };
    let claim = |variable| match text(variable) {
        None => Ok(None),
        Some(path) => match ClaimPath::parse(&path) {
            Some(path) => Ok(Some(path)),
            None => {
                Err(refused(variable, r"must be names divided by dots; a dot that belongs to a name is written \."))
            }
        },
    };
    let jwks_url = text("JWT_JWKS_URL");
    if jwks_url.as_deref().is_some_and(|url| !is_protected(url)) {
        return Err(refused("JWT_JWKS_URL", "must be an https URL, or an http URL of this machine"));
    }
    Ok(JwtConfig {
        secret: text("JWT_SECRET"),
        jwks: text("JWT_JWKS"),
        jwks_url,
        issuer: unless_any("JWT_ISSUER")?,
        audience: unless_any("JWT_AUDIENCE")?,
        user_id_claim: claim("JWT_USER_ID_CLAIM")?,
        roles_claim: claim("JWT_ROLES_CLAIM")?,
        max_token_hours: number(text, "MAX_TOKEN_HOURS", DEFAULT_HOURS)?,
    })
}

fn public_origin(text: impl Fn(&'static str) -> Option<String>) -> Result<Option<String>, ConfigError> {
    let Some(origin) = text("PUBLIC_ORIGIN") else { return Ok(None) };
    let is_origin = |url: url::Url| url.origin().ascii_serialization() == origin;
    if is_protected(&origin) && url::Url::parse(&origin).is_ok_and(is_origin) {
        return Ok(Some(origin));
    }
    let problem = "must be https and a host, without a path, or http and this machine".to_owned();
    Err(ConfigError { variable: "PUBLIC_ORIGIN", problem })
}

/// Whether nobody between here and a URL can change what it says: it is encrypted, or does not leave the machine.
fn is_protected(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let is_loopback = |host: &str| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse();
        host == "localhost" || address.is_ok_and(|address: IpAddr| address.is_loopback())
    };
    url.scheme() == "https" || url.scheme() == "http" && url.host_str().is_some_and(is_loopback)
}

fn upstream(
    text: impl Fn(&'static str) -> Option<String> + Copy,
    variable: &'static str,
) -> Result<Option<UpstreamConfig>, ConfigError> {
    let timeout = Duration::from_secs(number(text, "TRANSCRIPTION_TIMEOUT_SECONDS", 26)?);
    let Some(url) = text(variable) else { return Ok(None) };
    match url::Url::parse(&url) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(UpstreamConfig { url, timeout })),
        Ok(_) | Err(_) => Err(ConfigError { variable, problem: "must be an http or https URL".to_owned() }),
    }
}

fn number<T: FromStr>(
    text: impl Fn(&'static str) -> Option<String>,
    variable: &'static str,
    default: T,
) -> Result<T, ConfigError> {
    let Some(value) = text(variable) else { return Ok(default) };
    value.parse().map_err(|_| ConfigError { variable, problem: "must be a whole number".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let required = [
            ("TABLE_NAME", "keys"),
            ("KMS_KEY_ID", "alias/keys"),
            ("JWT_ISSUER", "https://login.example"),
            ("JWT_AUDIENCE", "api-keys"),
        ];
        Config::from_variables(|name| {
            let found = variables.iter().chain(&required).find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn absent_and_empty_variables_have_the_documented_defaults() {
        let config = config(&[("KEY_REVEAL", ""), ("MAX_KEYS_PER_USER", "")]).expect("complete");
        assert_eq!(config.key_reveal, KeyReveal::Always);
        assert_eq!((config.default_key_lifetime_days, config.max_keys_per_user), (365, 1_000));
        assert_eq!(config.rate_limits, RateLimits { per_minute: 100, per_hour: 1_000 });
        assert_eq!(config.cors, Cors::None);
        assert_eq!((config.transcription, config.dictation), (None, None));
        assert_eq!(config.fhir_base_url, "https://nuxera.cloud/fhir");
        assert_eq!(config.jwt.max_token_hours.get(), 24);
    }

    #[test]
    fn tokens_of_any_issuer_or_audience_are_accepted_only_on_request() {
        for missing in ["JWT_ISSUER", "JWT_AUDIENCE"] {
            let expected = format!("{missing} must be set, unless ACCEPT_ANY_ISSUER is \"true\"");
            for accept_any in ["", "false"] {
                let error = config(&[(missing, ""), ("ACCEPT_ANY_ISSUER", accept_any)]).expect_err("missing");
                assert_eq!(error.to_string(), expected);
            }
            config(&[(missing, ""), ("ACCEPT_ANY_ISSUER", "true")]).expect("said aloud");
        }
        let both = config(&[("ACCEPT_ANY_ISSUER", "true")]).expect("complete").jwt;
        assert_eq!(both.issuer.as_deref(), Some("https://login.example"), "one that is named is still required");
        assert_eq!(both.audience.as_deref(), Some("api-keys"));
        for unclear in ["True", "1", "yes", " true"] {
            let error = config(&[("ACCEPT_ANY_ISSUER", unclear)]).expect_err("unclear").to_string();
            assert_eq!(error, "ACCEPT_ANY_ISSUER must be \"true\" or \"false\"");
        }
    }

    #[test]
    fn a_key_set_is_fetched_by_https_or_from_this_machine() {
        for url in [
            "https://login.example/keys",
            "HTTPS://login.example/keys",
            "http://localhost:8080/keys",
            "http://127.0.0.1/keys",
            "http://127.8.8.8:80/keys",
            "http://[::1]:8080/keys",
        ] {
            config(&[("JWT_JWKS_URL", url)]).unwrap_or_else(|error| panic!("{url}: {error}"));
        }
        for url in [
            "http://login.example/keys",
            "http://localhost.example/keys",
            "http://127.0.0.1.example/keys",
            "http://127.0.0.1@login.example/keys",
            "http://10.0.0.1/keys",
            "http://[fe80::1]/keys",
            "http://0.0.0.0/keys",
            "ftp://127.0.0.1/keys",
            "file:///keys",
            "login.example/keys",
            "https://",
        ] {
            let error = config(&[("JWT_JWKS_URL", url)]).expect_err(url).to_string();
            assert_eq!(error, "JWT_JWKS_URL must be an https URL, or an http URL of this machine");
        }
    }

    #[test]
    fn the_public_origin_is_a_scheme_and_a_host() {
        for origin in ["https://keys.example", "https://keys.example:8443", "http://127.0.0.1:4566"] {
            let config = config(&[("PUBLIC_ORIGIN", origin)]).expect(origin);
            assert_eq!(config.public_origin.as_deref(), Some(origin));
        }
        for origin in ["https://keys.example/", "https://keys.example/v1", "http://keys.example", "keys.example"] {
            let error = config(&[("PUBLIC_ORIGIN", origin)]).expect_err(origin).to_string();
            assert_eq!(error, "PUBLIC_ORIGIN must be https and a host, without a path, or http and this machine");
        }
    }

    #[test]
    fn people_sign_in_by_https_or_on_this_machine() {
        for url in ["https://portal.example/sign-in?for=keys", "http://127.0.0.1:8080/sign-in", "http://localhost/"] {
            assert_eq!(config(&[("SIGN_IN_URL", url)]).expect(url).sign_in_url.as_deref(), Some(url));
        }
        for url in ["http://portal.example/", "javascript:alert(1)", "/sign-in"] {
            let error = config(&[("SIGN_IN_URL", url)]).expect_err(url).to_string();
            assert_eq!(error, "SIGN_IN_URL must be an https URL, or one of this machine");
        }
    }

    #[test]
    fn data_keys_are_bound_to_the_vault_or_else_to_the_table() {
        assert_eq!(config(&[]).expect("complete").vault_name, "keys");
        assert_eq!(config(&[("VAULT_NAME", "prod")]).expect("complete").vault_name, "prod");
    }

    #[test]
    fn errors_name_the_variable_and_keep_its_value() {
        let error = config(&[("TABLE_NAME", "")]).expect_err("missing").to_string();
        assert_eq!(error, "TABLE_NAME must be set");
        let error = config(&[("MAX_KEYS_PER_USER", "many")]).expect_err("unreadable").to_string();
        assert_eq!(error, "MAX_KEYS_PER_USER must be a whole number");
        for variable in ["TRANSCRIPTION_URL", "DICTATION_URL"] {
            for url in ["transcribe", "ftp://host/", "https://"] {
                let error = config(&[(variable, url)]).expect_err("no URL of HTTP").to_string();
                assert_eq!(error, format!("{variable} must be an http or https URL"));
            }
        }
        for hours in ["0", "-1", "1.5", "4294967296"] {
            let error = config(&[("MAX_TOKEN_HOURS", hours)]).expect_err("unreadable").to_string();
            assert_eq!(error, "MAX_TOKEN_HOURS must be a whole number");
        }
        for path in [".", "a..b", r"https://nuxera\cloud"] {
            let error = config(&[("JWT_ROLES_CLAIM", path)]).expect_err("no path").to_string();
            assert_eq!(
                error,
                r"JWT_ROLES_CLAIM must be names divided by dots; a dot that belongs to a name is written \."
            );
        }
        let error = config(&[("KEY_REVEAL", "never")]).expect_err("unknown").to_string();
        assert_eq!(error, "KEY_REVEAL must be \"always\" or \"once\"");
    }
}
