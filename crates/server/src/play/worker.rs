//! The matches of one worker: carries out the host's effects, brings it what arrives, and keeps its time.

use super::inbox::{Arrived, Order};
use super::pipe::{Pipe, Up};
use super::timer::TickTimer;
use super::{EMPTY_MATCH_SECONDS, Play, finding};
use crate::auth::Occasion;
use crate::worker::Shared;
use chat::ids::UserId;
use matches::Host;
use matches::host::{AuthError, Effect, Identity, OpenError, Sink};
use matches::ids::{ConnectionId, MatchId};
use matches::wire::close;
use net::Wake;
use rustix::time::{ClockId, clock_gettime};
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use ws::CloseCode;

/// How often a worker tells how its matches are.
const TELL_INTERVAL: Duration = Duration::from_secs(1);
/// How often a worker looks at how much CPU time its thread has used.
const CPU_LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// How often a worker looks for ticks that are due, if the system gives it no timer.
const TICK_CHECK_INTERVAL: Duration = Duration::from_millis(1);

thread_local! {
    static OF_THREAD: RefCell<Option<Rc<PlayWorker>>> = const { RefCell::new(None) };
}

/// The matches of one worker. Lives in an `Rc` that its connections share.
pub(crate) struct PlayWorker {
    index: u16,
    shared: Arc<Shared>,
    host: RefCell<Host>,
    /// The connections of matches here, by the slot in their ids.
    known: RefCell<Vec<Option<Known>>>,
    /// How many connections a user has in a match here.
    people: RefCell<BTreeMap<(MatchId, UserId), u32>>,
    /// Connections here whose match is on another worker.
    carried: RefCell<Slab<Carried>>,
    /// What other workers have to be told, by worker.
    news: RefCell<Vec<News>>,
    news_came: Notify,
    timer: Option<TickTimer>,
    timer_at: Cell<Option<Duration>>,
    /// When the thread's CPU time is due to be looked at.
    cpu_look: Cell<Duration>,
}

/// A connection of a match here.
struct Known {
    connection: ConnectionId,
    id: MatchId,
    /// Who plays with it, once that is proved; none for spectators.
    user: Option<UserId>,
    route: Route,
}

/// A connection here whose match is elsewhere.
struct Carried {
    wake: Wake,
    pipe: Arc<Pipe>,
}

/// How a connection is reached.
#[derive(Clone)]
enum Route {
    /// It is on this worker.
    Here(Wake),
    /// It is on another.
    There(Arc<Pipe>),
}

/// What one worker has to be told.
#[derive(Default)]
struct News {
    from_clients: Vec<Arc<Pipe>>,
    from_hosts: Vec<Arc<Pipe>>,
}

impl PlayWorker {
    /// Makes the matches of worker `index` and starts their task on the worker's runtime.
    pub(crate) fn start(index: u16, shared: &Arc<Shared>) -> Rc<Self> {
        let config = &shared.play.config;
        let seed = getrandom::u64().unwrap_or_else(|_| u64::from(index) + 1);
        let host = Host::new(config.games.clone(), config.limits.clone(), Box::new(net::now), seed);
        let timer = TickTimer::new()
            .inspect_err(|error| tracing::warn!(%error, "ticks will be up to a millisecond late"))
            .ok();
        let worker = Rc::new(Self {
            index,
            shared: Arc::clone(shared),
            host: RefCell::new(host),
            known: RefCell::default(),
            people: RefCell::default(),
            carried: RefCell::default(),
            news: RefCell::new(shared.play.inboxes.iter().map(|_| News::default()).collect()),
            news_came: Notify::new(),
            timer,
            timer_at: Cell::new(None),
            cpu_look: Cell::new(Duration::ZERO),
        });
        OF_THREAD.set(Some(Rc::clone(&worker)));
        if index == 0 {
            drop(tokio::task::spawn_local(finding::run(Arc::clone(shared))));
        }
        drop(tokio::task::spawn_local(Rc::clone(&worker).run()));
        worker
    }

    /// The matches of the worker whose thread this is.
    pub(super) fn of_thread() -> Option<Rc<Self>> {
        OF_THREAD.with_borrow(Clone::clone)
    }

    pub(super) fn index(&self) -> u16 {
        self.index
    }

    fn play(&self) -> &Play {
        &self.shared.play
    }

    // === connections that are here ===

    /// Somebody on this worker wants into a match of this worker.
    pub(super) fn open(
        &self,
        id: &MatchId,
        entropy: [u8; 16],
        wake: Wake,
    ) -> Result<ConnectionId, OpenError> {
        // The match may have been ordered a moment ago.
        self.take_arrived();
        let connection = self.host.borrow_mut().open(net::now(), id, entropy)?;
        self.enlist(connection, id, Route::Here(wake));
        self.carry_out();
        Ok(connection)
    }

