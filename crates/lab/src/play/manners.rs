//! How a client behaves towards the server: honestly, or not.

use std::fmt;
use std::str::FromStr;

/// A way to behave. What each gains is the same: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manners {
    /// One command for each tick, in time.
    #[default]
    Honest,
    /// Eight times as many commands, each for a tick further on.
    Flood,
    /// Commands for ticks that are seconds away.
    Future,
    /// Commands for ticks that are long over.
    Old,
    /// Each message twice more.
    Replay,
    /// Messages of random bits that look like inputs.
    Noise,
    /// Says nothing for half a second of each, and then everything at once, with the old view.
    LagSwitch,
    /// Reads nothing, after the welcome.
    Stalled,
}

/// All of them, with their names on the command line.
const NAMES: [(Manners, &str); 8] = [
    (Manners::Honest, "honest"),
    (Manners::Flood, "flood"),
    (Manners::Future, "future"),
    (Manners::Old, "old"),
    (Manners::Replay, "replay"),
    (Manners::Noise, "noise"),
    (Manners::LagSwitch, "lag-switch"),
    (Manners::Stalled, "stalled"),
];

impl Manners {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(manners, _)| *manners)
    }
}

impl fmt::Display for Manners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(known, _)| known == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for Manners {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || NAMES.map(|(_, name)| name).join(", ");
        let found = NAMES.iter().find(|(_, name)| *name == text);
        found.map(|(manners, _)| *manners).ok_or_else(|| format!("there are {}", names()))
    }
}
