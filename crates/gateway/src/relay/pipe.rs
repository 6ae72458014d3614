//! Bytes from socket to socket without a copy in user space: `splice(2)` through a pipe.
//!
//! Measured on two shared cores, Linux 6.18, loopback, CPU of the forwarding thread alone:
//!
//! | what passes | read and write | splice |
//! | --- | --- | --- |
//! | messages of 32 B, one at a time | 11.0 µs each | 11.8 to 12.1 µs |
//! | of 8 KiB | 11.7 µs | 12.5 µs |
//! | of 32 KiB | 13.1 µs | 12.8 µs |
//! | a stream, pipe of 64 KiB | 0.39 to 0.48 ns per byte | 0.34 to 0.42 ns |
//! | a stream, pipe of 256 KiB | 0.32 to 0.41 ns per byte | 0.23 to 0.31 ns |
//!
//! So messages are copied, and a way on which reads come back full again and again is spliced until it calms down. A pipe
//! costs two file descriptors: each thread has a bounded number, and whoever gets none goes on copying.

use crate::relay::{Control, Way};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// So many reads in a row that filled what they were given make a flow a large one.
pub(super) const FULL_READS_TO_SPLICE: u8 = 8;

/// Pipes of one thread, in use or kept for the next flow.
pub const PIPES_MAX: usize = 64;

/// How much fits into one. The kernel may give less to an unprivileged process; then it is as slow as a smaller one.
const PIPE_BYTES: usize = 256 * 1024;

/// A turn that moves less than this is not what splicing is for.
const SMALL_BYTES: usize = 16 * 1024;

/// So many of those in a row make a flow a small one again.
const SMALL_TURNS_TO_COPY: u8 = 8;

thread_local! {
    static POOL: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
    /// How many there are, in the pool or not.
    static PIPES: Cell<usize> = const { Cell::new(0) };
}

#[derive(Debug)]
struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

/// A pipe that a flow has. Dropping it gives it back, if it is empty.
#[derive(Debug)]
pub(super) struct InPipe {
    /// Taken only when it is dropped.
    pipe: Option<Pipe>,
    filled: usize,
    small: u8,
}

/// What moving bytes came to.
#[derive(Debug)]
pub(super) enum Moved {
    /// So many came, and all that was in the pipe has left.
    Some(usize),
    /// The sender has ended its output, or failed.
    Ended(Option<io::Error>),
    /// The receiver has failed.
    Failed(io::Error),
}

impl InPipe {
    /// A pipe of this thread, if there is one left.
    pub(super) fn take() -> Option<Self> {
        let pooled = POOL.with_borrow_mut(Vec::pop);
        let pipe = match pooled {
            Some(pipe) => pipe,
            None if PIPES.get() < PIPES_MAX => {
                let pipe = Pipe::new().ok()?;
                PIPES.set(PIPES.get() + 1);
                pipe
            }
            None => return None,
        };
        Some(Self { pipe: Some(pipe), filled: 0, small: 0 })
    }

    /// Whether the flow has become a small one.
    pub(super) fn is_calm(&self) -> bool {
        self.small >= SMALL_TURNS_TO_COPY
    }

    /// Moves what is in the pipe to the receiver.
    pub(super) fn drain(
        &mut self,
        cx: &mut Context<'_>,
        to: &TcpStream,
        way: Way,
        control: &Control,
    ) -> Poll<io::Result<()>> {
        let Some(pipe) = &self.pipe else { return Poll::Ready(Ok(())) };
        while self.filled > 0 {
            ready!(to.poll_write_ready(cx))?;
            let filled = self.filled;
            let moved =
                to.try_io(Interest::WRITABLE, || Ok(splice(&pipe.read, None, to, None, filled, flags())?));
            match moved {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(size) => {
                    self.filled -= size;
                    control.add(way, size);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Moves once from the sender into the empty pipe, and on.
    pub(super) fn carry(
        &mut self,
        cx: &mut Context<'_>,
        from: &TcpStream,
        to: &TcpStream,
        way: Way,
        control: &Control,
    ) -> Poll<Moved> {
        let Some(pipe) = &self.pipe else { return Poll::Ready(Moved::Ended(None)) };
        let size = loop {
            if let Err(error) = ready!(from.poll_read_ready(cx)) {
                return Poll::Ready(Moved::Ended(Some(error)));
            }
            let moved = from.try_io(Interest::READABLE, || {
                Ok(splice(from, None, &pipe.write, None, PIPE_BYTES, flags())?)
            });
            match moved {
                Ok(0) => return Poll::Ready(Moved::Ended(None)),
                Ok(size) => break size,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Moved::Ended(Some(error))),
            }
        };
        self.small = if size < SMALL_BYTES { self.small.saturating_add(1) } else { 0 };
        self.filled = size;
        match ready!(self.drain(cx, to, way, control)) {
            Ok(()) => Poll::Ready(Moved::Some(size)),
            Err(error) => Poll::Ready(Moved::Failed(error)),
        }
    }
}

impl Drop for InPipe {
    fn drop(&mut self) {
        let Some(pipe) = self.pipe.take() else { return };
        if self.filled == 0 {
            // At the end of a thread the pool may be gone already; then the pipe is closed.
            let _ = POOL.try_with(|pool| pool.borrow_mut().push(pipe));
        } else {
            // Somebody else's bytes must not come out of it.
            let _ = PIPES.try_with(|pipes| pipes.set(pipes.get().saturating_sub(1)));
        }
    }
}

impl Pipe {
    fn new() -> io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // What the kernel does not allow is not needed.
        let _ = fcntl_setpipe_size(&write, PIPE_BYTES);
        Ok(Self { read, write })
    }
}

fn flags() -> SpliceFlags {
    SpliceFlags::NONBLOCK | SpliceFlags::MOVE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_has_so_many_pipes_and_gets_back_those_that_are_empty() {
        let mut all: Vec<_> = (0..PIPES_MAX).map(|_| InPipe::take().unwrap()).collect();
        assert!(InPipe::take().is_none());
        all[0].filled = 1;
        all.truncate(2);
        assert!(POOL.with_borrow(Vec::len) == PIPES_MAX - 2 && PIPES.get() == PIPES_MAX);
        drop(all);
        assert_eq!((POOL.with_borrow(Vec::len), PIPES.get()), (PIPES_MAX - 1, PIPES_MAX - 1));
        assert!(InPipe::take().is_some());
    }
}