    pub(super) fn receive(&self, connection: ConnectionId, message: ws::Message<'_>) {
        let mut host = self.host.borrow_mut();
        match message {
            ws::Message::Binary(bytes) => host.receive(net::now(), connection, bytes),
            ws::Message::Text(_) => host.receive_text(net::now(), connection),
        }
    }

    /// Gives a connection what it is due.
    pub(super) fn transmit(&self, connection: ConnectionId, sink: &mut dyn Sink) {
        self.carry_out();
        self.host.borrow_mut().transmit(net::now(), connection, sink);
        self.carry_out();
    }

    /// A connection is gone, wherever it was.
    pub(super) fn closed(&self, connection: ConnectionId) {
        self.delist(connection);
        self.host.borrow_mut().closed(net::now(), connection);
        self.carry_out();
    }

    fn enlist(&self, connection: ConnectionId, id: &MatchId, route: Route) {
        let mut known = self.known.borrow_mut();
        let slot = connection as u32 as usize;
        if known.len() <= slot {
            known.resize_with(slot + 1, || None);
        }
        known[slot] = Some(Known { connection, id: id.clone(), user: None, route });
    }

    fn delist(&self, connection: ConnectionId) {
        let slot = connection as u32 as usize;
        let taken = self
            .known
            .borrow_mut()
            .get_mut(slot)
            .and_then(|known| known.take_if(|known| known.connection == connection));
        let Some(Known { id, user: Some(user), .. }) = taken else { return };
        let person = (id, user);
        let mut people = self.people.borrow_mut();
        let left = people.get(&person).map_or(0, |count| count.saturating_sub(1));
        if left > 0 {
            people.insert(person, left);
        } else if people.remove(&person).is_some() {
            finding::left(&self.shared, &person.0, &person.1);
        }
    }

    /// A connection that wants to play has proved whose it is.
    fn is_of(&self, connection: ConnectionId, user: &UserId) {
        let mut known = self.known.borrow_mut();
        let found = known.get_mut(connection as u32 as usize).and_then(Option::as_mut);
        let Some(found) = found.filter(|found| found.connection == connection) else { return };
        found.user = Some(user.clone());
        *self.people.borrow_mut().entry((found.id.clone(), user.clone())).or_default() += 1;
        finding::arrived(&self.shared, &found.id, user);
    }

    fn route(&self, connection: ConnectionId) -> Option<Route> {
        let known = self.known.borrow();
        let found = known.get(connection as u32 as usize)?.as_ref()?;
        (found.connection == connection).then(|| found.route.clone())
    }

    // === connections here, matches elsewhere ===

    /// Somebody on this worker wants into a match of another.
    pub(super) fn carry(&self, id: MatchId, entropy: [u8; 16], owner: u16, wake: Wake) -> Arc<Pipe> {
        let mut carried = self.carried.borrow_mut();
        let free = carried.vacant_entry();
        let pipe = Arc::new(Pipe::new(id, entropy, owner, (self.index, free.key())));
        free.insert(Carried { wake, pipe: Arc::clone(&pipe) });
        drop(carried);
        if pipe.tell_owner(net::now(), false) {
            self.tell_owner(&pipe);
        }
        pipe
    }

    /// A connection that was carried is gone.
    pub(super) fn put_down(&self, pipe: &Arc<Pipe>) {
        self.carried.borrow_mut().try_remove(pipe.carrier.1);
        if pipe.tell_owner(net::now(), true) {
            self.tell_owner(pipe);
        }
    }

    /// The worker that has the match is told soon, together with all that it has to be told.
    pub(super) fn tell_owner(&self, pipe: &Arc<Pipe>) {
        if let Some(news) = self.news.borrow_mut().get_mut(usize::from(pipe.owner)) {
            news.from_clients.push(Arc::clone(pipe));
            self.news_came.notify_one();
        }
    }

    fn tell_carrier(&self, pipe: &Arc<Pipe>) {
        if let Some(news) = self.news.borrow_mut().get_mut(usize::from(pipe.carrier.0)) {
            news.from_hosts.push(Arc::clone(pipe));
            self.news_came.notify_one();
        }
    }

    fn bring_news(&self) {
        for (inbox, news) in self.play().inboxes.iter().zip(self.news.borrow_mut().iter_mut()) {
            if !news.from_clients.is_empty() {
                inbox.bring_from_clients(&mut news.from_clients);
            }
            if !news.from_hosts.is_empty() {
                inbox.bring_from_hosts(&mut news.from_hosts);
            }
        }
    }

