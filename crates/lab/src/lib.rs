//! The simulated world, load, histories and checkers.

pub mod load;
