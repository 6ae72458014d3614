//! What a game is to the runtime.

use std::fmt;

/// The number of a player's place in a match, from 0.
pub type Slot = u8;

/// How a match begins. With the same setup and the same log of inputs it always becomes the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Where all chance of the match comes from.
    pub seed: u64,
    /// Places for players, 1 to [`Game::PLAYERS_MAX`].
    pub players_max: u16,
    /// What else the game wants to know, in its own form; part of the recording. At most 256 bytes.
    pub options: Box<[u8]>,
}

/// Who takes a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The name that others see, 1 to 32 bytes.
    pub name: Box<str>,
    /// Whether the server plays for it.
    pub is_bot: bool,
    /// What the player wished for, in the game's own form (a colour, a team). At most 32 bytes.
    pub wish: Box<[u8]>,
}

/// Why a player cannot join, or a saved state cannot be loaded: a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub Box<str>);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// Who looks at the match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// A player, who sees what its place sees.
    Player(Slot),
    /// A spectator. What it watches it says with [`Game::watch`].
    Spectator,
}

/// What one player does in one tick, as it goes into the log and into [`Game::step`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input<C> {
    /// Whose.
    pub slot: Slot,
    /// What.
    pub command: C,
}

/// How often a receiver gets a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rate {
    /// Each tick: near things each tick, others less often, as the game has it.
    Full,
    /// Everything at half the rate: the runtime is short of time.
    Half,
    /// About once a second: the page is hidden, or the receiver does not keep up.
    Slow,
}

/// The rules of a game, for one match. One value is one match's whole state.
///
/// Everything is a function of the setup and the calls since: no clock, no randomness, no iteration in random order.
/// Calls that change the state ([`join`](Self::join), [`leave`](Self::leave), [`step`](Self::step)) are recorded and
/// repeated by replays; the others must not change what [`hash`](Self::hash) tells.
pub trait Game: Sized + 'static {
    /// Its name in URLs, recordings and metrics.
    const NAME: &'static str;
    /// Grows whenever the same log would no longer give the same state, so that old recordings are refused, not replayed
    /// wrongly.
    const VERSION: u32;
    /// Ticks in a second.
    const TICKS_PER_SECOND: u32;
    /// Places in a match at most, 1 to 256.
    const PLAYERS_MAX: u16;
    /// The size of a command on the wire and in the log, in bytes. 1 to 16.
    const COMMAND_BYTES: usize;

    /// What a player does in one tick. The default is to do nothing.
    type Command: Copy + Default + PartialEq + fmt::Debug;
    /// What is remembered of one receiver: what it was sent last, and what it watches. No part of the state.
    type View;

    /// Whether there can be such a match: asked before [`new`](Self::new) and [`load`](Self::load). The number of places and
    /// the length of the options were checked already.
    ///
    /// # Errors
    ///
    /// The options are none of this game.
    fn check(setup: &Setup) -> Result<(), Refusal> {
        let _ = setup;
        Ok(())
    }

    /// A new match.
    fn new(setup: &Setup) -> Self;

    /// Reads a command, [`COMMAND_BYTES`](Self::COMMAND_BYTES) long. `None` for bytes that no honest client sends.
    ///
    /// `rewind` is how far in the past the player saw the others, in eighths of a tick, already checked and clamped to what
    /// the runtime allows; a game without lag compensation ignores it.
    fn command(bytes: &[u8], rewind: u8) -> Option<Self::Command>;

    /// Writes a command as the log keeps it, with its rewind; exactly `COMMAND_BYTES + 1` bytes.
    fn log_command(command: &Self::Command, out: &mut Vec<u8>);

    /// Reads what [`log_command`](Self::log_command) wrote.
    fn logged_command(bytes: &[u8]) -> Option<Self::Command>;

    /// What a player does in a tick for which nothing came, when `last` was the latest thing it did: usually the same
    /// without those parts that begin something.
    fn repeated(last: &Self::Command) -> Self::Command;

    /// Two commands for the same tick become one, so that no press of a button is lost.
    fn merged(earlier: &Self::Command, later: &Self::Command) -> Self::Command;

    /// A player takes a place that was free.
    ///
    /// # Errors
    ///
    /// The game does not want it, for example because its colour is in use. Nothing has changed then.
    fn join(&mut self, slot: Slot, profile: &Profile) -> Result<(), Refusal>;

    /// A player leaves its place for good.
    fn leave(&mut self, slot: Slot);

    /// One tick. `inputs` has at most one for each taken place, in the order of slots.
    fn step(&mut self, inputs: &[Input<Self::Command>]);

    /// The number of the tick that was computed last; 0 before the first.
    fn tick(&self) -> u32;

    /// A hash of the whole state. Two states with the same hash are taken as equal. Unless a game has a faster one, it is
    /// FNV-1a of what [`save`](Self::save) writes.
    fn hash(&self) -> u64 {
        let mut state = Vec::new();
        self.save(&mut state);
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        state.iter().fold(0xcbf2_9ce4_8422_2325, mix)
    }

    /// Writes the whole state: a keyframe of a recording. At most 8 MiB.
    fn save(&self, out: &mut Vec<u8>);

    /// Reads what [`save`](Self::save) wrote. The bytes may come from a stranger.
    ///
    /// # Errors
    ///
    /// They are no state of a match with this setup.
    fn load(setup: &Setup, bytes: &[u8]) -> Result<Self, Refusal>;

    /// What a bot in this place does next, seeing no more than a player there could. `entropy` is new each time; what
    /// comes out is logged, so it needs not be a function of the state.
    fn bot(&self, slot: Slot, entropy: u64) -> Self::Command;

    /// What the welcome message tells a receiver about this match, in the game's own form: the map.
    fn introduce(&self, out: &mut Vec<u8>) {
        let _ = out;
    }

    /// How a player looks in the roster, in the game's own form: a colour, a team. At most 255 bytes. Asked after each join.
    fn look(&self, slot: Slot, out: &mut Vec<u8>) {
        let _ = (slot, out);
    }

    /// Begins to remember a receiver.
    fn view(&self, seat: Seat) -> Self::View;

    /// A spectator wants to watch something else; the bytes came from the client.
    fn watch(&self, view: &mut Self::View, what: &[u8]) {
        let _ = (view, what);
    }

    /// Prepares what the snapshots of this tick share. Called once after each step, before the snapshots.
    fn prepare(&mut self) {}

    /// Writes the snapshot of the latest tick for a receiver: what changed since the last one that was written for it.
    /// `out` has a header already; the game appends. Called at most once for each receiver and tick, and not for each
    /// tick: what is skipped must be covered by the next one.
    fn snapshot(&self, view: &mut Self::View, rate: Rate, out: &mut Vec<u8>);

    /// Who won, once the match is over. It is not stepped after that.
    fn outcome(&self) -> Option<Outcome>;
}

/// How a match ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// All places that took part, the best first. Equal ranks share a place in the ranking.
    pub ranking: Vec<Ranked>,
    /// What the game tells its clients about it, in its own form.
    pub detail: Box<[u8]>,
}

/// One place in the ranking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// Whose.
    pub slot: Slot,
    /// 1 is the best.
    pub rank: u16,
    /// Its points.
    pub points: u32,
}
