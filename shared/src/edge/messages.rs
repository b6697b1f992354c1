//! The URL of all messages: each names the operation that it asks for, and is answered by the endpoint of that operation.

use std::convert::Infallible;

use lambda_http::http::Response;
use lambda_http::{Body, Request, service_fn};

use super::app::App;
use super::call::{Access, Call};
use super::exchange::{Head, route};
use super::gateway::Verbatim;
use super::reply::Reply;
use super::serve::{Endpoint, always, answer, bounded, started_app};
use crate::damage::noted;
use crate::error::Error;
use crate::operation::Operation;
use crate::telemetry::round_trips::counted;

/// Runs the endpoints of all messages as one Lambda function.
///
/// # Errors
///
/// If the environment's settings cannot be used, or the Lambda runtime fails.
pub async fn run_messages(endpoint: fn(Operation) -> Option<Endpoint>) -> Result<(), lambda_http::Error> {
    let app = started_app(Operation::ReceiveMessage)?;
    let service = service_fn(|request| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(Verbatim(serve_message(&app, endpoint, request).await)) }
    });
    super::gateway::run(service).await
}

/// Answers one message by the endpoint of its operation. Every outcome is a message.
pub async fn serve_message(
    app: &App,
    endpoint: fn(Operation) -> Option<Endpoint>,
    mut request: Request,
) -> Response<Body> {
    let served = async {
        let (head, input) = Head::read(app, Operation::ReceiveMessage, &mut request);
        // A message without an operation of ours is refused like any other that is wrong: after its token, and counted.
        let endpoint = endpoint(head.operation).unwrap_or_else(|| Endpoint::new(Access::User, refuse));
        let answer = answer(app, &head, input, endpoint.access, &endpoint.handle, request.headers());
        let ((outcome, damaged), round_trips) = counted(noted(Box::pin(bounded(&head, answer)))).await;
        head.respond(app, route(&request), round_trips, outcome, &damaged)
    };
    always(app, Operation::ReceiveMessage, served).await
}

/// The endpoint of messages that ask for no operation. The violation that their reader found is answered before it.
async fn refuse(_app: App, call: Call) -> Result<Reply, Error> {
    Err(Error::Failed(format!("{} has no endpoint for messages", call.operation.name()).into()))
}
