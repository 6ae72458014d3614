//! The classic room: the course's game "smash the furniture", with its own JSON messages.
//!
//! Three pieces of furniture with 100 points each, five colours to play as. A hit takes 10 points, and whoever lands the
//! last hit captures the piece in their colour, for good. `docs/classic-room.md` has every message.
//!
//! [`Classic`] is the rules, a [`Game`](crate::Game) like any other; it knows nothing of JSON and connections. [`message`] reads and
//! writes the messages. [`Hall`] has the four games that are there from the start, and everybody who is connected: it is
//! told what arrives and gives out what is to be sent. All of it is pure: no sockets, no clock, no threads.
//!
//! The hall steps a game once for each hit that it accepts, at once, instead of 30 times a second: the course's server
//! answers a hit when it comes, its page shows nothing before the answer, and a game of five people that is idle costs
//! nothing this way. The rules are the same either way, and so is the log: each hit is the one input of its tick.

mod gate;
mod hall;
pub mod limits;
pub mod message;
mod room;
mod rules;

pub use gate::{Flooded, Gate};
pub use hall::{ConnectionId, Effect, Full, Hall, Stats, TooSoon};
pub use rules::{Classic, Command, Item};

/// A player is a colour; there are five.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Colour {
    Red,
    Green,
    Purple,
    Blue,
    Yellow,
}

impl Colour {
    /// All, in the order in which the course's page shows them.
    pub const ALL: [Self; 5] = [Self::Red, Self::Green, Self::Purple, Self::Blue, Self::Yellow];

    /// As messages name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Green => "green",
            Self::Purple => "purple",
            Self::Blue => "blue",
            Self::Yellow => "yellow",
        }
    }

    /// The colour of that name. Upper case is another name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|colour| colour.name() == name)
    }
}

/// What can be hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Furniture {
    Tv,
    Table,
    Chair,
}

impl Furniture {
    /// All, in the order of `GET /items`.
    pub const ALL: [Self; 3] = [Self::Tv, Self::Table, Self::Chair];

    /// As messages name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tv => "tv",
            Self::Table => "table",
            Self::Chair => "chair",
        }
    }

    /// The piece of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|piece| piece.name() == name)
    }
}

/// One of the games that exist from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GameId(u8);

impl GameId {
    /// All that there are. There is no way to make another one.
    pub const ALL: [Self; 4] = [Self(0), Self(1), Self(2), Self(3)];

    /// As messages and URLs name it.
    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "game1",
            1 => "game2",
            2 => "game3",
            _ => "game4",
        }
    }

    /// The game of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|game| game.name() == name)
    }

    fn index(self) -> usize {
        usize::from(self.0)
    }
}
