//! How an arena begins: the few numbers that, with the commands, decide everything.

use crate::model::{BODIES_MAX, CELLS, DRONES_MAX, TICKS_PER_SECOND};

/// Minutes of a match unless it is asked for others.
pub const MINUTES_DEFAULT: u8 = 5;
/// Minutes of a match at most.
pub const MINUTES_MAX: u8 = 60;
/// Teams at most: one for each colour.
pub const TEAMS_MAX: u8 = 5;

/// How an arena begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where all chance comes from: the house, its furniture, its doors, gusts and dark rooms, places to come back to.
    pub seed: u64,
    /// Places for players, 1 to [`DRONES_MAX`]. The house grows with it.
    pub players_max: u16,
    /// Pieces of furniture, at most [`BODIES_MAX`].
    pub bodies: u16,
    /// Minutes until the match is over, 1 to [`MINUTES_MAX`].
    pub minutes: u8,
    /// 0 for a free-for-all, else 2 to [`TEAMS_MAX`] teams.
    pub teams: u8,
}

/// The size of [`Config::options`].
pub const OPTIONS_BYTES: usize = 5;
/// The first byte of the options: what they look like.
const OPTIONS_VERSION: u8 = 1;

impl Config {
    /// A free-for-all of five minutes with as much furniture as suits the house.
    #[must_use]
    pub fn new(seed: u64, players_max: u16) -> Self {
        let players_max = players_max.clamp(1, DRONES_MAX as u16);
        Self { seed, players_max, bodies: bodies_for(players_max), minutes: MINUTES_DEFAULT, teams: 0 }
    }

    /// What of it the seed and the number of players do not tell, for a recording: version, furniture (u16), minutes, teams.
    #[must_use]
    pub fn options(&self) -> [u8; OPTIONS_BYTES] {
        let [low, high] = self.bodies.to_le_bytes();
        [OPTIONS_VERSION, low, high, self.minutes, self.teams]
    }

    /// Reads what [`options`](Self::options) wrote. No bytes at all stand for [`Config::new`]. `None` if they are no
    /// options, or ask for what there cannot be.
    #[must_use]
    pub fn from_options(seed: u64, players_max: u16, options: &[u8]) -> Option<Self> {
        let config = match *options {
            [] => Self { players_max, ..Self::new(seed, players_max) },
            [OPTIONS_VERSION, low, high, minutes, teams] => {
                Self { seed, players_max, bodies: u16::from_le_bytes([low, high]), minutes, teams }
            }
            _ => return None,
        };
        config.is_possible().then_some(config)
    }

    /// Whether all numbers are within their limits.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        (1..=DRONES_MAX).contains(&usize::from(self.players_max))
            && usize::from(self.bodies) <= BODIES_MAX
            && (1..=MINUTES_MAX).contains(&self.minutes)
            && self.teams != 1
            && self.teams <= TEAMS_MAX
    }

    /// The same within all limits: what an arena is made of, whatever it was given.
    #[must_use]
    pub(crate) fn clamped(self) -> Self {
        Self {
            seed: self.seed,
            players_max: self.players_max.clamp(1, DRONES_MAX as u16),
            bodies: self.bodies.min(BODIES_MAX as u16),
            minutes: self.minutes.clamp(1, MINUTES_MAX),
            teams: if self.teams == 1 { 0 } else { self.teams.min(TEAMS_MAX) },
        }
    }

    /// The tick with which the match is over.
    #[must_use]
    pub fn last_tick(&self) -> u32 {
        u32::from(self.minutes) * 60 * TICKS_PER_SECOND
    }

    /// Cells on each side of the house: 16 for 256 players, 10 for 64, 6 for 8.
    #[must_use]
    pub fn house_cells(&self) -> usize {
        let players = u32::from(self.players_max);
        (4 + (players * 9 / 16).isqrt() as usize).clamp(5, CELLS)
    }
}

/// About two pieces of furniture for each cell of the house: 500 in the largest.
fn bodies_for(players_max: u16) -> u16 {
    let config = Config { seed: 0, players_max, bodies: 0, minutes: 1, teams: 0 };
    let cells = config.house_cells();
    (cells * cells * 500 / 256) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_survive_a_recording() {
        let config = Config { teams: 3, minutes: 7, bodies: 321, ..Config::new(5, 64) };
        assert_eq!(Config::from_options(5, 64, &config.options()), Some(config));
        assert_eq!(Config::from_options(5, 64, &[]), Some(Config::new(5, 64)));
    }

    #[test]
    fn options_that_no_arena_can_have_are_refused() {
        let refused = |players, bytes: &[u8]| Config::from_options(1, players, bytes).is_none();
        assert!(refused(8, &[1, 0, 0, 5]), "too short");
        assert!(refused(8, &[1, 0, 0, 5, 0, 0]), "too long");
        assert!(refused(8, &[2, 0, 0, 5, 0]), "another version");
        assert!(refused(8, &[1, 0x59, 2, 5, 0]), "601 pieces of furniture");
        assert!(refused(8, &[1, 0, 0, 0, 0]), "no minutes");
        assert!(refused(8, &[1, 0, 0, 61, 0]), "too many minutes");
        assert!(refused(8, &[1, 0, 0, 5, 1]), "a single team");
        assert!(refused(8, &[1, 0, 0, 5, 6]), "more teams than colours");
        assert!(refused(0, &[]) && refused(257, &[]), "no such number of players");
    }

    #[test]
    fn the_house_grows_with_the_players() {
        let cells = |players| Config::new(1, players).house_cells();
        assert_eq!([cells(1), cells(2), cells(8), cells(64), cells(256)], [5, 5, 6, 10, 16]);
        assert_eq!(Config::new(1, 256).bodies, 500);
    }
}
