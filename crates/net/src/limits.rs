//! Every limit of this crate, with its unit, its default and what happens when it is reached.

use std::time::Duration;

/// How many bytes a worker reads from one socket with one system call. One such buffer per worker.
pub const READ_BUFFER_BYTES: usize = 256 * 1024;

/// How many bytes of output are collected before they are written in the middle of a wake-up, and how many an endpoint
/// may add at a time in [`on_writable`](crate::Endpoint::on_writable).
pub const WRITE_QUANTUM_BYTES: usize = 64 * 1024;

/// How many bytes one connection may read before the next connection's turn.
pub const READ_BYTES_PER_TURN: usize = 512 * 1024;

/// How many reads one connection may do before the next connection's turn. Small TLS records make small reads.
pub const READS_PER_TURN: u32 = 64;

/// How many bytes a client may send ahead of the answer to its request: pipelined requests, or frames before the 101.
pub const PIPELINED_BYTES_MAX: usize = 16 * 1024;

/// The largest piece in which the body of a request is given to a site that takes it over.
pub const BODY_PIECE_BYTES_MAX: usize = 64 * 1024;

/// A buffer of a worker that grew past this for one big message is given back after it.
pub const KEPT_BUFFER_BYTES_MAX: usize = 1024 * 1024;

/// Messages of a [`WebSocket`](crate::WebSocket) that wait to be received. When there are more, nothing is read until some are taken, so in the end the peer
/// has to wait.
pub const INCOMING_MESSAGES_MAX: usize = 1024;

/// Bytes of messages that wait to be received, with the same effect. One message may be larger than that: its own limit
/// is [`ws::Limits::message_bytes_max`].
pub const INCOMING_BYTES_MAX: usize = 256 * 1024;

/// Bytes of messages that wait to be sent. While there are more, `send` waits, and `try_send` says that it is full.
pub const OUTGOING_BYTES_MAX: usize = 256 * 1024;

/// How many bytes a peer may send on one stream of HTTP/2 or HTTP/3 before we take them: the most that one WebSocket which
/// is not read can make us keep. It bounds what one WebSocket can receive to this much per round trip.
pub const STREAM_WINDOW_BYTES: u32 = 64 * 1024;

/// How many bytes one carrier of HTTP/2 may read before its WebSockets, and other carriers, get their turn.
pub const CARRIER_BYTES_PER_TURN: usize = 128 * 1024;

/// What h2 lets DATA frames below 256 bytes cost before they are taken: 256 less their length each. We take them in the
/// turn in which they come, so this is out of reach of any peer, and is there to stop a bug from eating memory.
pub const SMALL_DATA_BUDGET_BYTES: usize = 4 * 1024 * 1024;

// Even a turn of nothing but frames with one byte of payload stays within the budget.
const _: () = assert!(CARRIER_BYTES_PER_TURN / 10 * 255 < SMALL_DATA_BUDGET_BYTES);
const _: () = assert!(WRITE_QUANTUM_BYTES <= READ_BUFFER_BYTES && READ_BUFFER_BYTES <= READ_BYTES_PER_TURN);
const _: () =
    assert!(PIPELINED_BYTES_MAX <= BODY_PIECE_BYTES_MAX && BODY_PIECE_BYTES_MAX <= READ_BUFFER_BYTES);