    // === what arrives from other workers ===

    fn take_arrived(&self) {
        let Some(inbox) = self.play().inboxes.get(usize::from(self.index)) else { return };
        let Arrived { orders, from_clients, from_hosts, drains } = inbox.take();
        for order in orders {
            self.obey(order);
        }
        for pipe in from_clients {
            self.take_from_client(&pipe);
        }
        if drains {
            self.host.borrow_mut().drain(net::now());
        }
        let carried = self.carried.borrow();
        // A key may have a new owner since; a wake too many does no harm.
        from_hosts.iter().filter_map(|pipe| carried.get(pipe.carrier.1)).for_each(|known| known.wake.wake());
    }

    fn obey(&self, order: Order) {
        match order {
            Order::Create { id, spec, answer } => {
                let created = self.host.borrow_mut().create(net::now(), id.clone(), *spec);
                if created.is_err() {
                    self.play().directory.remove(&id);
                }
                // Whoever ordered it may have gone; then the match ends because nobody is there.
                let _ = answer.send(created);
            }
            Order::Close(id) => {
                self.host.borrow_mut().close_match(net::now(), &id);
            }
        }
    }

    fn take_from_client(&self, pipe: &Arc<Pipe>) {
        let found = pipe.take_up();
        let connection = match found.connection {
            Some(connection) => connection,
            None if found.is_gone => return,
            None => match self.open_pipe(pipe) {
                Some(connection) => connection,
                None => return,
            },
        };
        for message in found.messages {
            let mut host = self.host.borrow_mut();
            match message {
                Up::Binary(bytes) => host.receive(net::now(), connection, &bytes),
                Up::Text => host.receive_text(net::now(), connection),
            }
        }
        if found.tell_carrier {
            self.tell_carrier(pipe);
        }
        if found.is_gone {
            self.closed(connection);
        } else if found.has_room {
            self.transmit_into(pipe, connection);
        }
    }

    fn open_pipe(&self, pipe: &Arc<Pipe>) -> Option<ConnectionId> {
        let opened = self.host.borrow_mut().open(net::now(), &pipe.id, pipe.entropy);
        match opened {
            Ok(connection) => {
                pipe.name(connection);
                self.enlist(connection, &pipe.id, Route::There(Arc::clone(pipe)));
                Some(connection)
            }
            Err(error) => {
                let (code, reason) = refusal(error);
                if pipe.close(code, reason) {
                    self.tell_carrier(pipe);
                }
                None
            }
        }
    }

    fn transmit_into(&self, pipe: &Arc<Pipe>, connection: ConnectionId) {
        let mut sink = IntoPipe { worker: self, pipe };
        self.host.borrow_mut().transmit(net::now(), connection, &mut sink);
    }

    // === effects ===

    /// Carries out what the host wants done. Call it after every wake-up that gave the host something.
    pub(super) fn carry_out(&self) {
        loop {
            let effect = self.host.borrow_mut().poll_effect();
            let Some(effect) = effect else { break };
            self.carry_out_one(effect);
        }
        self.arm();
    }

    fn carry_out_one(&self, effect: Effect) {
        match effect {
            Effect::Wake(connection) => match self.route(connection) {
                Some(Route::Here(wake)) => wake.wake(),
                Some(Route::There(pipe)) => self.transmit_into(&pipe, connection),
                None => {}
            },
            Effect::Close { connection, code, reason } => {
                let code = CloseCode::new(code).unwrap_or(CloseCode::INTERNAL_ERROR);
                match self.route(connection) {
                    Some(Route::Here(wake)) => wake.close(code, reason),
                    Some(Route::There(pipe)) if pipe.close(code, reason) => self.tell_carrier(&pipe),
                    _ => {}
                }
            }
            Effect::Authenticate { connection, token, name, spectates } => {
                let result = self.authenticate(connection, &token, &name, spectates);
                self.host.borrow_mut().authenticated(net::now(), connection, result);
            }
            Effect::Record { id, bytes, is_last } => {
                if let Some(recorder) = &self.play().recorder {
                    recorder.append(id, bytes, is_last);
                }
            }
            Effect::Ended { id, ended } => {
                tracing::debug!(%id, game = ended.game, ending = ?ended.ending, "a match has ended");
                self.play().directory.remove(&id);
                finding::ended(&self.shared, &id, &ended);
            }
        }
    }

