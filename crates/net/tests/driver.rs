//! The driver of one connection, on a stream that the test controls: what is read, what is taken, what is counted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

mod rig;

use net::echo::EchoEndpoint;
use net::{Driver, Endpoint, Limits, Local, Outgoing, Wake};
use rig::masked;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use ws::{CloseCode, Connection, End, Message, Role};

/// A stream in memory. Reads come from `input`, writes go to `output` while `room` lasts.
#[derive(Default)]
struct Pipe {
    input: RefCell<VecDeque<Vec<u8>>>,
    output: RefCell<Vec<u8>>,
    writes: Cell<usize>,
    reads: Cell<usize>,
    room: Cell<usize>,
    ended: Cell<bool>,
    broken: Cell<bool>,
    shut: Cell<bool>,
}

impl Pipe {
    fn new() -> Rc<Self> {
        let pipe = Self::default();
        pipe.room.set(usize::MAX);
        Rc::new(pipe)
    }

    fn give(&self, bytes: impl Into<Vec<u8>>) {
        self.input.borrow_mut().push_back(bytes.into());
    }

    fn taken(&self) -> Vec<u8> {
        std::mem::take(&mut self.output.borrow_mut())
    }
}

/// The end of a [`Pipe`] that the driver holds.
struct Half(Rc<Pipe>);

impl AsyncRead for Half {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let pipe = &self.0;
        if pipe.broken.get() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        match pipe.input.borrow_mut().pop_front() {
            Some(bytes) => {
                pipe.reads.set(pipe.reads.get() + 1);
                buffer.put_slice(&bytes);
                Poll::Ready(Ok(()))
            }
            None if pipe.ended.get() => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }
}

impl AsyncWrite for Half {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let pipe = &self.0;
        let size = bytes.len().min(pipe.room.get());
        if size == 0 {
            return Poll::Pending;
        }
        pipe.room.set(pipe.room.get() - size);
        pipe.writes.set(pipe.writes.get() + 1);
        pipe.output.borrow_mut().extend_from_slice(&bytes[..size]);
        Poll::Ready(Ok(size))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.shut.set(true);
        Poll::Ready(Ok(()))
    }
}

/// Counts how often a task was woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl std::task::Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A driver on a pipe, polled by hand. Needs a runtime only for timers.
struct Rig<E: Endpoint> {
    runtime: tokio::runtime::Runtime,
    driver: Option<Driver<Half, E>>,
    pipe: Rc<Pipe>,
    local: Rc<Local>,
    wakes: Arc<Wakes>,
}

impl<E: Endpoint> Rig<E> {
    fn new(limits: Limits, config: ws::Config, endpoint: impl FnOnce(Wake) -> E) -> Self {
        let (pipe, local) = (Pipe::new(), Local::new(limits));
        let connection = Connection::new(Role::Server, Arc::new(config), net::now(), [0; 2]);
        let driver = Driver::new(Rc::clone(&local), Half(Rc::clone(&pipe)), connection, Vec::new(), endpoint);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Self { runtime, driver: Some(driver), pipe, local, wakes: Arc::default() }
    }

    /// One poll. True when the driver has finished.
    fn poll(&mut self) -> bool {
        let _inside = self.runtime.enter();
        let waker = Waker::from(Arc::clone(&self.wakes));
        Pin::new(self.driver.as_mut().unwrap()).poll(&mut Context::from_waker(&waker)).is_ready()
    }

    fn endpoint(&mut self) -> &mut E {
        self.driver.as_mut().unwrap().endpoint_mut()
    }

    fn wakes(&self) -> usize {
        self.wakes.0.load(Ordering::Relaxed)
    }

    /// Polls until the driver has finished.
    fn finish(&mut self) {
        rig::eventually("the driver finishes", || self.poll());
    }
}

fn echo() -> Rig<EchoEndpoint> {
    Rig::new(Limits::default(), ws::Config::default(), |_| EchoEndpoint::default())
}

/// Writes down what it hears.
#[derive(Default)]
struct Diary {
    opened: usize,
    messages: usize,
    writable: usize,
    ends: Rc<RefCell<Vec<End>>>,
    /// Bytes that `on_writable` still has to send, in messages of at most 1,000.
    backlog: usize,
    deaf: bool,
}

