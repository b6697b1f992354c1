//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run(lookup_key::OPERATION, lookup_key::ACCESS, lookup_key::handle).await
}
