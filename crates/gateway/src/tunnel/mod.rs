//! Layer 7: HTTP on both sides, any version to any other.
