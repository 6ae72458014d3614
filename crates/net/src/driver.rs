//! One WebSocket over one byte stream, as one small future.
//!
//! ```text
//!   socket ──read──► worker's read buffer ──receive──► endpoint.on_message ─┐
//!                                                      endpoint.on_writable ┤
//!   socket ◄─write── worker's cork ◄────────────────────────── replies ─────┘
//!                        └─ what the kernel did not take ──► pending ──► socket, later
//! ```
//!
//! Laws that hold between any two polls of [`Driver`]:
//!
//! 1. A connection with nothing half done owns no buffer: bytes are in the worker's buffers, and only during a turn.
//! 2. All replies of one turn leave in one write (more only past [`WRITE_QUANTUM_BYTES`](crate::limits)).
//! 3. While something is pending, a server reads nothing. So a peer that does not read stops being served, and what waits
//!    for it is bounded by what one callback sends. (A client goes on reading, or the two would wait for each other.)
//! 4. The endpoint hears of the end exactly once, even if the future is dropped.

use crate::clock;
use crate::endpoint::{Endpoint, Link, Outgoing};
use crate::limits::{READ_BYTES_PER_TURN, READS_PER_TURN, WRITE_QUANTUM_BYTES};
use crate::local::{Buffers, Local};
use crate::pending::{Flushed, Pending};
use crate::signal::{CLOSE, CUT, DRAIN, DUE, Signal, WOKEN, Wake};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use ws::deflate::Codec;
use ws::{Connection, End, Event, Role, Side, State};

/// Runs one connection until its transport is closed. Spawn it on the worker's thread.
///
/// Dropping it cuts the connection: the endpoint hears of the end, the peer sees the transport close.
pub struct Driver<S, E: Endpoint> {
    connection: Connection,
    endpoint: E,
    stream: S,
    local: Rc<Local>,
    signal: Rc<Signal>,
    /// Output that the kernel did not take.
    pending: Option<Box<Pending>>,
    /// Input that was read and not yet handled: what came with the handshake, or what a full output left over.
    #[expect(clippy::box_collection, reason = "rare, and half the size of a vector in every connection")]
    held: Option<Box<Vec<u8>>>,
    /// A timer of its own, for connections on a thread where no worker rings the alarms.
    sleep: Option<Pin<Box<Sleep>>>,
    phase: Phase,
    /// In `Ending` and `Shut`: when the connection is over at the latest, in milliseconds.
    until_ms: u64,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not polled yet.
    New,
    /// Messages may flow.
    Running,
    /// The WebSocket has ended and the endpoint knows. What is left is to write the rest and to close the transport.
    Ending,
    /// As `Ending`, and our side of the transport is shut: only the peer's end is awaited.
    Shut,
    /// All is over.
    Gone,
}

/// Why a turn cannot go on.
enum Stop {
    /// Over: drop everything.
    Gone,
    /// The stream failed.
    Lost,
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        // Which error it was does not matter to anybody: the peer is gone. Counters tell how often.
        Self::Lost
    }
}

// No field is ever pinned through the driver.
impl<S, E: Endpoint> Unpin for Driver<S, E> {}

impl<S: AsyncRead + AsyncWrite + Unpin, E: Endpoint> Driver<S, E> {
    /// A driver for a stream on which the opening handshake is done. `leftover` is what was read beyond it.
    pub fn new(
        local: Rc<Local>,
        stream: S,
        connection: Connection,
        leftover: Vec<u8>,
        endpoint: impl FnOnce(Wake) -> E,
    ) -> Self {
        let signal = Signal::enlist(&local);
        local.counters.websockets_open.add(1);
        local.counters.websockets_opened.add(1);
        let endpoint = endpoint(Wake(Rc::clone(&signal)));
        let held = (!leftover.is_empty()).then(|| Box::new(leftover));
        Self {
            connection,
            endpoint,
            stream,
            local,
            signal,
            pending: None,
            held,
            sleep: None,
            phase: Phase::New,
            until_ms: 0,
        }
    }

    /// A handle to wake this connection.
    pub fn wake(&self) -> Wake {
        Wake(Rc::clone(&self.signal))
    }

    /// The endpoint, for whoever polls the driver by hand.
    pub fn endpoint(&self) -> &E {
        &self.endpoint
    }

    /// The endpoint, for whoever polls the driver by hand.
    pub fn endpoint_mut(&mut self) -> &mut E {
        &mut self.endpoint
    }

