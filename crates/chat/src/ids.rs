//! Names of things, checked once when they enter and then passed around by cheap clones.

use std::fmt;
use std::sync::Arc;

/// Number of an event in its room: 1, 2, 3, … without gaps. 0 means "before the first event".
pub type Seq = u64;

/// Longest room name, in bytes.
pub const ROOM_BYTES_MAX: usize = 64;
/// Longest user id, in bytes.
pub const USER_BYTES_MAX: usize = 64;
/// Longest display name, in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// Longest request id and client id, in bytes.
pub const ID_BYTES_MAX: usize = 64;

/// Name of a room: 1 to 64 bytes of ASCII letters, digits, `-`, `_`, `.`, `:`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(Arc<str>);

/// Identity of a user: 1 to 64 bytes of printable text without spaces. Guests have ids that start with `guest-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Arc<str>);

/// A name, id or text was empty, too long, or contained a character that is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidName;

impl RoomName {
    /// Checks and takes a room name.
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
        let fits = !text.is_empty() && text.len() <= ROOM_BYTES_MAX;
        if fits && text.bytes().all(allowed) { Ok(Self(text.into())) } else { Err(InvalidName) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl UserId {
    /// Checks and takes a user id. Control characters and white space are refused, other Unicode is allowed.
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        let fits = !text.is_empty() && text.len() <= USER_BYTES_MAX;
        let allowed = |c: char| !c.is_control() && !c.is_whitespace();
        if fits && text.chars().all(allowed) { Ok(Self(text.into())) } else { Err(InvalidName) }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_names_are_short_and_plain() {
        assert!(RoomName::new("lobby").is_ok());
        assert!(RoomName::new("a.b:c-d_9").is_ok());
        for bad in ["", "two words", "ünï", "a/b", "a\n", "a\0", &"x".repeat(65)] {
            assert_eq!(RoomName::new(bad), Err(InvalidName), "{bad:?}");
        }
        assert!(RoomName::new(&"x".repeat(64)).is_ok());
    }

    #[test]
    fn user_ids_have_no_control_characters_and_no_spaces() {
        assert!(UserId::new("zoë@example.org").is_ok());
        for bad in ["", "a b", "a\u{1b}[31m", "a\u{0}", &"x".repeat(65)] {
            assert_eq!(UserId::new(bad), Err(InvalidName), "{bad:?}");
        }
    }
}
