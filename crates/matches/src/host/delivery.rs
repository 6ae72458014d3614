//! What connections are sent.

use super::connection::{Connection, Phase, key};
use super::table::Table;
use super::{Host, Sink};
use crate::ids::ConnectionId;
use crate::wire::{HeaderChange, Roster, SPECTATOR_SLOT, ServerMessage, SnapshotHeader, Welcome};
use std::time::Duration;

/// From telling the cost of a tick to telling it again.
const COST_TICKS: u32 = 8;

impl Host {
    /// Writes what this connection is due: messages of its own, and the newest snapshot if it can take one. Nothing waits
    /// after it but what will be announced by another [`Effect::Wake`](super::Effect::Wake), or by the sink being clear again.
    pub fn transmit(&mut self, now: Duration, id: ConnectionId, sink: &mut dyn Sink) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        connection.is_woken = false;
        // What was given before has to leave first: so nothing piles up for those who do not read.
        if connection.phase == Phase::Closing || !sink.is_clear() {
            return;
        }
        let Some(table) = &mut self.tables[connection.of] else { return };
        if let Some(is_return) = connection.welcome.take() {
            sink.binary(&welcome(connection, table, is_return));
        }
        if matches!(connection.phase, Phase::Playing(_) | Phase::Watching)
            && connection.roster_seen < table.roster_version()
        {
            let (count, entries, version) = table.roster_since(connection.roster_seen);
            connection.roster_seen = version;
            sink.binary(&ServerMessage::Roster(Roster::new(count, &entries)).to_bytes());
        }
        if let Some(time) = connection.ping.take() {
            sink.binary(&pong(now, connection, table, time).to_bytes());
        }
        while let Some((kind, text)) = connection.notices.pop_front() {
            sink.binary(&ServerMessage::Notice(kind, &text).to_bytes());
        }
        if connection.is_due {
            self.transmit_snapshot(now, id, sink);
        }
        self.transmit_end(now, id, sink);
    }

    fn transmit_snapshot(&mut self, now: Duration, id: ConnectionId, sink: &mut dyn Sink) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let Some(table) = &mut self.tables[connection.of] else { return };
        let tick = table.game.shown(connection.seat());
        if tick <= connection.flow.last_sent() {
            connection.is_due = false;
            return;
        }
        let begin = (self.clock)();
        let period = table.period();
        let place = connection.slot().and_then(|slot| table.place(slot));
        let before = connection.flow.header;
        let header = SnapshotHeader {
            tick,
            applied: connection.slot().map_or(0, |slot| table.game.applied(slot)),
            margin: place.map_or(0, |place| place.margin),
            speed: self.ladder.speed(),
            cost: percent(table.cost_before.sum(), period),
        };
        let header = steady_cost(header, before.as_ref(), id);
        self.scratch.clear();
        HeaderChange::between(before.as_ref(), &header).write(&mut self.scratch);
        if !table.game.snapshot(key(id), connection.rate, &mut self.scratch) {
            // The match is being restored: there will be a new snapshot after that.
            return;
        }
        connection.is_due = false;
        let middle = (self.clock)();
        sink.binary(&self.scratch);
        connection.flow.sent(now, tick);
        connection.flow.header = Some(header);
        table.cost.encode += middle.saturating_sub(begin);
        table.cost.send += (self.clock)().saturating_sub(middle);
        self.counts.snapshots += 1;
        self.counts.snapshot_bytes += self.scratch.len() as u64;
    }

    /// The result, and the close that follows it.
    fn transmit_end(&mut self, now: Duration, id: ConnectionId, sink: &mut dyn Sink) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let Some((code, reason)) = connection.farewell else { return };
        if let Some(end) = self.tables[connection.of].as_ref().and_then(|table| table.end.as_ref()) {
            sink.binary(end);
        }
        self.close(now, id, code, reason);
    }
}

fn welcome(connection: &Connection, table: &mut Table, is_return: bool) -> Vec<u8> {
    let mut introduction = Vec::new();
    table.game.introduce(&mut introduction);
    let slot = connection.slot();
    let resume = slot.and_then(|slot| table.place(slot)).map_or(connection.entropy, |place| place.secret);
    ServerMessage::Welcome(Welcome {
        is_spectator: slot.is_none(),
        is_return,
        slot: slot.unwrap_or(SPECTATOR_SLOT),
        rate: table.entry.ticks_per_second as u8,
        tick: table.game.shown(connection.seat()),
        seed: table.spec.setup.seed,
        simulation: table.entry.version,
        resume: &resume,
        game: table.entry.name,
        id: table.id.as_str(),
        introduction: &introduction,
    })
    .to_bytes()
}

fn pong(now: Duration, connection: &Connection, table: &Table, time: u32) -> ServerMessage<'static> {
    let passed = table.beat.map_or(0, |beat| {
        let (left, period) = (beat.due().saturating_sub(now).as_nanos(), beat.period().as_nanos().max(1));
        65_535 - (left * 65_535 / period).min(65_535)
    });
    ServerMessage::Pong { time, tick: table.game.shown(connection.seat()), phase: passed as u16 }
}

/// Leaves the cost as it was told, except now and then: it changes with each tick, and nobody reads it so fast.
fn steady_cost(header: SnapshotHeader, before: Option<&SnapshotHeader>, id: ConnectionId) -> SnapshotHeader {
    match before {
        Some(before)
            if before.speed == header.speed
                && header.tick.wrapping_sub(before.tick) < COST_TICKS
                // Not all in the same tick; and those who get every second tick all the same.
                && !(header.tick ^ id as u32).is_multiple_of(COST_TICKS) =>
        {
            SnapshotHeader { cost: before.cost, ..header }
        }
        _ => header,
    }
}

fn percent(part: Duration, whole: Duration) -> u8 {
    (part.as_nanos() * 100 / whole.as_nanos().max(1)).min(255) as u8
}
