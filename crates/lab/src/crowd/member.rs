//! One player's connection: passes messages between the network and the player, and writes the book.

use super::colyseus::Guest;
use super::stage::Stage;
use crate::play::{Applied, News, Player};
use net::{Endpoint, Outgoing};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use ws::{CloseCode, End, Message};

/// Snapshots with at least so many moving things are counted as crowded, too.
const CROWDED: u32 = 150;

/// Who plays.
pub(crate) enum Mind {
    /// In a match of Stoa.
    Stoa(Box<Player>),
    /// In a room of Colyseus.
    Colyseus(Box<Guest>),
}

/// One connection.
pub(crate) struct Member {
    stage: Rc<Stage>,
    player: u32,
    mind: Mind,
    /// When the dial began.
    began: Duration,
    is_in: bool,
    is_over: bool,
    is_stalled: bool,
}

impl Member {
    pub(crate) fn new(stage: Rc<Stage>, player: u32, mind: Mind, began: Duration) -> Self {
        let is_stalled = stage.plan.is_stalled(player);
        Self { stage, player, mind, began, is_in: false, is_over: false, is_stalled }
    }

    fn came_in(&mut self, now: Duration) {
        if !self.is_in {
            self.is_in = true;
            self.stage.joined(now.saturating_sub(self.began));
        }
    }

    fn note(&mut self, applied: &Applied, now: Duration) {
        self.stage.orders.snapshots.fetch_add(1, Ordering::Relaxed);
        if !self.stage.is_measured(now) {
            return;
        }
        let mut book = self.stage.book.borrow_mut();
        book.snapshots += 1;
        if let Some(gap) = applied.gap {
            book.gap.record(gap);
        }
        if let (Some(effect), Some(ticks)) = (applied.effect, applied.effect_ticks) {
            book.effect.record(effect);
            book.effect_ticks.record_nanos(u64::from(ticks) * 1000);
        }
        book.body_bytes += applied.body_bytes as u64;
        book.objects += u64::from(applied.seen.objects);
        book.moving += u64::from(applied.seen.moving);
        book.flying += u64::from(applied.seen.flying);
        if applied.seen.moving >= CROWDED {
            book.crowded.0 += applied.body_bytes as u64;
            book.crowded.1 += u64::from(applied.seen.moving);
        }
        book.dilated += u64::from(applied.speed < 100);
        book.note_speed(applied.speed);
        book.cost_sum += u64::from(applied.cost);
    }

    /// Sends what the player has to say.
    fn flush(&mut self, out: &mut Outgoing<'_>) {
        let is_measured = self.stage.is_measured(out.now());
        while let Some(message) = match &mut self.mind {
            Mind::Stoa(player) => player.poll_output(),
            Mind::Colyseus(guest) => guest.poll_output(),
        } {
            if is_measured {
                self.stage.book.borrow_mut().bytes_out += message.len() as u64;
            }
            if out.send(Message::Binary(&message)).is_err() {
                return;
            }
        }
    }
}

impl Endpoint for Member {
    fn on_open(&mut self, out: &mut Outgoing<'_>) {
        if let Mind::Stoa(player) = &mut self.mind {
            player.opened();
        }
        self.flush(out);
    }

    fn on_message(&mut self, message: Message<'_>, out: &mut Outgoing<'_>) {
        let Message::Binary(bytes) = message else { return self.stage.wrong("a text message") };
        let now = out.now();
        if self.stage.is_measured(now) && !self.is_stalled {
            self.stage.book.borrow_mut().bytes_in += bytes.len() as u64;
        }
        let news = match &mut self.mind {
            Mind::Stoa(player) => player.receive(now, bytes),
            Mind::Colyseus(guest) => guest.receive(now, bytes),
        };
        match news {
            Ok(News::Welcome { .. }) => self.came_in(now),
            Ok(News::Snapshot(applied)) if !self.is_stalled => self.note(&applied, now),
            Ok(News::End(_)) => {
                self.is_over = true;
                self.stage.match_over();
            }
            Ok(News::Snapshot(_) | News::Restored | News::Nothing) => {}
            Err(wrong) => {
                self.stage.wrong(&wrong.0);
                out.close(CloseCode::PROTOCOL_ERROR, "wrong");
            }
        }
        self.flush(out);
    }

    fn on_writable(&mut self, out: &mut Outgoing<'_>) {
        let Some(intended) = self.stage.take_turn(self.player) else { return };
        if !self.is_in {
            return;
        }
        let now = out.now();
        if out.room() == 0 {
            self.stage.book.borrow_mut().held_back += 1;
            self.stage.give_back(self.player, intended);
            return;
        }
        if self.stage.is_measured(now) {
            self.stage.book.borrow_mut().lag.record(now.saturating_sub(intended));
        }
        match &mut self.mind {
            Mind::Stoa(player) => player.act(now),
            Mind::Colyseus(guest) => guest.act(),
        }
        self.flush(out);
    }

    fn is_ready(&self) -> bool {
        !(self.is_stalled && self.is_in)
    }

    fn on_close(&mut self, end: &End) {
        let is_expected = self.is_over || (self.is_stalled && self.is_in);
        self.stage.lost(self.player, self.is_in, is_expected, &end.to_string());
    }
}
