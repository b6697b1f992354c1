//! The floor that `make bench` measures the functions by: a function as one writes it at first, with the SDK's own
//! defaults, which makes the calls that its event lists and does nothing else.

use std::sync::OnceLock;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::client::customize::CustomizableOperation;
use aws_sdk_dynamodb::client::customize::internal::CustomizableSend;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::try_join_all;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The calls of an event: those of a round are made together, after those of the round before.
type Rounds = Vec<Vec<Call>>;

/// A call: an operation of DynamoDB and its request as it goes over the wire, or a `POST` to somewhere.
#[derive(Deserialize)]
struct Call {
    operation: String,
    request: Box<RawValue>,
}

#[derive(Deserialize)]
struct Post {
    url: String,
    base64: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let client = Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    run(service_fn(|event: LambdaEvent<Rounds>| async {
        for round in event.payload {
            try_join_all(round.into_iter().map(|call| make(&client, call))).await?;
        }
        Ok::<_, Error>(())
    }))
    .await
}

async fn make(client: &Client, Call { operation, request }: Call) -> Result<(), Error> {
    match operation.as_str() {
        "BatchGetItem" => send(client.batch_get_item().customize(), request).await,
        "DeleteItem" => send(client.delete_item().customize(), request).await,
        "GetItem" => send(client.get_item().customize(), request).await,
        "PutItem" => send(client.put_item().customize(), request).await,
        "Query" => send(client.query().customize(), request).await,
        "TransactWriteItems" => send(client.transact_write_items().customize(), request).await,
        "UpdateItem" => send(client.update_item().customize(), request).await,
        "POST" => post(serde_json::from_str(request.get())?).await,
        operation => Err(format!("the floor has no {operation}").into()),
    }
}

/// Sends a request as it is given.
async fn send<T, E, B>(operation: CustomizableOperation<T, E, B>, request: Box<RawValue>) -> Result<(), Error>
where
    B: CustomizableSend<T, E>,
    E: std::error::Error + Send + Sync + 'static,
{
    let body = String::from(Box::<str>::from(request));
    let operation = operation.mutate_request(move |request| {
        request.headers_mut().insert("content-length", body.len().to_string());
        *request.body_mut() = body.clone().into();
    });
    operation.send().await?;
    Ok(())
}

async fn post(Post { url, base64 }: Post) -> Result<(), Error> {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    let request = CLIENT.get_or_init(reqwest::Client::new).post(url).body(STANDARD.decode(base64)?);
    request.send().await?.error_for_status()?.bytes().await?;
    Ok(())
}