/// Limits that an operator sets, the same for all connections of a worker.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections of one worker, in whatever state. Past it a new socket is closed at once. Default 500,000.
    pub connections_max: usize,
    /// WebSockets from one address on one worker. Past it a handshake from there is answered with 429. IPv6 addresses count
    /// by their first 64 bits. Default 100,000.
    pub websockets_per_ip_max: u32,
    /// Sockets from one address on one worker that are not yet WebSockets: in the TLS handshake, sending a request, kept
    /// alive. Past it a new socket from there is closed at once. IPv6 addresses count by their first 64 bits.
    /// Default 1,024.
    pub pre_auth_connections_per_ip_max: u32,
    /// Sockets that may wait until a worker takes them over from others: see [`Answer::UpgradeOn`](crate::Answer::UpgradeOn).
    /// Past it a handshake is answered with 503. Default 1,024.
    pub hand_overs_waiting_max: usize,
    /// How long such a socket may have waited; then its handshake is answered with 503. Default 5 s.
    pub hand_over_timeout: Duration,
    /// Streams at a time on one carrier of HTTP/2 or HTTP/3, WebSockets included. Announced to the peer; a stream beyond
    /// it is refused with REFUSED_STREAM (HTTP/2) or not possible (HTTP/3). Each may make us keep
    /// [`STREAM_WINDOW_BYTES`] of input and [`Http2Limits::send_buffer_bytes_max`] of output. Default 128, at most 16,384.
    pub streams_per_carrier_max: u32,
    /// What concerns HTTP/2 alone.
    pub http2: Http2Limits,
    /// From accept to the end of the TLS handshake; then the socket is closed. Default 10 s.
    pub tls_handshake_timeout: Duration,
    /// From the first byte of a request (for the first request: from when the connection stands) to the end of its
    /// head; then 408 and close. Default 10 s.
    pub request_head_timeout: Duration,
    /// How long a site may take for an answer that it gives later: see [`Answer::Later`](crate::Answer::Later). Then 503.
    /// Default 10 s.
    pub answer_timeout: Duration,
    /// Bytes of the body of one request, where a site takes bodies: see [`Answer::Exchange`](crate::Answer::Exchange). A
    /// longer one is answered with 413, or ends for the site with an error when it becomes too long. It costs no memory:
    /// what the site does not take is not read. Default 1 GiB.
    pub request_body_bytes_max: u64,
    /// How long a site waits for the next piece of such a body. Then it is told, and the client with 408. Default 30 s.
    pub body_piece_timeout: Duration,
    /// How fast such a body has to come on average, not counting the time in which the site asks for nothing; then as above.
    /// 0 for as slow as it likes. Default 256.
    pub body_bytes_per_second_min: u32,
    /// How long it may be slower than that at first. Default 10 s.
    pub body_grace: Duration,
    /// How long an idle connection that carried a request is kept for the next one; then it is closed. Over HTTP/2 and
    /// HTTP/3 a carrier is idle when it has no stream, and gets a GOAWAY first. Default 15 s.
    pub keep_alive_timeout: Duration,
    /// Requests on one connection of HTTP/1.1; the last answer says `Connection: close`. On HTTP/2 and HTTP/3 it is streams
    /// at a time that are limited. Default 1,000.
    pub requests_per_connection_max: u32,
    /// A peer that takes no byte of what waits for it for this long is cut. Default 60 s.
    pub write_timeout: Duration,
    /// Bytes that wait for a peer which reads more slowly than it is written to. While any wait, a server reads nothing
    /// more from that peer, so this is reached only when a single callback sends more; then the connection is cut.
    /// Default 4 MiB.
    pub pending_bytes_max: usize,
    /// After the closing handshake, or after an error answer, the peer has this long to close the transport; then it is
    /// closed. Default 5 s.
    pub linger_timeout: Duration,
    /// What concerns QUIC, under HTTP/3.
    pub quic: QuicLimits,
}

/// Limits of QUIC and HTTP/3.
#[derive(Clone, Debug)]
pub struct QuicLimits {
    /// QUIC handshakes under way on one worker. Past it new ones are refused (CONNECTION_REFUSED). Default 4,096.
    pub handshakes_max: u32,
    /// With so many handshakes under way a client must first show that it receives at its address: it is answered with
    /// a Retry packet, which costs it a round trip and us no memory. 0 asks it of everybody. Default 256.
    pub retry_from_handshakes: u32,
    /// Bytes that clients may send ahead while their first packet waits for its turn, on one worker in total. What comes
    /// past it is dropped, and sent again by the client. Default 16 MiB.
    pub incoming_bytes_max: u64,
    /// Answers in each second, on one worker and address, to packets of versions of QUIC that nobody here speaks (Version
    /// Negotiation, RFC 9000 section 6): anybody can ask for them in anybody's name. Past it no answer is sent; a client
    /// asks again. Default 500.
    pub version_answers_per_second_max: u32,
    /// Streams in each direction that a client may have open on one connection besides its requests: control streams and
    /// those of kinds that are ignored. Default 16.
    pub unidirectional_streams_max: u16,
    /// The header fields of one request, as RFC 9114 section 4.2.2 counts them (names, values and 32 bytes each).
    /// Announced; then 431. Default 16 KiB.
    pub field_section_bytes_max: u32,
    /// What a client may do on one connection that carries nothing for anybody: requests that it takes back before they are
    /// answered (rapid reset) or that are malformed, streams of kinds that are ignored, and each 64 bytes on control
    /// streams. So many at once, and then so many per second; then H3_EXCESSIVE_LOAD. Default 1,000.
    pub idle_work_burst_max: u32,
    /// See [`idle_work_burst_max`](Self::idle_work_burst_max). Default 100.
    pub idle_work_per_second_max: u32,
    /// Bytes of output of one connection that are kept until the client confirms them. When there are so many, nothing
    /// more is written on that connection until it does. Default 1 MiB.
    pub send_window_bytes: u64,
    /// A connection on which nothing arrives for this long is over. Default 60 s; the client may want less.
    pub idle_timeout: Duration,
    /// After this much silence a connection is probed, so that neither side's idle timeout ends it while its WebSockets
    /// are silent. Default 20 s.
    pub keep_alive_interval: Duration,
}

