//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run(remove_default::OPERATION, remove_default::ACCESS, remove_default::handle).await
}
