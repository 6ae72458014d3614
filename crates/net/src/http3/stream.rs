//! One stream of HTTP/3 as a byte stream: what is written goes into DATA frames, what is read comes out of them.
//!
//! A frame says how long it is before its payload is there, so a write that QUIC takes only in part leaves a promise. The
//! promise is two numbers here and nothing else: no write is under way between two calls, so any of them can be
//! cancelled. Whoever writes must keep it, and come back with at least the bytes that were not taken. [`Driver`] does.
//!
//! [`Driver`]: crate::Driver

use super::client::Link;
use bytes::{Bytes, BytesMut};
use h3::{Code, RequestEvent, RequestStream, Scope};
use quinn::{Connection, RecvStream, SendStream, StoppedError, VarInt};
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Payload of one DATA frame. Header and payload go to QUIC in one piece of memory, which is made for each write, so a
/// write that is taken only in part has copied no more than this in vain.
const FRAME_BYTES_MAX: usize = 16 * 1024;

/// The end of the peer's interest in what we send: a code, or nothing if all was delivered.
type Stopped = Pin<Box<dyn Future<Output = Result<Option<VarInt>, StoppedError>> + Send + Sync>>;

/// A WebSocket's byte stream on a connection of HTTP/3.
///
/// Shutting it down ends our side of the stream. Dropping it before both ends have, resets the stream with
/// H3_REQUEST_CANCELLED (RFC 9220 section 3). A reset by the peer is [`io::ErrorKind::ConnectionReset`], and so is a peer that
/// only wants to read no more (STOP_SENDING): a WebSocket needs both directions. What it sent before is read first.
pub struct Http3Stream {
    connection: Connection,
    /// What closes a client's connection when nobody uses it any more.
    #[allow(dead_code, reason = "it is there to be dropped")]
    link: Option<Arc<Link>>,
    send: SendStream,
    receive: RecvStream,
    /// Resolves when the peer wants to read no more. Made when there was nothing to read for the first time.
    stopped: Option<Stopped>,
    reader: RequestStream,
    /// Bytes of the header of a DATA frame that are still to be sent.
    header_left: u8,
    /// Bytes that are still to come in the DATA frame that was begun.
    promised: u32,
    is_shut: bool,
    has_ended: bool,
}

impl Http3Stream {
    /// `reader` has read the head from this stream.
    pub(crate) fn new(
        connection: Connection,
        send: SendStream,
        receive: RecvStream,
        reader: RequestStream,
    ) -> Self {
        Self {
            connection,
            link: None,
            send,
            receive,
            stopped: None,
            reader,
            header_left: 0,
            promised: 0,
            is_shut: false,
            has_ended: false,
        }
    }

    /// The same for a client: the connection lives as long as this, and shutting down sends nothing. It leaves the end to
    /// the server, as RFC 6455 section 7.1.1 says of TCP, and dropping it then resets the stream. Browsers do so, and there
    /// are servers that expect it: Hypercorn 0.18 serves no HTTP/3 any more after a FIN behind the closing handshake.
    pub(crate) fn owning(self, link: Arc<Link>) -> Self {
        let mut this = self;
        this.link = Some(link);
        this
    }

    /// Takes the frames apart that were read, leaves their payload at the front of `raw`, and tells how long it is.
    fn unwrap(&mut self, raw: &mut [u8]) -> Result<usize, h3::Error> {
        let (mut done, mut kept) = (0, 0);
        while done < raw.len() {
            let mut rest = &raw[done..];
            let size = match self.reader.receive(&mut rest)? {
                None => 0,
                Some(RequestEvent::Data(payload)) => payload.len(),
                // "All DATA frames on the stream correspond to data sent or received on the TCP connection. … Receipt of
                // any other known frame type MUST be treated as a connection error of type H3_FRAME_UNEXPECTED"
                // (RFC 9114 section 4.4).
                Some(_) => {
                    return Err(h3::Error::connection(
                        Code::FRAME_UNEXPECTED,
                        "not DATA on a WebSocket's stream",
                    ));
                }
            };
            // A payload is what was taken last.
            done = raw.len() - rest.len();
            raw.copy_within(done - size..done, kept);
            kept += size;
        }
        Ok(kept)
    }

    /// The peer broke HTTP/3.
    fn fail(&mut self, error: h3::Error) -> io::Error {
        match error.scope {
            Scope::Connection => self.connection.close(code(error.code), error.reason.as_bytes()),
            Scope::Stream => self.abandon(error.code),
        }
        io::Error::new(io::ErrorKind::InvalidData, error)
    }