impl Endpoint for Diary {
    fn on_open(&mut self, _: &mut Outgoing<'_>) {
        self.opened += 1;
    }
    fn on_message(&mut self, message: Message<'_>, out: &mut Outgoing<'_>) {
        self.messages += 1;
        match message {
            Message::Text("panic") => panic!("as the client asked"),
            Message::Text("close") => {
                out.close(CloseCode::NORMAL, "as you asked");
                assert!(out.send(Message::Text("too late")).is_err());
                assert_eq!(out.room(), 0);
            }
            Message::Text("flood") => {
                for _ in 0..100 {
                    out.send(Message::Binary(&[7; 1000])).unwrap();
                }
            }
            _ => {}
        }
    }
    fn on_writable(&mut self, out: &mut Outgoing<'_>) {
        self.writable += 1;
        while self.backlog > 0 && out.room() > 0 {
            let size = self.backlog.min(1000);
            out.send(Message::Binary(&vec![1; size])).unwrap();
            self.backlog -= size;
        }
    }
    fn is_ready(&self) -> bool {
        !self.deaf
    }
    fn on_close(&mut self, end: &End) {
        self.ends.borrow_mut().push(end.clone());
    }
}

fn diary(limits: Limits) -> (Rig<Diary>, Rc<RefCell<Vec<End>>>) {
    let ends = Rc::default();
    let diary = Diary { ends: Rc::clone(&ends), ..Diary::default() };
    (Rig::new(limits, ws::Config::default(), |_| diary), ends)
}

#[test]
fn all_replies_of_one_wake_up_leave_in_one_write() {
    let mut rig = echo();
    for n in 0..16_u8 {
        rig.pipe.give([masked(0x82, &[n]), masked(0x82, &[n, n])].concat());
    }
    rig.poll();
    assert_eq!((rig.pipe.reads.get(), rig.pipe.writes.get()), (16, 1));
    let expected: Vec<u8> = (0..16_u8).flat_map(|n| [0x82, 1, n, 0x82, 2, n, n]).collect();
    assert_eq!(rig.pipe.taken(), expected);
}

#[test]
fn w13_frames_that_come_byte_by_byte_are_put_together() {
    let mut rig = echo();
    let frames =
        [masked(0x01, b"Hel"), masked(0x89, b"!"), masked(0x80, b"lo"), masked(0x82, &[5; 300])].concat();
    for byte in &frames {
        rig.pipe.give([*byte]);
        rig.poll();
    }
    let mut expected = b"\x8a\x01!\x81\x05Hello\x82\x7e\x01\x2c".to_vec();
    expected.extend([5; 300]);
    assert_eq!(rig.pipe.taken(), expected);
}

#[test]
fn many_wakes_make_one_call_and_one_wake_of_the_task() {
    let (mut rig, _) = diary(Limits::default());
    rig.poll();
    let (before, wake) = (rig.endpoint().writable, rig.driver.as_ref().unwrap().wake());
    for _ in 0..1000 {
        wake.wake();
    }
    assert_eq!(rig.wakes(), 1);
    rig.poll();
    rig.poll();
    assert_eq!(rig.endpoint().writable, before + 1);
}

#[test]
fn a_wake_from_inside_a_callback_is_not_lost() {
    struct WakesItself(Wake, usize);
    impl Endpoint for WakesItself {
        fn on_message(&mut self, _: Message<'_>, _: &mut Outgoing<'_>) {}
        fn on_writable(&mut self, _: &mut Outgoing<'_>) {
            self.1 += 1;
            if self.1 < 3 {
                self.0.wake();
            }
        }
    }
    let mut rig = Rig::new(Limits::default(), ws::Config::default(), |wake| WakesItself(wake, 0));
    for expected in 1..=3 {
        rig.poll();
        assert_eq!((rig.endpoint().1, rig.wakes()), (expected, expected.min(2)));
    }
    rig.poll();
    assert_eq!(rig.endpoint().1, 3);
}

#[test]
fn a_wake_after_the_end_does_nothing() {
    let (mut rig, _) = diary(Limits::default());
    rig.poll();
    let wake = rig.driver.as_ref().unwrap().wake();
    rig.driver = None;
    wake.wake();
    wake.close(CloseCode::NORMAL, "");
    assert_eq!((rig.wakes(), rig.local.connections()), (0, 0));
}

