//! The ticks of all matches, and what the worker learns from what they cost.

use super::beat::{Beat, phase_of};
use super::connection::{MatchKey, Phase};
use super::costs::TickCost;
use super::{Effect, Ending, Host, close};
use crate::game::{Rate, Seat};
use crate::overload::{Rung, SPEED_FULL};
use crate::running::{Advanced, Trailed};
use crate::wire::Notice;
use std::time::Duration;

/// How often the overload ladder is told the load.
const LADDER_INTERVAL: Duration = Duration::from_millis(250);
/// One tick in so many that comes late, or finds no time at all, is a sign of an overload, whatever was measured.
const LATE_SHARE: u64 = 4;
/// A match that is being restored takes this part of its period for it in each.
const RESTORE_SHARE: u32 = 4;

impl Host {
    /// A match that slept ticks again from its next period on.
    pub(super) fn wake_match(&mut self, now: Duration, of: MatchKey) {
        let speed = self.ladder.speed();
        let Some(table) = &mut self.tables[of] else { return };
        if table.beat.is_some() || table.is_over {
            return;
        }
        let period = table.period();
        let wait = (table.phase + period).saturating_sub(phase_of(now, period));
        let wait = if wait >= period { wait - period } else { wait };
        table.beat = Some(Beat::new(now + wait, table.entry.ticks_per_second, speed));
        self.reschedule(of);
    }

    pub(super) fn reschedule(&mut self, of: MatchKey) {
        let Some(table) = &mut self.tables[of] else { return };
        let due = table.beat.as_ref().map(Beat::due);
        if let Some(before) = std::mem::replace(&mut table.scheduled, due) {
            self.schedule.remove(&(before, of));
        }
        self.schedule.extend(due.map(|due| (due, of)));
    }

    /// What share of the worker's time its matches need at full speed, and what it does beside them.
    pub(super) fn load(&self) -> f64 {
        let ticking = self.tables.iter().flatten().filter(|table| table.beat.is_some());
        let ticks = ticking.map(|table| table.recent.p95().as_secs_f64() / table.period().as_secs_f64());
        // A sum of nothing is a negative zero.
        ticks.sum::<f64>() + self.beside.share()
    }

    pub(super) fn observe_load(&mut self, now: Duration) {
        if now < self.ladder_due {
            return;
        }
        self.ladder_due = now + LADDER_INTERVAL;
        let (ticks, late) = std::mem::take(&mut self.ladder_ticks);
        let is_late = late > 0 && late * LATE_SHARE >= ticks;
        self.ladder.observe(now, self.load(), is_late);
    }

    /// One tick of one match.
    pub(super) fn tick(&mut self, now: Duration, of: MatchKey) {
        let begin = self.time(now);
        let Some(table) = &mut self.tables[of] else { return };
        let Some(beat) = table.beat else { return };
        let lateness = begin.saturating_sub(beat.due());
        self.counts.times.lateness.add(lateness);
        let is_late = u64::from(lateness > beat.period() / 2);
        self.counts.late_ticks += is_late;
        self.ladder_ticks.1 += is_late;
        self.settle_cost(of);
        if self.tables[of].as_ref().is_some_and(|table| table.is_over) {
            return self.run_out(now, begin, of);
        }
        let before = self.tables[of].as_ref().map_or(0, |table| table.game.tick());
        let advanced = self.advance(now, of);
        let is_new = self.judge(now, of, before, advanced);
        self.record(of);
        let outcome = self.tables[of].as_ref().is_some_and(|table| table.game.outcome().is_some());
        let trailed = self.trail(now, of);
        if outcome {
            self.finish(now, of, Ending::Over);
        }
        self.decide_receivers(now, of, is_new && !outcome, trailed);
        self.pass_beat(begin, of);
    }

    /// Brings what spectators see to the tick that they are to see. Those for whom that failed are sent away.
    fn trail(&mut self, now: Duration, of: MatchKey) -> Trailed {
        let begin = (self.clock)();
        let Some(table) = &mut self.tables[of] else { return Trailed::Nothing };
        let budget = table.period() / RESTORE_SHARE;
        let trailed = table.game.trail(table.is_over, &self.clock, budget);
        table.cost.step += (self.clock)().saturating_sub(begin);
        if trailed == Trailed::Failed {
            self.counts.failures += 1;
            self.dismiss_watchers(now, of, close::FAILED, "the game failed");
        }
        trailed
    }

    /// The match is over, and those who watch it late see one more tick of its last seconds.
    fn run_out(&mut self, now: Duration, begin: Duration, of: MatchKey) {
        let trailed = self.trail(now, of);
        let Some(table) = &mut self.tables[of] else { return };
        let is_seen = table.game.shown(Seat::Spectator) >= table.game.tick();
        if trailed == Trailed::Behind || trailed == Trailed::There && !is_seen {
            self.decide_receivers(now, of, false, trailed);
            return self.pass_beat(begin, of);
        }
        table.beat = None;
        self.reschedule(of);
        self.dismiss_watchers(now, of, close::DONE, "the match is over");
    }

    /// Sends all spectators home, once they have been shown what there is.
    fn dismiss_watchers(&mut self, now: Duration, of: MatchKey, code: u16, reason: &'static str) {
        let Some(table) = &self.tables[of] else { return };
        for id in table.receivers.clone() {
            if let Some(connection) = self.connections.get_mut(id)
                && connection.phase == Phase::Watching
            {
                connection.is_due = code == close::DONE;
                self.say_farewell(now, id, code, reason);
            }
        }
    }

