//! The deployed service, through its gateway.

mod transcribe;
