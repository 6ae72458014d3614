//! Layer 4: bytes from one socket to another.
