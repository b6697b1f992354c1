//! Runs the sweep as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::edge::schedule::run(expire_keys::handle).await
}
