//! The byte stream under a carrier, watched: how much it reads in one turn, how long a write waits, and whether the peer
//! floods. h2 sees a plain byte stream; the carrier's task sees the [`Watch`].

use super::meter::Meter;
use crate::clock;
use crate::limits::{CARRIER_BYTES_PER_TURN, Limits};
use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A byte stream that is watched.
pub(super) struct Watched<Io> {
    io: Io,
    /// Bytes that were read before h2 came, and are still to be given to it.
    ahead: Vec<u8>,
    meter: Meter,
    watch: Rc<Watch>,
}

/// What the carrier's task knows about the byte stream.
#[derive(Default)]
pub(super) struct Watch {
    turn_bytes_left: Cell<usize>,
    blocked_since: Cell<Option<Duration>>,
    lingers_since: Cell<Option<Duration>>,
    flooded: Cell<bool>,
}

impl Watch {
    /// When the carrier's task runs again, it may read again.
    pub(super) fn begin_turn(&self) {
        self.turn_bytes_left.set(CARRIER_BYTES_PER_TURN);
    }

    /// Since when the socket takes nothing, if there is something to write.
    pub(super) fn blocked_since(&self) -> Option<Duration> {
        self.blocked_since.get()
    }

    /// Since when all is said, and only the peer's end is awaited.
    pub(super) fn lingers_since(&self) -> Option<Duration> {
        self.lingers_since.get()
    }

    /// Whether the peer has sent more frames that carry nothing than it may. Nothing more is read then.
    pub(super) fn is_flooded(&self) -> bool {
        self.flooded.get()
    }

    fn note_write<T>(&self, result: &Poll<io::Result<T>>) {
        match result {
            Poll::Ready(_) => self.blocked_since.set(None),
            Poll::Pending if self.blocked_since.get().is_none() => self.blocked_since.set(Some(clock::now())),
            Poll::Pending => {}
        }
    }
}

impl<Io> Watched<Io> {
    pub(super) fn new(io: Io, ahead: Vec<u8>, limits: &Limits) -> (Self, Rc<Watch>) {
        let mut meter = Meter::new(limits, clock::now());
        let watch = Rc::<Watch>::default();
        watch.flooded.set(!meter.see(&ahead, clock::now()));
        watch.begin_turn();
        (Self { io, ahead, meter, watch: Rc::clone(&watch) }, watch)
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Watched<Io> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.ahead.is_empty() {
            let size = this.ahead.len().min(buffer.remaining());
            buffer.put_slice(&this.ahead[..size]);
            this.ahead.drain(..size);
            return Poll::Ready(Ok(()));
        }
        if this.watch.flooded.get() {
            return Poll::Pending;
        }
        let left = this.watch.turn_bytes_left.get();
        if left == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let start = buffer.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buffer))?;
        let bytes = &buffer.filled()[start..];
        this.watch.turn_bytes_left.set(left.saturating_sub(bytes.len()));
        if !this.meter.see(bytes, clock::now()) {
            this.watch.flooded.set(true);
        }
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<Io> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write(cx, bytes);
        this.note_written(result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write_vectored(cx, slices);
        this.note_written(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_flush(cx);
        this.watch.note_write(&result);
        result
    }

    /// Ends our side, then reads and forgets until the peer ends its own: closing while the peer still sends would make the
    /// kernel send a reset, which can destroy our GOAWAY on its way.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        const DISCARD_BYTES: usize = 4096;
        let this = self.get_mut();
        if this.watch.lingers_since.get().is_none() {
            let result = Pin::new(&mut this.io).poll_shutdown(cx);
            this.watch.note_write(&result);
            ready!(result)?;
            this.watch.lingers_since.set(Some(clock::now()));
        }
        let mut space = [0; DISCARD_BYTES];
        let mut left = this.watch.turn_bytes_left.get();
        while left > 0 {
            let mut buffer = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut this.io).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => left = left.saturating_sub(buffer.filled().len()),
                // The peer's end, in whatever way it came.
                _ => return Poll::Ready(Ok(())),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<Io> Watched<Io> {
    fn note_written(&mut self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.watch.note_write(&result);
        if let Poll::Ready(Ok(size)) = result {
            self.meter.sent(size);
        }
        result
    }
}
