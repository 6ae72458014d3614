//! What an application answers to requests.

use crate::endpoint::Endpoint;
use crate::listeners::RawSocket;
use crate::signal::Wake;
use crate::taken::Exchange;
use crate::tls::{Alpn, PeerCertificate};
use bytes::Bytes;
use http::{Response, StatusCode, header};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use ws::handshake::{Accepted, Refusal};
use ws::head::RequestHead;

/// An application on one worker. Every worker has its own, made by the function given to
/// [`Workers::start`](crate::Workers::start).
pub trait Site: 'static {
    /// What runs on this site's WebSockets. A site without any uses [`NoEndpoint`].
    type Endpoint: Endpoint;

    /// Answers one request. Runs on the worker and must not block.
    ///
    /// Only GET and HEAD without a body come here, and POST without one where [`takes_post`](Self::takes_post) says so. The answer to HEAD is sent without its body.
    fn respond(&self, request: &Request<'_>) -> Answer<Self::Endpoint>;

    /// Whether a POST without a body may come to [`respond`](Self::respond) as well. Others are answered with 405. Any page
    /// of the web can make a browser send one, so the site has to look at its origin: see [`origin`](crate::origin).
    fn takes_post(&self, head: &RequestHead) -> bool {
        let _ = head;
        false
    }

    /// Takes a socket of a [raw listener](crate::NewListener::raw), to do with it whatever it wants in a task of its own. Runs on
    /// the worker and must not block. Neither the limits of addresses nor a drain know of such a socket. Without this it is
    /// closed.
    fn raw(&self, socket: RawSocket) {
        drop(socket);
    }

    /// Whether a request may come to [`respond`](Self::respond) with any method and with a body. The site then answers it with
    /// [`Answer::Exchange`], which can read the body; whatever else it answers, the body is not read, and an HTTP/1.1
    /// connection closes. A CONNECT without `:protocol` is refused all the same, and so is a body whose length is doubtful.
    fn takes_requests(&self, head: &RequestHead) -> bool {
        let _ = head;
        false
    }
}

/// A request whose head was read and checked.
#[derive(Debug)]
pub struct Request<'a> {
    /// Method, target and headers.
    pub head: &'a RequestHead,
    /// The other end of the socket.
    pub peer: SocketAddr,
    /// Which listener it came to: its [mark](crate::NewListener::mark).
    pub listener: u32,
    /// A number that all requests of one connection have, and no other connection of this process.
    pub connection: u64,
    /// Whether it came over TLS.
    pub secure: bool,
    /// The host that the client asked for in the TLS handshake (SNI), in lower case. A request for a host that the
    /// certificate shown for it is not good for does not come here: it is answered with 421.
    pub server_name: Option<&'a str>,
    /// The protocol that the TLS handshake agreed on.
    pub alpn: Option<Alpn>,
    /// The certificate that the client showed in the TLS handshake, if one was asked for.
    pub peer_certificate: Option<&'a PeerCertificate>,
}

/// What a site says to a request.
pub enum Answer<E> {
    /// An ordinary response. `Content-Length`, `Connection` and `Date` are added; do not set them.
    Response(Response<Bytes>),
    /// A response that takes a moment, because another thread has to be asked. Runs on the worker and must not block. If it
    /// takes longer than [`answer_timeout`](crate::Limits::answer_timeout), the answer is 503.
    Later(Later),
    /// The site takes the request over: its body, its answer, and the bytes of the WebSocket if it becomes one. The future runs
    /// on the worker; there is no deadline but those of [`Exchange`].
    Exchange(Take),
    /// The connection becomes a WebSocket.
    Upgrade {
        /// The handshake that was accepted.
        accepted: Accepted,
        /// Makes the endpoint, given the handle that wakes it.
        endpoint: Box<dyn FnOnce(Wake) -> E>,
        /// Limits and deadlines of this WebSocket.
        config: Arc<ws::Config>,
    },
    /// The connection becomes a WebSocket, on a certain worker if that is possible.
    ///
    /// A socket of HTTP/1.1, with or without TLS, moves there. If that worker does not take it, the handshake is answered with
    /// 503, and `endpoint` is not called. A stream of HTTP/2 or HTTP/3 cannot leave its carrier, so it stays on the worker
    /// that it came to.
    UpgradeOn {
        /// The worker that is wished for, by its index.
        worker: u16,
        /// The handshake that was accepted.
        accepted: Accepted,
        /// Makes the endpoint on the worker where it will live, given that worker's index and the handle that wakes it.
        endpoint: Box<dyn FnOnce(u16, Wake) -> E + Send>,
        /// Limits and deadlines of this WebSocket.
        config: Arc<ws::Config>,
        /// How many bytes the kernel may hold that are not sent yet (`TCP_NOTSENT_LOWAT`), on a socket of its own. Less of
        /// it means that what is written is newer when it leaves: once so much waits, the connection has no
        /// [room](crate::Outgoing::room). None for the kernel's default, which is megabytes.
        unsent_bytes_max: Option<u32>,
    },
}

/// What takes a request over.
pub type Take = Box<dyn FnOnce(Exchange) -> Pin<Box<dyn Future<Output = ()>>>>;

/// The future of a response.
pub type Later = Pin<Box<dyn Future<Output = Response<Bytes>>>>;

impl<E> Answer<E> {
    /// A short text.
    pub fn text(status: StatusCode, text: impl Into<Bytes>) -> Self {
        Self::typed(status, "text/plain; charset=utf-8", text)
    }

    /// Says why a handshake is refused.
    pub fn refused(refusal: &Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut answer = Self::text(status, refusal.sentence);
        if let Self::Response(response) = &mut answer {
            for &(name, value) in refusal.headers {
                response.headers_mut().insert(name, http::HeaderValue::from_static(value));
            }
        }
        answer
    }

    /// A body of some media type.
    pub fn typed(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut response = Response::new(body.into());
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static(media_type));
        Self::Response(response)
    }
}

impl<E> std::fmt::Debug for Answer<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Response(response) => f.debug_tuple("Response").field(&response.status()).finish(),
            Self::Later(_) => f.write_str("Later"),
            Self::Exchange(_) => f.write_str("Exchange"),
            Self::Upgrade { .. } => f.write_str("Upgrade"),
            Self::UpgradeOn { worker, .. } => f.debug_struct("UpgradeOn").field("worker", worker).finish(),
        }
    }
}

/// The endpoint of a site that has no WebSockets. It cannot exist.
#[derive(Debug)]
pub enum NoEndpoint {}

impl Endpoint for NoEndpoint {
    fn on_message(&mut self, _: ws::Message<'_>, _: &mut crate::Outgoing<'_>) {
        match *self {}
    }
}
