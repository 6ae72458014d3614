//! One way of a pair.

use crate::relay::observer::watch;
use crate::relay::pipe::{FULL_READS_TO_SPLICE, InPipe, Moved};
use crate::relay::shared::Shared;
use crate::relay::{
    BYTES_PER_TURN, Control, Observer, READ_BUFFER_BYTES, READ_BYTES_WHEN_SLOW, READS_PER_TURN, Way,
};
use std::any::Any;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// See the module.
#[derive(Debug)]
pub(super) struct Flow {
    /// What the receiver did not take. Boxed, because most ways have none.
    kept: Option<Box<Kept>>,
    /// How much to read at a time.
    read_max: u32,
    state: State,
    /// The receiver's stream has bytes that it was given and not yet sent.
    unflushed: bool,
    /// The receiver has got an orderly end.
    is_shut: bool,
    /// Reads in a row that filled what they were given.
    full_reads: u8,
    /// Large flows go through here.
    pipe: Option<Box<InPipe>>,
}

#[derive(Debug)]
struct Kept {
    bytes: Vec<u8>,
    written: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Bytes may come.
    Open,
    /// The sender has ended. What is kept leaves, then the receiver's stream is shut.
    Ending,
    /// The sender's stream failed. What is kept leaves.
    Failing,
    /// Nothing more happens here.
    Over,
}

/// What became of a way in one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carried {
    /// Nothing that others need to know.
    On,
    /// The sender has ended its output.
    InputEnded,
    /// The sender's stream failed.
    InputFailed(io::ErrorKind),
    /// The receiver's stream failed; this way is over.
    OutputFailed(io::ErrorKind),
    /// The observer ended the session.
    ObserverEnded,
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            kept: None,
            read_max: READ_BUFFER_BYTES as u32,
            state: State::Open,
            unflushed: false,
            is_shut: false,
            full_reads: 0,
            pipe: None,
        }
    }
}

impl Flow {
    /// Whether nothing more will happen here.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Whether the receiver has got an orderly end.
    pub(super) fn is_shut(&self) -> bool {
        self.is_shut
    }

    /// There is nobody to receive any more.
    pub(super) fn give_up(&mut self) {
        self.state = State::Over;
        self.kept = None;
        self.pipe = None;
    }

    /// No more is read. True if that is news.
    pub(super) fn end_input(&mut self) -> bool {
        let is_open = self.state == State::Open;
        if is_open {
            self.state = State::Ending;
        }
        is_open
    }

