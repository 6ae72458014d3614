//! Listening sockets: opened once for each worker, or inherited from a process before this one.
//!
//! All sockets of one listener share their port (`SO_REUSEPORT`), so that the kernel spreads connections over the workers.
//! A process that is replaced by a newer one gives its sockets away as file descriptors: both hold the same sockets then,
//! with the same queues of connections, and none is refused while the one takes over from the other.

use crate::accept::Offer;
use crate::http3;
use crate::limits::Limits;
use crate::tls::Tls;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

/// How many sockets the kernel keeps ready for a worker that is busy. The kernel's own maximum may be lower.
const BACKLOG: i32 = 4096;

/// An address to listen on.
#[derive(Clone, Debug)]
pub struct Listen {
    /// The address; port 0 takes a free one, see [`Workers::addresses`](crate::Workers::addresses).
    pub address: SocketAddr,
    /// TLS, or plain.
    pub tls: Option<Tls>,
    /// Whether HTTP/3 is served on the same port of UDP. Only with TLS.
    pub http3: bool,
}

/// A listener for workers that are running already: see [`Workers::listen`](crate::Workers::listen).
#[derive(Debug)]
pub struct NewListener {
    /// Names the listener: to [`Workers::unlisten`](crate::Workers::unlisten), and to the site in
    /// [`Request::listener`](crate::Request) and [`RawSocket::listener`]. The listeners of
    /// [`Options::listen`](crate::Options) have 0.
    pub mark: u32,
    /// Where, and with what.
    pub listen: Listen,
    /// Whether its TCP sockets are given to [`Site::raw`](crate::Site::raw) as they are, without a byte read from them.
    /// TLS does not apply to them then.
    pub raw: bool,
    /// Sockets that listen there already. Empty to open new ones.
    pub inherited: Descriptors,
}

/// The open sockets of one listener, as file descriptors.
#[derive(Debug, Default)]
pub struct Descriptors {
    /// Listening sockets of TCP, one for each worker.
    pub tcp: Vec<OwnedFd>,
    /// Sockets of UDP, one for each worker; none without HTTP/3.
    pub udp: Vec<OwnedFd>,
}

impl Descriptors {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tcp.is_empty() && self.udp.is_empty()
    }
}

/// A TCP socket that was accepted by a raw listener.
#[derive(Debug)]
pub struct RawSocket {
    /// The socket. Small writes are not delayed on it (`TCP_NODELAY`).
    pub stream: tokio::net::TcpStream,
    /// The other end.
    pub peer: SocketAddr,
    /// The [mark](NewListener::mark) of the listener.
    pub listener: u32,
}

/// What one worker gets of one listener.
pub(crate) struct Opened {
    pub(crate) offer: Offer,
    /// More than one only if the process before had more workers.
    pub(crate) tcp: Vec<TcpListener>,
    pub(crate) quic: Vec<http3::Sockets>,
}

/// Opens a listener for each worker. Tells the address with its real port.
pub(crate) fn open(new: NewListener, limits: &Limits, workers: u16) -> io::Result<(SocketAddr, Vec<Opened>)> {
    let NewListener { mark, listen, raw, inherited } = new;
    let wrong = |error: io::Error| cannot_listen(listen.address, &error);
    let Descriptors { tcp, udp } = inherited;
    let tcp: Vec<TcpListener> = tcp.into_iter().map(TcpListener::from).collect();
    let address = match tcp.first() {
        Some(first) => first.local_addr().map_err(wrong)?,
        None => free_address(&listen).map_err(wrong)?,
    };
    let wrong = |error: io::Error| cannot_listen(address, &error);
    let http3_port = listen.http3.then_some(address.port());
    let offer = Offer { mark, raw, tls: listen.tls.clone(), http3_port };
    let mut each: Vec<Opened> =
        (0..workers).map(|_| Opened { offer: offer.clone(), tcp: Vec::new(), quic: Vec::new() }).collect();
    for (place, listener) in tcp.into_iter().enumerate() {
        listener.set_nonblocking(true).map_err(wrong)?;
        // A socket that nobody accepts from would keep its queue of clients waiting, so one too many is not left out.
        each[place % usize::from(workers)].tcp.push(listener);
    }
    for opened in each.iter_mut().filter(|opened| opened.tcp.is_empty()) {
        opened.tcp.push(bind(address, true).map_err(wrong)?);
    }
    if listen.http3 {
        let no_tls = || io::Error::new(io::ErrorKind::InvalidInput, "HTTP/3 needs TLS");
        let tls = listen.tls.as_ref().ok_or_else(no_tls)?;
        let udp = udp.into_iter().map(UdpSocket::from).collect();
        let sockets = http3::Sockets::bind(address, tls, limits, workers, udp).map_err(wrong)?;
        for (opened, sockets) in each.iter_mut().zip(sockets) {
            opened.quic.push(sockets);
        }
    }
    Ok((address, each))
}

/// Second descriptors of what was opened.
pub(crate) fn copies(each: &[Opened]) -> io::Result<Descriptors> {
    let mut copies = Descriptors::default();
    for opened in each {
        for listener in &opened.tcp {
            copies.tcp.push(listener.try_clone()?.into());
        }
        for sockets in &opened.quic {
            copies.udp.push(sockets.copy()?);
        }
    }
    Ok(copies)
}

/// Checks that nobody listens there, and turns port 0 into a real one. The listeners themselves share their port
/// (`SO_REUSEPORT`), so without this a second server by mistake would silently take half of the connections.
fn free_address(listen: &Listen) -> io::Result<SocketAddr> {
    /// A port that is free for TCP may be taken for UDP.
    const TRIES: u32 = 16;
    let mut tries = 0;
    loop {
        tries += 1;
        let address = bind(listen.address, false)?.local_addr()?;
        if !listen.http3 {
            return Ok(address);
        }
        match http3::Sockets::is_free(address) {
            Ok(()) => return Ok(address),
            Err(error) if listen.address.port() != 0 || tries == TRIES => return Err(error),
            Err(_) => {}
        }
    }
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
}
