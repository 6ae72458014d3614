//! Runs conversations on one connection: one of them on a bare byte stream, or many on HTTP/2.

use super::h2::{self, Event};
use super::script::{Conversation, answer_pings};
use super::tally::Tally;
use super::wire::Wire;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read at a time.
const READ_BYTES: usize = 256 << 10;
/// A WebSocket that is not read sends so many messages at a time, whenever those have left.
pub(crate) const FLOOD_MESSAGES: usize = 64;

/// What a WebSocket does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Keeps this many messages in flight.
    Bounce(usize),
    /// Sends when its letter box says so.
    Pace,
    /// Sends as much as it can, and never reads.
    Stalled,
    /// Nothing.
    Idle,
}

impl Part {
    /// The most messages that it sends at once.
    pub(crate) fn batch_max(self) -> usize {
        match self {
            Self::Bounce(in_flight) => in_flight,
            Self::Stalled => FLOOD_MESSAGES,
            Self::Pace | Self::Idle => 1,
        }
    }
}

/// How those who set the pace reach a carrier.
#[derive(Debug, Default)]
pub(crate) struct LetterBox {
    /// Which lane is to send, and when that was due.
    letters: RefCell<Vec<(usize, Duration)>>,
    waker: RefCell<Option<Waker>>,
}

