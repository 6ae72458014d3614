//! What clients say.

use super::connection::{Phase, Wants};
use super::{AuthError, Effect, Host, Identity};
use crate::ids::ConnectionId;
use crate::queue::Unfit;
use crate::wire::{ClientMessage, Hello, Input, close};
use std::time::Duration;

impl Host {
    /// A binary message came.
    pub fn receive(&mut self, now: Duration, id: ConnectionId, message: &[u8]) {
        let begin = (self.clock)();
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.phase == Phase::Closing || connection.farewell.is_some() {
            return;
        }
        let of = connection.of;
        if !connection.messages.take(now) {
            return self.close(now, id, close::TOO_MANY, "far too many messages");
        }
        if message.len() > self.limits.message_bytes_max {
            return self.close(now, id, close::BAD_MESSAGE, "the message is too long");
        }
        match ClientMessage::read(message) {
            Ok(message) => self.take_message(now, id, &message),
            Err(bad) => self.close(now, id, close::BAD_MESSAGE, bad.0),
        }
        if let Some(table) = &mut self.tables[of] {
            table.cost.input += (self.clock)().saturating_sub(begin);
        }
    }

    /// A text message came: the protocol has none, so the connection is closed with 1003.
    pub fn receive_text(&mut self, now: Duration, id: ConnectionId) {
        self.close(now, id, close::TEXT, "this protocol has no text messages");
    }

    /// The shell checked a `hello`.
    pub fn authenticated(&mut self, now: Duration, id: ConnectionId, result: Result<Identity, AuthError>) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.phase != Phase::Authenticating || connection.farewell.is_some() {
            return;
        }
        let identity = match result {
            Ok(identity) => identity,
            Err(AuthError::BadHello(reason)) => return self.close(now, id, close::BAD_MESSAGE, reason),
            Err(AuthError::Unauthorized(reason)) => return self.close(now, id, close::UNAUTHORIZED, reason),
        };
        if let Some(wants) = &mut connection.wants {
            wants.user = identity.user;
            wants.name = identity.name;
        }
        connection.phase = Phase::Joining;
        let of = connection.of;
        self.set_deadline(id, None);
        if let Some(table) = &mut self.tables[of] {
            table.joining.push_back(id);
            self.wake_match(now, of);
        }
    }

    fn take_message(&mut self, now: Duration, id: ConnectionId, message: &ClientMessage<'_>) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        match (connection.phase, message) {
            (Phase::AwaitHello, ClientMessage::Hello(hello)) => self.hello(id, hello),
            (Phase::AwaitHello, _) => {
                self.close(now, id, close::BAD_MESSAGE, "the first message must be hello")
            }
            (_, ClientMessage::Hello(_)) => {
                self.close(now, id, close::BAD_MESSAGE, "hello came a second time")
            }
            (Phase::Playing(_) | Phase::Watching, ClientMessage::Ping { time }) => {
                connection.ping = Some(*time);
                self.wake(id);
            }
            (_, ClientMessage::Pace { is_hidden }) => connection.is_hidden = *is_hidden,
            (Phase::Playing(_) | Phase::Watching, ClientMessage::Input(input)) => self.input(now, id, input),
            (Phase::Watching, ClientMessage::Watch(what)) => {
                let of = connection.of;
                if let Some(table) = &mut self.tables[of] {
                    table.game.watch(super::key(id), what);
                }
            }
            (phase, ClientMessage::Leave) => {
                if let Phase::Playing(slot) = phase
                    && let Some(place) =
                        self.tables[connection.of].as_mut().and_then(|table| table.place_mut(slot))
                {
                    place.is_leaving = true;
                }
                self.close(now, id, close::DONE, "left");
            }
            // What a client says before it is welcome, or to watch while it plays, changes nothing.
            (_, ClientMessage::Input(_) | ClientMessage::Watch(_) | ClientMessage::Ping { .. }) => {}
        }
    }

    fn hello(&mut self, id: ConnectionId, hello: &Hello<'_>) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        connection.phase = Phase::Authenticating;
        connection.wants = Some(Box::new(Wants::new(hello)));
        self.effects.push_back(Effect::Authenticate {
            connection: id,
            token: hello.token.into(),
            name: hello.name.into(),
            spectates: hello.spectates,
        });
    }

    fn input(&mut self, now: Duration, id: ConnectionId, input: &Input<'_>) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        connection.flow.acknowledge(now, input.acknowledged);
        let (of, slot, rtt) = (connection.of, connection.slot(), connection.flow.rtt());
        let Some(table) = &mut self.tables[of] else { return };
        let commands = match input.split(table.entry.command_bytes) {
            Ok(commands) => commands,
            Err(bad) => return self.close(now, id, close::BAD_MESSAGE, bad.0),
        };
        let Some(slot) = slot else {
            if input.count > 0 {
                self.close(now, id, close::BAD_MESSAGE, "a spectator has no commands");
            }
            return;
        };
        let next = table.game.tick() + 1;
        let rewind_max = rewind_eighths_max(rtt, table.period(), &self.limits);
        for ((tick, bytes), after) in commands.zip((0..input.count).rev()) {
            let Some(place) = table.places.get_mut(usize::from(slot)).and_then(Option::as_mut) else {
                return;
            };
            if !place.commands.take(now) {
                self.counts.refused.rate += 1;
                continue;
            }
            let rewind = rewind_eighths(input.view, tick.max(next), after);
            self.counts.refused.clamped_views += u64::from(rewind > rewind_max.into());
            let rewind = rewind.min(rewind_max.into()) as u8;
            match table.game.offer(slot, tick, bytes, rewind) {
                Ok(Ok(())) => {}
                Ok(Err(Unfit::Repeated)) => self.counts.refused.repeated += 1,
                Ok(Err(Unfit::Future)) => self.counts.refused.future += 1,
                Err(bad) => return self.close(now, id, close::BAD_MESSAGE, bad.0),
            }
        }
        if input.count > 0
            && let Some(beat) = table.beat
        {
            let last = input.first + u32::from(input.count) - 1;
            let margin = margin_eighths(now, beat.due_after(last.saturating_sub(next)), beat.period());
            let late = i64::from(next.saturating_sub(last)) * 8;
            if let Some(place) = table.place_mut(slot) {
                place.margin = (margin - late).clamp(-128, 127) as i8;
            }
        }
    }
}

