//! What a connection may cost and how long it may wait: every limit of the engine in one place.

use std::time::Duration;

use crate::deflate;

/// How much one peer may ask of us. Each limit names its unit, and the close code that answers when it is reached.
///
/// The defaults suit a server on the open internet. Memory for a message grows with the bytes that have arrived, never
/// with the length that a header announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest payload of one data frame, in bytes. Answer: 1009, from the header alone. Default: 1 MiB.
    pub frame_bytes_max: u64,
    /// Longest message, all its fragments together, in bytes. Answer: 1009, from the header that would pass the limit.
    /// A compressed message keeps to it compressed and inflated. Default: 1 MiB.
    pub message_bytes_max: usize,
    /// Longest message that is received in pieces, in bytes, in place of `frame_bytes_max` and `message_bytes_max`: see
    /// [`Connection::receive_in_pieces`](crate::Connection::receive_in_pieces). Nothing of it is kept, so `u64::MAX` is a
    /// fine value where the application has a bound of its own. Answer: 1009, from the header that would pass the limit.
    /// Default: 1 GiB.
    pub streamed_bytes_max: u64,
    /// Most frames that one message may consist of. A message that is received in pieces may have one more for each KiB.
    /// Answer: 1008. Default: 1,024.
    pub fragments_max: u32,
    /// Ping, Pong and Close frames that a peer may send per second in the long run. Answer: 1008. Default: 50.
    pub control_frames_per_second_max: u32,
    /// Control frames that may come at once after a quiet time. Answer: 1008. Default: 200.
    pub control_frames_burst_max: u32,
    /// Data frames without payload that a peer may send per second in the long run. They cost us work and carry
    /// nothing, so a flood of them is an attack. Answer: 1008. Default: 100.
    pub empty_frames_per_second_max: u32,
    /// Data frames without payload that may come at once after a quiet time. Answer: 1008. Default: 400.
    pub empty_frames_burst_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes_max: 1 << 20,
            message_bytes_max: 1 << 20,
            streamed_bytes_max: 1 << 30,
            fragments_max: 1024,
            control_frames_per_second_max: 50,
            control_frames_burst_max: 200,
            empty_frames_per_second_max: 100,
            empty_frames_burst_max: 400,
        }
    }
}

/// Limits and deadlines of a connection. One value, behind an `Arc`, serves all connections of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What the peer may send.
    pub limits: Limits,
    /// How long the peer may be silent before we send a Ping. `None` sends none. Default: 30 s.
    pub ping_interval: Option<Duration>,
    /// How long we wait for any sign of life after a Ping. Then: close code 1011. Default: 20 s.
    pub pong_timeout: Duration,
    /// How long the peer may take to answer our Close frame before the transport is closed all the same. Default: 5 s.
    pub close_timeout: Duration,
    /// How long a frame or a fragmented message may take from its first byte to its last. Then: 1008. Default: 60 s. Time
    /// in which the shell does not read, because the peer does not take its answers, counts. For a message that is received
    /// in pieces it is the time from one piece to the next.
    pub message_timeout: Duration,
    /// When messages are compressed, and how much may be inflated, if the opening handshake agreed on compression. Give
    /// the same to the handshake: [`ServerOffer`](crate::handshake::ServerOffer) or
    /// [`ClientOffer`](crate::handshake::ClientOffer). Default: off.
    pub compression: deflate::Policy,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            ping_interval: Some(Duration::from_secs(30)),
            pong_timeout: Duration::from_secs(20),
            close_timeout: Duration::from_secs(5),
            message_timeout: Duration::from_secs(60),
            compression: deflate::Policy::default(),
        }
    }
}
