//! Connections: a real WebSocket engine at both ends, and between them two pipes that delay, cut and stall.

use super::pipe::Pipe;
use super::swarm::Fault;
use super::{Action, LinkId, Plant, Side, World};
use crate::client::Output;
use crate::random::Random;
use chat::event::Event;
use chat::hub::{ConnectionId, Sink};
use std::sync::Arc;
use std::time::Duration;
use ws::deflate::Codec;
use ws::{CloseCode, Connection, Message, Prepared, Role, State};

/// Bytes that the server adds to a connection's output in one go.
const QUANTUM_BYTES: usize = 4096;

/// A connection between a device and a worker.
#[derive(Debug)]
pub(super) struct Link {
    device: usize,
    worker: usize,
    id: ConnectionId,
    client: Connection,
    server: Connection,
    up: Pipe,
    down: Pipe,
    client_lives: bool,
    server_lives: bool,
    /// The hub has more for this connection.
    more: bool,
    transmit_scheduled: bool,
    client_stalls: bool,
    server_timer_at: Option<Duration>,
    mischief: Mischief,
}

/// What a planted bug remembers of a connection.
#[derive(Debug, Default)]
struct Mischief {
    plant: Option<Plant>,
    resumed: bool,
    held: Option<Arc<Event>>,
}

impl World {
    /// A device tries to connect.
    pub(super) fn connect(&mut self, device: usize) {
        if !self.node.is_up() || self.swarm.strikes(Fault::ConnectFails) {
            self.trace.line(self.now, format_args!("device {device}: cannot connect"));
            self.devices[device].client.closed(self.now, 1006);
            return self.pump_client(device);
        }
        let worker = self.random.below(self.node.workers.len() as u64) as usize;
        let now = self.clock();
        let id = self.node.workers[worker].hub.open(now);
        self.next_link += 1;
        let link = self.next_link;
        self.node.workers[worker].links.insert(id, link);
        let key = [self.random.bits(), self.random.bits()];
        let connection = |role, key| Connection::new(role, Arc::clone(&self.shape.ws), self.now, key);
        let made = Link {
            device,
            worker,
            id,
            client: connection(Role::Client, key),
            server: connection(Role::Server, [0; 2]),
            up: Pipe::default(),
            down: Pipe::default(),
            client_lives: true,
            server_lives: true,
            more: false,
            transmit_scheduled: false,
            client_stalls: false,
            server_timer_at: None,
            mischief: Mischief { plant: self.plant, ..Mischief::default() },
        };
        self.links.insert(link, made);
        self.devices[device].link = Some(link);
        self.trace.line(self.now, format_args!("device {device}: link {link} to worker {worker}"));
        self.devices[device].client.opened(self.now);
        self.pump(worker);
        self.watch_server(link);
        self.pump_client(device);
    }

    // === the client's end ===

    /// Carries out what a client wants done, and keeps its history and its time.
    pub(super) fn pump_client(&mut self, device: usize) {
        let mut bytes = Vec::new();
        let link = self.devices[device].link;
        while let Some(output) = self.devices[device].client.poll_output() {
            let live = link.and_then(|link| self.links.get_mut(&link));
            match (output, live) {
                (Output::Text(text), Some(link)) => {
                    self.trace.line(self.now, format_args!("device {device} > {text}"));
                    // It fails only after a Close frame; then the client hears of the end soon.
                    let _ = link.client.send(Message::Text(&text), &mut bytes, &mut self.codec);
                }
                (Output::Close, Some(link)) => {
                    link.client.close(self.now, CloseCode::NORMAL, "", &mut bytes);
                }
                (Output::Text(_) | Output::Close, None) => {}
                (Output::Reconnect { after }, _) => self.after(after, Action::Connect { device }),
                (Output::Stopped { code }, _) => self.devices[device].stopped = Some(code),
            }
        }
        if let Some(link) = link {
            self.write(link, Side::Client, bytes);
        }
        self.keep_history(device);
        self.watch_client(device);
    }

