//! HTTP/3 (RFC 9114) and WebSockets on it (RFC 9220), on QUIC by `quinn` and our own crate `h3`.
//!
//! ```text
//!   datagrams    UDP socket of each worker; strays go to the worker that their connection id names
//!   listen       handshakes within limits, Retry
//!   carrier      one QUIC connection: control streams, requests, drain
//!   request      one request: the site's answer, or a WebSocket
//!   exchange     one that the site takes over
//!   stream       the byte stream of one WebSocket in DATA frames
//!   session      what both roles do the same way: control streams
//!   connect      a client's way to a server: which of its addresses answers first
//!   client       a client's connection, and the WebSockets that it opens
//! ```
//!
//! A worker has one endpoint of quinn for each address, whose tasks run on the worker's thread like all others, one for
//! each connection. What the WebSockets of a connection write in one turn leaves together, because quinn's task of the
//! connection runs after theirs. No WebSocket can starve its siblings: the window of the connection is as large as those of
//! all its streams together.
//!
//! 0-RTT is not offered (a client that sends early data sends it again after the handshake), so nothing here can be
//! replayed: RFC 8470 has no case to answer.

mod carrier;
mod client;
mod connect;
mod connection_id;
mod datagrams;
mod exchange;
mod listen;
mod request;
mod session;
mod stream;

pub(crate) use client::Client;
pub(crate) use listen::{Sockets, run, say_goodbye};
pub use stream::Http3Stream;
