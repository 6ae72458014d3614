//! What the connections of one thread share: buffers, alarms, counters, the list of who is there.

use crate::alarms::Alarms;
use crate::counters::Counters;
use crate::door::Door;
use crate::guests::Guests;
use crate::limits::{KEPT_BUFFER_BYTES_MAX, Limits, READ_BUFFER_BYTES, WRITE_QUANTUM_BYTES};
use crate::signal::Signal;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::Notify;
use ws::Message;
use ws::deflate::Codec;

/// The shared part of one worker, or of one thread that dials. Never leaves its thread.
pub struct Local {
    /// The number of this worker; 0 elsewhere.
    pub(crate) worker: u16,
    /// The doors of all workers, by their numbers. Empty elsewhere.
    pub(crate) doors: Arc<[Door]>,
    /// Limits of every connection here.
    pub(crate) limits: Limits,
    pub(crate) counters: Arc<Counters>,
    pub(crate) alarms: Alarms,
    pub(crate) guests: RefCell<Guests>,
    /// The QUIC endpoints of this worker.
    pub(crate) quic: RefCell<Vec<quinn::Endpoint>>,
    buffers: Cell<Option<Box<Buffers>>>,
    signals: RefCell<Slab<Rc<Signal>>>,
    /// WebSockets whose bytes a site has taken over.
    tunnels: Cell<usize>,
    draining: Cell<bool>,
    drain_begins: Notify,
}

thread_local! {
    static OF_THREAD: RefCell<Option<Rc<Local>>> = const { RefCell::new(None) };
}

/// Where bytes are while a connection has its turn. Between turns a connection owns none of this.
pub(crate) struct Buffers {
    /// What the kernel gave.
    pub(crate) read: Box<[u8]>,
    /// What this turn wants to write.
    pub(crate) cork: Vec<u8>,
    /// The message that the endpoint looks at, where it cannot look at the connection's own.
    pub(crate) message: MessageCopy,
    /// What compresses and inflates. Empty until a connection uses it.
    pub(crate) codec: Codec,
}

/// A copy of one message, so that the connection is free to mask or compress what the endpoint answers. Servers without
/// compression do without.
#[derive(Default)]
pub(crate) struct MessageCopy {
    text: String,
    binary: Vec<u8>,
    is_text: bool,
}

impl MessageCopy {
    pub(crate) fn set(&mut self, message: Message<'_>) {
        self.text.clear();
        self.binary.clear();
        match message {
            Message::Text(text) => self.text.push_str(text),
            Message::Binary(bytes) => self.binary.extend_from_slice(bytes),
        }
        self.is_text = matches!(message, Message::Text(_));
    }

    pub(crate) fn get(&self) -> Message<'_> {
        if self.is_text { Message::Text(&self.text) } else { Message::Binary(&self.binary) }
    }
}

impl Buffers {
    fn new() -> Box<Self> {
        let read = vec![0; READ_BUFFER_BYTES].into_boxed_slice();
        let cork = Vec::with_capacity(2 * WRITE_QUANTUM_BYTES);
        Box::new(Self { read, cork, message: MessageCopy::default(), codec: Codec::default() })
    }
}

impl Local {
    /// A context for connections of the thread that calls this.
    pub fn new(limits: Limits) -> Rc<Self> {
        Self::of_worker(0, Arc::new([]), limits, Arc::default())
    }

    /// The context of connections that this thread dials: a worker's own, elsewhere one with default limits.
    pub fn of_thread() -> Rc<Self> {
        OF_THREAD
            .with(|local| Rc::clone(local.borrow_mut().get_or_insert_with(|| Self::new(Limits::default()))))
    }

    /// Makes this the context of the thread.
    pub(crate) fn set_of_thread(local: &Rc<Self>) {
        OF_THREAD.set(Some(Rc::clone(local)));
    }

    pub(crate) fn of_worker(
        worker: u16,
        doors: Arc<[Door]>,
        limits: Limits,
        counters: Arc<Counters>,
    ) -> Rc<Self> {
        Rc::new(Self {
            worker,
            doors,
            limits,
            counters,
            alarms: Alarms::default(),
            guests: RefCell::default(),
            quic: RefCell::default(),
            buffers: Cell::new(None),
            signals: RefCell::default(),
            tunnels: Cell::new(0),
            draining: Cell::new(false),
            drain_begins: Notify::new(),
        })
    }

    /// Where this worker takes sockets from others. None for a thread that is no worker.
    pub(crate) fn door(&self) -> Option<&Door> {
        self.doors.get(usize::from(self.worker))
    }

    /// What was counted here.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Lends the buffers for one turn. A turn inside a turn (which nothing does today) gets buffers of its own.
    pub(crate) fn take_buffers(&self) -> Box<Buffers> {
        self.buffers.take().unwrap_or_else(Buffers::new)
    }

    pub(crate) fn put_buffers(&self, mut buffers: Box<Buffers>) {
        buffers.cork.clear();
        if buffers.cork.capacity() > KEPT_BUFFER_BYTES_MAX {
            buffers.cork = Vec::with_capacity(2 * WRITE_QUANTUM_BYTES);
        }
        if buffers.message.text.capacity() + buffers.message.binary.capacity() > KEPT_BUFFER_BYTES_MAX {
            buffers.message = MessageCopy::default();
        }
        self.buffers.set(Some(buffers));
    }

    pub(crate) fn enlist(&self, signal: &Rc<Signal>) {
        let slot = self.signals.borrow_mut().insert(Rc::clone(signal));
        signal.slot.set(slot as u32);
    }

    pub(crate) fn delist(&self, signal: &Signal) {
        self.signals.borrow_mut().try_remove(signal.slot.get() as usize);
    }

    /// How many WebSockets live here, without [tunnels](Self::tunnels).
    pub fn connections(&self) -> usize {
        self.signals.borrow().len()
    }

    /// How many WebSockets live here whose bytes a site has taken over: see [`Opened`](crate::Opened).
    pub fn tunnels(&self) -> usize {
        self.tunnels.get()
    }

    pub(crate) fn begin_tunnel(&self) {
        self.tunnels.set(self.tunnels.get() + 1);
        self.counters.websockets_open.add(1);
        self.counters.websockets_opened.add(1);
    }

    pub(crate) fn end_tunnel(&self) {
        self.tunnels.set(self.tunnels.get() - 1);
        self.counters.websockets_open.subtract_one();
    }

    /// Whether there are `connections_max`, in whatever state.
    pub(crate) fn is_full(&self) -> bool {
        let websockets = self.connections() as u64 + self.tunnels() as u64;
        websockets + self.counters.requesting.get() >= self.limits.connections_max as u64
    }

    /// A snapshot of all connections, to visit without holding the list.
    pub(crate) fn signals(&self) -> Vec<Rc<Signal>> {
        self.signals.borrow().iter().map(|(_, signal)| Rc::clone(signal)).collect()
    }

    /// Whether a drain has begun.
    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }

    pub(crate) fn begin_drain(&self) {
        self.draining.set(true);
        self.drain_begins.notify_waiters();
    }

    /// Waits until a drain begins; returns at once if it has.
    pub async fn drain_begun(&self) {
        while !self.draining.get() {
            self.drain_begins.notified().await;
        }
    }
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local").field("connections", &self.connections()).finish_non_exhaustive()
    }
}
