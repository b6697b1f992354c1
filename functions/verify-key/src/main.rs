//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run(verify_key::OPERATION, verify_key::ACCESS, verify_key::handle).await
}
