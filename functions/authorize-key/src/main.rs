//! Runs the authorizer as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::edge::key_authorizer::run(authorize_key::handle).await
}