    /// One turn: everything that can be done now.
    fn turn(&mut self, cx: &mut Context<'_>, now: Duration, b: &mut Buffers) -> Result<(), Stop> {
        let mut busy = false;
        if self.phase == Phase::New {
            self.phase = Phase::Running;
            self.call(now, &mut b.cork, &mut b.codec, Endpoint::on_open);
            busy = true;
        }
        let flags = self.signal.take(DUE | CUT | CLOSE | DRAIN);
        if flags & CUT != 0 {
            self.local.counters.cut_late.add(1);
            return Err(Stop::Gone);
        }
        if flags & CLOSE != 0 {
            self.obey_close(flags, now, b);
        }
        if self.pending.is_some() {
            busy |= self.flush_pending(cx, now)?;
        }
        busy |= self.read(cx, now, b)?;
        if self.connection.poll_timeout().is_some_and(|due| due <= now) && !self.only_output_matters() {
            self.connection.handle_timeout(now, &mut b.cork);
        }
        if busy || self.signal.take(WOKEN) != 0 {
            self.signal.take(WOKEN);
            self.fill(cx, now, b)?;
        }
        self.flush(cx, now, &mut b.cork)?;
        self.end(cx, now, b)
    }

    /// Runs a callback that may send.
    fn call(
        &mut self,
        now: Duration,
        cork: &mut Vec<u8>,
        codec: &mut Codec,
        callback: impl FnOnce(&mut E, &mut Outgoing<'_>),
    ) {
        let blocked = self.pending.is_some();
        let counters = &self.local.counters;
        let link = Link::Direct(&mut self.connection, codec);
        let mut out = Outgoing { link, cork, counters, now, blocked };
        callback(&mut self.endpoint, &mut out);
    }

    fn obey_close(&mut self, flags: u8, now: Duration, b: &mut Buffers) {
        let Some(close) = self.signal.take_close() else { return };
        if flags & DRAIN != 0 && self.connection.state() == State::Open {
            self.local.counters.drained.add(1);
            self.call(now, &mut b.cork, &mut b.codec, Endpoint::on_drain);
        }
        self.connection.close(now, close.code, &close.reason, &mut b.cork);
    }

    /// Reads while there is something to read, the output flows, and others need not wait too long. True if messages
    /// may have come.
    fn read(&mut self, cx: &mut Context<'_>, now: Duration, b: &mut Buffers) -> Result<bool, Stop> {
        let mut busy = false;
        if self.may_read()
            && let Some(mut held) = self.held.take()
        {
            self.take_in(cx, now, &mut held, b)?;
            busy = true;
        }
        let mut bytes_left = READ_BYTES_PER_TURN;
        for _ in 0..READS_PER_TURN {
            if !self.may_read() {
                // A stream of HTTP/2 takes in what arrives meanwhile; others do nothing here.
                let _ = Pin::new(&mut self.stream).poll_flush(cx);
                return Ok(busy);
            }
            let mut buffer = ReadBuf::new(&mut b.read);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Pending => return Ok(busy),
                Poll::Ready(result) => result?,
            }
            let size = buffer.filled().len();
            if size == 0 {
                self.connection.receive_eof(now);
                return Ok(true);
            }
            self.local.counters.bytes_in.add(size as u64);
            let mut read = std::mem::take(&mut b.read);
            let result = self.take_in(cx, now, &mut read[..size], b);
            b.read = read;
            result?;
            busy = true;
            bytes_left = bytes_left.saturating_sub(size);
            if bytes_left == 0 {
                break;
            }
        }
        // It is the others' turn. The socket may still be readable, so come back without waiting for an event.
        cx.waker().wake_by_ref();
        Ok(busy)
    }

    fn may_read(&self) -> bool {
        let open = self.phase == Phase::Running && self.connection.state() != State::Closed;
        open && !self.waits_for_peer()
            && (self.endpoint.is_ready() || self.connection.state() == State::Closing)
    }

