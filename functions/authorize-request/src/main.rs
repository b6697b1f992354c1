//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run(authorize_request::OPERATION, authorize_request::ACCESS, authorize_request::handle).await
}
