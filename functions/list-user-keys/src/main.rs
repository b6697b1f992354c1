//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run(list_user_keys::OPERATION, list_user_keys::ACCESS, list_user_keys::handle).await
}
