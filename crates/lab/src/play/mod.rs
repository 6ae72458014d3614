//! Players of matches: clients that play by a script, measure, and distrust the server.
//!
//! A [`Player`] is a client without I/O, as the one of the chat is; tests run hundreds of them against a
//! [`Host`](matches::Host) on virtual time. What it does is up to its [`Pilot`], which knows the game; how it behaves towards
//! the server is its [`Manners`], and most of those are cheats.

mod clock;
mod manners;
mod pilot;
mod player;
mod style;
pub mod wire;

pub use clock::TickClock;
pub use manners::Manners;
pub use pilot::{AnyPilot, DriftPilot, Pilot, Seen};
pub use player::{Applied, News, Plan, Player, Wrong};
pub use style::{Style, WreckroomPilot};
