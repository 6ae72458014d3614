//! A server's byte stream over TLS.

use super::records::{CIPHER_BYTES_MAX, PARTIAL_BYTES_MAX, PLAIN_BYTES_MAX, Records};
use rustls::ServerConfig;
use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How much is read from the socket with one system call, at most. Sixteen records of 4 KiB, or four of the longest.
const READ_BYTES: usize = 64 * 1024;

/// How much is read at least, however little the reader has room for: one record of the longest.
const READ_BYTES_MIN: usize = 17 * 1024;

/// Where the streams of one thread have their bytes while they are read and written. Between calls a stream owns no more
/// than a record that is not complete, or that the socket did not take.
struct Scratch {
    incoming: Box<[u8]>,
    outgoing: Box<[u8]>,
}

thread_local! {
    static OF_THREAD: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Scratch {
    /// Lends the buffers of this thread for one call.
    fn with<T>(act: impl FnOnce(&mut Self) -> T) -> T {
        let mut scratch = OF_THREAD.take().unwrap_or_else(|| {
            let buffer = |size| vec![0; size].into_boxed_slice();
            Box::new(Self {
                incoming: buffer(PARTIAL_BYTES_MAX + READ_BYTES),
                outgoing: buffer(CIPHER_BYTES_MAX),
            })
        });
        let result = act(&mut scratch);
        OF_THREAD.set(Some(scratch));
        result
    }
}

/// A [`TlsStream`] that belongs to no runtime, on its way from one thread to another.
pub(crate) struct PackedTls {
    socket: std::net::TcpStream,
    records: Records,
    is_closing: bool,
}

/// A server's byte stream over TLS. Reading takes whatever the socket has with one system call and decrypts all of it;
/// writing makes records of up to 64 KiB and sends them with one.
pub(crate) struct TlsStream<Io> {
    io: Io,
    records: Records,
    is_closing: bool,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> TlsStream<Io> {
    /// A connection on which nothing has happened yet.
    pub(super) fn new(io: Io, config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Self { io, records: Records::new(config)?, is_closing: false })
    }

    /// Does the handshake. After an error the alert, if there is one, is not sent yet.
    pub(super) async fn handshake(&mut self) -> io::Result<()> {
        poll_fn(|cx| {
            loop {
                let outgoing = self.poll_outgoing(cx)?;
                if !self.records.session().is_handshaking() {
                    // The tickets may still be on their way; the next call sends the rest.
                    return Poll::Ready(Ok(()));
                }
                ready!(outgoing);
                ready!(self.poll_receive(cx, &mut []))?;
                if self.records.is_peer_closed() {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
            }
        })
        .await
    }

    /// What the handshake has told.
    pub(super) fn session(&self) -> &rustls::CommonState {
        self.records.session()
    }

    /// The socket, and the alert that has to be sent over it.
    pub(super) fn into_parts(mut self) -> (Io, Vec<u8>) {
        let alert = std::mem::take(self.records.outgoing());
        (self.io, alert)
    }

    /// Sends what must go out before anything else.
    fn poll_outgoing(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outgoing = self.records.outgoing();
        let mut sent = 0;
        let result = loop {
            if sent == outgoing.len() {
                break Poll::Ready(Ok(()));
            }
            match Pin::new(&mut self.io).poll_write(cx, &outgoing[sent..]) {
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(size)) => sent += size,
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
        };
        if sent == outgoing.len() {
            *outgoing = Vec::new();
        } else {
            outgoing.drain(..sent);
        }
        result
    }

    /// Reads from the socket once and decrypts into `out`. Tells how many bytes that gave, which may be none.
    fn poll_receive(&mut self, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        Scratch::with(|scratch| {
            let kept = self.records.partial().len();
            let room = out.len().clamp(READ_BYTES_MIN, READ_BYTES);
            let mut fresh = ReadBuf::new(&mut scratch.incoming[kept..kept + room]);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut fresh))?;
            let size = fresh.filled().len();
            if size == 0 {
                // RFC 8446 section 6.1: without close_notify the end may be an attacker's.
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            scratch.incoming[..kept].copy_from_slice(self.records.partial());
            let received = self.records.receive(&mut scratch.incoming[..kept + size], out);
            Poll::Ready(received.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)))
        })
    }

    /// Encrypts and sends. What the socket does not take is kept and goes first the next time.
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let bytes = &bytes[..bytes.len().min(PLAIN_BYTES_MAX)];
        Scratch::with(|scratch| {
            let size = self.records.encrypt(bytes, &mut scratch.outgoing)?;
            let records = &scratch.outgoing[..size];
            let mut sent = 0;
            // New keys may have come up while encrypting, and their record goes first.
            while self.records.outgoing().is_empty() && sent < size {
                match Pin::new(&mut self.io).poll_write(cx, &records[sent..]) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(taken)) => sent += taken,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => break,
                }
            }
            self.records.outgoing().extend_from_slice(&records[sent..]);
            Poll::Ready(Ok(bytes.len()))
        })
    }
}

impl TlsStream<TcpStream> {
    /// The socket underneath.
    pub(crate) fn socket(&self) -> &TcpStream {
        &self.io
    }

    /// Takes the stream out of this thread's runtime, with all that was read and is to be sent.
    pub(crate) fn pack(self) -> io::Result<PackedTls> {
        let Self { io, records, is_closing } = self;
        Ok(PackedTls { socket: io.into_std()?, records, is_closing })
    }

    /// Brings a stream into this thread's runtime.
    pub(crate) fn unpack(packed: PackedTls) -> io::Result<Self> {
        let PackedTls { socket, records, is_closing } = packed;
        Ok(Self { io: TcpStream::from_std(socket)?, records, is_closing })
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<Io> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let out = buffer.initialize_unfilled();
        let mut size = this.records.take_plain(out);
        while size == 0 && !this.records.is_peer_closed() {
            let received = this.poll_receive(cx, out);
            // An alert, or the answer to new keys. It wakes the task when the socket takes it, so nothing is lost here.
            if let Poll::Ready(Err(error)) = this.poll_outgoing(cx)
                && !matches!(received, Poll::Ready(Err(_)))
            {
                return Poll::Ready(Err(error));
            }
            size = ready!(received)?;
        }
        buffer.advance(size);
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<Io> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_outgoing(cx))?;
        if bytes.is_empty() { Poll::Ready(Ok(0)) } else { this.poll_send(cx, bytes) }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_outgoing(cx))?;
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !std::mem::replace(&mut this.is_closing, true) {
            // It fails only on a connection that is over, and then there is nobody to tell.
            let _ = this.records.close();
        }
        ready!(this.poll_outgoing(cx))?;
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
