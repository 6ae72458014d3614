//! The backends' side of the tunnel, one for each worker: connections of HTTP/1.1 and HTTP/2, plain or over TLS.
//!
//! * **HTTP/1.1**: a WebSocket and a request with a body have a connection of their own, made for them and closed after
//!   them. Requests without a body share a few that are kept open, unless each begins with a PROXY header of its client. A connection is kept only after a complete answer with
//!   nothing behind it: what is left of one exchange must never be taken for the next.
//! * **HTTP/2**: carriers, each with as many streams as the configuration and the backend's SETTINGS allow. One that says
//!   GOAWAY gets nothing new. Flow control is per stream, with more room on the connection than all streams have together,
//!   so one that is not read stops nobody else. A PROXY header on one says that it is for nobody in particular.

mod handshake;
mod http1;
mod http2;

pub(super) use http2::Place as CarrierPlace;

use super::failure::Failure;
use super::headers::Fields;
use crate::backend::Backend;
use crate::config::{self, ProxyVersion, UpstreamHttp};
use crate::stream::proxy_protocol::{self, Addresses, Header, Version};
use bytes::Bytes;
use net::{ClientTls, Exchange, Stream, Trust, UpstreamTls};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use ws::head::ResponseHead;

/// A request as it goes to a backend.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The method. Of a WebSocket it does not count.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// `Host` or `:authority`.
    pub authority: String,
    /// All other headers.
    pub fields: Fields,
    /// Whether a body follows, and how long it is if that is known.
    pub body: Body,
    /// Bytes of the body. Past it the request has failed with 413.
    pub body_bytes_max: u64,
    /// Whom a PROXY header names where the pool wants one.
    pub addresses: Addresses,
}

/// The body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// None.
    None,
    /// So many bytes.
    Length(u64),
    /// Until it ends.
    Unknown,
}

/// How much more of a request's body may come.
struct Allowance(u64);

impl Allowance {
    fn of(ask: &Ask) -> Self {
        Self(ask.body_bytes_max)
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Failure> {
        let too_long = || Failure::Request(413, "longer than the listener takes".to_owned());
        self.0 = self.0.checked_sub(piece.len() as u64).ok_or_else(too_long)?;
        Ok(())
    }
}

/// An answer whose body is still to be read.
#[derive(Debug)]
pub struct Answered {
    /// Its head.
    pub head: ResponseHead,
    /// Its body.
    pub body: AnswerBody,
}

/// The body of an answer.
#[derive(Debug)]
pub enum AnswerBody {
    /// On a connection of HTTP/1.1.
    Http1(Box<http1::Reading>),
    /// On a stream of HTTP/2.
    Http2(Box<http2::Reading>),
}

impl AnswerBody {
    /// The next piece; `None` when it is complete. There is no deadline here.
    ///
    /// # Errors
    ///
    /// It broke off or broke a rule: something is missing.
    pub async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        match self {
            Self::Http1(reading) => reading.piece().await,
            Self::Http2(reading) => reading.piece().await,
        }
    }

    /// It was complete: its connection may be used again.
    pub fn give_back(self) {
        if let Self::Http1(reading) = self {
            reading.give_back();
        }
    }
}

/// What came of a handshake.
#[derive(Debug)]
pub enum Shaken {
    /// The backend agreed, by all rules.
    Open(Opened),
    /// It answered something else.
    Refused(Answered),
}

/// A WebSocket to a backend.
#[derive(Debug)]
pub struct Opened {
    /// Its bytes.
    pub stream: Stream,
    /// What came right behind the answer.
    pub ahead: Vec<u8>,
    /// The answer.
    pub head: ResponseHead,
    /// Its place on a carrier.
    pub place: Option<http2::Place>,
}

/// The backends that one worker has connections to.
#[derive(Debug, Default)]
pub struct Upstreams {
    reaches: RefCell<BTreeMap<usize, Rc<Reach>>>,
    tls: RefCell<Vec<(config::UpstreamTls, Rc<ClientTls>)>>,
}

/// How one backend is reached, and the connections to it that can be used again.
#[derive(Debug)]
pub struct Reach {
    /// Kept, so that its address in memory means it and no other.
    backend: Arc<Backend>,
    http: UpstreamHttp,
    config_tls: Option<config::UpstreamTls>,
    tls: Option<UpstreamTls>,
    connect: config::pool::Connect,
    proxy: Option<ProxyVersion>,
    idle: RefCell<Vec<http1::Idle>>,
    carriers: RefCell<Vec<Rc<http2::Carrier>>>,
    /// Held by whoever opens a carrier, so that a crowd opens no more than it needs.
    opening: tokio::sync::Mutex<()>,
    /// Connections that were opened, for tests and metrics.
    opened: Cell<u64>,
}