/// How far a command looks back from the tick in which it is used, in eighths of a tick. `view` is what was seen at the
/// last command of its message, and `after` says how many commands come after this one. A view of 0 looks at the present.
fn rewind_eighths(view: u32, tick: u32, after: u8) -> u64 {
    if view == 0 {
        return 0;
    }
    let view = u64::from(view).saturating_sub(u64::from(after) * 8);
    (u64::from(tick) * 8).saturating_sub(view)
}

/// How far this client can have looked back honestly: what it was sent took half the measured round trip, its command
/// the other half, and it may wait for interpolation and its tick. Never more than the rules allow.
fn rewind_eighths_max(rtt: Option<Duration>, period: Duration, limits: &super::Limits) -> u8 {
    let eighth = (period / 8).as_nanos().max(1);
    let rtt = rtt.unwrap_or_default().as_nanos() / eighth;
    let honest = rtt + u128::from(limits.view_allowance_ticks) * 8;
    honest.min(limits.rewind_max.as_nanos() / eighth).min(255) as u8
}

/// How long before `due` it is, in eighths of a period; negative after it.
fn margin_eighths(now: Duration, due: Duration, period: Duration) -> i64 {
    let eighths = |time: Duration| (time.as_nanos() * 8 / period.as_nanos().max(1)).min(1 << 20) as i64;
    if due >= now { eighths(due - now) } else { -eighths(now - due) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_nanos(33_333_333);

    #[test]
    fn m8_rewind_is_counted_from_the_tick_that_uses_the_command() {
        assert_eq!(rewind_eighths(100 * 8, 103, 0), 24);
        assert_eq!(rewind_eighths(100 * 8, 102, 1), 24, "the command before saw a tick less");
        assert_eq!(rewind_eighths(100 * 8 + 4, 103, 0), 20);
        assert_eq!(rewind_eighths(200 * 8, 103, 0), 0, "the future cannot be seen");
        assert_eq!(rewind_eighths(0, 103, 0), 0);
        assert_eq!(rewind_eighths(1, u32::MAX, 7), u64::from(u32::MAX) * 8);
    }

    #[test]
    fn m8_rewind_is_bounded_by_what_was_measured_and_by_200_ms() {
        let limits = crate::host::Limits::default();
        assert_eq!(rewind_eighths_max(None, PERIOD, &limits), 32);
        assert_eq!(rewind_eighths_max(Some(Duration::from_millis(34)), PERIOD, &limits), 40);
        assert_eq!(rewind_eighths_max(Some(Duration::from_millis(100)), PERIOD, &limits), 48);
        assert_eq!(rewind_eighths_max(Some(Duration::from_secs(3600)), PERIOD, &limits), 48);
    }

    #[test]
    fn margins_are_eighths_of_a_tick() {
        let due = Duration::from_millis(1000);
        assert_eq!(margin_eighths(due - PERIOD, due, PERIOD), 8);
        assert_eq!(margin_eighths(due + PERIOD / 2, due, PERIOD), -3);
    }
}
