//! A client's byte stream, whatever carries it.

use crate::http2::Http2Stream;
use crate::http3::Http3Stream;
use crate::tap::Tapped;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// The byte stream on which a dialed WebSocket is.
#[derive(Debug)]
pub enum Stream {
    /// `ws://`
    Plain(TcpStream),
    /// `wss://`. Boxed: a TLS session is a kilobyte, and most connections of a load test have none.
    Tls(Box<TlsStream<TcpStream>>),
    /// A stream on a connection of HTTP/2. Boxed, so that a connection of HTTP/1.1 need not be as large.
    Http2(Box<Http2Stream>),
    /// A stream on a connection of HTTP/3.
    Http3(Box<Http3Stream>),
    /// One of the others, with somebody who looks at what passes.
    Tapped(Box<Tapped>),
}

impl Stream {
    /// The socket underneath, if this stream has one for itself.
    pub fn socket(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(socket) => Some(socket),
            Self::Tls(stream) => Some(stream.get_ref().0),
            Self::Http2(_) | Self::Http3(_) => None,
            Self::Tapped(tapped) => tapped.stream().socket(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Http2(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Http3(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tapped(tapped) => Pin::new(tapped).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Http2(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Http3(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tapped(tapped) => Pin::new(tapped).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Http2(stream) => Pin::new(stream).poll_flush(cx),
            Self::Http3(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tapped(tapped) => Pin::new(tapped).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Http2(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Http3(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tapped(tapped) => Pin::new(tapped).poll_shutdown(cx),
        }
    }
}
