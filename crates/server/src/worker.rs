//! The chat of one worker: carries out the hub's effects, brings it what arrives, and keeps its time.

use crate::auth::{Authenticator, Occasion};
use crate::classic::ClassicShared;
use crate::inbox::Inbox;
use crate::metrics::WorkerGauges;
use crate::play::Play;
use chat::hub::{ConnectionId, Effect, Hub, Now};
use chat::ledger::{Answer, Op, Refusal, Request};
use chat::reading::Reply;
use net::Wake;
use state::Store;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;
use ws::CloseCode;

/// How often a worker tells its numbers to the metrics page.
const GAUGES_INTERVAL: Duration = Duration::from_secs(1);
/// When a queue of the store is full, clients should try again after this.
const OVERLOADED_RETRY_MS: u64 = 250;

/// What all workers share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) authenticator: Authenticator,
    /// One per worker, by index.
    pub(crate) inboxes: Vec<Arc<Inbox>>,
    pub(crate) gauges: Vec<WorkerGauges>,
    /// The certificates, of which the metrics tell.
    pub(crate) tls: Option<net::Tls>,
    /// Matches.
    pub(crate) play: Play,
    /// The classic room, which is one for all workers.
    pub(crate) classic: Arc<ClassicShared>,
}

/// The chat of one worker. Lives in an `Rc` that its connections share.
pub(crate) struct ChatWorker {
    index: usize,
    shared: Arc<Shared>,
    pub(crate) hub: RefCell<Hub>,
    /// How to reach each connection, by the slot in its id.
    wakes: RefCell<Vec<Option<(ConnectionId, Wake)>>>,
    /// Requests of this wake-up, which go to the store together.
    requests: RefCell<Vec<Request>>,
    /// When the timer task wakes next, and how to make it look again.
    timer_at: Cell<Option<Duration>>,
    timer_changed: Notify,
}

impl ChatWorker {
    /// Makes the chat of worker `index` and starts its task on the worker's runtime.
    pub(crate) fn start(index: usize, shared: &Arc<Shared>, hub: Hub) -> Rc<Self> {
        let worker = Rc::new(Self {
            index,
            shared: Arc::clone(shared),
            hub: RefCell::new(hub),
            wakes: RefCell::default(),
            requests: RefCell::default(),
            timer_at: Cell::new(None),
            timer_changed: Notify::new(),
        });
        tokio::task::spawn_local(Rc::clone(&worker).run());
        worker
    }

    /// A connection was opened; `wake` reaches it.
    pub(crate) fn open(&self, wake: Wake) -> ConnectionId {
        let id = self.hub.borrow_mut().open(now());
        let mut wakes = self.wakes.borrow_mut();
        let slot = id as u32 as usize;
        if wakes.len() <= slot {
            wakes.resize_with(slot + 1, || None);
        }
        wakes[slot] = Some((id, wake));
        id
    }

    /// A connection is gone.
    pub(crate) fn closed(&self, id: ConnectionId) {
        if let Some(slot) = self.wakes.borrow_mut().get_mut(id as u32 as usize) {
            slot.take_if(|(known, _)| *known == id);
        }
        self.hub.borrow_mut().closed(now(), id);
        self.carry_out();
    }

    /// Carries out what the hub wants done. Call it after every wake-up that gave the hub something.
    pub(crate) fn carry_out(&self) {
        loop {
            let effect = self.hub.borrow_mut().poll_effect();
            let Some(effect) = effect else { break };
            self.carry_out_one(effect);
        }
        self.submit();
        let due = self.hub.borrow().poll_timeout();
        if due.is_some_and(|due| self.timer_at.get().is_none_or(|at| due < at)) {
            self.timer_changed.notify_one();
        }
    }

