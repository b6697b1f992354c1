//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run(create_key::OPERATION, create_key::ACCESS, create_key::handle).await
}
