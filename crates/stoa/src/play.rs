//! The flags of `stoa serve` about matches.

use clap::Args;
use matches::{Registry, Wreckroom};
use server::play::{PlayConfig, ReplayLimits};
use std::path::Path;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
const MEBIBYTE: u64 = 1 << 20;

/// Matches, each flag with what is made of it where nobody asks for something else.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Matches")]
pub(crate) struct PlayArgs {
    /// Matches at a time, on all workers together; 0 for none
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub matches_max: u32,
    /// Places of a new match
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub match_places: u16,
    /// How long a new match takes
    #[arg(long, value_name = "MINUTES", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=60))]
    pub match_minutes: u16,
    /// Bots fill a new match up to so many players
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(0..=256))]
    pub bots: u16,
    /// How long recordings of matches are kept; 0 to record nothing
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(0..=3650))]
    pub replays_days: u32,
    /// When all recordings together are larger, the oldest are deleted, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..))]
    pub replays_mebibytes: u64,
}

impl PlayArgs {
    /// What these flags mean for a node with this directory.
    pub(crate) fn config(&self, data: &Path) -> PlayConfig {
        let replays = (self.replays_days > 0).then(|| ReplayLimits {
            age_max: DAY * self.replays_days,
            total_bytes_max: self.replays_mebibytes.saturating_mul(MEBIBYTE),
            ..ReplayLimits::new(data.join("replays"))
        });
        PlayConfig {
            matches_max: self.matches_max as usize,
            places: self.match_places,
            minutes: self.match_minutes,
            bots: self.bots,
            replays,
            ..PlayConfig::new(games(), data.to_owned())
        }
    }
}

/// What can be played.
pub(crate) fn games() -> Registry {
    Registry::new().with::<Wreckroom>()
}
