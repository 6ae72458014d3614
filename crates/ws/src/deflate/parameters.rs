//! What may be agreed on, and what was.

use super::{WINDOW_BITS_MAX, WINDOW_BITS_MIN, WorkLimits};
use crate::connection::Role;

/// How far compression goes on a route or for a client. It decides what a connection costs in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// No compression is agreed on. Costs nothing.
    #[default]
    Off,
    /// Each message is compressed by itself. Costs no memory between messages. Good for messages from about 200 bytes.
    NoTakeover,
    /// A message may refer to the bytes of those before it, which makes small messages of one kind much smaller. Costs
    /// up to 2^`window_bits_max` bytes per connection **and direction**, as they are used: 2 x 4 KiB with 12.
    Takeover {
        /// 8 to 15. Values outside are taken as the nearest one inside.
        window_bits_max: u8,
    },
}

/// What a server or a client is ready to agree to, and when it makes use of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How far compression goes. Default: [`Mode::Off`].
    pub mode: Mode,
    /// Messages with a shorter payload are sent plain. Default: 64 bytes, below which there is hardly anything to gain
    /// without takeover. With takeover, 16 is a good value.
    pub compress_bytes_min: usize,
    /// How much plain text may be compressed per connection. Messages beyond are sent plain. Default: see [`WorkLimits`].
    pub compress: WorkLimits,
    /// How much plain text a peer may make us inflate. Answer: 1008. Default: see [`WorkLimits`].
    pub inflate: WorkLimits,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::Off,
            compress_bytes_min: 64,
            compress: WorkLimits::default(),
            inflate: WorkLimits::default(),
        }
    }
}

impl Policy {
    /// The policy with this mode and the defaults for the rest.
    pub fn with_mode(mode: Mode) -> Self {
        Self { mode, ..Self::default() }
    }

    /// The largest window that a context may have, if there may be contexts.
    pub(super) fn takeover_bits(&self) -> Option<u8> {
        match self.mode {
            Mode::Takeover { window_bits_max } => {
                Some(window_bits_max.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX))
            }
            Mode::Off | Mode::NoTakeover => None,
        }
    }
}

/// What client and server agreed on (RFC 7692 section 7.1).
///
/// For the own direction a side may use less than was agreed without telling; then this is what it uses. For the
/// direction of the peer it is what the peer may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// The server forgets its window after each message.
    pub server_no_context_takeover: bool,
    /// The client forgets its window after each message.
    pub client_no_context_takeover: bool,
    /// The server refers back at most 2^`server_max_window_bits` bytes. 8 to 15.
    pub server_max_window_bits: u8,
    /// The client refers back at most 2^`client_max_window_bits` bytes. 8 to 15.
    pub client_max_window_bits: u8,
}

/// How one direction of a connection compresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    /// Whether messages may refer to those before them, so that both ends need a [`super::Context`].
    pub takeover: bool,
    /// References go back at most 2^`window_bits` bytes. 8 to 15.
    pub window_bits: u8,
}

impl Parameters {
    /// How messages that `role` sends are compressed.
    pub fn sent_by(&self, role: Role) -> Direction {
        match role {
            Role::Server => Direction {
                takeover: !self.server_no_context_takeover,
                window_bits: self.server_max_window_bits,
            },
            Role::Client => Direction {
                takeover: !self.client_no_context_takeover,
                window_bits: self.client_max_window_bits,
            },
        }
    }

    /// How messages that `role` receives were compressed.
    pub fn received_by(&self, role: Role) -> Direction {
        self.sent_by(match role {
            Role::Server => Role::Client,
            Role::Client => Role::Server,
        })
    }
}
