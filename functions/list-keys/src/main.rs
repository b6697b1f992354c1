//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run(list_keys::OPERATION, list_keys::ACCESS, list_keys::handle).await
}