    /// Handles what was read: all of it, or as much as the output has room for.
    fn take_in(
        &mut self,
        cx: &mut Context<'_>,
        now: Duration,
        bytes: &mut [u8],
        b: &mut Buffers,
    ) -> Result<(), Stop> {
        let mut input = bytes;
        self.connection.receive_in_pieces(self.endpoint.wants_pieces());
        loop {
            let Buffers { cork, message: copy, codec, .. } = b;
            let state = self.connection.state();
            let replies_directly = self.connection.role() == Role::Server
                && !self.connection.is_sending_pieces()
                && !self.connection.compresses();
            match self.connection.receive(now, &mut input, cork, codec) {
                None => return Ok(()),
                Some(Event::Message(message)) if replies_directly => {
                    let (counters, link) = (&self.local.counters, Link::Reply { state, close: None });
                    let mut out = Outgoing { link, cork, counters, now, blocked: false };
                    self.endpoint.on_message(message, &mut out);
                    if let Link::Reply { close: Some((code, reason)), .. } = out.link {
                        self.connection.close(now, code, &reason, cork);
                    }
                }
                Some(Event::Message(message)) => {
                    copy.set(message);
                    self.call(now, cork, codec, |endpoint, out| endpoint.on_message(copy.get(), out));
                }
                Some(Event::Piece { piece, is_last }) => {
                    copy.set(piece);
                    self.call(now, cork, codec, |endpoint, out| endpoint.on_piece(copy.get(), is_last, out));
                    if !is_last {
                        continue;
                    }
                }
                Some(Event::Pong { rtt: Some(rtt), .. }) => {
                    self.endpoint.on_pong(rtt);
                    continue;
                }
                Some(Event::Ping(_) | Event::Pong { .. } | Event::Close(_)) => continue,
            }
            self.local.counters.messages_in.add(1);
            if cork.len() >= WRITE_QUANTUM_BYTES {
                self.flush(cx, now, cork)?;
                if self.waits_for_peer() && !input.is_empty() {
                    self.held = Some(Box::new(input.to_vec()));
                    return Ok(());
                }
            }
        }
    }

    /// Lets the endpoint fill the output, and writes it, as long as the peer takes it; a few times, then others.
    fn fill(&mut self, cx: &mut Context<'_>, now: Duration, b: &mut Buffers) -> Result<(), Stop> {
        const ROUNDS: u32 = 4;
        for _ in 0..ROUNDS {
            if self.pending.is_some() || self.connection.state() != State::Open {
                return Ok(());
            }
            self.call(now, &mut b.cork, &mut b.codec, Endpoint::on_writable);
            if b.cork.len() < WRITE_QUANTUM_BYTES {
                return Ok(());
            }
            self.flush(cx, now, &mut b.cork)?;
        }
        self.signal.raise(WOKEN);
        Ok(())
    }

    /// Writes the cork. What the kernel does not take becomes pending.
    fn flush(&mut self, cx: &mut Context<'_>, now: Duration, cork: &mut Vec<u8>) -> Result<(), Stop> {
        if cork.is_empty() {
            return Ok(());
        }
        if let Some(pending) = &mut self.pending {
            pending.append(cork);
        } else {
            let mut written = 0;
            let flushed = crate::pending::write(&mut self.stream, cx, cork, &mut written)?;
            self.local.counters.bytes_out.add(written as u64);
            if flushed == Flushed::Blocked {
                self.pending = Some(Pending::new(&cork[written..], now));
            }
        }
        cork.clear();
        self.check_pending()
    }

    fn check_pending(&mut self) -> Result<(), Stop> {
        let max = self.local.limits.pending_bytes_max;
        if self.pending.as_ref().is_some_and(|pending| pending.len() > max) {
            self.local.counters.cut_overflow.add(1);
            return Err(Stop::Lost);
        }
        Ok(())
    }

    /// Writes what is pending. True if the peer took all of it.
    fn flush_pending(&mut self, cx: &mut Context<'_>, now: Duration) -> Result<bool, Stop> {
        let Some(pending) = &mut self.pending else { return Ok(true) };
        let (flushed, written) = pending.write(&mut self.stream, cx, now)?;
        self.local.counters.bytes_out.add(written as u64);
        if flushed == Flushed::All {
            self.pending = None;
            return Ok(true);
        }
        if now >= pending.since() + self.local.limits.write_timeout {
            self.local.counters.cut_slow.add(1);
            return Err(Stop::Lost);
        }
        Ok(false)
    }

    /// A server reads nothing while output is pending. A client goes on reading: if both ends stopped until the other
    /// reads, both would wait for ever.
    fn waits_for_peer(&self) -> bool {
        self.pending.is_some() && self.connection.role() == Role::Server
    }

    /// While we do not read, silence of the peer means nothing, and only its taking counts.
    fn only_output_matters(&self) -> bool {
        self.waits_for_peer() && self.connection.state() == State::Open
    }

