//! Configuration of the AWS clients.

use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, SharedCredentialsProvider};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::SdkConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::config::AwsConfig;
use crate::telemetry::round_trips::Counted;

/// The configuration of the AWS clients. `aws-config` would look for it in many more places at every start, all in vain on
/// Lambda.
///
/// # Errors
///
/// If the HTTP client cannot be made.
pub fn sdk_config(aws: AwsConfig) -> Result<SdkConfig, lambda_http::Error> {
    let AwsConfig { region, credentials, endpoint_url, service_endpoint_urls, use_fips, use_dual_stack } = aws;
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
    sdk.set_use_fips(Some(use_fips)).set_use_dual_stack(Some(use_dual_stack));
    Ok(sdk.build())
}

/// Endpoints of single services, in the form that the SDK asks for.
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
fn http_client() -> Result<SharedHttpClient, lambda_http::Error> {
    let roots = include_bytes!("amazon-trust-services.pem").as_slice();
    let trust_store = TrustStore::empty().with_native_roots(false).with_pem_certificate(roots);
    let context = TlsContext::builder().with_trust_store(trust_store).build()?;
    Ok(aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(context)
        .build_https())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the SDK's own configuration reads them (AWS SDKs and tools reference guide).
    #[test]
    fn fips_and_dual_stack_endpoints_are_used_on_request() {
        let sdk = |set: &'static [&str]| {
            let aws = AwsConfig::from_variables(|name| match name {
                "AWS_REGION" => Some("us-east-1".to_owned()),
                "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("not used".to_owned()),
                _ => set.contains(&name).then(|| "true".to_owned()),
            });
            let sdk = sdk_config(aws.expect("complete")).expect("a client");
            (sdk.use_fips(), sdk.use_dual_stack())
        };
        assert_eq!(sdk(&[]), (Some(false), Some(false)));
        assert_eq!(sdk(&["AWS_USE_FIPS_ENDPOINT"]), (Some(true), Some(false)));
        assert_eq!(sdk(&["AWS_USE_DUALSTACK_ENDPOINT"]), (Some(false), Some(true)));
    }
}
