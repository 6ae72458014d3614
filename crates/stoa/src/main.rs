//! The stoa binary: flags and composition, nothing else.

fn main() {}
