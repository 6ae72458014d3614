//! The messages of `docs/match-protocol.md`, to write and to read, for both sides.
//!
//! Reading never allocates for what the bytes do not hold, never panics, and takes nothing that the page does not allow.

mod client;
mod cursor;
mod server;
mod snapshot;

pub(crate) use client::cut_name;
pub use client::{ClientMessage, Hello, Input};
pub use cursor::{BadMessage, Cursor, put_short, put_varint};
pub use server::{End, Notice, Roster, RosterEntry, ServerMessage, Welcome, roster_flags};
pub use snapshot::{HeaderChange, SnapshotHeader};

/// The subprotocol that a WebSocket handshake asks for.
pub const SUBPROTOCOL: &str = "stoa.match.v1";
/// The version in `hello` and `welcome`.
pub const VERSION: u8 = 1;
/// Commands in one input message at most.
pub const COMMANDS_MAX: usize = 8;
/// Longest name of a player, in bytes.
pub const NAME_BYTES_MAX: usize = 32;
/// Longest wish, in bytes.
pub const WISH_BYTES_MAX: usize = 32;
/// Longest token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 3072;
/// Size of the secret that returns into a place.
pub const SECRET_BYTES: usize = 16;
/// The slot of a spectator in `welcome`.
pub const SPECTATOR_SLOT: u8 = 255;

/// The close codes of a match connection. What a client does about each is in `docs/match-protocol.md`.
pub mod close {
    /// The match is over, or the client left.
    pub const DONE: u16 = 1000;
    /// A text message came.
    pub const TEXT: u16 = 1003;
    /// The server failed; the place is kept.
    pub const FAILED: u16 = 1011;
    /// No place is free, or the server has no time for more players.
    pub const FULL: u16 = 1013;
    /// No `hello` in time.
    pub const NO_HELLO: u16 = 4002;
    /// Far too many messages.
    pub const TOO_MANY: u16 = 4003;
    /// Nothing was acknowledged for 30 seconds; the place is kept.
    pub const STALLED: u16 = 4004;
    /// A message that the protocol does not allow.
    pub const BAD_MESSAGE: u16 = 4400;
    /// The token is not valid.
    pub const UNAUTHORIZED: u16 = 4401;
    /// The match is for those who were invited.
    pub const NOT_INVITED: u16 = 4403;
    /// The game does not want this player; a notice before it says why.
    pub const REFUSED: u16 = 4406;
    /// Another connection took this place.
    pub const REPLACED: u16 = 4408;
    /// The match was given up or closed without a result.
    pub const ABORTED: u16 = 4410;
}
