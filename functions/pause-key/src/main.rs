//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run(pause_key::OPERATION, pause_key::ACCESS, pause_key::handle).await
}
