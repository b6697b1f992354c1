//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run(set_default::OPERATION, set_default::ACCESS, set_default::handle).await
}