#[test]
fn a_backlog_goes_out_in_quanta_as_the_peer_takes_it() {
    let (mut rig, _) = diary(Limits::default());
    rig.endpoint().backlog = 1_000_000;
    rig.pipe.room.set(100_000);
    rig.poll();
    let left = rig.endpoint().backlog;
    assert!((860_000..910_000).contains(&left), "one quantum past what was taken, and no more: {left}");
    let calls = rig.endpoint().writable;
    rig.poll();
    assert_eq!((rig.endpoint().writable, rig.endpoint().backlog), (calls, left), "no room, no call");
    rig.pipe.room.set(usize::MAX);
    for _ in 0..20 {
        rig.poll();
    }
    assert_eq!(rig.endpoint().backlog, 0);
    let sent = rig.pipe.taken().len();
    assert_eq!(sent, 1_000_000 + 1000 * 4, "headers of four bytes each");
}

#[test]
fn w15_a_peer_that_does_not_read_is_not_read_from_and_is_cut() {
    let limits = Limits { write_timeout: Duration::from_millis(50), ..Limits::default() };
    let (mut rig, ends) = diary(limits);
    rig.pipe.room.set(10);
    for _ in 0..1000 {
        rig.pipe.give(masked(0x89, &[b'p'; 100]));
    }
    rig.pipe.give(masked(0x81, b"flood"));
    rig.poll();
    let reads = rig.pipe.reads.get();
    for _ in 0..100 {
        rig.poll();
    }
    assert!(reads <= 64 && rig.pipe.reads.get() == reads, "{reads} reads, then none while output is pending");
    rig.finish();
    assert_eq!(*ends.borrow(), [End::TransportEnded]);
    assert_eq!(rig.local.counters().totals().cut_slow, 1);
}

#[test]
fn a_peer_that_takes_a_little_in_time_is_not_cut() {
    let limits = Limits { write_timeout: Duration::from_millis(200), ..Limits::default() };
    let (mut rig, ends) = diary(limits);
    rig.pipe.room.set(10);
    rig.pipe.give(masked(0x81, b"flood"));
    let start = std::time::Instant::now();
    while start.elapsed() < Duration::from_millis(600) {
        rig.pipe.room.set(1);
        assert!(!rig.poll());
    }
    rig.pipe.room.set(usize::MAX);
    rig.poll();
    assert_eq!(rig.pipe.taken().len(), 100 * 1004);
    assert!(ends.borrow().is_empty());
}

#[test]
fn one_callback_that_sends_more_than_may_be_pending_ends_the_connection() {
    let limits = Limits { pending_bytes_max: 50_000, ..Limits::default() };
    let (mut rig, ends) = diary(limits);
    rig.pipe.room.set(10);
    rig.pipe.give(masked(0x81, b"flood"));
    rig.finish();
    assert_eq!(ends.borrow().len(), 1);
    assert_eq!(rig.local.counters().totals().cut_overflow, 1);
}

#[test]
fn input_that_came_with_a_full_output_is_handled_when_there_is_room() {
    let (mut rig, _) = diary(Limits::default());
    rig.pipe.room.set(1000);
    rig.pipe.give([masked(0x81, b"flood"), masked(0x81, b"a"), masked(0x81, b"b")].concat());
    rig.poll();
    assert_eq!(rig.endpoint().messages, 1);
    rig.pipe.room.set(usize::MAX);
    rig.poll();
    assert_eq!(rig.endpoint().messages, 3);
}

#[test]
fn an_endpoint_that_is_not_ready_is_given_nothing_more() {
    let (mut rig, _) = diary(Limits::default());
    rig.endpoint().deaf = true;
    rig.pipe.give(masked(0x81, b"a"));
    rig.poll();
    assert_eq!(rig.endpoint().messages, 0);
    rig.endpoint().deaf = false;
    rig.driver.as_ref().unwrap().wake().wake();
    rig.poll();
    assert_eq!(rig.endpoint().messages, 1);
}

#[test]
fn one_connection_with_much_to_read_lets_others_have_their_turn() {
    let (mut rig, _) = diary(Limits::default());
    for _ in 0..1000 {
        rig.pipe.give(masked(0x81, b"a"));
    }
    rig.poll();
    let first = rig.endpoint().messages;
    assert!(first < 1000 && rig.wakes() > 0, "{first}: it comes back by itself");
    while !rig.pipe.input.borrow().is_empty() {
        rig.poll();
    }
    assert_eq!(rig.endpoint().messages, 1000);
}

