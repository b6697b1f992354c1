//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run(get_key::OPERATION, get_key::ACCESS, get_key::handle).await
}
