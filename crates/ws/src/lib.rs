//! WebSockets without I/O: RFC 6455 and RFC 7692 as a state machine, for servers and clients.
//!
//! Nothing here opens a socket, reads a clock or draws a random number. Bytes and time go in; events, bytes to send and
//! the next deadline come out. So the same code runs behind TCP, behind TLS, inside a simulated world, and under a fuzzer.
//!
//! A connection passes through three stages, each with its own module:
//!
//! 1. [`http1`] reads the head of a request or a response, byte by byte as it arrives, and checks it strictly. HTTP/2 and
//!    HTTP/3 bring the same [`head`] in another way.
//! 2. [`handshake`] decides whether that head opens a WebSocket, and writes or verifies the answer.
//! 3. [`Connection`] turns bytes into messages and messages into bytes until one side closes. If the handshake agreed on
//!    it, messages are compressed on their way by [`deflate`].
//!
//! # The law of the loop
//!
//! Whoever drives a [`Connection`] repeats one loop, and every shell has the same shape:
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use ws::{Config, Connection, Event, Message, Role, State};
//!
//! let now = Duration::ZERO; // Monotonic time since any origin.
//! let mut server = Connection::new(Role::Server, Arc::new(Config::default()), now, [0; 2]);
//! let mut output = Vec::new();
//! let mut codec = ws::deflate::Codec::default(); // One for each worker: it serves all its connections.
//!
//! // The masked frame "Hello" of RFC 6455 section 5.7, as a socket would deliver it.
//! let mut read = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
//! let mut input = &mut read[..];
//! while let Some(event) = server.receive(now, &mut input, &mut output, &mut codec) {
//!     match event {
//!         Event::Message(Message::Text(text)) => assert_eq!(text, "Hello"),
//!         Event::Message(Message::Binary(_)) | Event::Piece { .. } => {}
//!         Event::Ping(_) | Event::Pong { .. } | Event::Close(_) => {}
//!     }
//! }
//! server.send(Message::Text("Hello"), &mut output, &mut codec).unwrap();
//! assert_eq!(output, b"\x81\x05Hello");
//!
//! // Then: write `output` to the socket; close the transport if `state()` is `Closed`;
//! // sleep until the socket is readable or `poll_timeout()` is reached, and then call `handle_timeout`.
//! assert_eq!(server.state(), State::Open);
//! assert!(server.poll_timeout().is_some());
//! ```
//!
//! What the peer does wrong never comes back as an `Err`. It becomes a Close frame in the output, the state
//! [`State::Closed`], and a cause in [`Connection::end`].

mod assembly;
mod budget;
mod close;
mod config;
mod connection;
pub mod deflate;
mod end;
mod frame;
pub mod handshake;
pub mod head;
pub mod http1;
pub mod inspect;
mod keepalive;
mod mask;
mod prepared;
mod utf8;

pub use close::{CloseCode, CloseFrame, CloseReason};
pub use config::{Config, Limits};
pub use connection::{Connection, Event, Message, NotOpen, PingError, Role, SendError, State};
pub use deflate::Codec;
pub use end::{End, Limit, Side, Timeout, Violation};
pub use prepared::Prepared;
