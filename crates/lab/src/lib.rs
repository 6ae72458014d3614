//! The simulated world, load, histories and checkers.
//!
//! Three things test Stoa the same way, at three distances from reality. [`world`] runs the pure crates in a simulated
//! world, thousands of schedules a minute; the crash test runs real processes and kills them; load runs measure, and are
//! correctness runs at the same time. What they share stands here: a client that distrusts the server ([`client`]), the
//! [`history`] that it writes, and the checkers that judge histories ([`check`]).

pub mod bench;
pub mod check;
pub mod client;
pub mod crowd;
mod dialing;
pub mod drift;
pub mod history;
pub mod load;
pub mod play;
pub mod random;
pub mod venue;
pub mod world;
