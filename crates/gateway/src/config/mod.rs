//! The configuration file: what it may say, whether it is right, and what changes from one to the next.
