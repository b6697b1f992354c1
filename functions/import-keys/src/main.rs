//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run(import_keys::OPERATION, import_keys::ACCESS, import_keys::handle).await
}
