//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run(list_audit::OPERATION, list_audit::ACCESS, list_audit::handle).await
}