impl LetterBox {
    pub(crate) fn post(&self, lane: usize, due: Duration) {
        self.letters.borrow_mut().push((lane, due));
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// One WebSocket of a carrier.
#[derive(Debug)]
pub(crate) struct Lane {
    conversation: Conversation,
    part: Part,
    /// What did not fit into the stream's window.
    pending: Vec<u8>,
    /// When the messages in flight were due, if somebody sets the pace.
    in_flight: VecDeque<Duration>,
}

impl Lane {
    pub(crate) fn new(conversation: Conversation, part: Part) -> Self {
        Self { conversation, part, pending: Vec::new(), in_flight: VecDeque::new() }
    }
}

/// All WebSockets of a carrier.
#[derive(Debug)]
struct Lanes {
    lanes: Vec<Lane>,
    /// The header block that opens one.
    request: Vec<u8>,
    tally: Rc<Tally>,
}

/// A connection with its conversations.
pub(crate) struct Carrier {
    /// HTTP/2, or a byte stream on which one WebSocket is open already.
    http2: Option<h2::Client>,
    lanes: Lanes,
    output: Vec<u8>,
    written: usize,
    letters: Rc<LetterBox>,
}

/// Why a carrier goes on.
enum Turn {
    Read(usize),
    Letters,
    /// Everything has left, on a connection that only sends.
    Written,
}

impl Carrier {
    /// One WebSocket that is open already.
    pub(crate) fn bare(lane: Lane, tally: &Rc<Tally>, letters: &Rc<LetterBox>) -> Self {
        let lanes = Lanes { lanes: vec![lane], request: Vec::new(), tally: Rc::clone(tally) };
        Self { http2: None, lanes, output: Vec::new(), written: 0, letters: Rc::clone(letters) }
    }

    /// A fresh connection on which WebSockets are opened with this header block.
    pub(crate) fn http2(
        lanes: Vec<Lane>,
        request: Vec<u8>,
        tally: &Rc<Tally>,
        letters: &Rc<LetterBox>,
    ) -> Self {
        let mut output = Vec::new();
        let http2 = Some(h2::Client::new(&mut output));
        let lanes = Lanes { lanes, request, tally: Rc::clone(tally) };
        Self { http2, lanes, output, written: 0, letters: Rc::clone(letters) }
    }

    /// Runs until the measurement is over, which drops it, or until something fails, which is noted in the tally.
    pub(crate) async fn run(mut self, mut wire: Box<dyn Wire>) {
        if let Err(why) = self.talk(&mut wire).await {
            self.lanes.tally.fail(why);
        }
    }

    async fn talk(&mut self, wire: &mut Box<dyn Wire>) -> Result<(), String> {
        let mut buffer = vec![0; READ_BYTES];
        if self.http2.is_none() {
            self.lanes.opened(0, None, &mut self.output);
        }
        loop {
            match poll_fn(|cx| self.poll_turn(cx, wire, &mut buffer)).await? {
                Turn::Read(0) => return Err("the server closed the connection".to_owned()),
                Turn::Read(size) => self.read(&buffer[..size])?,
                Turn::Letters => self.open_letters(),
                Turn::Written => self.lanes.send(0, FLOOD_MESSAGES, None, &mut self.output),
            }
        }
    }

    /// Writes what there is, and waits for the first thing to do.
    fn poll_turn(
        &mut self,
        cx: &mut Context<'_>,
        wire: &mut Box<dyn Wire>,
        buffer: &mut [u8],
    ) -> Poll<Result<Turn, String>> {
        let broken = |error: std::io::Error| format!("the connection broke: {error}");
        while self.written < self.output.len() {
            match Pin::new(&mut *wire).poll_write(cx, &self.output[self.written..]) {
                Poll::Ready(size) => self.written += size.map_err(broken)?,
                Poll::Pending => break,
            }
        }
        let only_sends = self.http2.is_none() && self.lanes.lanes[0].part == Part::Stalled;
        if self.written > 0 && self.written == self.output.len() {
            self.output.clear();
            self.written = 0;
            if let Poll::Ready(flushed) = Pin::new(&mut *wire).poll_flush(cx) {
                flushed.map_err(broken)?;
            }
            if only_sends {
                return Poll::Ready(Ok(Turn::Written));
            }
        }
        if !self.letters.letters.borrow().is_empty() {
            return Poll::Ready(Ok(Turn::Letters));
        }
        *self.letters.waker.borrow_mut() = Some(cx.waker().clone());
        if only_sends {
            return Poll::Pending;
        }
        let mut buffer = ReadBuf::new(buffer);
        Pin::new(wire).poll_read(cx, &mut buffer).map(|read| {
            read.map_err(broken)?;
            Ok(Turn::Read(buffer.filled().len()))
        })
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), String> {
        let lanes = &mut self.lanes;
        match &mut self.http2 {
            None => lanes.arrived(0, bytes, None, &mut self.output),
            Some(client) => client.receive(bytes, &mut self.output, |client, event, output| {
                lanes.on_event(&event, client, output)
            }),
        }
    }

    fn open_letters(&mut self) {
        for (lane, due) in self.letters.letters.take() {
            self.lanes.lanes[lane].in_flight.push_back(due);
            self.lanes.send(lane, 1, self.http2.as_mut(), &mut self.output);
        }
    }
}

impl Lanes {
    fn on_event(
        &mut self,
        event: &Event<'_>,
        client: &mut h2::Client,
        output: &mut Vec<u8>,
    ) -> Result<(), String> {
        match *event {
            Event::Ready if client.streams_max < self.lanes.len() as u32 => {
                Err(format!("the server takes {} streams on a connection", client.streams_max))
            }
            Event::Ready => {
                for lane in &self.lanes {
                    client.open(&self.request, lane.part != Part::Stalled, output);
                }
                Ok(())
            }
            Event::Opened(lane) => {
                self.opened(lane, Some(client), output);
                Ok(())
            }
            Event::Data(lane, bytes) => self.arrived(lane, bytes, Some(client), output),
            Event::Ended(lane) => Err(format!("the server ended WebSocket {lane} of the connection")),
            Event::Room => {
                self.use_room(client, output);
                Ok(())
            }
        }
    }

    fn opened(&mut self, lane: usize, client: Option<&mut h2::Client>, output: &mut Vec<u8>) {
        self.tally.opened(1);
        match self.lanes[lane].part {
            Part::Bounce(in_flight) => self.send(lane, in_flight, client, output),
            Part::Stalled => self.send(lane, FLOOD_MESSAGES, client, output),
            Part::Pace | Part::Idle => {}
        }
    }

    fn arrived(
        &mut self,
        lane: usize,
        mut bytes: &[u8],
        mut client: Option<&mut h2::Client>,
        output: &mut Vec<u8>,
    ) -> Result<(), String> {
        let Lane { conversation, part, in_flight, .. } = &mut self.lanes[lane];
        if *part == Part::Stalled {
            // What fits into the window arrives all the same; nobody looks at it, and the window stays as it is.
            return Ok(());
        }
        if bytes.first() == Some(&0x89) && conversation.is_between_frames() {
            let mut pongs = Vec::new();
            bytes = answer_pings(bytes, &mut pongs);
            match &mut client {
                None => output.extend_from_slice(&pongs),
                // Between messages there is room, and a pong that has none is one of many.
                Some(client) => {
                    client.send(lane, &pongs, output);
                }
            }
        }
        let messages = conversation.incoming(bytes)?;
        self.tally.count(messages);
        self.tally.received(bytes.len());
        match part {
            Part::Bounce(_) => self.send(lane, messages, client, output),
            Part::Pace => {
                let now = self.tally.now();
                for due in in_flight.drain(..messages.min(in_flight.len())) {
                    self.tally.took(due, now);
                }
            }
            Part::Stalled | Part::Idle => {}
        }
        Ok(())
    }

    /// Sends the next messages of a lane's script, or as much of them as has room.
    fn send(&mut self, lane: usize, messages: usize, client: Option<&mut h2::Client>, output: &mut Vec<u8>) {
        let Lane { conversation, pending, .. } = &mut self.lanes[lane];
        let bytes = conversation.outgoing(messages);
        match client {
            None => output.extend_from_slice(bytes),
            Some(client) => {
                let sent = if pending.is_empty() { client.send(lane, bytes, output) } else { 0 };
                pending.extend_from_slice(&bytes[sent..]);
            }
        }
    }

    fn use_room(&mut self, client: &mut h2::Client, output: &mut Vec<u8>) {
        for lane in 0..self.lanes.len() {
            let Lane { pending, part, .. } = &mut self.lanes[lane];
            if pending.is_empty() {
                continue;
            }
            let sent = client.send(lane, pending, output);
            pending.drain(..sent);
            if pending.is_empty() && *part == Part::Stalled {
                self.send(lane, FLOOD_MESSAGES, Some(client), output);
            }
        }
    }
}
