//! Hundreds of thousands of WebSockets on HTTP/2 connections, held by one process, each answering at the end.
//!
//! A carrier is a task with a socket and, for each WebSocket, twelve bytes. Pings of the server are answered meanwhile, so
//! that nothing is held that the server would have given up.

use super::h2::{self, Client, Event};
use super::report::Report;
use super::script::{Compression, add_frame};
use super::tally::{self, Costs, Tally};
use super::wire::{Dialer, Place, Wire};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::sync::{Notify, Semaphore};

/// Carriers that are being opened at the same time.
const OPENING_MAX: usize = 32;
/// What each WebSocket sends in the end: its number as eight bytes.
const MESSAGE_BYTES: usize = 8;
/// No WebSocket is idle for longer than this in the measurement of memory.
const SETTLE: Duration = Duration::from_secs(3);
/// How much is read at a time, into one buffer for all.
const READ_BYTES: usize = 64 << 10;

/// A measurement of many idle WebSockets.
#[derive(Clone, Debug)]
pub struct Million {
    /// The server, at these addresses: from one address to another a machine has some 28,000 ports.
    pub places: Vec<Place>,
    /// TCP connections.
    pub carriers: usize,
    /// WebSockets on each of them.
    pub per_carrier: usize,
    /// How long opening may take, and how long the echoes may take.
    pub deadline: Duration,
    /// The server's process.
    pub server: u32,
    /// Called with what is done so far, now and then.
    pub progress: fn(&str),
}

/// What all carriers share.
struct Shared {
    tally: Tally,
    /// Set when each WebSocket is to send its message.
    speak: Notify,
    buffer: RefCell<Vec<u8>>,
    opening: Semaphore,
    pings: std::cell::Cell<u64>,
}

impl Million {
    /// Measures. Must run in a local task set.
    ///
    /// # Errors
    ///
    /// A sentence: the server cannot be reached, refuses, closes something, or echoes wrongly.
    pub async fn measure(&self) -> Result<Report, String> {
        let shared = Rc::new(Shared {
            tally: Tally::new(),
            speak: Notify::new(),
            buffer: RefCell::new(vec![0; READ_BYTES]),
            opening: Semaphore::new(OPENING_MAX),
            pings: std::cell::Cell::new(0),
        });
        let total = self.carriers * self.per_carrier;
        let (rss, available) = (tally::resident_bytes(self.server)?, available_bytes());
        let costs = Costs::begin(Some(self.server))?;
        let dialer = |place| Dialer::new(place, "h2", true, Compression::Off).map(Rc::new);
        let dialers = self.places.iter().map(dialer).collect::<Result<Vec<_>, _>>()?;
        for number in 0..self.carriers {
            let carrier = Carrier {
                dialer: Rc::clone(&dialers[number % dialers.len()]),
                first: number * self.per_carrier,
                websockets: self.per_carrier,
                shared: Rc::clone(&shared),
            };
            drop(tokio::task::spawn_local(carrier.run()));
        }
        self.wait(&shared, "open", || shared.tally.open.get(), total).await?;
        let opening = costs.spent()?;
        tokio::time::sleep(SETTLE).await;
        let (rss_full, available_full) = (tally::resident_bytes(self.server)?, available_bytes());
        shared.tally.check()?;
        let echoing = Costs::begin(Some(self.server))?;
        shared.speak.notify_waiters();
        self.wait(&shared, "answered", || shared.tally.messages.get() as usize, total).await?;
        let echoed = echoing.spent()?;
        let rss_after = tally::resident_bytes(self.server)?;
        Ok(Report::default()
            .with("websockets", total as f64)
            .with("carriers", self.carriers as f64)
            .with("bytes_per_websocket", (rss_full.saturating_sub(rss)) as f64 / total as f64)
            .with("bytes_per_websocket_after_echo", (rss_after.saturating_sub(rss)) as f64 / total as f64)
            .with("server_bytes", rss_full as f64)
            .with("machine_bytes_per_websocket", (available - available_full) / total as f64)
            .with("generator_bytes", tally::resident_bytes(std::process::id())? as f64)
            .with("opening_s", opening.seconds)
            .with("server_us_per_opening", opening.server_nanos / total as f64 / 1e3)
            .with("echo_s", echoed.seconds)
            .with("answered", shared.tally.messages.get() as f64)
            .with("pings_answered", shared.pings.get() as f64))
    }

