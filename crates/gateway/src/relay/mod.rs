//! The loop between two byte streams.
