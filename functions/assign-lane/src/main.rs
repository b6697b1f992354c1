//! Runs the authorizer as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::edge::authorizer::run(assign_lane::handle).await
}