    fn watch_client(&mut self, device: usize) {
        let connection = self.devices[device].link.and_then(|link| self.links.get(&link));
        let due = [
            self.devices[device].client.poll_timeout(),
            connection.and_then(|link| link.client.poll_timeout()),
        ];
        if let Some(due) = due.into_iter().flatten().min()
            && self.devices[device].timer_at.is_none_or(|at| due < at)
        {
            self.devices[device].timer_at = Some(due);
            self.at(due, Action::ClientTimer { device });
        }
    }

    pub(super) fn client_timer(&mut self, device: usize) {
        self.devices[device].timer_at = None;
        if let Some(id) = self.devices[device].link
            && let Some(link) = self.links.get_mut(&id)
        {
            let mut bytes = Vec::new();
            link.client.handle_timeout(self.now, &mut bytes);
            self.write(id, Side::Client, bytes);
            self.client_may_be_gone(id);
        }
        self.devices[device].client.handle_timeout(self.now);
        self.pump_client(device);
    }

    /// The client takes what has arrived, unless it stalls.
    fn client_reads(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if !link.client_lives || link.client_stalls || !link.down.is_readable() {
            return;
        }
        let mut arrived = link.down.read();
        let (device, mut replies) = (link.device, Vec::new());
        let mut input = &mut arrived.bytes[..];
        while let Some(event) = link.client.receive(self.now, &mut input, &mut replies, &mut self.codec) {
            if let ws::Event::Message(Message::Text(text)) = event {
                self.trace.line(self.now, format_args!("device {device} < {text}"));
                if text.starts_with(r#"{"t":"error""#) && text.contains(r#""rate_limited""#) {
                    self.swarm.note(Fault::RateLimited, 1);
                }
                self.devices[device].client.receive(self.now, text);
            }
        }
        if arrived.end {
            link.client.receive_eof(self.now);
        }
        self.write(id, Side::Client, replies);
        self.pump_client(device);
        self.client_may_be_gone(id);
        self.server_goes_on(id);
        if self.swarm.strikes(Fault::ReaderStalls)
            && let Some(link) = self.links.get_mut(&id)
        {
            link.client_stalls = true;
            let pause = Duration::from_millis(self.random.between(50, 4000));
            self.after(pause, Action::Unstall { link: id });
        }
    }