    /// Pending until the peer asks to be sent nothing more. Without a look at it, a WebSocket that only listens would be kept
    /// for a peer that has left.
    fn poll_stopped(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.is_shut {
            return Poll::Pending;
        }
        let stopped = self.stopped.get_or_insert_with(|| Box::pin(self.send.stopped()));
        match ready!(stopped.as_mut().poll(cx)) {
            Ok(Some(_)) => {
                self.abandon(Code::REQUEST_CANCELLED);
                Poll::Ready(io::ErrorKind::ConnectionReset.into())
            }
            // Nothing was finished, so nothing can have been delivered; and the end of the connection is the reader's to tell.
            Ok(None) | Err(_) => {
                self.stopped = Some(Box::pin(std::future::pending()));
                Poll::Pending
            }
        }
    }

    /// Ends both sides at once. It fails for a side that has ended, and then there is nothing to do.
    fn abandon(&mut self, why: Code) {
        if !self.is_shut {
            self.is_shut = true;
            let _ = self.send.reset(code(why));
        }
        if !self.has_ended {
            self.has_ended = true;
            let _ = self.receive.stop(code(why));
        }
    }

    /// Begins a DATA frame and writes what QUIC takes of it. Tells how many bytes of the payload that were.
    fn begin_frame(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let payload = &bytes[..bytes.len().min(FRAME_BYTES_MAX)];
        let header = h3::data_frame_header(payload.len());
        let mut frame = BytesMut::with_capacity(header.len() + payload.len());
        frame.extend_from_slice(&header);
        frame.extend_from_slice(payload);
        let mut frame = [frame.freeze()];
        let written = ready!(poll_write_chunks(&mut self.send, cx, &mut frame))?;
        self.header_left = header.len().saturating_sub(written) as u8;
        let taken = written.saturating_sub(header.len());
        self.promised = (payload.len() - taken) as u32;
        Poll::Ready(Ok(taken))
    }

    /// Writes the rest of a header that QUIC took only in part.
    fn poll_header(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.header_left > 0 {
            let header = h3::data_frame_header(self.promised as usize);
            let rest = &header[header.len() - usize::from(self.header_left)..];
            self.header_left -= ready!(Pin::new(&mut self.send).poll_write(cx, rest))? as u8;
        }
        Poll::Ready(Ok(()))
    }
}

fn poll_write_chunks(
    send: &mut SendStream,
    cx: &mut Context<'_>,
    chunks: &mut [Bytes],
) -> Poll<io::Result<usize>> {
    // The future is made anew for each look: it has no state of its own.
    let written = ready!(pin!(send.write_chunks(chunks)).poll(cx))?;
    Poll::Ready(Ok(written.bytes))
}

/// A code as QUIC has it. Those of HTTP/3 are far from its end.
pub(crate) fn code(code: Code) -> VarInt {
    VarInt::from_u64(code.0).unwrap_or(VarInt::MAX)
}

impl AsyncRead for Http3Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let space = buffer.initialize_unfilled();
            if this.has_ended || space.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let Poll::Ready(read) = this.receive.poll_read(cx, space) else {
                return this.poll_stopped(cx).map(Err);
            };
            let size = read?;
            if size == 0 {
                this.has_ended = true;
                return Poll::Ready(this.reader.finish().map_err(|error| this.fail(error)));
            }
            let payload = this.unwrap(&mut space[..size]).map_err(|error| this.fail(error))?;
            if payload > 0 {
                buffer.advance(payload);
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Http3Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            ready!(this.poll_header(cx))?;
            if this.promised > 0 {
                let size = bytes.len().min(this.promised as usize);
                let written = ready!(Pin::new(&mut this.send).poll_write(cx, &bytes[..size]))?;
                this.promised -= written as u32;
                return Poll::Ready(Ok(written));
            }
            let taken = ready!(this.begin_frame(cx, bytes))?;
            if taken > 0 {
                return Poll::Ready(Ok(taken));
            }
        }
    }

    /// Everything that was written is with QUIC.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_shut || this.link.is_some() {
            return Poll::Ready(Ok(()));
        }
        if this.promised > 0 {
            // An end here would cut a frame, and make the peer close the whole connection (RFC 9114 section 7.1).
            this.abandon(Code::REQUEST_CANCELLED);
            return Poll::Ready(Err(io::ErrorKind::InvalidInput.into()));
        }
        this.is_shut = true;
        Poll::Ready(this.send.finish().map_err(|error| io::Error::new(io::ErrorKind::NotConnected, error)))
    }
}

impl Drop for Http3Stream {
    fn drop(&mut self) {
        self.abandon(Code::REQUEST_CANCELLED);
    }
}

impl std::fmt::Debug for Http3Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http3Stream").field("id", &self.send.id()).finish_non_exhaustive()
    }
}
