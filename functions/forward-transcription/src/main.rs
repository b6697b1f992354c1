//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {
    shared::run_with_key(forward_transcription::OPERATION, forward_transcription::handle).await
}
