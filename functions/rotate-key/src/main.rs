//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run(rotate_key::OPERATION, rotate_key::ACCESS, rotate_key::handle).await
}
