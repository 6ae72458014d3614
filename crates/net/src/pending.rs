//! Output that the kernel did not take at once.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::AsyncWrite;

/// Whether a write got rid of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// All is with the kernel.
    All,
    /// The kernel takes no more for now, and wakes the task when it does.
    Blocked,
}

/// Bytes that wait, and since when the peer took none of them.
pub(crate) struct Pending {
    bytes: Vec<u8>,
    taken: usize,
    since: Duration,
}

impl Pending {
    pub(crate) fn new(bytes: &[u8], now: Duration) -> Box<Self> {
        Box::new(Self { bytes: bytes.to_vec(), taken: 0, since: now })
    }

    pub(crate) fn append(&mut self, more: &[u8]) {
        if self.taken > self.bytes.len() / 2 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        self.bytes.extend_from_slice(more);
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    /// When the peer last took something.
    pub(crate) fn since(&self) -> Duration {
        self.since
    }

    /// Writes what it can, and tells how many bytes that were.
    pub(crate) fn write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        now: Duration,
    ) -> io::Result<(Flushed, usize)> {
        let before = self.taken;
        let flushed = write(stream, cx, &self.bytes, &mut self.taken)?;
        if self.taken > before {
            self.since = now;
        }
        Ok((flushed, self.taken - before))
    }
}

/// Writes `bytes` from `*written` on, as far as the stream takes them, and moves `*written`.
pub(crate) fn write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    bytes: &[u8],
    written: &mut usize,
) -> io::Result<Flushed> {
    match poll_write_all(stream, cx, bytes, written) {
        Poll::Ready(Ok(())) => Ok(Flushed::All),
        Poll::Ready(Err(error)) => Err(error),
        Poll::Pending => Ok(Flushed::Blocked),
    }
}

fn poll_write_all<S: AsyncWrite + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    bytes: &[u8],
    written: &mut usize,
) -> Poll<io::Result<()>> {
    while *written < bytes.len() {
        match ready!(Pin::new(&mut *stream).poll_write(cx, &bytes[*written..]))? {
            0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            size => *written += size,
        }
    }
    // A TLS stream may have taken the bytes and still hold their records.
    Pin::new(stream).poll_flush(cx)
}
