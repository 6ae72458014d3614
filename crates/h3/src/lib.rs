//! HTTP/3 without I/O (RFC 9114), as far as WebSockets (RFC 9220) and plain requests need it, for servers and clients.
//!
//! Nothing here opens a socket, reads a clock or draws a random number. QUIC and its streams belong to the caller; what
//! comes on a stream goes in, events and bytes to write come out. So the same code runs over any QUIC implementation,
//! inside a simulated world, and under a fuzzer.
//!
//! * [`Connection`] is what both sides of one QUIC connection said on their control streams: settings, GOAWAY.
//! * [`UniStream`] is one unidirectional stream that the peer opened; [`Connection::receive_uni`] reads it.
//! * [`RequestStream`] is the receiving side of one request stream. It fits into 64 bytes, holds no buffer while it
//!   waits, and gives data out as slices of its input.
//! * [`write_response`], [`write_trailers`], [`data_frame_header`] and [`Connection::open_request`] make what is sent.
//! * [`qpack`] turns fields into bytes and back, without a dynamic table.
//!
//! Server push, priorities and datagrams are not part of it. A peer that sends them without being asked is refused or
//! ignored, as the RFC says for each.
//!
//! # The law of the loop
//!
//! Open a unidirectional stream and write [`Connection::control_bytes`] on it. Then, for each stream of the peer, feed
//! what comes until the input is empty, and say when it ends. Here two peers in memory open a WebSocket and send bytes
//! through it:
//!
//! ```
//! use h3::{Config, Connection, Request, RequestEvent, Role, UniEvent, UniStream};
//!
//! let mut server = Connection::new(Role::Server, Config::default());
//! let mut client = Connection::new(Role::Client, Config::default());
//!
//! // The server's control stream arrives. A WebSocket has to wait for it: it says whether it may be opened.
//! let control = server.control_bytes();
//! let (mut stream, mut input) = (UniStream::new(), &control[..]);
//! while let Some(event) = client.receive_uni(&mut stream, &mut input)? {
//!     assert!(matches!(event, UniEvent::Settings(settings) if settings.enable_connect_protocol));
//! }
//!
//! // The client opens a bidirectional stream, which gets the id 0, and writes this on it.
//! let request = Request::websocket("example.org", "/chat");
//! let mut sent = Vec::new();
//! let mut at_client = client.open_request(&request, [("sec-websocket-version", "13")], &mut sent)?;
//!
//! // The server accepts the stream and reads the request.
//! let mut at_server = server.accept_request(0)?;
//! let mut input = &sent[..];
//! let Some(RequestEvent::Request(request)) = at_server.receive(&mut input)? else { panic!("no request") };
//! assert_eq!((request.method(), request.protocol()), ("CONNECT", Some("websocket")));
//! assert_eq!(request.field("sec-websocket-version"), Some(&b"13"[..]));
//!
//! // It answers, and sends the first bytes of the WebSocket in the same write.
//! let mut answer = Vec::new();
//! h3::write_response(200, [("server", "example")], server.peer_field_section_bytes_max(), &mut answer)?;
//! answer.extend_from_slice(&h3::data_frame_header(7));
//! answer.extend_from_slice(b"\x81\x05Hello");
//!
//! let mut input = &answer[..];
//! let Some(RequestEvent::Response(response)) = at_client.receive(&mut input)? else { panic!("no response") };
//! assert!(response.is_success());
//! assert_eq!(at_client.receive(&mut input)?, Some(RequestEvent::Data(b"\x81\x05Hello")));
//! assert_eq!(at_client.receive(&mut input)?, None);
//!
//! // The server finishes the stream: the orderly end.
//! at_client.finish()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When the peer is wrong
//!
//! An [`Error`] says what to tell the peer and what ends: with [`Scope::Stream`] one request (reset the sending side,
//! stop the receiving side), with [`Scope::Connection`] all of it (close the QUIC connection with the code as
//! application error). What the error came from ignores everything from then on.
//!
//! | What the shell sees | What it tells the crate, or does |
//! | --- | --- |
//! | end or reset of a unidirectional stream of the peer | [`Connection::close_uni`] |
//! | the peer stops our control stream | close with [`Code::CLOSED_CRITICAL_STREAM`] |
//! | end of a request stream | [`RequestStream::finish`] |
//! | reset of a request stream | drop the `RequestStream`; for a WebSocket this is an abnormal closure |
//! | a WebSocket is dropped without its closing handshake | reset with [`Code::REQUEST_CANCELLED`] |
//!
//! # Limits
//!
//! A field section is bounded by [`Config::field_section_bytes_max`], SETTINGS by [`SETTINGS_BYTES_MAX`], any other
//! frame of a control stream by 8 bytes. Everything else is passed on or skipped as it comes. The number of streams is
//! bounded by QUIC.

mod connection;
mod error;
mod frame;
mod message;
pub mod qpack;
mod request;
mod rules;
mod section;
mod settings;
mod uni;
mod varint;
mod write;

pub use connection::{Config, Connection, OpenError, Role};
pub use error::{Code, Error, Scope};
pub use frame::{FrameHeader, data_frame_header, grease_identifier, write_grease_frame};
pub use message::{Request, RequestFields, ResponseFields};
pub use request::{RequestEvent, RequestStream};
pub use section::{FIELD_OVERHEAD_BYTES, FieldSection};
pub use settings::{SETTINGS_BYTES_MAX, Settings};
pub use uni::{UniEvent, UniStream};
pub use varint::VARINT_MAX;
pub use write::{WriteError, write_response, write_trailers};