    pub(super) fn unstall(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id) {
            link.client_stalls = false;
            self.client_reads(id);
        }
    }

    /// Closes the transport and tells the client, once its WebSocket is closed.
    fn client_may_be_gone(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if !link.client_lives || link.client.state() != State::Closed {
            return;
        }
        link.client_lives = false;
        let code = link.client.end().map_or(1006, |end| end.code().get());
        let device = link.device;
        let told = link.up.close(self.now, self.shape.latency, &mut self.random);
        self.trace.line(self.now, format_args!("device {device}: link {id} ended with {code}"));
        self.arrival(id, Side::Client, told);
        self.devices[device].link = None;
        self.devices[device].client.closed(self.now, code);
        self.forget_dead(id);
        self.pump_client(device);
    }

    // === the server's end ===

    pub(super) fn schedule_transmit(&mut self, id: LinkId) {
        let delay = Duration::from_micros(self.random.below(500));
        if let Some(link) = self.links.get_mut(&id)
            && !std::mem::replace(&mut link.transmit_scheduled, true)
        {
            self.after(delay, Action::Transmit { link: id });
        }
    }

    /// Lets the hub write to the connection what it has for it.
    pub(super) fn transmit(&mut self, id: LinkId) {
        let now = self.clock();
        let Some(link) = self.links.get_mut(&id) else { return };
        link.transmit_scheduled = false;
        if !link.server_lives {
            return;
        }
        let Some(worker) = self.node.workers.get_mut(link.worker) else { return };
        let full = link.down.unread_bytes() >= self.shape.pipe_bytes_max;
        let mut output = ServerOutput {
            quantum: if full { 0 } else { QUANTUM_BYTES },
            connection: &mut link.server,
            codec: &mut self.codec,
            bytes: Vec::new(),
            mischief: &mut link.mischief,
            random: &mut self.random,
        };
        link.more = worker.hub.transmit(now, link.id, &mut output);
        let bytes = output.bytes;
        let worker = link.worker;
        self.write(id, Side::Server, bytes);
        self.pump(worker);
        self.server_goes_on(id);
    }

    /// There may be room again: write what is left, read what waited.
    fn server_goes_on(&mut self, id: LinkId) {
        let Some(link) = self.links.get(&id) else { return };
        if link.server_lives && link.down.unread_bytes() < self.shape.pipe_bytes_max {
            if link.more {
                self.schedule_transmit(id);
            }
            self.server_reads(id);
        }
    }

    /// The server takes what has arrived, unless its own output waits to be read.
    fn server_reads(&mut self, id: LinkId) {
        let now = self.clock();
        let Some(link) = self.links.get_mut(&id) else { return };
        let full = link.down.unread_bytes() >= self.shape.pipe_bytes_max;
        if !link.server_lives || full || !link.up.is_readable() {
            return;
        }
        let Some(worker) = self.node.workers.get_mut(link.worker) else { return };
        let (mut arrived, mut replies) = (link.up.read(), Vec::new());
        let mut input = &mut arrived.bytes[..];
        while let Some(event) = link.server.receive(self.now, &mut input, &mut replies, &mut self.codec) {
            match event {
                ws::Event::Message(Message::Text(text)) => worker.hub.receive(now, link.id, text),
                ws::Event::Message(Message::Binary(_)) => worker.hub.receive_binary(link.id),
                ws::Event::Piece { .. }
                | ws::Event::Ping(_)
                | ws::Event::Pong { .. }
                | ws::Event::Close(_) => {}
            }
        }
        if arrived.end {
            link.server.receive_eof(self.now);
        }
        let worker = link.worker;
        self.write(id, Side::Server, replies);
        self.pump(worker);
        self.server_may_be_gone(id);
        self.watch_server(id);
    }

    pub(super) fn server_closes(&mut self, id: LinkId, code: u16, reason: &str) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let mut bytes = Vec::new();
        let code = CloseCode::new(code).unwrap_or(CloseCode::INTERNAL_ERROR);
        link.server.close(self.now, code, reason, &mut bytes);
        self.write(id, Side::Server, bytes);
        self.watch_server(id);
    }

    fn watch_server(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if let Some(due) = link.server.poll_timeout()
            && link.server_lives
            && link.server_timer_at.is_none_or(|at| due < at)
        {
            link.server_timer_at = Some(due);
            self.at(due, Action::ServerTimer { link: id });
        }
    }

    pub(super) fn server_timer(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id).filter(|link| link.server_lives) else { return };
        link.server_timer_at = None;
        let mut bytes = Vec::new();
        link.server.handle_timeout(self.now, &mut bytes);
        self.write(id, Side::Server, bytes);
        self.server_may_be_gone(id);
        self.watch_server(id);
    }

    /// Closes the transport and tells the hub, once the server's WebSocket is closed.
    fn server_may_be_gone(&mut self, id: LinkId) {
        let now = self.clock();
        let Some(link) = self.links.get_mut(&id) else { return };
        if !link.server_lives || link.server.state() != State::Closed {
            return;
        }
        link.server_lives = false;
        let told = link.down.close(self.now, self.shape.latency, &mut self.random);
        let (worker, connection) = (link.worker, link.id);
        self.arrival(id, Side::Server, told);
        if let Some(worker) = self.node.workers.get_mut(worker) {
            worker.links.remove(&connection);
            worker.hub.closed(now, connection);
        }
        self.trace.line(self.now, format_args!("link {id}: gone for worker {worker}"));
        self.pump(worker);
        self.forget_dead(id);
    }

    /// The node died under the connection.
    pub(super) fn server_dies(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id) {
            link.server_lives = false;
        }
        self.cut(id, true);
        self.forget_dead(id);
    }

    // === the wire ===

    /// A piece arrives at the other end than `from`.
    pub(super) fn piece_arrives(&mut self, id: LinkId, from: Side) {
        let Some(link) = self.links.get_mut(&id) else { return };
        match from {
            Side::Client => {
                link.up.arrive();
                self.server_reads(id);
            }
            Side::Server => {
                link.down.arrive();
                self.client_reads(id);
            }
        }
    }

    fn write(&mut self, id: LinkId, from: Side, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let Some(link) = self.links.get_mut(&id) else { return };
        let pipe = if from == Side::Client { &mut link.up } else { &mut link.down };
        let times = pipe.write(self.now, bytes, self.shape.latency, &mut self.random);
        self.arrival(id, from, times);
        if self.swarm.strikes(Fault::Cut) {
            self.trace.line(self.now, format_args!("link {id}: cut"));
            self.cut(id, true);
        } else if self.swarm.strikes(Fault::HalfOpen) {
            self.trace.line(self.now, format_args!("link {id}: cut, and nobody is told"));
            self.cut(id, false);
        }
    }

    fn cut(&mut self, id: LinkId, told: bool) {
        let Some(link) = self.links.get_mut(&id) else { return };
        // The ends hear of it at different times.
        let notice = self.shape.latency + Duration::from_millis(self.random.below(300));
        let up = link.up.cut(self.now, told, notice, &mut self.random);
        let down = link.down.cut(self.now, told, notice, &mut self.random);
        self.arrival(id, Side::Client, up);
        self.arrival(id, Side::Server, down);
    }

    fn arrival(&mut self, id: LinkId, from: Side, times: impl IntoIterator<Item = Duration>) {
        for at in times {
            self.at(at, Action::Piece { link: id, from });
        }
    }

    fn forget_dead(&mut self, id: LinkId) {
        if self.links.get(&id).is_some_and(|link| !link.client_lives && !link.server_lives) {
            self.links.remove(&id);
        }
    }

    /// Whether every connection that the node holds has a device at its other end.
    pub(super) fn no_ghosts(&self) -> bool {
        self.links.values().all(|link| link.client_lives && link.server_lives)
    }
}

