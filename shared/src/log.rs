//! Structured logs: one JSON object per line on standard output, where Lambda picks them up.

/// Starts logging. Levels from `INFO` up are written.
pub fn init() {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_target(false)
        // The runtime's spans say what the lines say already.
        .with_current_span(false)
        .with_span_list(false)
        .with_max_level(tracing::Level::INFO)
        .init();
}
