//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::edge::publish::run(get_conformance::NAME, get_conformance::find).await
}
