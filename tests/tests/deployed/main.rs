//! The deployed service, through its gateway.
