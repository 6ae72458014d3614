//! One backend's state.

use super::{FAILURES_APART_MAX, Happened, Report, Status};
use crate::backend::{Backend, SHARE_FULL};
use crate::config;
use crate::config::Probe;
use std::sync::Arc;
use std::time::Duration;

/// A backend that starts slowly begins with this share; with less it would get nothing at all to warm up with.
pub(super) const SHARE_FIRST: u32 = SHARE_FULL / 20;

/// A slow start has so many steps.
const STEPS: u32 = 20;

/// New backends are asked within this time, so that many of them are not asked at once.
const FIRST_PROBES: Duration = Duration::from_secs(1);

/// Least time between two words of one backend's not being ejected.
const TOLD_APART: Duration = Duration::from_secs(1);

/// Ejections in a row that still make the next one longer.
const EJECTIONS_MAX: u32 = 16;

/// What probes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody has asked yet. It is used, but the first bad answer takes it out.
    Unknown,
    /// It is well.
    Up,
    /// It is not.
    Down,
}

#[derive(Debug)]
pub(super) struct Watched {
    pub(super) backend: Arc<Backend>,
    verdict: Verdict,
    /// Answers in a row that speak against the verdict.
    against: u32,
    probe_at: Option<Duration>,
    /// An answer that is not there by then is a bad one, even if the shell never says so.
    answer_by: Option<Duration>,
    failures: u32,
    failed_at: Duration,
    ejected_until: Option<Duration>,
    ejections: u32,
    /// The end of the last ejection, and how long it was.
    returned: Option<(Duration, Duration)>,
    /// Until when nobody is told again that it was not ejected: with one backend that is all the time.
    quiet_until: Duration,
    drained: bool,
    /// Since when it is used again, while its slow start lasts.
    warming_since: Option<Duration>,
    share: u32,
}

/// A moment between 9/10 of a time and all of it.
fn jittered(time: Duration, entropy: u64) -> Duration {
    time - spread(time / 10, entropy)
}

/// A moment between nothing and a time.
fn spread(time: Duration, entropy: u64) -> Duration {
    let part = u32::try_from(entropy % 1024).unwrap_or(0);
    time * part / 1024
}

impl Watched {
    pub(super) fn new(backend: &Arc<Backend>, config: &config::Health, now: Duration, entropy: u64) -> Self {
        let mut new = Self {
            backend: Arc::clone(backend),
            verdict: Verdict::Unknown,
            against: 0,
            probe_at: None,
            answer_by: None,
            failures: 0,
            failed_at: now,
            ejected_until: None,
            ejections: 0,
            returned: None,
            quiet_until: Duration::ZERO,
            drained: false,
            warming_since: None,
            share: backend.share(),
        };
        new.schedule_first(config, now, entropy);
        new
    }

    pub(super) fn reconfigure(
        &mut self,
        config: &config::Health,
        probing_is_new: bool,
        now: Duration,
        entropy: u64,
    ) {
        if probing_is_new {
            // What another probe has said does not hold, and its answer, if one is under way, is nobody's.
            (self.verdict, self.against, self.answer_by) = (Verdict::Unknown, 0, None);
            self.schedule_first(config, now, entropy);
        } else if let Some(at) = &mut self.probe_at {
            *at = (*at).min(now.saturating_add(config.interval));
        }
    }

    fn schedule_first(&mut self, config: &config::Health, now: Duration, entropy: u64) {
        let name = crate::routing::hash_of(&self.backend.name);
        let within = FIRST_PROBES.min(config.interval);
        self.probe_at =
            (config.probe != Probe::None).then(|| now.saturating_add(spread(within, entropy ^ name)));
    }

    // === Probes ===

    /// Whether a probe begins now.
    pub(super) fn starts_probe(&mut self, config: &config::Health, now: Duration) -> bool {
        let due = self.answer_by.is_none() && self.probe_at.is_some_and(|at| at <= now);
        if due {
            self.probe_at = None;
            // The shell has the same timeout; what comes a moment later is still an answer.
            self.answer_by = Some(now.saturating_add(config.timeout * 2));
        }
        due
    }

    pub(super) fn probe_overdue(
        &mut self,
        config: &config::Health,
        now: Duration,
        entropy: u64,
    ) -> Option<Happened> {
        let overdue = self.answer_by.is_some_and(|by| by <= now);
        if overdue { self.probed(config, false, now, entropy) } else { None }
    }

    pub(super) fn probed(
        &mut self,
        config: &config::Health,
        well: bool,
        now: Duration,
        entropy: u64,
    ) -> Option<Happened> {
        self.answer_by.take()?;
        let name = crate::routing::hash_of(&self.backend.name);
        self.probe_at = Some(now.saturating_add(jittered(config.interval, entropy ^ name)));
        let (agrees, needed) = match self.verdict {
            Verdict::Unknown => (false, 1),
            Verdict::Up => (well, config.fall),
            Verdict::Down => (!well, config.rise),
        };
        if agrees {
            self.against = 0;
            return None;
        }
        self.against += 1;
        if self.against < needed {
            return None;
        }
        self.against = 0;
        let before = std::mem::replace(&mut self.verdict, if well { Verdict::Up } else { Verdict::Down });
        match (before, self.verdict) {
            (Verdict::Down, Verdict::Up) => {
                self.warm_up(now);
                Some(Happened::Up)
            }
            (_, Verdict::Down) => Some(Happened::Down),
            // Who was used without having been asked goes on at full share.
            _ => Some(Happened::Up),
        }
    }

