//! The client of an echo run: sends messages that differ, and expects each of them back, whole and in order.

use super::stage::Stage;
use net::{Endpoint, Outgoing};
use std::collections::VecDeque;
use std::rc::Rc;
use ws::{End, Message};

/// One echo connection.
pub(crate) struct EchoClient {
    stage: Rc<Stage>,
    connection: u32,
    /// Place among the senders of the party.
    sender: Option<u64>,
    /// When the messages in flight were due, oldest first.
    in_flight: VecDeque<u64>,
    /// Counter of the next message to send.
    next: u32,
    /// Counter of the next echo.
    expected: u32,
    /// There was a message to send, and no room for it.
    held_back: bool,
    /// What is sent, shared by nobody so that a message costs writing eight bytes.
    payload: Box<[u8]>,
}

impl EchoClient {
    pub(crate) fn new(stage: Rc<Stage>, connection: u32, sender: Option<u64>) -> Self {
        let payload = (0..stage.plan.size).map(|place| (place * 31 + 7) as u8).collect();
        let in_flight = VecDeque::new();
        Self { stage, connection, sender, in_flight, next: 0, expected: 0, held_back: false, payload }
    }

    fn stamp(&self, counter: u32) -> [u8; 8] {
        (u64::from(self.connection) << 32 | u64::from(counter)).to_le_bytes()
    }

    /// Checks an echo. The counter tells a lost message from a repeated one.
    fn check(&mut self, payload: &[u8]) -> bool {
        let stamp =
            payload.get(..8).and_then(|stamp| <[u8; 8]>::try_from(stamp).ok()).map(u64::from_le_bytes);
        let whole =
            payload.len() == self.payload.len() && payload[8.min(payload.len())..] == self.payload[8..];
        let Some(stamp) = stamp.filter(|stamp| whole && stamp >> 32 == u64::from(self.connection)) else {
            self.stage.book.borrow_mut().wrong.altered += 1;
            return false;
        };
        let counter = stamp as u32;
        if counter == self.expected {
            return true;
        }
        let wrong = &mut self.stage.book.borrow_mut().wrong;
        if counter.wrapping_add(1) == self.expected {
            wrong.duplicated += 1;
        } else if counter > self.expected && counter < self.next {
            wrong.lost += u64::from(counter - self.expected);
            self.in_flight.drain(..(counter - self.expected) as usize);
            self.expected = counter;
            return true;
        } else {
            wrong.reordered += 1;
        }
        false
    }
}

impl Endpoint for EchoClient {
    fn on_open(&mut self, _: &mut Outgoing<'_>) {
        self.stage.is_ready();
    }

    fn on_message(&mut self, message: Message<'_>, out: &mut Outgoing<'_>) {
        if !self.check(message.payload()) {
            return;
        }
        self.expected = self.expected.wrapping_add(1);
        if let Some(intended) = self.in_flight.pop_front() {
            self.stage.answered(intended, out.now());
        }
    }

    fn on_writable(&mut self, out: &mut Outgoing<'_>) {
        let Some(sender) = self.sender else { return };
        let now = out.now();
        loop {
            let next = self.stage.next_send(sender, u64::from(self.next), self.in_flight.len(), now);
            let Some(intended) = next else {
                self.held_back = false;
                return;
            };
            if out.room() == 0 {
                self.held_back = true;
                return;
            }
            let stamp = self.stamp(self.next);
            self.payload[..8].copy_from_slice(&stamp);
            if out.send(Message::Binary(&self.payload)).is_err() {
                return;
            }
            self.stage.sent(intended, now, self.held_back);
            self.in_flight.push_back(intended);
            self.next = self.next.wrapping_add(1);
        }
    }

    fn on_close(&mut self, end: &End) {
        self.stage.ended(end);
    }
}
