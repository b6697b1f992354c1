//! Runs the endpoints of all messages as one Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run_messages(receive_message::endpoint).await
}
