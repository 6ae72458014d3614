//! A server's socket as a value that another thread can have: a runtime knows its sockets, so one that moves has to leave the
//! one and enter the other.

use crate::server_stream::Kind;
use crate::tls::{PackedTls, TlsStream};
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A byte stream on a TCP connection of its own, with or without TLS.
pub(crate) trait Portable: AsyncRead + AsyncWrite + Unpin + Sized + 'static {
    /// What it is between two runtimes: the socket, and what was read or is to be written but is not plain bytes yet.
    type Packed: Send + 'static;

    /// The socket.
    fn socket(&self) -> &TcpStream;

    /// Takes it out of this thread's runtime.
    fn pack(self) -> io::Result<Self::Packed>;

    /// Brings it into this thread's runtime.
    fn unpack(packed: Self::Packed) -> io::Result<Self>;

    /// As one of the streams that a site may get.
    fn into_server_stream(self) -> Kind;
}

impl Portable for TcpStream {
    type Packed = std::net::TcpStream;

    fn socket(&self) -> &TcpStream {
        self
    }

    fn pack(self) -> io::Result<std::net::TcpStream> {
        self.into_std()
    }

    fn unpack(packed: std::net::TcpStream) -> io::Result<Self> {
        Self::from_std(packed)
    }

    fn into_server_stream(self) -> Kind {
        Kind::Plain(self)
    }
}

impl Portable for TlsStream<TcpStream> {
    type Packed = Box<PackedTls>;

    fn socket(&self) -> &TcpStream {
        self.socket()
    }

    fn pack(self) -> io::Result<Box<PackedTls>> {
        Self::pack(self).map(Box::new)
    }

    fn unpack(packed: Box<PackedTls>) -> io::Result<Self> {
        Self::unpack(*packed)
    }

    fn into_server_stream(self) -> Kind {
        Kind::Tls(Box::new(self))
    }
}
