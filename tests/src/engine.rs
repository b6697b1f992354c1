//! The DynamoDB engines of the tests, with the table of `template.yaml`.

use std::sync::Mutex;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryPartition;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{Credentials, Region};
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use aws_types::SdkConfig;
use chrono::DateTime;
pub use dynoxide::Database;
use serde_yaml_ng::Value;
use shared::clock::Random;
use shared::config::AwsConfig;
use shared::store::Table;

use crate::calls::CallLog;
use crate::repository;

/// URLs whose clients have no timeouts.
static WITHOUT_TIME_OUTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// An engine.
#[derive(Clone, Copy, Debug)]
pub enum Engine {
    /// `dynoxide`, in this process.
    Embedded,
    /// AWS's DynamoDB Local, the reference, at `DYNAMODB_LOCAL_URL`.
    DynamoDbLocal,
}

impl Engine {
    /// The engine's URL. Each call starts a new embedded engine.
    #[expect(clippy::disallowed_methods, reason = "tests learn from the environment where DynamoDB Local is")]
    pub async fn start(self) -> String {
        match self {
            Self::Embedded => serve(Database::memory().expect("an empty database")).await,
            Self::DynamoDbLocal => {
                let url = std::env::var("DYNAMODB_LOCAL_URL");
                let url = url.expect("DYNAMODB_LOCAL_URL names DynamoDB Local: `make test-in-process` starts one");
                without_time_outs(&url);
                url
            }
        }
    }
}

/// Starts an embedded engine on a database.
pub async fn serve(database: Database) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    without_time_outs(&url);
    url
}

/// Removes the timeouts of a URL's clients, because a request that is repeated after a timeout may be applied twice.
pub(crate) fn without_time_outs(url: &str) {
    WITHOUT_TIME_OUTS.lock().expect("not poisoned").push(url.to_owned());
}

/// Gives the clients of a URL the service's timeouts, even if the port is reused.
pub(crate) fn with_time_outs(url: &str) {
    WITHOUT_TIME_OUTS.lock().expect("not poisoned").retain(|known| known != url);
}

/// The SDK configuration for an engine or a proxy in front of one: the service's own, except for the endpoint and, in
/// most tests, the timeouts.
pub fn sdk_config(url: &str) -> SdkConfig {
    let sdk = shared::edge::aws_clients::sdk_config(AwsConfig {
        region: Region::new("eu-central-1"),
        credentials: Credentials::new("test", "test", None, None, "tests"),
        endpoint_url: Some(url.to_owned()),
        service_endpoint_urls: Vec::new(),
        use_fips: false,
        use_dual_stack: false,
    });
    let sdk = sdk.expect("an HTTP client");
    if WITHOUT_TIME_OUTS.lock().expect("not poisoned").iter().any(|known| known == url) {
        sdk.into_builder().timeout_config(TimeoutConfig::disabled()).build()
    } else {
        sdk
    }
}

/// A client that records its calls.
#[must_use]
pub fn client(sdk: &SdkConfig, calls: &CallLog) -> Client {
    // By default, the clients of a process share a retry quota, so the faults of one test would exhaust that of
    // another.
    let alone = RetryPartition::new(unique_name("client"));
    let config = aws_sdk_dynamodb::config::Builder::from(sdk).interceptor(calls.clone()).retry_partition(alone).build();
    Client::from_conf(config)
}

/// A unique name.
#[must_use]
pub fn unique_name(prefix: &str) -> String {
    format!("{prefix}-{}", Random::system().uuid_v7(DateTime::UNIX_EPOCH))
}

/// Creates the table of `template.yaml` under the given name.
pub async fn create_table(client: &Client, name: &str) -> Table {
    let template = repository::yaml("template.yaml");
    let table = &template["Resources"]["Table"]["Properties"];
    let indexes = list(&table["GlobalSecondaryIndexes"]).iter().map(|index| {
        GlobalSecondaryIndex::builder()
            .index_name(text(&index["IndexName"]))
            .set_key_schema(Some(key_schema(&index["KeySchema"])))
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
            .build()
            .expect("complete")
    });
    let created = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(key_schema(&table["KeySchema"])))
        .set_attribute_definitions(Some(list(&table["AttributeDefinitions"]).iter().map(attribute).collect()))
        .set_global_secondary_indexes(Some(indexes.collect()))
        .send()
        .await;
    // On a slow engine, the SDK may retry the creation.
    if let Err(error) = created
        && !error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception)
    {
        panic!("the engine does not take the template's table: {error:?}");
    }
    Table::new(client.clone(), name)
}

fn key_schema(schema: &Value) -> Vec<KeySchemaElement> {
    let element = |element: &Value| {
        let key_type = KeyType::from(text(&element["KeyType"]));
        KeySchemaElement::builder()
            .attribute_name(text(&element["AttributeName"]))
            .key_type(key_type)
            .build()
            .expect("complete")
    };
    list(schema).iter().map(element).collect()
}

fn attribute(definition: &Value) -> AttributeDefinition {
    let scalar_type = ScalarAttributeType::from(text(&definition["AttributeType"]));
    AttributeDefinition::builder()
        .attribute_name(text(&definition["AttributeName"]))
        .attribute_type(scalar_type)
        .build()
        .expect("complete")
}

fn list(value: &Value) -> &[Value] {
    value.as_sequence().expect("a list in template.yaml")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string in template.yaml")
}
