//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run(transcribe::OPERATION, transcribe::ACCESS, transcribe::handle).await
}