    async fn wait(
        &self,
        shared: &Shared,
        what: &str,
        done: impl Fn() -> usize,
        total: usize,
    ) -> Result<(), String> {
        let until = shared.tally.now() + self.deadline;
        while done() < total {
            shared.tally.check()?;
            if shared.tally.now() > until {
                return Err(format!("{} of {total} {what} after {:?}", done(), self.deadline));
            }
            (self.progress)(&format!("{} of {total} {what}", done()));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }
}

/// One TCP connection and its WebSockets.
struct Carrier {
    dialer: Rc<Dialer>,
    /// The number of its first WebSocket.
    first: usize,
    websockets: usize,
    shared: Rc<Shared>,
}

impl Carrier {
    async fn run(self) {
        if let Err(why) = self.talk().await {
            self.shared.tally.fail(why);
        }
    }

    async fn talk(&self) -> Result<(), String> {
        let broken = |error: std::io::Error| format!("a carrier broke: {error}");
        let Ok(permit) = self.shared.opening.acquire().await else { return Ok(()) };
        let mut wire = self.dialer.connect().await?;
        let mut permit = Some(permit);
        let mut output = Vec::new();
        let mut client = Client::new(&mut output);
        let mut opened = 0;
        let mut is_silent = true;
        loop {
            wire.write_all(&output).await.map_err(broken)?;
            output = Vec::new();
            let readable = wait_readable(&mut wire, &self.shared.buffer);
            let size = tokio::select! {
                size = readable => size.map_err(broken)?,
                () = self.shared.speak.notified(), if is_silent => {
                    is_silent = false;
                    self.speak(&mut client, &mut output);
                    continue;
                }
            };
            if size == 0 {
                return Err("the server closed a carrier".to_owned());
            }
            let read = self.shared.buffer.borrow()[..size].to_vec();
            client.receive(&read, &mut output, |client, event, output| {
                self.on_event(client, &event, &mut opened, output)
            })?;
            if opened == self.websockets {
                // The next carrier may begin.
                drop(permit.take());
            }
        }
    }

    fn on_event(
        &self,
        client: &mut Client,
        event: &Event<'_>,
        opened: &mut usize,
        output: &mut Vec<u8>,
    ) -> Result<(), String> {
        match *event {
            Event::Ready if client.streams_max < self.websockets as u32 => {
                Err(format!("the server takes {} streams on a connection", client.streams_max))
            }
            Event::Ready => {
                let request = h2::request(&self.dialer.place);
                (0..self.websockets).for_each(|_| {
                    client.open(&request, true, output);
                });
                Ok(())
            }
            Event::Opened(_) => {
                *opened += 1;
                self.shared.tally.opened(1);
                Ok(())
            }
            Event::Data(stream, bytes) => self.on_data(client, stream, bytes, output),
            Event::Ended(_) => Err("the server ended a WebSocket".to_owned()),
            Event::Room => Ok(()),
        }
    }

    /// Frames this small arrive whole in one DATA frame, as servers write them.
    fn on_data(
        &self,
        client: &mut Client,
        stream: usize,
        mut bytes: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<(), String> {
        while let [first, length @ 0..126, rest @ ..] = bytes {
            let Some(payload) = rest.get(..usize::from(*length)) else { break };
            match first {
                0x82 if *payload == self.message(stream) => self.shared.tally.count(1),
                0x89 => {
                    let mut pong = Vec::new();
                    add_frame(&mut pong, 0x8a, payload, Some([5, 6, 7, 8]));
                    client.send(stream, &pong, output);
                    self.shared.pings.set(self.shared.pings.get() + 1);
                }
                _ => return Err(format!("a WebSocket got a frame {first:#04x} that is no echo")),
            }
            bytes = &rest[payload.len()..];
        }
        if bytes.is_empty() { Ok(()) } else { Err("a frame was cut or too long".to_owned()) }
    }

    fn speak(&self, client: &mut Client, output: &mut Vec<u8>) {
        let mut frame = Vec::new();
        for stream in 0..self.websockets {
            frame.clear();
            add_frame(&mut frame, 0x82, &self.message(stream), Some([1, 2, 3, 4]));
            client.send(stream, &frame, output);
        }
    }

    fn message(&self, stream: usize) -> [u8; MESSAGE_BYTES] {
        ((self.first + stream) as u64).to_be_bytes()
    }
}

/// Reads into the shared buffer, which is borrowed only while the socket is asked.
async fn wait_readable(wire: &mut Box<dyn Wire>, buffer: &RefCell<Vec<u8>>) -> std::io::Result<usize> {
    std::future::poll_fn(|cx| {
        let mut buffer = buffer.borrow_mut();
        let mut read = tokio::io::ReadBuf::new(&mut buffer);
        std::pin::Pin::new(&mut *wire).poll_read(cx, &mut read).map_ok(|()| read.filled().len())
    })
    .await
}

/// What the machine has left, kernel included.
fn available_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"));
    let kib = line.and_then(|line| line.split_ascii_whitespace().nth(1)).and_then(|kib| kib.parse().ok());
    kib.unwrap_or(0.0) * 1024.0
}