    /// The tick before is over: what it cost is known.
    fn settle_cost(&mut self, of: MatchKey) {
        let Some(table) = &mut self.tables[of] else { return };
        let cost = std::mem::take(&mut table.cost);
        if cost != TickCost::default() || table.game.tick() > 0 {
            self.counts.times.add(&cost);
            table.recent.add(cost.sum());
            table.ticks_cost.add(cost.sum());
        }
        table.cost_before = cost;
    }

    fn advance(&mut self, now: Duration, of: MatchKey) -> Advanced {
        let begin = (self.clock)();
        let Some(table) = &mut self.tables[of] else { return Advanced::Broken };
        if !table.game.is_well() {
            let budget = table.period() / RESTORE_SHARE;
            let advanced = table.game.restore(&self.clock, budget);
            table.cost.step += (self.clock)().saturating_sub(begin);
            return advanced;
        }
        self.change_places(now, of);
        self.drive_bots(of);
        let middle = (self.clock)();
        let Some(table) = &mut self.tables[of] else { return Advanced::Broken };
        let (advanced, used) = table.game.step();
        table.cost.input += middle.saturating_sub(begin);
        table.cost.step += (self.clock)().saturating_sub(middle);
        self.counts.commands += u64::from(used);
        advanced
    }

    /// What follows from a tick's fate. `before` is the tick that was the latest. Returns whether there is something new to
    /// show.
    fn judge(&mut self, now: Duration, of: MatchKey, before: u32, advanced: Advanced) -> bool {
        let Some(table) = &mut self.tables[of] else { return false };
        self.counts.failures += u64::from(table.game.take_failures());
        match advanced {
            Advanced::Stepped => {
                self.counts.ticks += 1;
                self.ladder_ticks.0 += 1;
                true
            }
            Advanced::Restoring => false,
            Advanced::Restored => {
                self.counts.restored += 1;
                let is_new = table.game.tick() > before;
                let is_late = table.game.is_late(Seat::Spectator);
                for id in table.receivers.clone() {
                    if let Some(connection) = self.connections.get_mut(id)
                        && !(is_late && connection.phase == Phase::Watching)
                    {
                        connection.flow.begin(before);
                        connection.is_due = false;
                    }
                }
                self.notify_all(of, Notice::Restored, "the match was restored after an error");
                is_new
            }
            Advanced::Broken => {
                self.counts.broken += 1;
                self.finish(now, of, Ending::Broken);
                false
            }
        }
    }

    fn record(&mut self, of: MatchKey) {
        let Some(table) = &mut self.tables[of] else { return };
        let bytes = table.game.take_record();
        if !bytes.is_empty() {
            self.effects.push_back(Effect::Record { id: table.id.clone(), bytes, is_last: false });
        }
    }

    /// Decides who is sent a new tick, and who is not because those before are still under way. Players see the latest, if
    /// it `is_new`; spectators perhaps an earlier one.
    fn decide_receivers(&mut self, now: Duration, of: MatchKey, is_new: bool, trailed: Trailed) {
        let Some(table) = &self.tables[of] else { return };
        let (period, rung) = (table.period(), self.ladder.rung());
        let latest = is_new.then(|| table.game.tick());
        let watched = if table.game.is_late(Seat::Spectator) {
            (trailed == Trailed::There).then(|| table.game.shown(Seat::Spectator))
        } else {
            latest
        };
        let slow_ticks = table.entry.ticks_per_second;
        for id in table.receivers.clone() {
            let Some(connection) = self.connections.get_mut(id) else { continue };
            let is_watching = connection.phase == Phase::Watching;
            let tick = if is_watching { watched } else { latest };
            let Some(tick) = tick.filter(|tick| *tick > connection.flow.last_sent()) else { continue };
            let stalled = connection.flow.stalled(now);
            if stalled >= self.limits.stalled_after {
                self.close(now, id, close::STALLED, "no snapshot was acknowledged for too long");
                continue;
            }
            connection.rate = if connection.is_hidden
                || stalled >= self.limits.slow_after
                || (is_watching && rung >= Rung::SlowSpectators)
            {
                Rate::Slow
            } else if rung >= Rung::HalfRate {
                Rate::Half
            } else {
                Rate::Full
            };
            let since = tick.saturating_sub(connection.flow.last_sent());
            let is_turn = match connection.rate {
                Rate::Full => true,
                // Half of the connections in each tick, so that ticks cost the same.
                Rate::Half => since > 1 && (tick ^ id as u32) & 1 == 0,
                Rate::Slow => since >= slow_ticks,
            };
            if !is_turn && !connection.flow.is_fresh() {
                continue;
            }
            let is_open =
                connection.rate == Rate::Slow || connection.flow.is_open(tick, period, &self.limits);
            if connection.is_due || !is_open {
                self.counts.snapshots_skipped += 1;
                connection.flow.refused(now);
            }
            if is_open {
                connection.is_due = true;
                self.wake(id);
            }
        }
    }

    /// Sets the next deadline, or lets the match sleep.
    fn pass_beat(&mut self, begin: Duration, of: MatchKey) {
        let speed = self.ladder.speed();
        let Some(table) = &mut self.tables[of] else { return };
        let is_idle = table.spec.sleeps && table.is_deserted();
        let Some(beat) = &mut table.beat else { return };
        let dropped = beat.pass(begin);
        self.counts.dropped_ticks += dropped;
        self.ladder_ticks.1 += dropped;
        beat.set_speed(speed.min(SPEED_FULL));
        if is_idle {
            table.beat = None;
        }
        self.reschedule(of);
    }
}
