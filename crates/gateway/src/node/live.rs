//! The configuration in force, compiled, and how workers see that there is a newer one.
//!
//! A reload makes a new [`Live`] and puts it in the place of the old one. A worker looks at a number before each new
//! connection, and takes the new one only if the number is another. Who is connected keeps what it began with.

use crate::config::{Config, Listener};
use crate::routing::Router;
use crate::stream::StreamOptions;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// One configuration, ready for use.
#[derive(Debug)]
pub struct Live {
    /// The configuration.
    pub config: Config,
    /// Its routes and pools.
    pub router: Arc<Router>,
    /// Listeners by their mark: see [`net::NewListener::mark`].
    pub listeners: BTreeMap<u32, Place>,
}

/// A listener as connections see it.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its name.
    pub name: Arc<str>,
    /// Its configuration.
    pub listener: Arc<Listener>,
    /// The same for sessions in stream mode.
    pub stream: Arc<StreamOptions>,
}

impl Live {
    /// Compiles a checked configuration. `previous` gives on what outlives configurations, and `listeners` are the names and
    /// values of what listens, by mark.
    pub(crate) fn new(
        config: Config,
        previous: Option<&Self>,
        listeners: BTreeMap<u32, (Arc<str>, Arc<Listener>)>,
    ) -> Self {
        let router = Arc::new(Router::new(&config, previous.map(|live| &*live.router)));
        let place = |(mark, (name, listener)): (u32, (Arc<str>, Arc<Listener>))| {
            let stream = StreamOptions::new(Arc::clone(&name), Arc::clone(&listener), &router);
            (mark, Place { name, listener, stream: Arc::new(stream) })
        };
        let listeners = listeners.into_iter().map(place).collect();
        Self { config, router, listeners }
    }
}

/// The configuration that new connections get.
#[derive(Debug)]
pub struct Current {
    live: RwLock<Arc<Live>>,
    generation: AtomicU64,
}

impl Current {
    pub(crate) fn new(live: Live) -> Self {
        Self { live: RwLock::new(Arc::new(live)), generation: AtomicU64::new(1) }
    }

    /// What is in force.
    pub fn get(&self) -> Arc<Live> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another one in force, for connections that come from now on.
    pub(crate) fn set(&self, live: Live) {
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(live);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// How many there have been.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}

/// A worker's view of [`Current`].
#[derive(Debug)]
pub struct View {
    current: Arc<Current>,
    seen: RefCell<(u64, Arc<Live>)>,
}

impl View {
    /// Looks at it from this thread.
    pub fn new(current: &Arc<Current>) -> Self {
        let seen = RefCell::new((current.generation(), current.get()));
        Self { current: Arc::clone(current), seen }
    }

    /// What is in force.
    pub fn live(&self) -> Arc<Live> {
        let mut seen = self.seen.borrow_mut();
        let generation = self.current.generation();
        if seen.0 != generation {
            // Read after the number, so it is at least as new; if it is newer, the next look takes it again.
            *seen = (generation, self.current.get());
        }
        Arc::clone(&seen.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(workers: usize) -> Live {
        Live::new(Config { workers, ..Config::default() }, None, BTreeMap::new())
    }

    #[test]
    fn a_view_sees_the_newest_and_what_was_taken_before_stays_as_it_was() {
        let current = Arc::new(Current::new(live(1)));
        let view = View::new(&current);
        let before = view.live();
        current.set(live(2));
        assert_eq!((before.config.workers, view.live().config.workers), (1, 2));
        assert!(Arc::ptr_eq(&view.live(), &view.live()), "without a change nothing is taken again");
    }
}
