//! One TCP connection in stream mode, from accept to end.
//!
//! 1. From a trusted peer a PROXY header is read ([`super::proxy_protocol`]).
//! 2. The shell is asked whether the client may come in ([`Desk::enter`]).
//! 3. If a route of the listener asks for names or protocols, the ClientHello is read. What is no TLS has neither.
//! 4. The router places it; it may have to wait. The backend is connected to, or another one.
//! 5. Bytes flow ([`relay`](crate::relay)). A failure of one side is shown to the other as a reset, an end as an end.
//!
//! Whoever goes nowhere is reset: a client must not take silence for an answer.

use super::client_hello::{ClientHello, HelloError, Reader};
use super::connect::{self, Connected};
use super::guard::Guard;
use super::proxy_protocol::{self, Addresses, Header, ProxyError, Version};
use crate::backend::Backend;
use crate::config::{Listener, ProxyVersion};
use crate::relay::{Control, End, Ended, Relay, RelayOptions, Side, Way};
use crate::routing::{Facts, Refusal, Route, Router};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// How much of a first flight is read at a time.
const READ_AHEAD_BYTES: usize = 2048;

/// Where one listener's connections come from.
#[derive(Clone, Debug)]
pub struct StreamOptions {
    /// Its name.
    pub name: Arc<str>,
    /// Its configuration.
    pub listener: Arc<Listener>,
    /// Whether some route of it asks for what only a ClientHello says: see [`StreamOptions::new`].
    pub needs_hello: bool,
}

impl StreamOptions {
    /// For a listener and the routes that are in force.
    pub fn new(name: Arc<str>, listener: Arc<Listener>, router: &Router) -> Self {
        let asks = |route: &&Arc<Route>| {
            let listeners = &route.config.listeners;
            let is_ours = listeners.is_empty() || listeners.iter().any(|other| **other == *name);
            is_ours && !(route.config.server_names.is_empty() && route.config.alpn.is_empty())
        };
        let needs_hello = router.routes().iter().any(|route| asks(&route));
        Self { name, listener, needs_hello }
    }
}

/// What a session asks and tells the shell around it.
pub trait Desk {
    /// Kept for as long as the client is connected, for example its place in a limit.
    type Visit;
    /// Kept for as long as bytes flow, for example its row in a table.
    type Row;

    /// Whether a client may come in.
    ///
    /// # Errors
    ///
    /// Why not.
    fn enter(&self, client: SocketAddr) -> Result<Self::Visit, Refusal>;

    /// A backend took a connection after so long, or did not, for a reason of its own.
    fn reached(&self, backend: &Arc<Backend>, result: Result<Duration, io::ErrorKind>);

    /// A backend was found, and bytes begin to flow.
    ///
    /// # Errors
    ///
    /// The limits of the route forbid it.
    fn open(&self, opening: &StreamFacts) -> Result<Self::Row, Refusal>;
}

/// What is known of a connection when its backend has taken it.
#[derive(Clone, Debug)]
pub struct StreamFacts {
    /// The client: as a trusted PROXY header says, else the peer.
    pub client: SocketAddr,
    /// What the client asked for, if it was looked at.
    pub hello: Option<ClientHello>,
    /// The route.
    pub route: Arc<Route>,
    /// The backend.
    pub backend: Arc<Backend>,
    /// Backends that were tried, this one included.
    pub tries: u32,
    /// Counts its bytes, and ends it.
    pub control: Arc<Control>,
}

/// The end of a session, for the log.
#[derive(Clone, Debug)]
pub struct Record {
    /// The client, as far as it is known.
    pub client: SocketAddr,
    /// All else, if a backend was found.
    pub facts: Option<StreamFacts>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Bytes flowed until this.
    Ended(Ended),
    /// There was no place for it.
    Refused(Refusal),
    /// A trusted peer's PROXY header was wrong.
    Proxy(ProxyError),
    /// A trusted peer sent no whole PROXY header in time.
    ProxyTimeout,
    /// A client sent a PROXY header which nobody believes.
    Spoofed,
    /// TLS, but no hello that can be read.
    Hello(HelloError),
    /// Nothing, or half a hello, until the timeout.
    HelloTimeout,
    /// The client was gone before a backend was there.
    ClientLeft,
}

