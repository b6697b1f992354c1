//! Runs the command line.

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    nuxera_keys::run().await
}
