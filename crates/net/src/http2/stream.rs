//! One stream of HTTP/2 as a byte stream.
//!
//! The rules of flow control that it keeps (RFC 9113 section 5.2):
//!
//! * Nothing is given to h2 that the peer has not made room for, so h2 keeps no more than `send_buffer_bytes_max`.
//! * Room is given to the peer when bytes are read, not when they arrive. So a reader that stops, stops its peer after
//!   [`STREAM_WINDOW_BYTES`](crate::limits::STREAM_WINDOW_BYTES).
//! * While nobody reads, what arrives is still taken from h2 and kept here, close together: h2 keeps some 250 bytes beside
//!   each frame, which for frames of a few bytes would be many times the window. That happens while a write waits, and
//!   in `poll_flush`, which a reader that stops is to call.

use super::Payload;
use h2::{RecvStream, SendStream};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A WebSocket's byte stream on a connection of HTTP/2.
///
/// Shutting it down sends END_STREAM, for a server; a client leaves the end to the server. Dropping it before both ends have,
/// resets the stream with CANCEL. A reset by the peer is [`io::ErrorKind::ConnectionReset`].
#[derive(Debug)]
pub struct Http2Stream {
    send: SendStream<Payload>,
    receive: RecvStream,
    /// What was taken from h2 and not yet read.
    held: Option<Box<Held>>,
    is_shut: bool,
    is_of_client: bool,
}

/// Bytes that arrived and wait for a reader. The peer has got no new room for them.
#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    read: usize,
}

impl Http2Stream {
    pub(crate) fn new(send: SendStream<Payload>, receive: RecvStream) -> Self {
        Self { send, receive, held: None, is_shut: false, is_of_client: false }
    }

    /// The same for a client, where shutting down sends nothing: it leaves the end to the server, which "SHOULD be closed
    /// first by the server" (RFC 6455 section 7.1.1) says of TCP, and dropping it then resets the stream. Browsers do so,
    /// and there are servers that expect it: Hypercorn 0.18 breaks the connection, with all WebSockets on it, when
    /// END_STREAM follows the closing handshake.
    pub(crate) fn of_client(send: SendStream<Payload>, receive: RecvStream) -> Self {
        Self { is_of_client: true, ..Self::new(send, receive) }
    }

    /// Copies what is held. True if that was something.
    fn read_held(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let Some(held) = &mut self.held else { return false };
        let rest = &held.bytes[held.read..];
        let size = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..size]);
        held.read += size;
        if held.read == held.bytes.len() {
            self.held = None;
        }
        self.give_room(size);
        true
    }

    /// Lets the peer send as many bytes as were read. It fails when the stream is over; then the peer needs no room.
    fn give_room(&mut self, size: usize) {
        let _ = self.receive.flow_control().release_capacity(size);
    }

    fn hold(&mut self, bytes: &[u8]) {
        self.held.get_or_insert_default().bytes.extend_from_slice(bytes);
    }

    /// Takes what has arrived, without reading it.
    fn take_in(&mut self, cx: &mut Context<'_>) {
        // An end or an error stays, and is seen by the next read.
        while let Poll::Ready(Some(Ok(chunk))) = self.receive.poll_data(cx) {
            self.hold(&chunk);
        }
    }
}

impl AsyncRead for Http2Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let start = buffer.filled().len();
        this.read_held(buffer);
        while buffer.remaining() > 0 && this.held.is_none() {
            match this.receive.poll_data(cx) {
                Poll::Ready(Some(Ok(chunk))) => {
                    let size = chunk.len().min(buffer.remaining());
                    buffer.put_slice(&chunk[..size]);
                    this.give_room(size);
                    if size < chunk.len() {
                        this.hold(&chunk[size..]);
                    }
                }
                // What was read comes first; an end or an error stays.
                _ if buffer.filled().len() > start => break,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(io_error(error))),
                Poll::Ready(None) => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Http2Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let Poll::Ready(room) = poll_capacity(&mut this.send, bytes.len(), cx) else {
            this.take_in(cx);
            return Poll::Pending;
        };
        let room = room?;
        this.send.send_data(Payload::copy(&bytes[..room]), false).map_err(io_error)?;
        Poll::Ready(Ok(room))
    }

    /// Everything that was written is with the connection. Takes in what has arrived: see the module's page.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().take_in(cx);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.is_shut && !this.is_of_client {
            this.send.send_data(Payload::EMPTY, true).map_err(io_error)?;
            this.is_shut = true;
        }
        Poll::Ready(Ok(()))
    }
}

/// Waits until some of `wanted` bytes may be sent, and tells how many.
pub(super) fn poll_capacity(
    stream: &mut SendStream<Payload>,
    wanted: usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    stream.reserve_capacity(wanted);
    loop {
        let room = stream.capacity();
        if room > 0 {
            return Poll::Ready(Ok(room.min(wanted)));
        }
        // It is ready only for an increase, and the increase may be one that was used up since. So look again.
        match ready!(stream.poll_capacity(cx)) {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
            None => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}

pub(super) fn io_error(error: h2::Error) -> io::Error {
    if error.is_io() {
        return error.into_io().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into());
    }
    io::Error::new(io::ErrorKind::ConnectionReset, error)
}
