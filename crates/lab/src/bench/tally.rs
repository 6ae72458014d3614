//! What the connections of a measurement report to: counts, latencies, the first failure; and what it cost in CPU time.

use crate::load::latency::Latencies;
use crate::load::usage;
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// Shared by all connections of one thread.
#[derive(Debug)]
pub(crate) struct Tally {
    origin: Instant,
    /// Echoes that came back and were right.
    pub(crate) messages: Cell<u64>,
    /// Bytes that came from the server, with frame headers and without what is below the WebSocket.
    pub(crate) received: Cell<u64>,
    /// Latencies of messages that were due at or after this time.
    pub(crate) measure_from: Cell<Duration>,
    pub(crate) latencies: RefCell<Latencies>,
    /// WebSockets that are open.
    pub(crate) open: Cell<usize>,
    failure: RefCell<Option<String>>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            origin: Instant::now(),
            messages: Cell::new(0),
            received: Cell::new(0),
            measure_from: Cell::new(Duration::MAX),
            latencies: RefCell::default(),
            open: Cell::new(0),
            failure: RefCell::default(),
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    pub(crate) fn count(&self, messages: usize) {
        self.messages.set(self.messages.get() + messages as u64);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.received.set(self.received.get() + bytes as u64);
    }

    pub(crate) fn opened(&self, websockets: usize) {
        self.open.set(self.open.get() + websockets);
    }

    /// Notes how long a message took that was due at `due`.
    pub(crate) fn took(&self, due: Duration, now: Duration) {
        if due >= self.measure_from.get() {
            self.latencies.borrow_mut().record(now.saturating_sub(due));
        }
    }

    /// Only the first is kept: the others follow from it.
    pub(crate) fn fail(&self, why: String) {
        self.failure.borrow_mut().get_or_insert(why);
    }

    /// The first failure, if there was any.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.failure.borrow().clone().map_or(Ok(()), Err)
    }

    /// Waits until this many WebSockets are open. The error is a failure, or how many came within the deadline.
    pub(crate) async fn wait_open(&self, websockets: usize, deadline: Duration) -> Result<(), String> {
        let until = self.now() + deadline;
        while self.open.get() < websockets {
            self.check()?;
            if self.now() > until {
                return Err(format!(
                    "{} of {websockets} WebSockets open after {deadline:?}",
                    self.open.get()
                ));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

/// CPU time and the clock at one moment.
pub(crate) struct Costs {
    server: Option<u32>,
    at: Instant,
    server_nanos: u64,
    own_nanos: u64,
}

/// What passed since then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) seconds: f64,
    /// Of all threads of the server; zero if it is not known.
    pub(crate) server_nanos: f64,
    /// Of this process.
    pub(crate) own_nanos: f64,
}

impl Costs {
    /// From now on. The error says that there is no such server.
    pub(crate) fn begin(server: Option<u32>) -> Result<Self, String> {
        let own_nanos = cpu_nanos(std::process::id())?;
        let server_nanos = server.map_or(Ok(0), cpu_nanos)?;
        Ok(Self { server, at: Instant::now(), server_nanos, own_nanos })
    }

    pub(crate) fn spent(&self) -> Result<Spent, String> {
        let now = Self::begin(self.server)?;
        Ok(Spent {
            seconds: (now.at - self.at).as_secs_f64(),
            server_nanos: (now.server_nanos - self.server_nanos) as f64,
            own_nanos: (now.own_nanos - self.own_nanos) as f64,
        })
    }
}

fn cpu_nanos(pid: u32) -> Result<u64, String> {
    usage::process_cpu_nanos(pid).ok_or_else(|| format!("the CPU time of process {pid} cannot be read"))
}

pub(crate) fn resident_bytes(pid: u32) -> Result<u64, String> {
    usage::resident_bytes(pid).ok_or_else(|| format!("the memory of process {pid} cannot be read"))
}
