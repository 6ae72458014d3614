//! A tap on a client's stream: somebody looks at the bytes of the WebSocket as they pass.

use crate::dial::Dialed;
use crate::stream::Stream;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Which way bytes pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From us to the peer.
    Sent,
    /// From the peer to us.
    Received,
}

/// What looks.
type Tap = dyn FnMut(Direction, &[u8]);

/// A stream whose bytes somebody looks at.
pub struct Tapped {
    stream: Stream,
    tap: Box<Tap>,
}

impl Dialed {
    /// Lets `tap` see all bytes of the WebSocket in both directions: frames, the same bytes on every version of HTTP, in
    /// whatever pieces the transport has. They are seen when the transport has taken or given them.
    pub fn tapped(mut self, mut tap: impl FnMut(Direction, &[u8]) + 'static) -> Self {
        if !self.leftover.is_empty() {
            tap(Direction::Received, &self.leftover);
        }
        self.stream = Stream::Tapped(Box::new(Tapped { stream: self.stream, tap: Box::new(tap) }));
        self
    }
}

impl Tapped {
    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }
}

impl AsyncRead for Tapped {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        (this.tap)(Direction::Received, &buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let size = ready!(Pin::new(&mut this.stream).poll_write(cx, bytes))?;
        (this.tap)(Direction::Sent, &bytes[..size]);
        Poll::Ready(Ok(size))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl fmt::Debug for Tapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tapped").field("stream", &self.stream).finish_non_exhaustive()
    }
}
