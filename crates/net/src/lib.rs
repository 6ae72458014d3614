//! Brings sockets to WebSockets: workers, listeners, TLS, QUIC, all versions of HTTP, drains and dialers.
//!
//! An application implements two traits. A [`Site`] answers requests, and turns some of them into WebSockets. An
//! [`Endpoint`] is what runs on one WebSocket. Both are plain synchronous callbacks on one thread: no locks, no channels,
//! no `async`. What they send in one wake-up of their connection leaves in one write.
//!
//! ```no_run
//! use net::{Options, Workers, echo::Echo};
//!
//! let options = Options::new(1, ["127.0.0.1:9001".parse().unwrap()]);
//! let workers = Workers::start(options, |_worker| Echo::new(std::sync::Arc::default()))?;
//! println!("listening on {:?}", workers.addresses());
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Where to read on: `worker` is the frame; `accept` and `tls` bring a socket to `http1`, `http2` or `http3`, and those to the
//! opening handshake, which `exchange` answers for all of them; `door` is how a socket gets to another worker; `driver` is the
//! loop of an open connection on whatever byte stream it has, `endpoint` what the application sees of it, `signal` how others
//! wake it. `websocket` is both with `await`, `dial` and `carrier` are the client's side, `client_tls` and `trust` its TLS. All
//! limits are in [`limits`].

mod accept;
mod alarms;
mod carrier;
mod client_tls;
mod clock;
mod cores;
mod counters;
mod development;
mod dial;
mod door;
mod drain;
mod driver;
pub mod echo;
mod endpoint;
mod exchange;
mod guests;
mod http1;
mod http2;
mod http3;
pub mod limits;
mod listeners;
mod local;
pub mod origin;
mod pending;
mod portable;
mod response;
mod server_stream;
mod signal;
mod site;
mod stream;
mod taken;
mod tap;
mod tls;
mod trust;
mod upstream;
mod websocket;
mod worker;

pub use carrier::Carrier;
pub use client_tls::ClientTls;
pub use clock::now;
pub use counters::{Count, Counters, GAUGES, Totals};
pub use dial::{DialError, DialOptions, Dialed, HandshakeFacts, HttpVersion, TlsHandshake, dial};
pub use drain::{Drain, Drained};
pub use driver::Driver;
pub use endpoint::{Endpoint, Outgoing};
pub use http2::Http2Stream;
pub use http3::Http3Stream;
pub use limits::{Http2Limits, Limits, QuicLimits};
pub use listeners::{Descriptors, Listen, NewListener, RawSocket};
pub use local::Local;
pub use server_stream::ServerStream;
pub use signal::Wake;
pub use site::{Answer, Later, NoEndpoint, Request, Site, Take};
pub use stream::Stream;
pub use taken::{BodyLength, Exchange, Opened, ResponseBody, body_fault};
pub use tap::{Direction, Tapped};
pub use tls::{Alpn, ClientAuthority, KeyLog, PeerCertificate, PemPair, Reloads, Tls, TlsError, TlsOptions};
pub use trust::{Trust, verify_nothing};
pub use upstream::{Http2Exchange, Http2Upstream, UpstreamTls, connect_http1};
pub use websocket::{
    Mailbox, OutgoingMessage, OwnedMessage, Piece, Receiver, Sender, Serve, TrySendError, WebSocket, serve,
};
pub use worker::{Options, Worker, Workers};
