//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run(update_key::OPERATION, update_key::ACCESS, update_key::handle).await
}
