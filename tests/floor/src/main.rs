//! The floor that `make bench` measures the functions by: a function as one writes it at first, with the SDK's own
//! defaults, which makes the calls that its event lists and does nothing else.
//!
//! In place of a function that makes no calls it gets that function's event, and answers with what the file `ANSWER` holds:
//! an HTTP response through the library that is made for them, anything else as it is.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::ready;
use std::sync::OnceLock;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpRequest;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use lambda_http::{Request, Response};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A call: an operation of DynamoDB and its request as it goes over the wire, or a `POST` to somewhere.
#[derive(Deserialize)]
struct Call {
    operation: String,
    request: Box<RawValue>,
    /// How many answers it waits for.
    after: usize,
}

#[derive(Deserialize)]
struct Post {
    url: String,
    base64: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let client = Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    #[expect(clippy::disallowed_methods, reason = "this is no function of ours")]
    let answer = match std::env::var("ANSWER") {
        Ok(path) => serde_json::from_slice(&std::fs::read(path)?)?,
        Err(_) => Value::Null,
    };
    if let Some(body) = answer["body"].as_str() {
        let content_type = answer["headers"]["content-type"].as_str().unwrap_or_default();
        let respond = |_: Request| {
            let response = Response::builder().header("content-type", content_type).body(body.to_owned());
            ready(Ok::<_, Infallible>(response.expect("a response")))
        };
        return lambda_http::run(service_fn(respond)).await;
    }
    run(service_fn(|event: LambdaEvent<Box<RawValue>>| handle(&client, &answer, event.payload))).await
}

async fn handle(client: &Client, answer: &Value, event: Box<RawValue>) -> Result<Value, Error> {
    if answer.is_null() {
        let mut calls = serde_json::from_str::<Vec<Call>>(event.get())?.into_iter().peekable();
        let mut under_way = FuturesUnordered::new();
        for answers in 0.. {
            while let Some(call) = calls.next_if(|call| call.after <= answers) {
                under_way.push(make(client, call));
            }
            match under_way.next().await {
                Some(made) => made?,
                None => break,
            }
        }
    } else {
        serde_json::from_str::<Value>(event.get())?;
    }
    Ok(answer.clone())
}

async fn make(client: &Client, Call { operation, request, after: _ }: Call) -> Result<(), Error> {
    if operation == "POST" {
        return post(serde_json::from_str(request.get())?).await;
    }
    let replace = move |sent: &mut HttpRequest| {
        sent.headers_mut().insert("content-length", request.get().len().to_string());
        *sent.body_mut() = request.get().into();
    };
    // Every operation has a type of its own. The SDK wants to see what it would make an endpoint of.
    macro_rules! send {
        ($call:expr) => {
            $call
                .customize()
                .mutate_request(replace)
                .send()
                .await
                .map(drop)
                .map_err(|error| DisplayErrorContext(error).to_string())?
        };
    }
    match operation.as_str() {
        "BatchGetItem" => send!(client.batch_get_item().set_request_items(Some(HashMap::new()))),
        "DeleteItem" => send!(client.delete_item().table_name("-")),
        "GetItem" => send!(client.get_item().table_name("-")),
        "PutItem" => send!(client.put_item().table_name("-")),
        "Query" => send!(client.query().table_name("-")),
        "TransactWriteItems" => send!(client.transact_write_items().set_transact_items(Some(Vec::new()))),
        "UpdateItem" => send!(client.update_item().table_name("-")),
        operation => return Err(format!("the floor has no {operation}").into()),
    }
    Ok(())
}

async fn post(Post { url, base64 }: Post) -> Result<(), Error> {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    let request = CLIENT.get_or_init(reqwest::Client::new).post(url).body(STANDARD.decode(base64)?);
    request.send().await?.error_for_status()?.bytes().await?;
    Ok(())
}
