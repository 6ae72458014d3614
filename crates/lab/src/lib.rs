//! The simulated world, load, histories and checkers.