    fn carry_out_one(&self, effect: Effect) {
        match effect {
            Effect::Wake(id) => self.with_wake(id, Wake::wake),
            Effect::Close { connection, code, reason } => {
                let code = CloseCode::new(code).unwrap_or(CloseCode::INTERNAL_ERROR);
                self.with_wake(connection, |wake| wake.close(code, reason));
            }
            Effect::Request(request) => self.requests.borrow_mut().push(request),
            Effect::Query { token, query } => {
                if self.shared.store.query(self.index as u16, token, query).is_err() {
                    let refusal = Refusal::Overloaded { retry_ms: OVERLOADED_RETRY_MS };
                    self.hub.borrow_mut().replied(now(), token, Reply::Refused(refusal));
                }
            }
            Effect::Authenticate { connection, token, name } => {
                let now = now();
                let entropy = getrandom::u64().unwrap_or_else(|_| now.unix_ms ^ connection.rotate_left(32));
                let occasion = Occasion { monotonic: now.monotonic, unix_ms: now.unix_ms, entropy };
                let result =
                    self.shared.authenticator.authenticate(occasion, token.as_deref(), name.as_deref());
                self.hub.borrow_mut().authenticated(now, connection, result);
            }
            Effect::Publish(bus) => {
                let bus = Arc::new(bus);
                let others = self.shared.inboxes.iter().enumerate().filter(|(index, _)| *index != self.index);
                others.for_each(|(_, inbox)| inbox.publish(Arc::clone(&bus)));
            }
        }
    }

    /// Gives the requests of this wake-up to the store, and refuses those that its queue has no room for.
    fn submit(&self) {
        let mut requests = self.requests.borrow_mut();
        if requests.is_empty() || self.shared.store.submit(&mut requests).is_ok() {
            return;
        }
        let refused = std::mem::take(&mut *requests);
        drop(requests);
        for request in refused {
            let refusal = Refusal::Overloaded { retry_ms: OVERLOADED_RETRY_MS };
            let answer = Answer::Refused { room: room_of(&request.op), refusal };
            self.hub.borrow_mut().answered(now(), request.origin.connection, &request.id, answer);
        }
        // The refusals wake their connections.
        loop {
            let effect = self.hub.borrow_mut().poll_effect();
            let Some(effect) = effect else { break };
            self.carry_out_one(effect);
        }
    }

    fn with_wake(&self, id: ConnectionId, act: impl FnOnce(&Wake)) {
        let wakes = self.wakes.borrow();
        if let Some(Some((known, wake))) = wakes.get(id as u32 as usize)
            && *known == id
        {
            act(wake);
        }
    }

    /// The worker's task: what arrives, then what is due, then sleep.
    async fn run(self: Rc<Self>) {
        let inbox = Arc::clone(&self.shared.inboxes[self.index]);
        let mut gauges_at = net::now();
        loop {
            let now_monotonic = net::now();
            if now_monotonic >= gauges_at {
                gauges_at = now_monotonic + GAUGES_INTERVAL;
                self.shared.gauges[self.index].set(self.hub.borrow().stats());
            }
            let due = self.hub.borrow().poll_timeout().map_or(gauges_at, |due| due.min(gauges_at));
            self.timer_at.set(Some(due));
            tokio::select! {
                () = inbox.wait() => self.take_arrived(&inbox),
                () = self.timer_changed.notified() => {}
                () = tokio::time::sleep(due.saturating_sub(now_monotonic)) => {
                    self.hub.borrow_mut().handle_timeout(now());
                    self.carry_out();
                }
            }
        }
    }

    fn take_arrived(&self, inbox: &Inbox) {
        let arrived = inbox.take();
        let now = now();
        for delivery in arrived.commits {
            self.hub.borrow_mut().committed(now, &delivery.events, delivery.answers);
        }
        for (token, reply) in arrived.replies {
            self.hub.borrow_mut().replied(now, token, reply);
        }
        for bus in arrived.news {
            self.hub.borrow_mut().bus(now, &bus);
        }
        if arrived.lost {
            tracing::warn!(worker = self.index, "did not keep up; reading from the store what was dropped");
            self.hub.borrow_mut().bus_lost();
        }
        self.carry_out();
    }
}

/// Both times, as the hub wants them.
pub(crate) fn now() -> Now {
    let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    Now { monotonic: net::now(), unix_ms }
}

fn room_of(op: &Op) -> Option<chat::ids::RoomName> {
    match op {
        Op::Send { room, .. } | Op::Join { room } | Op::Leave { room } | Op::Read { room, .. } => {
            Some(room.clone())
        }
        Op::Status { .. } | Op::Rooms => None,
    }
}

impl std::fmt::Debug for ChatWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatWorker").field("index", &self.index).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("workers", &self.inboxes.len()).finish_non_exhaustive()
    }
}
