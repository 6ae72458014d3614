//! Every limit of the classic room, with its unit and what happens when it is reached.

use chat::rate::Rate;
use std::time::Duration;

/// Longest message of a client, in bytes. Answer: `error` with the code `too_long`.
pub const MESSAGE_BYTES_MAX: usize = 1024;

/// Longest WebSocket message that is read at all, in bytes, so that a client that is a little over the limit gets a sentence.
/// Answer: close code 1009.
pub const FRAME_BYTES_MAX: usize = 16 * 1024;

/// Longest name of a user or item that a request may have, in bytes; all that exist are far shorter. Answer: `error` with
/// the code `bad_request`.
pub const NAME_BYTES_MAX: usize = 64;

/// Messages of a connection. Answer: `error` with the code `rate_limited`.
pub const MESSAGES: Rate = Rate { per_second: 20, burst: 100 };

/// Refusals for the rate in a row after which nobody can mean it. Answer: close code 4003.
pub const REFUSALS_IN_A_ROW_MAX: u32 = 500;

/// Messages that wait for a connection which does not read. Answer: close code 4001, and its colours are free at once.
pub const OUTBOX_MESSAGES_MAX: usize = 512;

/// Connections at a time. Twenty of them can play. Answer: 503 to the handshake, or close code 1013.
pub const CONNECTIONS_MAX: usize = 1024;

/// Connections at a time from one IPv4 address or from one IPv6 network of 64 bits. Answer: 503 to the handshake, or close
/// code 1013.
pub const CONNECTIONS_PER_ADDRESS_MAX: u32 = 128;

/// Time in which a connection must have joined a game. Long, because people try this by hand. Answer: close code 4002.
pub const JOIN_TIMEOUT: Duration = Duration::from_secs(60);

/// Time in which a player must have sent something. Others want the colour, too. Answer: close code 4408.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// Resets of one game. Answer: 429 with the time to wait.
pub const RESETS: Rate = Rate { per_second: 1, burst: 20 };

const _: () = assert!(MESSAGE_BYTES_MAX <= FRAME_BYTES_MAX && NAME_BYTES_MAX < MESSAGE_BYTES_MAX);
