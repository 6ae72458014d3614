//! What an application answers to requests.

use crate::endpoint::Endpoint;
use crate::signal::Wake;
use crate::tls::PeerCertificate;
use bytes::Bytes;
use http::{Response, StatusCode, header};
use std::net::SocketAddr;
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
    /// Only GET and HEAD without a body come here. The answer to HEAD is sent without its body.
    fn respond(&self, request: &Request<'_>) -> Answer<Self::Endpoint>;
}

/// A request whose head was read and checked.
#[derive(Debug)]
pub struct Request<'a> {
    /// Method, target and headers.
    pub head: &'a RequestHead,
    /// The other end of the socket.
    pub peer: SocketAddr,
    /// Whether it came over TLS.
    pub secure: bool,
    /// The certificate that the client showed in the TLS handshake, if one was asked for.
    pub client_certificate: Option<&'a PeerCertificate>,
}

/// What a site says to a request.
pub enum Answer<E> {
    /// An ordinary response. `Content-Length`, `Connection` and `Date` are added; do not set them.
    Response(Response<Bytes>),
    /// The connection becomes a WebSocket.
    Upgrade {
        /// The handshake that was accepted.
        accepted: Accepted,
        /// Makes the endpoint, given the handle that wakes it.
        endpoint: Box<dyn FnOnce(Wake) -> E>,
        /// Limits and deadlines of this WebSocket.
        config: Arc<ws::Config>,
    },
}

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
            Self::Upgrade { .. } => f.write_str("Upgrade"),
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