#[test]
fn w19_a_close_is_answered_data_behind_it_is_ignored_and_the_transport_is_shut() {
    let (mut rig, ends) = diary(Limits::default());
    rig.pipe.give([masked(0x88, &1000_u16.to_be_bytes()), masked(0x81, b"late")].concat());
    assert!(!rig.poll());
    assert_eq!(rig.pipe.taken(), b"\x88\x02\x03\xe8");
    assert!(rig.pipe.shut.get());
    assert_eq!((rig.endpoint().messages, ends.borrow().len()), (0, 1));
    rig.pipe.give(masked(0x81, b"later"));
    assert!(!rig.poll());
    rig.pipe.ended.set(true);
    assert!(rig.poll());
    assert_eq!((rig.endpoint().messages, ends.borrow().len()), (0, 1));
}

#[test]
fn w19_a_peer_that_never_closes_the_transport_is_cut() {
    let limits = Limits { linger_timeout: Duration::from_millis(50), ..Limits::default() };
    let (mut rig, ends) = diary(limits);
    rig.pipe.give(masked(0x88, &1000_u16.to_be_bytes()));
    rig.finish();
    assert_eq!((ends.borrow().len(), rig.local.counters().totals().cut_late), (1, 1));
}

#[test]
fn w19_a_close_of_ours_that_is_never_answered_ends_all_the_same() {
    let config = ws::Config { close_timeout: Duration::from_millis(50), ..ws::Config::default() };
    let ends: Rc<RefCell<Vec<End>>> = Rc::default();
    let diary = Diary { ends: Rc::clone(&ends), ..Diary::default() };
    let mut rig = Rig::new(Limits::default(), config, |_| diary);
    rig.pipe.give(masked(0x81, b"close"));
    rig.poll();
    assert_eq!(rig.pipe.taken(), b"\x88\x0e\x03\xe8as you asked");
    assert!(ends.borrow().is_empty());
    rig.finish();
    assert_eq!(*ends.borrow(), [End::PeerTimedOut(ws::Timeout::Close)]);
}

#[test]
fn w19_the_end_of_the_transport_is_told_once_whatever_it_was() {
    for how in ["fin", "reset", "dropped", "panic"] {
        let (mut rig, ends) = diary(Limits::default());
        rig.poll();
        rig.pipe.give(&masked(0x81, b"half a frame")[..7]);
        rig.poll();
        match how {
            "fin" => rig.pipe.ended.set(true),
            "reset" => rig.pipe.broken.set(true),
            "dropped" => rig.driver = None,
            _ => {
                rig.pipe.give([&masked(0x81, b"half a frame")[7..], &masked(0x81, b"panic")].concat());
                let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| rig.poll()));
                assert!(polled.is_err());
                rig.driver = None;
            }
        }
        if rig.driver.is_some() {
            rig.finish();
            assert_eq!(rig.endpoint().opened, 1);
        }
        rig.driver = None;
        assert_eq!(*ends.borrow(), [End::TransportEnded], "{how}");
        assert_eq!(rig.local.counters().totals().websockets_open, 0, "{how}");
    }
}

#[test]
fn a_violation_is_answered_with_its_code_and_then_the_peer_may_read_it() {
    let (mut rig, ends) = diary(Limits::default());
    rig.pipe.give(*b"\x81\x05Hello");
    assert!(!rig.poll(), "the transport stays open for the peer to read the code");
    let sent = rig.pipe.taken();
    assert_eq!((sent[0], &sent[2..4]), (0x88, &1002_u16.to_be_bytes()[..]));
    assert_eq!(*ends.borrow(), [End::PeerViolated(ws::Violation::Unmasked)]);
}

#[test]
fn a_silent_peer_is_asked_and_then_given_up() {
    let config = ws::Config {
        ping_interval: Some(Duration::from_millis(30)),
        pong_timeout: Duration::from_millis(30),
        ..ws::Config::default()
    };
    let limits = Limits { linger_timeout: Duration::from_millis(30), ..Limits::default() };
    let mut rig = Rig::new(limits, config, |_| EchoEndpoint::default());
    rig.finish();
    let sent = rig.pipe.taken();
    assert_eq!(sent[0], 0x89, "a ping");
    let close = &sent[2 + usize::from(sent[1])..];
    assert_eq!((close[0], &close[2..4]), (0x88, &1011_u16.to_be_bytes()[..]));
}

#[test]
fn an_idle_connection_is_small() {
    // With tokio's header and trailer it must fit into 384 bytes: tasks come in multiples of 128.
    let size = size_of::<Driver<tokio::net::TcpStream, EchoEndpoint>>();
    assert!(size <= 280, "the future of an open connection has {size} bytes");
}
