//! A server's byte stream of one WebSocket, whatever carries it.

use crate::guests::Seat;
use crate::http2::Http2Stream;
use crate::http3::Http3Stream;
use crate::local::Local;
use crate::tls::TlsStream;
use std::any::Any;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The bytes of a WebSocket that a site has taken over: see [`Opened`](crate::Opened). Stays on its worker.
///
/// It counts as a WebSocket as long as it lives. On HTTP/2 and HTTP/3 shutting it down ends our side of the stream, and
/// dropping it before both sides have ended resets it.
pub struct ServerStream {
    kind: Kind,
    /// Kept until the end, then dropped.
    _stay: Stay,
}

/// What carries the bytes. What is large is in a box, because most of these live long and silent.
pub(crate) enum Kind {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Http2(Box<Http2Stream>),
    Http3(Box<Http3Stream>),
}

/// The WebSocket's places in the lists: its address's, its worker's, its carrier's.
struct Stay {
    local: Rc<Local>,
    _seat: Seat,
    _on_carrier: Option<Box<dyn Any>>,
}

impl ServerStream {
    /// `on_carrier` is kept as long as the stream lives.
    pub(crate) fn new(kind: Kind, seat: Seat, local: Rc<Local>, on_carrier: Option<Box<dyn Any>>) -> Self {
        local.begin_tunnel();
        Self { kind, _stay: Stay { local, _seat: seat, _on_carrier: on_carrier } }
    }

    /// The socket of TCP underneath, if this stream has one for itself.
    pub fn socket(&self) -> Option<&TcpStream> {
        match &self.kind {
            Kind::Plain(socket) => Some(socket),
            Kind::Tls(stream) => Some(stream.socket()),
            Kind::Http2(_) | Kind::Http3(_) => None,
        }
    }

    /// The socket of TCP, if what is read from it is what this stream would give: without TLS.
    pub fn plain_socket(&self) -> Option<&TcpStream> {
        match &self.kind {
            Kind::Plain(socket) => Some(socket),
            Kind::Tls(_) | Kind::Http2(_) | Kind::Http3(_) => None,
        }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.local.end_tunnel();
    }
}

/// Calls the same function of whatever carries the bytes.
macro_rules! each {
    ($this:expr, $stream:ident => $call:expr) => {
        match &mut $this.get_mut().kind {
            Kind::Plain($stream) => $call,
            Kind::Tls($stream) => $call,
            Kind::Http2($stream) => $call,
            Kind::Http3($stream) => $call,
        }
    };
}

impl AsyncRead for ServerStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

impl AsyncWrite for ServerStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        matches!(self.kind, Kind::Plain(_))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

impl std::fmt::Debug for ServerStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.kind {
            Kind::Plain(_) => "ServerStream(plain)",
            Kind::Tls(_) => "ServerStream(TLS)",
            Kind::Http2(_) => "ServerStream(HTTP/2)",
            Kind::Http3(_) => "ServerStream(HTTP/3)",
        })
    }
}