impl Upstreams {
    /// How to reach a backend of a pool. What was configured otherwise before is not used any more.
    ///
    /// # Errors
    ///
    /// [`Failure::Unreachable`]: the pool's TLS cannot be used as it is configured.
    pub fn reach(&self, pool: &config::Pool, backend: &Arc<Backend>) -> Result<Rc<Reach>, Failure> {
        let key = Arc::as_ptr(backend) as usize;
        if let Some(known) = self.reaches.borrow().get(&key)
            && known.http == pool.http
            && known.config_tls == pool.tls
            && known.connect == pool.connect
            && known.proxy == pool.proxy_protocol
        {
            return Ok(Rc::clone(known));
        }
        let tls = pool.tls.as_ref().map(|tls| self.tls(tls, backend)).transpose()?;
        let reach = Rc::new(Reach {
            backend: Arc::clone(backend),
            http: pool.http,
            config_tls: pool.tls.clone(),
            tls,
            connect: pool.connect.clone(),
            proxy: pool.proxy_protocol,
            idle: RefCell::default(),
            carriers: RefCell::default(),
            opening: tokio::sync::Mutex::default(),
            opened: Cell::new(0),
        });
        let mut reaches = self.reaches.borrow_mut();
        // Backends that no configuration and no connection knows any more.
        reaches.retain(|_, reach| Arc::strong_count(&reach.backend) > 1);
        reaches.insert(key, Rc::clone(&reach));
        Ok(reach)
    }

    fn tls(&self, config: &config::UpstreamTls, backend: &Backend) -> Result<UpstreamTls, Failure> {
        let trust = match (&config.sha256[..], config.verify, &config.ca) {
            ([], true, None) => Trust::System,
            ([], true, Some(path)) => Trust::PemFile(PathBuf::from(path)),
            ([], false, _) => Trust::Anybody,
            (pins, _, _) => Trust::Sha256(pins.iter().filter_map(|pin| digest(pin)).collect()),
        };
        let name = config.name.clone().unwrap_or_else(|| backend.address.ip().to_string());
        let mut known = self.tls.borrow_mut();
        let shared = known.iter().find(|(other, _)| other == config).map(|(_, tls)| Rc::clone(tls));
        let tls = shared.unwrap_or_else(|| {
            let tls = Rc::new(ClientTls::default());
            // A reload now and then makes a new one; nobody has many.
            if known.len() >= TLS_KEPT_MAX {
                known.remove(0);
            }
            known.push((config.clone(), Rc::clone(&tls)));
            tls
        });
        Ok(UpstreamTls { name, trust, tls: (*tls).clone() })
    }
}

/// TLS settings whose sessions are remembered.
const TLS_KEPT_MAX: usize = 64;

/// 64 hexadecimal digits.
fn digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

/// Does something for a request, unless its client takes it back first.
async fn unless_gone<T>(
    exchange: &mut Exchange,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        done = work => done,
        () = exchange.gone() => Err(Failure::ClientLeft),
    }
}

/// What a backend may take to read a piece of a request, or to answer, is limited: past it, it is silent.
async fn in_time<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::time::timeout(limit, work).await.map_err(|_| Failure::Silent)
}

impl Reach {
    /// The backend.
    pub fn backend(&self) -> &Arc<Backend> {
        &self.backend
    }

    /// Connections that were opened so far.
    pub fn opened(&self) -> u64 {
        self.opened.get()
    }

    /// Asks for an ordinary response. The body of the request comes from `exchange`. `limit` is for each piece of the
    /// request to be taken, and for the answer's head, from when the request is complete.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub async fn ask(
        self: &Rc<Self>,
        ask: &Ask,
        exchange: &mut Exchange,
        limit: Duration,
    ) -> Result<Answered, Failure> {
        // Boxed, here and below: it is large, and over when bytes flow.
        match self.http {
            UpstreamHttp::H1 => Box::pin(http1::ask(self, ask, exchange, limit)).await,
            UpstreamHttp::H2 => Box::pin(http2::ask(self, ask, exchange, limit)).await,
        }
    }

    /// Asks for a WebSocket, until the client of `exchange` takes that back. `limit` is for the answer's head.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub async fn open(
        self: &Rc<Self>,
        ask: &Ask,
        exchange: &mut Exchange,
        limit: Duration,
    ) -> Result<Shaken, Failure> {
        let opening = async {
            match self.http {
                UpstreamHttp::H1 => Box::pin(http1::open(self, ask, limit)).await,
                UpstreamHttp::H2 => Box::pin(http2::open(self, ask, limit)).await,
            }
        };
        unless_gone(exchange, opening).await
    }

    /// The PROXY header of a new connection: of the client that it is for, or of nobody if many are to share it.
    fn preface(&self, addresses: Option<Addresses>) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(version) = self.proxy {
            let version = match version {
                ProxyVersion::V1 => Version::V1,
                ProxyVersion::V2 => Version::V2,
            };
            proxy_protocol::encode(version, &Header { addresses, ..Header::default() }, &mut bytes);
        }
        bytes
    }

    fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}
