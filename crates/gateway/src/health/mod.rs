//! Which backends may be used: probes, what connections tell, ejection and slow start.
//!
//! [`Health`] does nothing by itself. A shell calls [`Health::handle_timeout`] when [`Health::poll_timeout`] says, hands in
//! answers of probes and reports of connections, and after each of these carries out [`Health::poll_effect`] until there is
//! none left.
//!
//! A backend is used unless one of three says no. The *active* verdict comes from probes, with thresholds in both
//! directions. *Ejection* comes from what clients' connections met: failures in a row, with nothing good in between; it ends
//! by itself, lasts longer each time, and never takes more of a pool than it may, nor the last backend. *Drain* is an
//! operator's word. A backend that comes back gets its share little by little.

mod watched;

pub use watched::Verdict;

use crate::backend::Backend;
use crate::config;
use crate::routing::Router;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use watched::Watched;

/// Failures that are further apart than this are not in a row.
pub const FAILURES_APART_MAX: Duration = Duration::from_secs(60);

/// Reports between shells and the task that has [`Health`]: the size of their queue. What does not fit is dropped; under such
/// a flood those that fit say enough.
pub const REPORTS_MAX: usize = 4096;

/// What a connection tells about its backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// It could not be reached, or said nothing until the deadline.
    ConnectFailed,
    /// It took a WebSocket. That says nothing yet: a broken backend may take every one and end it at once with 1011.
    Opened,
    /// It answered a request with this status, or refused a handshake with it. 500 and above is its fault; all others are
    /// good signs.
    Answered(u16),
    /// It ended a WebSocket with this code; 1006 if without one. 1006 and 1011 are its fault; all others are good
    /// signs. 1002 is what it says of a client that breaks the rules, so that one would take it out for everybody.
    Closed(u16),
    /// A connection in stream mode was over, in order.
    Clean,
}

impl Report {
    /// Whether the backend did something wrong.
    pub fn is_failure(self) -> bool {
        match self {
            Self::ConnectFailed => true,
            Self::Answered(status) => status >= 500,
            Self::Closed(code) => matches!(code, 1006 | 1011),
            Self::Opened | Self::Clean => false,
        }
    }

    fn is_good(self) -> bool {
        !self.is_failure() && self != Self::Opened
    }
}

/// Something to do.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Ask it, and hand the answer to [`Health::handle_probe`].
    Probe {
        /// Whom.
        backend: Arc<Backend>,
        /// How.
        probe: config::Probe,
        /// How long an answer may take.
        timeout: Duration,
    },
    /// Call [`Backend::set_share`].
    Share {
        /// Whose.
        backend: Arc<Backend>,
        /// Of [`SHARE_FULL`](crate::backend::SHARE_FULL).
        share: u32,
    },
    /// Log it. After [`Happened::Down`] the matches of the backend are gone:
    /// [`Owners::gone`](crate::routing::Owners::gone).
    Event {
        /// Of whom.
        backend: Arc<Backend>,
        /// What.
        happened: Happened,
    },
}

/// What happened to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// Probes say that it is well.
    Up,
    /// Probes say that it is not.
    Down,
    /// Connections failed there; it gets no new ones for this long.
    Ejected(Duration),
    /// It would have been ejected, but too much of the pool is out already. Told once per ejection's length.
    NotEjected,
    /// Its ejection is over.
    Returned,
    /// An operator took it out.
    Drained,
    /// An operator brought it back.
    Restored,
}

/// What is known of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// What probes say.
    pub verdict: Verdict,
    /// Until when it is ejected.
    pub ejected_until: Option<Duration>,
    /// Whether an operator drains it.
    pub drained: bool,
    /// Its share, of [`SHARE_FULL`](crate::backend::SHARE_FULL).
    pub share: u32,
}

/// All pools' health.
#[derive(Debug, Default)]
pub struct Health {
    wards: BTreeMap<String, Ward>,
    effects: VecDeque<Effect>,
}

#[derive(Debug)]
struct Ward {
    config: config::Health,
    watched: Vec<Watched>,
}

impl Health {
    /// Watches the backends of a router, at the start and after each reload. Those that were watched before stay as they
    /// are; new ones may be used at once, and are probed first.
    pub fn update(&mut self, router: &Router, now: Duration, entropy: u64) {
        let mut old = std::mem::take(&mut self.wards);
        for pool in router.pools() {
            let config = pool.config.health.clone();
            let before = old.remove(&pool.name);
            let probing_is_new = before.as_ref().is_none_or(|ward| ward.config.probe != config.probe);
            let mut known = before.map_or_else(Vec::new, |ward| ward.watched);
            let mut watch = |backend: &Arc<Backend>| {
                let at = known.iter().position(|watched| Arc::ptr_eq(&watched.backend, backend));
                match at.map(|at| known.swap_remove(at)) {
                    Some(mut watched) => {
                        watched.reconfigure(&config, probing_is_new, now, entropy);
                        watched
                    }
                    None => Watched::new(backend, &config, now, entropy),
                }
            };
            let watched = pool.backends().iter().map(&mut watch).collect();
            self.wards.insert(pool.name.clone(), Ward { config, watched });
        }
        self.settle_all(now);
    }