    /// Bytes that leave before anything else that is read.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || self.is_over() {
            return;
        }
        match &mut self.kept {
            Some(kept) => kept.bytes.extend_from_slice(bytes),
            None => self.kept = Some(Box::new(Kept { bytes: bytes.to_vec(), written: 0 })),
        }
    }

    /// Carries what can be carried now. Whatever stops it has the waker afterwards.
    #[expect(clippy::too_many_arguments, reason = "the parts of a pair, borrowed one by one")]
    pub(super) fn carry<R, W, O>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
        observer: &mut O,
        way: Way,
        control: &Control,
        shared: &mut Shared,
    ) -> Carried
    where
        R: AsyncRead + Unpin + 'static,
        W: AsyncWrite + Unpin + 'static,
        O: Observer,
    {
        let mut news = Carried::On;
        let mut bytes_left = BYTES_PER_TURN;
        for _ in 0..READS_PER_TURN {
            match self.write_kept(cx, to, way, control) {
                Ok(true) => {}
                Ok(false) => return news,
                Err(error) => return self.output_failed(&error),
            }
            match self.through_pipe(cx, from, to, way, control) {
                Poll::Pending => return news,
                Poll::Ready(None) => {}
                Poll::Ready(Some(Moved::Some(size))) => {
                    bytes_left = bytes_left.saturating_sub(size);
                    if bytes_left == 0 {
                        break;
                    }
                    continue;
                }
                Poll::Ready(Some(Moved::Ended(error))) => {
                    news = self.input_ended(error, observer, way, shared);
                    continue;
                }
                Poll::Ready(Some(Moved::Failed(error))) => return self.output_failed(&error),
            }
            if self.state != State::Open {
                return match self.shut(cx, to) {
                    Ok(()) => news,
                    Err(error) => self.output_failed(&error),
                };
            }
            let mut buffer = ReadBuf::new(&mut shared.read[..self.read_max as usize]);
            let read = match Pin::new(&mut *from).poll_read(cx, &mut buffer) {
                Poll::Pending => return self.flush(cx, to),
                Poll::Ready(read) => read.map(|()| buffer.filled().len()),
            };
            let size = match read {
                Ok(size) if size > 0 => size,
                ended => {
                    news = self.input_ended(ended.err(), observer, way, shared);
                    continue;
                }
            };
            self.count_full_reads(size, observer, way, from, to);
            let (out, ends) = watch(observer, way, &shared.read[..size], &mut shared.spare);
            if let Err(error) = self.write(cx, to, out, way, control) {
                return self.output_failed(&error);
            }
            if ends {
                return Carried::ObserverEnded;
            }
            bytes_left = bytes_left.saturating_sub(size);
            if bytes_left == 0 {
                break;
            }
        }
        // It is the others' turn. There may be more to do, so come back without waiting for an event.
        cx.waker().wake_by_ref();
        news
    }

    /// Moves bytes past user space, if this is a large flow. `None` if it is not, or nothing more is to be read.
    fn through_pipe<R: 'static, W: 'static>(
        &mut self,
        cx: &mut Context<'_>,
        from: &R,
        to: &W,
        way: Way,
        control: &Control,
    ) -> Poll<Option<Moved>> {
        let Some(pipe) = &mut self.pipe else { return Poll::Ready(None) };
        let Some((from, to)) = sockets(from, to) else { return Poll::Ready(None) };
        if let Err(error) = ready!(pipe.drain(cx, to, way, control)) {
            return Poll::Ready(Some(Moved::Failed(error)));
        }
        if self.state != State::Open || pipe.is_calm() {
            self.pipe = None;
            return Poll::Ready(None);
        }
        pipe.carry(cx, from, to, way, control).map(Some)
    }

    /// Finds out whether this is a large flow, which nobody wants to look at.
    fn count_full_reads<O: Observer, R: 'static, W: 'static>(
        &mut self,
        size: usize,
        observer: &O,
        way: Way,
        from: &R,
        to: &W,
    ) {
        let is_full = size == self.read_max as usize;
        self.full_reads = if is_full { self.full_reads + 1 } else { 0 };
        if self.full_reads == FULL_READS_TO_SPLICE {
            self.full_reads = 0;
            if observer.is_done(way) && sockets(from, to).is_some() {
                self.pipe = InPipe::take().map(Box::new);
            }
        }
    }

    fn input_ended<O: Observer>(
        &mut self,
        error: Option<io::Error>,
        observer: &mut O,
        way: Way,
        shared: &mut Shared,
    ) -> Carried {
        if O::WATCHES {
            shared.spare.clear();
            observer.finish(way, &mut shared.spare);
            self.keep(&shared.spare);
        }
        match error {
            None => {
                self.state = State::Ending;
                Carried::InputEnded
            }
            Some(error) => {
                self.state = State::Failing;
                Carried::InputFailed(error.kind())
            }
        }
    }

    fn output_failed(&mut self, error: &io::Error) -> Carried {
        self.give_up();
        Carried::OutputFailed(error.kind())
    }

    /// Writes as much as the receiver takes, and keeps the rest.
    fn write<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
        bytes: &[u8],
        way: Way,
        control: &Control,
    ) -> io::Result<()> {
        let written = write_some(cx, to, bytes)?;
        control.add(way, written);
        self.unflushed = true;
        if written < bytes.len() {
            self.keep(&bytes[written..]);
            self.read_max = READ_BYTES_WHEN_SLOW as u32;
        } else {
            // A receiver that takes it all is offered more, step by step.
            let more = self.read_max.saturating_add(self.read_max / 4);
            self.read_max = more.min(READ_BUFFER_BYTES as u32);
        }
        Ok(())
    }

    /// True if nothing waits any more.
    fn write_kept<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
        way: Way,
        control: &Control,
    ) -> io::Result<bool> {
        let Some(kept) = &mut self.kept else { return Ok(true) };
        let written = write_some(cx, to, &kept.bytes[kept.written..])?;
        control.add(way, written);
        kept.written += written;
        self.unflushed = true;
        if kept.written < kept.bytes.len() {
            return Ok(false);
        }
        self.kept = None;
        Ok(true)
    }

    /// The last of all. Bytes that a failing stream sent before it failed are still sent on, but no orderly end.
    fn shut<W: AsyncWrite + Unpin>(&mut self, cx: &mut Context<'_>, to: &mut W) -> io::Result<()> {
        let done = match self.state {
            State::Ending => Pin::new(to).poll_shutdown(cx)?.is_ready(),
            State::Failing => Pin::new(to).poll_flush(cx)?.is_ready(),
            State::Open | State::Over => return Ok(()),
        };
        if done {
            self.is_shut = self.state == State::Ending;
            self.state = State::Over;
        }
        Ok(())
    }

    /// Sends what the receiver's stream holds back. For a socket this does nothing.
    fn flush<W: AsyncWrite + Unpin>(&mut self, cx: &mut Context<'_>, to: &mut W) -> Carried {
        if self.unflushed {
            match Pin::new(to).poll_flush(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => return self.output_failed(&error),
            }
        }
        Carried::On
    }
}

/// Both, if both are plain sockets.
fn sockets<'a, R: 'static, W: 'static>(from: &'a R, to: &'a W) -> Option<(&'a TcpStream, &'a TcpStream)> {
    let (from, to): (&dyn Any, &dyn Any) = (from, to);
    Some((from.downcast_ref()?, to.downcast_ref()?))
}

/// Writes until all is taken or the stream blocks.
fn write_some<W: AsyncWrite + Unpin>(cx: &mut Context<'_>, to: &mut W, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match Pin::new(&mut *to).poll_write(cx, &bytes[written..]) {
            Poll::Pending => break,
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(size)) => written += size,
            Poll::Ready(Err(error)) => return Err(error),
        }
    }
    Ok(written)
}
