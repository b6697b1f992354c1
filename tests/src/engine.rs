//! A DynamoDB engine to test on, with the table of `template.yaml`.

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

/// The URLs of the embedded engines, which have nothing in front of them.
static EMBEDDED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Which engine.
#[derive(Clone, Copy, Debug)]
pub enum Engine {
    /// `dynoxide`, within this process.
    Embedded,
    /// AWS's own DynamoDB Local, the reference, at `DYNAMODB_LOCAL_URL`.
    DynamoDbLocal,
}

impl Engine {
    /// The engine's URL; the embedded one is started for each call of this.
    ///
    /// # Panics
    ///
    /// If it cannot be started, or DynamoDB Local is not running.
    #[expect(clippy::disallowed_methods, reason = "tests learn from the environment where DynamoDB Local is")]
    pub async fn start(self) -> String {
        match self {
            Self::Embedded => serve(Database::memory().expect("an empty database")).await,
            Self::DynamoDbLocal => std::env::var("DYNAMODB_LOCAL_URL")
                .expect("DYNAMODB_LOCAL_URL names a running DynamoDB Local: `make test-in-process` starts one"),
        }
    }
}

/// Starts an embedded engine on a database.
///
/// # Panics
///
/// If it cannot listen.
pub async fn serve(database: Database) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    EMBEDDED.lock().expect("not poisoned").push(url.clone());
    url
}

/// The configuration of clients of an engine, or of anything in front of one: the service's own but for the place. An
/// embedded engine gets the time it needs on a busy machine: what is asked again after a time-out may be done twice.
///
/// # Panics
///
/// If the service's HTTP client cannot be made.
pub fn sdk_config(url: &str) -> SdkConfig {
    let sdk = shared::edge::aws_clients::sdk_config(AwsConfig {
        region: Region::new("eu-central-1"),
        credentials: Credentials::new("test", "test", None, None, "tests"),
        endpoint_url: Some(url.to_owned()),
        service_endpoint_urls: Vec::new(),
    });
    let sdk = sdk.expect("an HTTP client");
    if EMBEDDED.lock().expect("not poisoned").iter().any(|embedded| embedded == url) {
        sdk.into_builder().timeout_config(TimeoutConfig::disabled()).build()
    } else {
        sdk
    }
}

/// A client whose calls are recorded.
#[must_use]
pub fn client(sdk: &SdkConfig, calls: &CallLog) -> Client {
    // The clients of a process share an allowance of retries unless they are told apart: a test would then fail because
    // of what others let go wrong.
    let alone = RetryPartition::new(unique_name("client"));
    let config = aws_sdk_dynamodb::config::Builder::from(sdk).interceptor(calls.clone()).retry_partition(alone).build();
    Client::from_conf(config)
}

/// A name that nothing else has.
#[must_use]
pub fn unique_name(prefix: &str) -> String {
    format!("{prefix}-{}", Random::system().uuid_v7(DateTime::UNIX_EPOCH))
}

/// Makes the table of `template.yaml` under a name of its own.
///
/// # Panics
///
/// If the template has no such table, or the engine refuses it.
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
    // The engine may be so slow that the SDK asks twice.
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
