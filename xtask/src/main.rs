//! `cargo xtask`: the commands of a developer of this repository.

fn main() {}