/// The hub's view of a connection that can take more.
struct ServerOutput<'a> {
    quantum: usize,
    connection: &'a mut Connection,
    codec: &'a mut Codec,
    bytes: Vec<u8>,
    mischief: &'a mut Mischief,
    random: &'a mut Random,
}

impl ServerOutput<'_> {
    fn write(&mut self, event: &Event) {
        let wire = event.wire.get_or_init(|| Box::new(Prepared::text(&event.to_text())));
        if let Some(prepared) = wire.downcast_ref::<Prepared>() {
            // It fails only after a Close frame, when nothing more is owed.
            let _ = self.connection.send_prepared(prepared, &mut self.bytes, self.codec);
        }
    }
}

impl Sink for ServerOutput<'_> {
    fn room(&self) -> usize {
        self.quantum.saturating_sub(self.bytes.len())
    }

    fn text(&mut self, text: &str) {
        self.mischief.resumed |= text.starts_with(r#"{"t":"resumed""#);
        // It fails only after a Close frame, when nothing more is owed.
        let _ = self.connection.send(Message::Text(text), &mut self.bytes, self.codec);
    }

    fn event(&mut self, event: &Arc<Event>) {
        match self.mischief.plant {
            Some(Plant::DropOnResume) if std::mem::take(&mut self.mischief.resumed) => return,
            Some(Plant::SwapEvents) if self.mischief.held.is_none() && self.random.chance(50) => {
                self.mischief.held = Some(Arc::clone(event));
                return;
            }
            _ => {}
        }
        self.write(event);
        if let Some(held) = self.mischief.held.take() {
            self.write(&held);
        }
    }
}