    /// A probe was answered, or not. Answers that nobody waits for are ignored.
    pub fn handle_probe(&mut self, backend: &Arc<Backend>, well: bool, now: Duration, entropy: u64) {
        self.change(backend, now, |watched, config| watched.probed(config, well, now, entropy));
    }

    /// A connection tells something.
    pub fn handle_report(&mut self, backend: &Arc<Backend>, report: Report, now: Duration) {
        let Some(ward) = self.wards.get_mut(&backend.pool) else { return };
        let Some(at) = ward.position(backend) else { return };
        if !ward.watched[at].reported(&ward.config, report, now) {
            return;
        }
        let happened = if ward.may_eject(at) {
            let time = ward.watched[at].eject(&ward.config, now);
            Happened::Ejected(time)
        } else if ward.watched[at].spare(&ward.config, now) {
            Happened::NotEjected
        } else {
            return;
        };
        self.effects.push_back(Effect::Event { backend: Arc::clone(backend), happened });
        self.settle_pool(&backend.pool, now);
    }

    /// An operator takes a backend out. False if it is not known.
    pub fn drain(&mut self, backend: &Arc<Backend>, now: Duration) -> bool {
        self.change(backend, now, |watched, _| watched.drain(true, now))
    }

    /// An operator brings a backend back. False if it is not known.
    pub fn restore(&mut self, backend: &Arc<Backend>, now: Duration) -> bool {
        self.change(backend, now, |watched, _| watched.drain(false, now))
    }

    /// Whatever is due: probes, ends of ejections, steps of slow starts.
    pub fn handle_timeout(&mut self, now: Duration, entropy: u64) {
        for ward in self.wards.values_mut() {
            let Ward { config, watched } = ward;
            for watched in watched {
                if let Some(happened) = watched.probe_overdue(config, now, entropy) {
                    self.effects.push_back(Effect::Event { backend: Arc::clone(&watched.backend), happened });
                }
                if watched.starts_probe(config, now) {
                    let backend = Arc::clone(&watched.backend);
                    let (probe, timeout) = (config.probe.clone(), config.timeout);
                    self.effects.push_back(Effect::Probe { backend, probe, timeout });
                }
                if watched.returns(now) {
                    let backend = Arc::clone(&watched.backend);
                    self.effects.push_back(Effect::Event { backend, happened: Happened::Returned });
                }
            }
        }
        self.settle_all(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due next.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let due = |ward: &Ward| ward.watched.iter().filter_map(|watched| watched.due(&ward.config)).min();
        self.wards.values().filter_map(due).min()
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// What is known of a backend.
    pub fn status(&self, backend: &Arc<Backend>) -> Option<Status> {
        let ward = self.wards.get(&backend.pool)?;
        ward.position(backend).map(|at| ward.watched[at].status())
    }

    fn change(
        &mut self,
        backend: &Arc<Backend>,
        now: Duration,
        change: impl FnOnce(&mut Watched, &config::Health) -> Option<Happened>,
    ) -> bool {
        let Some(ward) = self.wards.get_mut(&backend.pool) else { return false };
        let Some(at) = ward.position(backend) else { return false };
        if let Some(happened) = change(&mut ward.watched[at], &ward.config) {
            self.effects.push_back(Effect::Event { backend: Arc::clone(backend), happened });
        }
        self.settle_pool(&backend.pool, now);
        true
    }

    fn settle_all(&mut self, now: Duration) {
        for ward in self.wards.values_mut() {
            ward.settle(&mut self.effects, now);
        }
    }

    fn settle_pool(&mut self, pool: &str, now: Duration) {
        if let Some(ward) = self.wards.get_mut(pool) {
            ward.settle(&mut self.effects, now);
        }
    }
}

impl Ward {
    fn position(&self, backend: &Arc<Backend>) -> Option<usize> {
        self.watched.iter().position(|watched| Arc::ptr_eq(&watched.backend, backend))
    }

    fn count(&self, which: impl Fn(&Watched) -> bool) -> usize {
        self.watched.iter().filter(|watched| which(watched)).count()
    }

    fn ejected_max(&self) -> usize {
        self.count(|watched| !watched.is_drained()) * self.config.ejected_percent_max as usize / 100
    }

    fn may_eject(&self, at: usize) -> bool {
        let others = self.count(Watched::is_usable) - usize::from(self.watched[at].is_usable());
        others > 0 && self.count(Watched::is_ejected) < self.ejected_max()
    }

    /// Keeps the floor, and tells the shares that have changed.
    fn settle(&mut self, effects: &mut VecDeque<Effect>, now: Duration) {
        // Ejection is a guess. When probes and operators have taken all the others, a backend that failed some connections
        // is better than none.
        while self.count(Watched::is_ejected) > 0
            && (self.count(Watched::is_usable) == 0 || self.count(Watched::is_ejected) > self.ejected_max())
        {
            let soonest = self.watched.iter_mut().filter(|watched| watched.is_ejected());
            let Some(watched) = soonest.min_by_key(|watched| watched.status().ejected_until) else { break };
            watched.end_ejection(now);
            effects.push_back(Effect::Event {
                backend: Arc::clone(&watched.backend),
                happened: Happened::Returned,
            });
        }
        for watched in &mut self.watched {
            if let Some(share) = watched.new_share(&self.config, now) {
                effects.push_back(Effect::Share { backend: Arc::clone(&watched.backend), share });
            }
        }
    }
}

#[cfg(test)]
mod tests;
