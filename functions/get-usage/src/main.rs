//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run(get_usage::OPERATION, get_usage::ACCESS, get_usage::handle).await
}
