//! The hall that all workers share, and how its effects reach the connections of each.

use matches::classic::{ConnectionId, Effect, Hall};
use net::Wake;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use ws::CloseCode;

/// How often somebody looks for who is late.
const TIMER_INTERVAL: Duration = Duration::from_secs(1);
/// A connection's number begins with that of its worker; the rest is this many bits.
const NUMBER_BITS: u32 = 48;

/// What all workers share.
#[derive(Debug)]
pub(crate) struct ClassicShared {
    hall: Mutex<Hall>,
    /// One per worker, by index.
    bells: Vec<Bell>,
}

/// Effects for the connections of one worker. Bounded by the hall: it wakes a connection once until that takes its
/// messages, and closes it once.
#[derive(Debug, Default)]
struct Bell {
    effects: Mutex<Vec<Effect>>,
    rung: Notify,
}

/// The classic room on one worker.
pub(crate) struct ClassicWorker {
    index: usize,
    shared: Arc<ClassicShared>,
    wakes: RefCell<BTreeMap<ConnectionId, Wake>>,
    opened: Cell<u64>,
}

impl ClassicShared {
    pub(crate) fn new(workers: usize) -> Self {
        Self { hall: Mutex::default(), bells: (0..workers).map(|_| Bell::default()).collect() }
    }

    /// The hall, to look at. What changes it goes through [`ClassicWorker::with`].
    pub(crate) fn hall(&self) -> MutexGuard<'_, Hall> {
        lock(&self.hall)
    }
}

impl ClassicWorker {
    /// Makes the classic room of worker `index` and starts its task on the worker's runtime.
    pub(crate) fn start(index: usize, shared: &Arc<ClassicShared>) -> Rc<Self> {
        let (wakes, opened) = Default::default();
        let worker = Rc::new(Self { index, shared: Arc::clone(shared), wakes, opened });
        drop(tokio::task::spawn_local(Rc::clone(&worker).run()));
        worker
    }

    pub(crate) fn shared(&self) -> &ClassicShared {
        &self.shared
    }

    /// A number for a connection of this worker, at which `wake` reaches it.
    pub(super) fn enlist(&self, wake: Wake) -> ConnectionId {
        let number = self.opened.get();
        self.opened.set(number + 1);
        let id = (self.index as u64) << NUMBER_BITS | number;
        self.wakes.borrow_mut().insert(id, wake);
        id
    }

    pub(super) fn delist(&self, id: ConnectionId) {
        self.wakes.borrow_mut().remove(&id);
    }

    /// Does something with the hall and carries out what comes of it, on this worker and on others.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Hall) -> T) -> T {
        let mut hall = self.shared.hall();
        let result = act(&mut hall);
        let effects: Vec<Effect> = std::iter::from_fn(|| hall.poll_effect()).collect();
        drop(hall);
        for effect in effects {
            let (Effect::Wake(id) | Effect::Close { connection: id, .. }) = effect;
            let place = (id >> NUMBER_BITS) as usize;
            if place == self.index {
                self.carry_out(&effect);
            } else if let Some(bell) = self.shared.bells.get(place) {
                lock(&bell.effects).push(effect);
                bell.rung.notify_one();
            }
        }
        result
    }

    fn carry_out(&self, effect: &Effect) {
        let (Effect::Wake(id) | Effect::Close { connection: id, .. }) = effect;
        let wakes = self.wakes.borrow();
        let Some(wake) = wakes.get(id) else { return };
        match effect {
            Effect::Wake(_) => wake.wake(),
            Effect::Close { code, reason, .. } => {
                wake.close(CloseCode::new(*code).unwrap_or(CloseCode::POLICY_VIOLATION), reason);
            }
        }
    }

    /// What other workers want of connections here. The first worker also keeps the time.
    async fn run(self: Rc<Self>) {
        let Some(bell) = self.shared.bells.get(self.index) else { return };
        let mut timer = tokio::time::interval(TIMER_INTERVAL);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = bell.rung.notified() => {
                    let effects = std::mem::take(&mut *lock(&bell.effects));
                    effects.iter().for_each(|effect| self.carry_out(effect));
                }
                _ = timer.tick(), if self.index == 0 => self.with(|hall| hall.handle_timeout(net::now())),
            }
        }
    }
}

/// Neither the hall nor a bell is ever left half changed by what could panic, so what a panic left behind is used.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for ClassicWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClassicWorker").field("index", &self.index).finish_non_exhaustive()
    }
}
