//! The library that every endpoint of the API-key service shares.
