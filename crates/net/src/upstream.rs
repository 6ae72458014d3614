//! Connections to a server for whoever speaks HTTP on them himself, as a gateway does: the socket, its TLS, and streams of
//! HTTP/2 with any request on them.

use crate::client_tls::ClientTls;
use crate::dial::{DialError, HttpVersion, Socket};
use crate::http2::{Http2Requests, Http2Stream};
use crate::stream::Stream;
use crate::tls::Alpn;
use crate::trust::Trust;
use bytes::Bytes;
use http::{HeaderMap, Request};
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use ws::head::ResponseHead;

pub use crate::http2::Http2Exchange;

/// TLS to a server that is known by its address.
#[derive(Clone, Debug)]
pub struct UpstreamTls {
    /// The name that is asked for and that the certificate must have: a host name, or an IP address.
    pub name: String,
    /// Whom to believe.
    pub trust: Trust,
    /// The rest, and what is kept from one connection to the next.
    pub tls: ClientTls,
}

/// Connects to a server, for HTTP/1.1. There is no deadline here.
///
/// # Errors
///
/// [`DialError`]: nobody answers there, or the TLS handshake failed.
pub async fn connect_http1(
    address: SocketAddr,
    tls: Option<&UpstreamTls>,
    preface: &[u8],
) -> Result<Stream, DialError> {
    Ok(match Socket::connect_to(address, tls, Alpn::Http1, preface).await? {
        Socket::Plain(socket) => Stream::Plain(socket),
        Socket::Tls(session) => Stream::Tls(session),
    })
}

/// A connection of HTTP/2 to a server, for requests of all kinds. Clones are the same connection, which ends by itself after
/// the last of them and of its streams.
#[derive(Clone, Debug)]
pub struct Http2Upstream(Http2Requests);

impl Http2Upstream {
    /// Connects, exchanges settings, and waits for the server's. Without TLS with prior knowledge (RFC 9113 section 3.3). There
    /// is no deadline here. A task of the runtime drives the connection.
    ///
    /// # Errors
    ///
    /// [`DialError`]; [`DialError::VersionRefused`] if the server does not speak HTTP/2.
    pub async fn connect(
        address: SocketAddr,
        tls: Option<&UpstreamTls>,
        preface: &[u8],
    ) -> Result<Self, DialError> {
        Ok(Self(match Socket::connect_to(address, tls, Alpn::Http2, preface).await? {
            Socket::Plain(socket) => Http2Requests::connect(socket).await?,
            Socket::Tls(session) => Http2Requests::connect(session).await?,
        }))
    }

    /// Whether the server offers extended CONNECT (RFC 8441 section 3), without which there are no WebSockets.
    pub fn offers_websockets(&self) -> bool {
        self.0.offers_websockets()
    }

    /// How many streams the server lets be open at a time.
    pub fn streams_max(&self) -> u32 {
        self.0.streams_max()
    }

    /// Whether the connection is over.
    pub fn is_over(&self) -> bool {
        self.0.is_over()
    }

    /// Sends the head of a request. `ends` tells that no body follows. Waits while the server lets no more streams be opened.
    ///
    /// # Errors
    ///
    /// [`DialError::GoingAway`] after a GOAWAY of the server; [`DialError::Broken`] if the connection is over.
    pub async fn ask(&self, request: Request<()>, ends: bool) -> Result<Http2Exchange, DialError> {
        if request.extensions().get::<h2::ext::Protocol>().is_some() && !self.offers_websockets() {
            return Err(DialError::NoWebSockets(HttpVersion::Http2));
        }
        self.0.ask(request, ends).await
    }

    /// Marks a CONNECT as one for a WebSocket.
    pub fn mark_websocket(request: &mut Request<()>) {
        request.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
    }
}

impl Http2Exchange {
    /// The head of the answer, when it has come. Interim answers are passed over. Once.
    ///
    /// # Errors
    ///
    /// [`DialError::GoingAway`] if the server has certainly not looked at the request; [`DialError::Answer`] for a malformed
    /// head; [`DialError::Broken`].
    pub fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, DialError>> {
        self.poll_answer(cx)
    }

    /// Sends what the server makes room for. What was taken is gone from `piece`.
    ///
    /// # Errors
    ///
    /// The stream is over: reset by the server, which may have answered before that.
    pub fn poll_send(&mut self, cx: &mut Context<'_>, piece: &mut Bytes) -> Poll<io::Result<()>> {
        self.poll_send_piece(cx, piece)
    }

    /// Ends the request.
    ///
    /// # Errors
    ///
    /// As [`poll_send`](Self::poll_send).
    pub fn finish(&mut self, trailers: Option<HeaderMap>) -> io::Result<()> {
        self.end(trailers)
    }

    /// The next piece of the answer's body, after the head. The server gets room for as much again.
    ///
    /// # Errors
    ///
    /// The stream was reset, or the connection is over: something is missing.
    pub fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self.poll_piece(cx)
    }

    /// The stream as a WebSocket, after a head that said so. `None` before any head.
    pub fn into_websocket(self) -> Option<Stream> {
        let (send, receive) = self.into_halves()?;
        Some(Stream::Http2(Box::new(Http2Stream::of_client(send, receive))))
    }
}