    // === Reports and ejection ===

    /// Whether it should be ejected.
    pub(super) fn reported(&mut self, config: &config::Health, report: Report, now: Duration) -> bool {
        if config.eject_after == 0 || self.ejected_until.is_some() {
            return false;
        }
        if !report.is_failure() {
            if report.is_good() {
                self.failures = 0;
            }
            return false;
        }
        if now.saturating_sub(self.failed_at) > FAILURES_APART_MAX {
            self.failures = 0;
        }
        self.failures += 1;
        self.failed_at = now;
        let enough = self.failures >= config.eject_after;
        if enough {
            self.failures = 0;
        }
        enough
    }

    pub(super) fn eject(&mut self, config: &config::Health, now: Duration) -> Duration {
        // Who has behaved for as long as the last ejection lasted begins anew.
        if self.returned.is_some_and(|(at, lasted)| now.saturating_sub(at) >= lasted) {
            self.ejections = 0;
        }
        let time = config.ejection.saturating_mul(1 << self.ejections).min(config.ejection_max);
        self.ejections = (self.ejections + 1).min(EJECTIONS_MAX);
        self.ejected_until = Some(now.saturating_add(time));
        self.returned = Some((now.saturating_add(time), time));
        time
    }

    /// It stays although it failed. Whether that is worth telling.
    pub(super) fn spare(&mut self, config: &config::Health, now: Duration) -> bool {
        let tells = now >= self.quiet_until;
        if tells {
            self.quiet_until = now.saturating_add(config.ejection.max(TOLD_APART));
        }
        tells
    }

    /// Whether its ejection ends now.
    pub(super) fn returns(&mut self, now: Duration) -> bool {
        let over = self.ejected_until.is_some_and(|until| until <= now);
        if over {
            self.end_ejection(now);
        }
        over
    }

    pub(super) fn end_ejection(&mut self, now: Duration) {
        self.ejected_until = None;
        if let Some((at, _)) = &mut self.returned {
            *at = now;
        }
        self.warm_up(now);
    }

    // === Drain, share ===

    pub(super) fn drain(&mut self, drained: bool, now: Duration) -> Option<Happened> {
        if std::mem::replace(&mut self.drained, drained) == drained {
            return None;
        }
        if drained {
            return Some(Happened::Drained);
        }
        self.warm_up(now);
        Some(Happened::Restored)
    }

    fn warm_up(&mut self, now: Duration) {
        self.warming_since = Some(now);
    }

    /// Its share, if it is another than before.
    pub(super) fn new_share(&mut self, config: &config::Health, now: Duration) -> Option<u32> {
        let share = if self.is_usable() { self.warmth(config, now) } else { 0 };
        (std::mem::replace(&mut self.share, share) != share).then_some(share)
    }

    fn warmth(&mut self, config: &config::Health, now: Duration) -> u32 {
        let Some(since) = self.warming_since else { return SHARE_FULL };
        let passed = now.saturating_sub(since).as_millis();
        let all = config.slow_start.as_millis();
        if passed >= all {
            self.warming_since = None;
            return SHARE_FULL;
        }
        // It rises in steps, as often as it is looked at.
        let step = passed * u128::from(STEPS) / all;
        SHARE_FIRST + (u128::from(SHARE_FULL - SHARE_FIRST) * step / u128::from(STEPS)) as u32
    }

    /// When something is to be done.
    pub(super) fn due(&self, config: &config::Health) -> Option<Duration> {
        let step = self.warming_since.filter(|_| self.is_usable()).map(|since| self.next_step(config, since));
        [self.answer_by, self.probe_at, self.ejected_until, step].into_iter().flatten().min()
    }

    /// The moment at which the share is next above what it is now.
    fn next_step(&self, config: &config::Health, since: Duration) -> Duration {
        let done = (1..=STEPS).find(|step| {
            let share = SHARE_FIRST + (SHARE_FULL - SHARE_FIRST) * step / STEPS;
            share > self.share
        });
        // One millisecond later it is past the border, whatever was rounded.
        since + config.slow_start * done.unwrap_or(STEPS) / STEPS + Duration::from_millis(1)
    }

    pub(super) fn is_ejected(&self) -> bool {
        self.ejected_until.is_some()
    }

    pub(super) fn is_drained(&self) -> bool {
        self.drained
    }

    pub(super) fn is_usable(&self) -> bool {
        self.verdict != Verdict::Down && !self.is_ejected() && !self.drained
    }

    pub(super) fn status(&self) -> Status {
        Status {
            verdict: self.verdict,
            ejected_until: self.ejected_until,
            drained: self.drained,
            share: self.share,
        }
    }
}
