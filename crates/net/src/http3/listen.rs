//! The UDP side of a listener: sockets, settings of QUIC, and handshakes within limits.

use super::connection_id::{Ids, Keys};
use super::datagrams::{Desk, Exchange, Socket};
use super::stream::code;
use crate::exchange::{Caller, new_connection};
use crate::guests::Visit;
use crate::limits::{Limits, QuicLimits, STREAM_WINDOW_BYTES};
use crate::local::Local;
use crate::site::Site;
use crate::tls::Tls;
use h3::Code;
use quinn::{
    Endpoint, EndpointConfig, Incoming, Runtime, ServerConfig, TokioRuntime, TransportConfig, VarInt,
};
use socket2::{Domain, Protocol, Type};
use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// What the kernel is asked to keep of datagrams while a worker is busy. Its own maximum (`net.core.rmem_max`) may be
/// lower.
const SOCKET_BUFFER_BYTES: usize = 2 * 1024 * 1024;

/// How many connections to accept before existing ones get their turn.
const ACCEPTS_PER_TURN: u32 = 64;

/// What one worker needs to listen on one address. Made before the workers start, so that errors are told at once.
pub(crate) struct Sockets {
    socket: std::net::UdpSocket,
    tls: Tls,
    desk: Desk,
    keys: Keys,
    endpoint: EndpointConfig,
    server: ServerConfig,
}

impl Sockets {
    /// Binds an address for each worker, or takes sockets that are bound already.
    pub(crate) fn bind(
        address: SocketAddr,
        tls: &Tls,
        limits: &Limits,
        workers: u16,
        inherited: Vec<std::net::UdpSocket>,
    ) -> io::Result<Vec<Self>> {
        let mut inherited = inherited.into_iter();
        let keys = Keys::new(workers);
        // One set of secrets for all workers: a token or a reset that one made must be good at the others.
        let endpoint = EndpointConfig::default();
        let server = server_config(tls, limits);
        let each = Exchange::desks(&keys).into_iter().map(|desk| {
            let (tls, keys) = (tls.clone(), keys.clone());
            let (endpoint, server) = (endpoint.clone(), server.clone());
            let socket = match inherited.next() {
                Some(socket) => socket,
                None => bind(address, true)?,
            };
            Ok(Self { socket, tls, desk, keys, endpoint, server })
        });
        each.collect()
    }

    /// A second descriptor of the socket.
    pub(crate) fn copy(&self) -> io::Result<OwnedFd> {
        Ok(self.socket.try_clone()?.into())
    }

    /// Whether nobody listens there.
    pub(crate) fn is_free(address: SocketAddr) -> io::Result<()> {
        bind(address, false).map(drop)
    }

