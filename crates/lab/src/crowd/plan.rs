//! What a crowd is to do. Made by the command line.

use crate::play::{Manners, Style};
use serde::Serialize;
use std::ops::Range;

/// Players that one process holds at most. A process may open 20,000 files on common systems.
pub(crate) const PLAYERS_MAX: u32 = 18_000;

/// What kind of server it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Peer {
    /// Matches of Stoa.
    #[default]
    Stoa,
    /// A room of Colyseus that plays Drift, see `bench/peers/colyseus`.
    Colyseus,
}

/// Everything that a crowd needs to know.
#[derive(Clone, Debug, Serialize)]
pub struct CrowdPlan {
    /// The server: `ws://HOST:PORT`, without a path.
    pub url: String,
    /// What kind of server it is.
    pub peer: Peer,
    /// The matches, by id; players are dealt out to them. For Colyseus the name of one kind of room.
    pub matches: Vec<String>,
    /// How many players.
    pub players: u32,
    /// Only look.
    pub spectate: bool,
    /// What the players do in the game.
    pub style: Style,
    /// How well they do it, 0 to 100.
    pub skill: u8,
    /// How they behave towards the server.
    #[serde(skip)]
    pub manners: Manners,
    /// This many in a hundred read nothing once they are in.
    pub stalled_percent: f64,
    /// Believe any certificate.
    pub insecure: bool,
    /// Believe the certificates in this PEM file.
    pub ca: Option<String>,
    /// The version of HTTP: 1, 2 or 3.
    pub http: u8,
    /// WebSockets on each connection of HTTP/2 or HTTP/3.
    pub per_carrier: u32,
    /// How many connections of a thread are being opened at the same time.
    pub connecting_max: u32,
    /// The first player comes at once, the last after so many seconds. 0: all as fast as it goes.
    pub join_seconds: f64,
    /// Measured time in seconds; 0 if nothing is measured.
    pub seconds: f64,
    /// Time before that in which all play and nothing is measured.
    pub warmup_seconds: f64,
    /// Threads.
    pub threads: u32,
    /// The server's process, if it runs on this machine: for its memory and its share of CPU.
    pub server_pid: Option<u32>,
    /// `HOST:PORT` of the server's metrics page: for what its ticks cost.
    pub metrics: Option<String>,
}

impl Default for CrowdPlan {
    fn default() -> Self {
        Self {
            url: String::new(),
            peer: Peer::Stoa,
            matches: Vec::new(),
            players: 1,
            spectate: false,
            style: Style::default(),
            skill: 50,
            manners: Manners::Honest,
            stalled_percent: 0.0,
            insecure: false,
            ca: None,
            http: 1,
            per_carrier: 100,
            connecting_max: 16,
            join_seconds: 0.0,
            seconds: 10.0,
            warmup_seconds: 3.0,
            threads: 1,
            server_pid: None,
            metrics: None,
        }
    }
}

impl CrowdPlan {
    /// Checks that the numbers go together.
    ///
    /// # Errors
    ///
    /// A sentence that says which do not, and what to do.
    pub fn check(&self) -> Result<(), String> {
        if self.players == 0 || self.threads == 0 || self.threads > self.players {
            return Err("there must be players, and at least one for each thread".to_owned());
        }
        if self.players > PLAYERS_MAX && self.http == 1 {
            return Err(format!("one process holds {PLAYERS_MAX} players at most; start it several times"));
        }
        if !(1..=3).contains(&self.http) || self.per_carrier == 0 {
            return Err("--http must be 1, 2 or 3, and --per-carrier at least 1".to_owned());
        }
        if !(0.0..=100.0).contains(&self.stalled_percent) {
            return Err("--stalled is a percentage".to_owned());
        }
        if self.matches.is_empty() {
            return Err("there is no match to play in".to_owned());
        }
        let times = [self.seconds, self.warmup_seconds, self.join_seconds];
        if times.iter().any(|time| !time.is_finite() || *time < 0.0) {
            return Err("times must be numbers of seconds".to_owned());
        }
        Ok(())
    }

    /// Which players are a thread's.
    pub fn share(&self, thread: u32) -> Range<u32> {
        let part = |number: u32| {
            (u64::from(self.players) * u64::from(number) / u64::from(self.threads.max(1))) as u32
        };
        part(thread)..part(thread + 1)
    }

    /// In which match a player plays.
    pub fn match_of(&self, player: u32) -> &str {
        let count = self.matches.len().max(1);
        self.matches.get(player as usize % count).map_or("", String::as_str)
    }

    /// Whether a player is one of those who read nothing: they are spread evenly.
    pub fn is_stalled(&self, player: u32) -> bool {
        let until = |count: u32| (f64::from(count) * self.stalled_percent / 100.0) as u32;
        self.manners == Manners::Stalled || until(player + 1) > until(player)
    }

    /// Where the player's WebSocket is.
    pub fn target_of(&self, player: u32) -> String {
        format!("/v1/match/{}", self.match_of(player))
    }

    /// WebSockets on one socket.
    pub fn per_socket(&self) -> u32 {
        if self.http == 1 { 1 } else { self.per_carrier.max(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_player_has_one_thread_and_one_match() {
        let plan = CrowdPlan {
            players: 10,
            threads: 3,
            matches: vec!["a".to_owned(), "b".to_owned()],
            ..CrowdPlan::default()
        };
        let all: Vec<u32> = (0..3).flat_map(|thread| plan.share(thread)).collect();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
        assert_eq!([0, 1, 2].map(|player| plan.match_of(player)), ["a", "b", "a"]);
        assert_eq!(plan.check(), Ok(()));
        assert!(CrowdPlan { threads: 11, ..plan.clone() }.check().is_err());
        assert!(CrowdPlan { matches: Vec::new(), ..plan }.check().is_err());
    }

    #[test]
    fn as_many_are_stalled_as_were_asked_for() {
        let plan = CrowdPlan { players: 1000, stalled_percent: 5.0, ..CrowdPlan::default() };
        assert_eq!((0..1000).filter(|player| plan.is_stalled(*player)).count(), 50);
        let none = CrowdPlan { stalled_percent: 0.0, ..plan };
        assert!(!(0..1000).any(|player| none.is_stalled(player)));
    }
}