    fn authenticate(
        &self,
        connection: ConnectionId,
        token: &str,
        name: &str,
        spectates: bool,
    ) -> Result<Identity, AuthError> {
        let now = crate::worker::now();
        let entropy = getrandom::u64().unwrap_or_else(|_| now.unix_ms ^ connection.rotate_left(32));
        let occasion = Occasion { monotonic: now.monotonic, unix_ms: now.unix_ms, entropy };
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let (token, name) = (given(token), given(name));
        let result = self.shared.authenticator.authenticate(occasion, token.as_deref(), name.as_deref());
        match result {
            Ok(identity) => {
                // Who only watches has no seat; how many do, the lobby hears once a second.
                if !spectates {
                    self.is_of(connection, &identity.user);
                }
                Ok(Identity { user: identity.user.as_str().into(), name: (*identity.name).into() })
            }
            Err(chat::hub::AuthError::BadHello(why)) => Err(AuthError::BadHello(why)),
            Err(chat::hub::AuthError::Unauthorized(why)) => Err(AuthError::Unauthorized(why)),
        }
    }

    // === time ===

    /// Sets the timer to when the host wants to be called.
    fn arm(&self) {
        let due = self.host.borrow().poll_timeout();
        if let (Some(due), Some(timer)) = (due, &self.timer)
            && self.timer_at.get() != Some(due)
        {
            self.timer_at.set(Some(due));
            timer.set(due.saturating_sub(net::now()));
        }
    }

    async fn tick_is_due(&self) {
        match &self.timer {
            Some(timer) => timer.wait().await,
            None => tokio::time::sleep(TICK_CHECK_INTERVAL).await,
        }
    }

    /// The worker's task: ticks first, then what arrives.
    async fn run(self: Rc<Self>) {
        let Some(inbox) = self.play().inboxes.get(usize::from(self.index)).cloned() else { return };
        let mut tell = tokio::time::interval(TELL_INTERVAL);
        tell.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = self.tick_is_due() => {
                    self.timer_at.set(None);
                    let now = net::now();
                    self.look_at_cpu(now);
                    self.host.borrow_mut().handle_timeout(now);
                    self.carry_out();
                }
                () = inbox.wait() => {
                    self.take_arrived();
                    self.carry_out();
                }
                () = self.news_came.notified() => {}
                _ = tell.tick() => self.tell(),
            }
            self.bring_news();
        }
    }

    /// Tells the host now and then how much CPU time this thread has used, for its load.
    fn look_at_cpu(&self, now: Duration) {
        if now < self.cpu_look.get() {
            return;
        }
        self.cpu_look.set(now + CPU_LOOK_INTERVAL);
        let used = clock_gettime(ClockId::ThreadCPUTime);
        let used = Duration::new(used.tv_sec.unsigned_abs(), used.tv_nsec as u32);
        self.host.borrow_mut().cpu_used(now, used);
    }

    /// Tells metrics and directory how the matches are, and ends those in which nobody is.
    fn tell(&self) {
        let now = net::now();
        let (stats, infos) = {
            let host = self.host.borrow();
            (host.stats(), host.matches())
        };
        let rung = stats.rung;
        let watched: Vec<(MatchId, u32)> =
            infos.iter().map(|info| (info.id.clone(), info.spectators)).collect();
        let empty_max = Duration::from_secs(EMPTY_MATCH_SECONDS);
        let empty = self.play().directory.update(now, self.index, &stats, infos, empty_max);
        if let Some(gauges) = self.play().gauges.get(usize::from(self.index)) {
            gauges.set(stats);
        }
        finding::tell(&self.shared, self.index, rung, &watched);
        // Who waits for a worker that has ended is told so.
        for (_, carried) in self.carried.borrow().iter() {
            if carried.pipe.give_up(now) {
                carried.wake.wake();
            }
        }
        for id in empty {
            self.host.borrow_mut().close_match(now, &id);
        }
        self.carry_out();
    }
}

/// What is said to somebody whose match is gone when the handshake is over.
pub(super) fn refusal(error: OpenError) -> (CloseCode, &'static str) {
    match error {
        // The match ended between the handshake and now.
        OpenError::UnknownMatch => (CloseCode::NORMAL, "the match is over"),
        OpenError::Full => {
            (CloseCode::new(close::FULL).unwrap_or(CloseCode::TRY_AGAIN_LATER), "the match is full")
        }
    }
}

/// A connection on another worker, as the host writes to it.
struct IntoPipe<'a> {
    worker: &'a PlayWorker,
    pipe: &'a Arc<Pipe>,
}

impl Sink for IntoPipe<'_> {
    fn is_clear(&self) -> bool {
        self.pipe.is_clear()
    }

    fn binary(&mut self, message: &[u8]) {
        if self.pipe.write(message) {
            self.worker.tell_carrier(self.pipe);
        }
    }
}

impl std::fmt::Debug for PlayWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlayWorker").field("index", &self.index).finish_non_exhaustive()
    }
}