    fn listen(self, worker: u16, local: &Local) -> io::Result<(Endpoint, Tls)> {
        let runtime = Arc::new(TokioRuntime);
        let socket = runtime.wrap_udp_socket(self.socket)?;
        let answers_max = local.limits.quic.version_answers_per_second_max;
        let socket = Socket::new(socket, self.desk, Arc::clone(&local.counters), answers_max);
        let (mut config, keys) = (self.endpoint, self.keys);
        config.cid_generator(move || Box::new(Ids::new(keys.clone(), worker)));
        // Its tasks are spawned where it is made, so they run on this worker's thread like everything else.
        let endpoint = Endpoint::new_with_abstract_socket(config, Some(self.server), socket, runtime)?;
        Ok((endpoint, self.tls))
    }
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<std::net::UdpSocket> {
    let domain = Domain::for_address(address);
    let socket = socket2::Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    // Bigger is better, and smaller works.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn server_config(tls: &Tls, limits: &Limits) -> ServerConfig {
    let quic = &limits.quic;
    let mut config = ServerConfig::with_crypto(tls.quic_server_crypto());
    config.transport_config(Arc::new(transport(quic, limits.streams_per_carrier_max)));
    config.max_incoming(quic.handshakes_max as usize);
    config.incoming_buffer_size(quic.incoming_bytes_max / 16);
    config.incoming_buffer_size_total(quic.incoming_bytes_max);
    config
}

/// The settings of QUIC for both roles.
pub(crate) fn transport(limits: &QuicLimits, streams_max: u32) -> TransportConfig {
    let mut transport = TransportConfig::default();
    let unidirectional = u32::from(limits.unidirectional_streams_max);
    let connection_window =
        u64::from(STREAM_WINDOW_BYTES) * (u64::from(streams_max) + u64::from(unidirectional));
    transport.max_concurrent_bidi_streams(streams_max.into());
    transport.max_concurrent_uni_streams(unidirectional.into());
    transport.stream_receive_window(STREAM_WINDOW_BYTES.into());
    transport.receive_window(VarInt::from_u64(connection_window).unwrap_or(VarInt::MAX));
    transport.send_window(limits.send_window_bytes);
    // It fails for more than 2^62 ms, which is as good as never.
    transport.max_idle_timeout(limits.idle_timeout.try_into().ok());
    transport.keep_alive_interval(Some(limits.keep_alive_interval));
    // Nothing here uses datagrams inside of QUIC (RFC 9221), so a peer may not fill memory with them.
    transport.datagram_receive_buffer_size(None);
    transport
}

/// Accepts connections until a drain begins or the other end of `stop` is dropped.
pub(crate) async fn run<S: Site>(
    sockets: Sockets,
    listener: u32,
    mut stop: oneshot::Receiver<Infallible>,
    site: Rc<S>,
    local: Rc<Local>,
) {
    let (endpoint, tls) = match sockets.listen(local.worker, &local) {
        Ok(listening) => listening,
        Err(error) => return tracing::error!(%error, "a UDP socket cannot be used"),
    };
    local.quic.borrow_mut().push(endpoint.clone());
    let entrance = Rc::new(Entrance { tls, listener, handshakes: Cell::new(0), local, site });
    let mut accepted = 0_u32;
    loop {
        let next = tokio::select! {
            biased;
            _ = &mut stop => break,
            next = endpoint.accept() => next,
            () = entrance.local.drain_begun() => break,
        };
        let Some(incoming) = next else { break };
        entrance.enter(incoming);
        accepted = accepted.wrapping_add(1);
        if accepted.is_multiple_of(ACCEPTS_PER_TURN) {
            tokio::task::yield_now().await;
        }
    }
    // Who comes now is refused at once instead of waiting for a timeout, and goes elsewhere. A listener that was taken
    // away lives as long as its connections.
    loop {
        let next = tokio::select! {
            next = endpoint.accept() => next,
            () = endpoint.wait_idle(), if !entrance.local.is_draining() => None,
        };
        let Some(incoming) = next else { break };
        entrance.local.counters.quic_refused.add(1);
        incoming.refuse();
    }
    let socket = endpoint.local_addr().ok();
    let is_other = |other: &Endpoint| other.local_addr().ok() != socket;
    entrance.local.quic.borrow_mut().retain(is_other);
}

/// Closes what is left when a worker ends. A socket of TCP tells its peer by itself; QUIC has to say it, or clients would
/// wait until their patience ends.
pub(crate) async fn say_goodbye(local: &Local) {
    /// Long enough for a packet to each of some thousand clients.
    const GOODBYE: Duration = Duration::from_millis(20);
    let endpoints = local.quic.take();
    let is_somebody_there = endpoints.iter().any(|endpoint| endpoint.open_connections() > 0);
    for endpoint in &endpoints {
        endpoint.close(code(Code::NO_ERROR), b"");
    }
    if is_somebody_there {
        tokio::time::sleep(GOODBYE).await;
    }
}

/// Where QUIC connections come in.
struct Entrance<S> {
    tls: Tls,
    /// The mark of the listener.
    listener: u32,
    /// Handshakes under way.
    handshakes: Cell<u32>,
    local: Rc<Local>,
    site: Rc<S>,
}

impl<S: Site> Entrance<S> {
    /// Decides about a first packet: refuse, ask for proof of the address, or start the handshake.
    fn enter(self: &Rc<Self>, incoming: Incoming) {
        let Local { counters, limits, .. } = &*self.local;
        let handshakes = self.handshakes.get();
        if handshakes >= limits.quic.handshakes_max || self.local.is_full() {
            counters.quic_refused.add(1);
            return incoming.refuse();
        }
        // An address that is not proved may be a victim's: it is never counted against its owner.
        let address = incoming.remote_address().ip();
        let is_busy =
            handshakes >= limits.quic.retry_from_handshakes || Visit::is_denied(&self.local, address);
        if is_busy && incoming.may_retry() {
            counters.quic_retries.add(1);
            let _ = incoming.retry();
            return;
        }
        counters.accepted.add(1);
        let Some(visit) = Visit::enter(&self.local, address) else {
            counters.refused_address.add(1);
            return incoming.refuse();
        };
        self.handshakes.set(handshakes + 1);
        let entrance = Rc::clone(self);
        drop(tokio::task::spawn_local(async move {
            let peer = incoming.remote_address();
            let limit = entrance.local.limits.tls_handshake_timeout;
            let connected = tokio::time::timeout(limit, incoming.into_future()).await;
            entrance.handshakes.set(entrance.handshakes.get() - 1);
            let Ok(Ok(connection)) = connected else {
                return entrance.local.counters.quic_failed.add(1);
            };
            let tls = Some(entrance.tls.quic_facts(&connection));
            let caller = Caller {
                peer,
                listener: entrance.listener,
                connection: new_connection(),
                tls,
                http3_port: None,
            };
            let (site, local) = (Rc::clone(&entrance.site), Rc::clone(&entrance.local));
            // A task of its own, because this one is as large as the handshake.
            let serving = Box::pin(super::carrier::serve(connection, caller, site, local, visit));
            drop(tokio::task::spawn_local(serving));
        }));
    }
}
