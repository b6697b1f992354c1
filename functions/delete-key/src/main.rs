//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run(delete_key::OPERATION, delete_key::ACCESS, delete_key::handle).await
}