/// How a client came.
struct Arrived {
    client: SocketAddr,
    header: Header,
    hello: Option<ClientHello>,
    /// What it has sent, without a PROXY header.
    bytes: Vec<u8>,
}

/// Runs one connection until it is over. The future is small; what is needed only at the beginning is on the heap until
/// bytes flow.
pub async fn serve<D: Desk>(
    client: TcpStream,
    peer: SocketAddr,
    options: &StreamOptions,
    router: &Arc<Router>,
    desk: &D,
) -> Record {
    // A listener of both families shows IPv4 clients as IPv6; whoever compares addresses wants them as they are.
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let mut known = peer;
    match Box::pin(begin(client, peer, options, router, desk, &mut known)).await {
        Ok(Begun { relay, facts, _visit, row }) => {
            let outcome = flow(relay).await;
            drop(row);
            Record { client: known, facts: Some(facts), outcome }
        }
        Err(outcome) => Record { client: known, facts: None, outcome },
    }
}

/// A session in which bytes may flow.
struct Begun<D: Desk> {
    /// Boxed, because a future has room for its arguments twice.
    relay: Box<Running>,
    facts: StreamFacts,
    _visit: D::Visit,
    row: D::Row,
}

struct Running {
    relay: Relay<TcpStream, TcpStream, Guard>,
    _lease: crate::backend::Lease,
}

async fn begin<D: Desk>(
    mut client: TcpStream,
    peer: SocketAddr,
    options: &StreamOptions,
    router: &Arc<Router>,
    desk: &D,
    known: &mut SocketAddr,
) -> Result<Begun<D>, Outcome> {
    match begin_with(&mut client, peer, options, router, desk, known).await {
        Ok((connected, facts, visit, row, header, bytes)) => {
            let Connected { stream, lease, route, .. } = connected;
            let timeouts = &route.config.timeouts;
            let relay_options = RelayOptions {
                idle_timeout: timeouts.idle.unwrap_or(Duration::MAX),
                lifetime: timeouts.lifetime,
                half_closed_timeout: timeouts.half_closed,
            };
            let control = Arc::clone(&facts.control);
            let mut relay = Relay::new(client, stream, Guard::default(), relay_options, control);
            relay.send_unseen(Way::ToBackend, &header);
            relay.send_ahead(Way::ToBackend, &bytes);
            let relay = Box::new(Running { relay, _lease: lease });
            Ok(Begun { relay, facts, _visit: visit, row })
        }
        Err(outcome) => {
            connect::reset(client);
            Err(outcome)
        }
    }
}

type Parts<D> = (Connected, StreamFacts, <D as Desk>::Visit, <D as Desk>::Row, Vec<u8>, Vec<u8>);

async fn begin_with<D: Desk>(
    client: &mut TcpStream,
    peer: SocketAddr,
    options: &StreamOptions,
    router: &Arc<Router>,
    desk: &D,
    known: &mut SocketAddr,
) -> Result<Parts<D>, Outcome> {
    let mut bytes = Vec::new();
    let header = read_header(client, peer, &options.listener, &mut bytes).await?;
    *known = header.addresses.map_or(peer, |addresses| addresses.source);
    let visit = desk.enter(*known).map_err(Outcome::Refused)?;
    let arrived = greet(client, *known, header, options, bytes).await?;
    let offered: Vec<&[u8]> =
        arrived.hello.iter().flat_map(|hello| hello.alpn.iter().map(Vec::as_slice)).collect();
    let facts = Facts {
        listener: &options.name,
        peer: arrived.client,
        secure: false,
        server_name: arrived.hello.as_ref().and_then(|hello| hello.server_name.as_deref()),
        alpn: &offered,
        head: None,
    };
    let connected = connect::find(client, router, &facts, desk).await?;
    let opening = StreamFacts {
        client: arrived.client,
        hello: arrived.hello.clone(),
        route: Arc::clone(&connected.route),
        backend: Arc::clone(connected.lease.backend()),
        tries: connected.tries,
        control: Arc::default(),
    };
    let row = desk.open(&opening).map_err(Outcome::Refused)?;
    let mut out = Vec::new();
    if let Some(version) = connected.route.pool.config.proxy_protocol {
        write_header(client, &arrived, version, &mut out);
    }
    Ok((connected, opening, visit, row, out, arrived.bytes))
}