impl Default for QuicLimits {
    fn default() -> Self {
        Self {
            handshakes_max: 4096,
            retry_from_handshakes: 256,
            incoming_bytes_max: 16 * 1024 * 1024,
            version_answers_per_second_max: 500,
            unidirectional_streams_max: 16,
            field_section_bytes_max: 16 * 1024,
            idle_work_burst_max: 1000,
            idle_work_per_second_max: 100,
            send_window_bytes: 1024 * 1024,
            idle_timeout: Duration::from_secs(60),
            keep_alive_interval: Duration::from_secs(20),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 500_000,
            pre_auth_connections_per_ip_max: 1024,
            websockets_per_ip_max: 100_000,
            hand_overs_waiting_max: 1024,
            hand_over_timeout: Duration::from_secs(5),
            streams_per_carrier_max: 128,
            http2: Http2Limits::default(),
            tls_handshake_timeout: Duration::from_secs(10),
            request_head_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(10),
            request_body_bytes_max: 1 << 30,
            body_piece_timeout: Duration::from_secs(30),
            body_bytes_per_second_min: 256,
            body_grace: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(15),
            requests_per_connection_max: 1000,
            write_timeout: Duration::from_secs(60),
            pending_bytes_max: 4 * 1024 * 1024,
            linger_timeout: Duration::from_secs(5),
            quic: QuicLimits::default(),
        }
    }
}

/// Limits of HTTP/2 carriers. Most of them are there for floods; honest peers do not come near.
#[derive(Clone, Debug)]
pub struct Http2Limits {
    /// The header fields of one request, as RFC 9113 section 6.5.2 counts them (names, values and 32 bytes each).
    /// Announced; then 431. Default 16 KiB.
    pub header_list_bytes_max: u32,
    /// Bytes of output of one stream that wait for the socket. A WebSocket that has more waits itself, and then its own
    /// `pending_bytes_max` and `write_timeout` apply. Default 64 KiB.
    pub send_buffer_bytes_max: usize,
    /// Streams that the peer opened and reset before we saw them, at a time; then GOAWAY (rapid reset, CVE-2023-44487).
    /// Default 20.
    pub reset_streams_pending_max: usize,
    /// Streams that we had to reset because of what the peer sent on them, in the life of a carrier; then GOAWAY
    /// (CVE-2025-8671). Default 100.
    pub faulty_streams_max: usize,
    /// Frames that carry nothing for anybody (PING, SETTINGS, PRIORITY, RST_STREAM, CONTINUATION, unknown ones, and
    /// WINDOW_UPDATE beyond one for each 4 bytes that we sent): so many at once, and then so many per second; then GOAWAY.
    /// Default 2,000.
    pub idle_frames_burst_max: u32,
    /// See [`idle_frames_burst_max`](Self::idle_frames_burst_max). Default 200.
    pub idle_frames_per_second_max: u32,
}

impl Default for Http2Limits {
    fn default() -> Self {
        Self {
            header_list_bytes_max: 16 * 1024,
            send_buffer_bytes_max: 64 * 1024,
            reset_streams_pending_max: 20,
            faulty_streams_max: 100,
            idle_frames_burst_max: 2000,
            idle_frames_per_second_max: 200,
        }
    }
}