    /// Brings an ended connection to its end, step by step: tell the endpoint, write the rest, shut, wait for the peer.
    fn end(&mut self, cx: &mut Context<'_>, now: Duration, b: &mut Buffers) -> Result<(), Stop> {
        if self.phase == Phase::Running && self.connection.state() == State::Closed {
            let transport_ended = self.tell_end();
            if transport_ended {
                return Err(Stop::Gone);
            }
            self.phase = Phase::Ending;
            self.until_ms = (now + self.local.limits.linger_timeout).as_millis() as u64;
        }
        if self.phase == Phase::Ending
            && self.pending.is_none()
            && let Poll::Ready(result) = Pin::new(&mut self.stream).poll_shutdown(cx)
        {
            result?;
            self.phase = Phase::Shut;
            if self.is_heard_out() {
                return Err(Stop::Gone);
            }
        }
        if self.phase == Phase::Shut {
            self.discard(cx, b)?;
        }
        if matches!(self.phase, Phase::Ending | Phase::Shut) && now >= Duration::from_millis(self.until_ms) {
            self.local.counters.cut_late.add(1);
            return Err(Stop::Gone);
        }
        Ok(())
    }

    /// Whether nothing of ours is underway: the peer has answered the Close frame of this client, so it has all before it.
    /// A client that waited on would wait in vain for servers that leave the end to it.
    fn is_heard_out(&self) -> bool {
        let is_answered = matches!(self.connection.end(), Some(End::Handshake { started_by: Side::Us, .. }));
        is_answered && self.connection.role() == Role::Client
    }

    /// Reads and forgets until the peer closes. Closing before would make the kernel send a reset, which can destroy
    /// the Close frame on its way to the peer.
    fn discard(&mut self, cx: &mut Context<'_>, b: &mut Buffers) -> Result<(), Stop> {
        for _ in 0..READS_PER_TURN {
            let mut buffer = ReadBuf::new(&mut b.read);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Pending => return Ok(()),
                // A TLS stream without close_notify fails here; after the closing handshake that is no error.
                Poll::Ready(Err(_)) => return Err(Stop::Gone),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Err(Stop::Gone),
                Poll::Ready(Ok(())) => {}
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    fn deadline(&self) -> Option<Duration> {
        let write = self.pending.as_ref().map(|pending| pending.since() + self.local.limits.write_timeout);
        match self.phase {
            Phase::Ending | Phase::Shut => Some(Duration::from_millis(self.until_ms)),
            _ if self.only_output_matters() => write,
            _ => write.into_iter().chain(self.connection.poll_timeout()).min(),
        }
    }

    fn arm(&mut self, cx: &mut Context<'_>) {
        let Some(deadline) = self.deadline() else { return };
        if self.local.alarms.is_running() {
            self.local.alarms.arm(&self.signal, deadline);
            return;
        }
        let at = clock::instant(deadline);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        // A timer that fires too early costs one look; moving it for each message would cost more.
        if sleep.is_elapsed() || at < sleep.deadline() {
            sleep.as_mut().reset(at);
        }
        if sleep.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

impl<S, E: Endpoint> Driver<S, E> {
    /// Tells the endpoint how the connection ended, once. True if the transport has ended as well.
    fn tell_end(&mut self) -> bool {
        if self.connection.state() != State::Closed {
            self.connection.receive_eof(clock::now());
        }
        let end = self.connection.end().unwrap_or(&End::TransportEnded);
        self.endpoint.on_close(end);
        let gone = matches!(end, End::TransportEnded | End::PeerTimedOut(ws::Timeout::Close));
        self.phase = Phase::Gone;
        gone
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, E: Endpoint> Future for Driver<S, E> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let now = clock::now();
        this.signal.start_turn(cx.waker());
        let mut buffers = this.local.take_buffers();
        let stopped = this.turn(cx, now, &mut buffers).is_err();
        this.local.put_buffers(buffers);
        if stopped {
            if matches!(this.phase, Phase::New | Phase::Running) {
                this.tell_end();
            }
            this.phase = Phase::Gone;
            return Poll::Ready(());
        }
        this.arm(cx);
        this.signal.end_turn();
        Poll::Pending
    }
}

impl<S, E: Endpoint> Drop for Driver<S, E> {
    fn drop(&mut self) {
        self.signal.retire(&self.local);
        self.local.counters.websockets_open.subtract_one();
        // During a panic the endpoint may be half changed; it is still the only one who can clean up after itself.
        if matches!(self.phase, Phase::New | Phase::Running) {
            self.tell_end();
        }
    }
}