/// Reads the PROXY header of a trusted peer.
async fn read_header(
    client: &TcpStream,
    peer: SocketAddr,
    listener: &Listener,
    bytes: &mut Vec<u8>,
) -> Result<Header, Outcome> {
    let Some(proxy) = listener.proxy_protocol.as_ref().filter(|_| listener.believes_proxy(peer.ip())) else {
        return Ok(Header::default());
    };
    let reading = async {
        loop {
            if let Some((header, size)) = proxy_protocol::decode(bytes).map_err(Outcome::Proxy)? {
                bytes.drain(..size);
                return Ok(header);
            }
            read_more(client, bytes).await?;
        }
    };
    tokio::time::timeout(proxy.timeout, reading).await.unwrap_or(Err(Outcome::ProxyTimeout))
}

/// Reads the hello, if somebody wants to know what it says.
async fn greet(
    client: &TcpStream,
    known: SocketAddr,
    header: Header,
    options: &StreamOptions,
    bytes: Vec<u8>,
) -> Result<Arrived, Outcome> {
    let arrived = |hello, bytes| Arrived { client: known, header, hello, bytes };
    if !options.needs_hello {
        return Ok(arrived(None, bytes));
    }
    let mut reader = Reader::default();
    let reading = async {
        let mut fresh = bytes;
        loop {
            match reader.receive(&fresh) {
                Ok(Some(hello)) => return Ok(Some(hello)),
                // Routes that ask for nothing may still take it.
                Err(HelloError::NotTls) => return Ok(None),
                Err(error) => return Err(Outcome::Hello(error)),
                Ok(None) => {}
            }
            fresh.clear();
            read_more(client, &mut fresh).await?;
        }
    };
    let timeout = options.listener.limits.hello_timeout;
    let hello = tokio::time::timeout(timeout, reading).await.unwrap_or(Err(Outcome::HelloTimeout))?;
    Ok(arrived(hello, reader.into_bytes()))
}

async fn read_more(client: &TcpStream, bytes: &mut Vec<u8>) -> Result<(), Outcome> {
    bytes.reserve(READ_AHEAD_BYTES);
    loop {
        client.readable().await.map_err(|_| Outcome::ClientLeft)?;
        match client.try_read_buf(bytes) {
            Ok(0) => return Err(Outcome::ClientLeft),
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return Err(Outcome::ClientLeft),
        }
    }
}

/// Tells the backend who the client is: what the balancer before us said, or what we see ourselves.
fn write_header(client: &TcpStream, arrived: &Arrived, version: ProxyVersion, out: &mut Vec<u8>) {
    let seen = || {
        let destination = client.local_addr().ok()?;
        let destination = SocketAddr::new(destination.ip().to_canonical(), destination.port());
        Some(Addresses { source: arrived.client, destination })
    };
    let asked = arrived.hello.as_ref();
    let header = Header {
        addresses: arrived.header.addresses.or_else(seen),
        alpn: asked.and_then(|hello| hello.alpn.first().cloned()).or_else(|| arrived.header.alpn.clone()),
        authority: asked
            .and_then(|hello| hello.server_name.clone())
            .or_else(|| arrived.header.authority.clone()),
        unique_id: arrived.header.unique_id.clone(),
    };
    let version = match version {
        ProxyVersion::V1 => Version::V1,
        ProxyVersion::V2 => Version::V2,
    };
    proxy_protocol::encode(version, &header, out);
}

/// Carries bytes until the end, and passes the kind of the end on.
async fn flow(mut running: Box<Running>) -> Outcome {
    let ended = (&mut running.relay).await;
    let has_ended = [Way::ToClient, Way::ToBackend].map(|way| running.relay.is_shut(way));
    let Running { relay, _lease } = *running;
    let (client, backend, guard) = relay.into_parts();
    if guard.is_spoofed() {
        connect::reset(client);
        connect::reset(backend);
        return Outcome::Spoofed;
    }
    if let End::Failed(side, _) = ended.end {
        // Who has got an orderly end keeps it: a reset now could overtake what is still on its way.
        match (side, has_ended) {
            (Side::Backend, [false, _]) => connect::reset(client),
            (Side::Client, [_, false]) => connect::reset(backend),
            _ => {}
        }
    }
    Outcome::Ended(ended)
}
