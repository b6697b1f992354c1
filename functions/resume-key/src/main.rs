//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run(resume_key::OPERATION, resume_key::ACCESS, resume_key::handle).await
}
