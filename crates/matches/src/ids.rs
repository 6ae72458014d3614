//! Names of matches and connections.

use std::fmt;
use std::sync::Arc;

/// Longest name of a match, in bytes.
pub const MATCH_ID_BYTES_MAX: usize = 64;

/// Name of a connection on its worker: slot in the lower and generation in the upper 32 bits, so that what comes late
/// never reaches a successor.
pub type ConnectionId = u64;

/// The name of a match: 1 to 64 letters, digits, `-` and `_`. One name is one running game, never used twice, so that
/// results can be counted once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MatchId(Arc<str>);

impl MatchId {
    /// Takes a name that may come from a stranger. `None` if it is no name of a match.
    pub fn new(name: &str) -> Option<Self> {
        let fits = (1..=MATCH_ID_BYTES_MAX).contains(&name.len());
        let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (fits && is_plain).then(|| Self(name.into()))
    }

    /// A name that nobody can guess, if `entropy` cannot be guessed: 26 characters for 128 bits.
    pub fn random(entropy: u128) -> Self {
        // Without those that people confuse when they read a link to each other.
        const DIGITS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let digits = (0..26).map(|i| char::from(DIGITS[(entropy >> (5 * i) & 31) as usize]));
        Self(digits.collect::<String>().into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
