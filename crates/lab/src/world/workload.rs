//! What users do: they talk, come and go, look things up, and now and then do what a client should not.

use super::World;
use super::swarm::Fault;
use crate::client::Part;
use crate::history::What;
use std::time::Duration;

impl World {
    /// Every user joins some rooms, and every device begins to connect.
    pub(super) fn begin(&mut self) {
        for device in 0..self.devices.len() {
            for room in self.rooms.clone() {
                if self.random.chance(800) {
                    self.devices[device].client.join(self.now, &room);
                }
            }
            let start = Duration::from_millis(self.random.below(1000));
            self.after(start, super::Action::Connect { device });
            self.after(start, super::Action::Work { device });
        }
    }

    /// One act of one user.
    pub(super) fn work(&mut self, device: usize) {
        if !self.swarm.on {
            return;
        }
        let pause = Duration::from_millis(self.random.between(1, self.shape.pause_ms_max));
        self.after(pause, super::Action::Work { device });
        let Some(room) = self.random.pick(&self.rooms).cloned() else { return };
        match self.random.below(100) {
            0..40 => self.say(device, &room),
            40..46 => (0..self.random.between(3, 20)).for_each(|_| self.say(device, &room)),
            46..56 => self.say_again(device, false),
            56..59 => self.say_again(device, true),
            59..67 => self.devices[device].client.join(self.now, &room),
            67..70 => self.devices[device].client.leave(self.now, &room),
            70..80 => self.read_some(device, &room),
            80..86 => {
                let part = match self.random.below(3) {
                    0 => Part::Before(None),
                    1 => Part::Before(Some(self.random.between(1, 60))),
                    _ => Part::After(self.random.below(60)),
                };
                let limit = self.random.between(1, 30);
                self.devices[device].client.history_of(self.now, &room, part, limit);
            }
            86..92 => {
                self.devices[device].client.list_rooms(self.now);
            }
            _ => self.devices[device].client.typing(&room),
        }
        self.pump_client(device);
    }

    fn say(&mut self, device: usize, room: &str) {
        self.said += 1;
        let words = ["hello", "\"quoted\" \\ and\n broken", "žluťoučký kůň 🐎", "x"];
        let word = self.random.pick(&words).copied().unwrap_or_default();
        let body = format!("{} {word}", self.said);
        let id = self.devices[device].client.send(self.now, room, &body);
        self.devices[device].busy.insert(id);
    }

    /// Sends a message of this user, maybe from another device, again; or another text under its id.
    fn say_again(&mut self, device: usize, other_text: bool) {
        let acked = &self.acked[self.devices[device].user];
        let Some((room, id, body)) = self.random.pick(acked).cloned() else { return };
        // Two sends of one id at once on one device could not be told apart by their answers.
        if self.devices[device].busy.insert(id.clone()) {
            let body = if other_text { format!("not {body}") } else { body };
            self.devices[device].client.send_as(self.now, &room, &id, &body);
        }
    }

    fn read_some(&mut self, device: usize, room: &str) {
        let client = &mut self.devices[device].client;
        if let Some(cursor) = client.cursor(room) {
            let seq = cursor.saturating_sub(self.random.below(4)) + self.random.below(3);
            client.read(room, seq);
        }
    }

    /// Takes the device's history into the history of all, and learns from it.
    pub(super) fn keep_history(&mut self, device: usize) {
        let entries = self.devices[device].client.take_history();
        for entry in entries {
            match &entry.what {
                What::Sent { room, id, body } => {
                    self.devices[device].sending.insert(id.clone(), (room.clone(), body.clone()));
                }
                What::Acked { id, .. } => {
                    self.devices[device].busy.remove(id);
                    if let Some((room, body)) = self.devices[device].sending.remove(id) {
                        let user = self.devices[device].user;
                        self.acked[user].push((room, id.clone(), body));
                    }
                }
                What::Refused { id, .. } => {
                    self.devices[device].busy.remove(id);
                    self.devices[device].sending.remove(id);
                }
                What::Closed { .. } => self.devices[device].tamper = true,
                What::Skipped { .. } => self.swarm.note(Fault::Forgotten, 1),
                What::Resumed { truncated: Some(why), .. } if why == "retention" => {
                    self.swarm.note(Fault::Forgotten, 1);
                }
                What::Paged { .. } => self.page_came(device, &entry.what),
                What::Listed { .. } => self.list_came(device, &entry.what),
                _ => {}
            }
            self.entries.push(entry);
        }
        if std::mem::take(&mut self.devices[device].tamper) {
            self.tamper(device);
        }
    }

    /// The device is offline: its copy of a room may turn out to be old, or from the future.
    fn tamper(&mut self, device: usize) {
        for room in self.rooms.clone() {
            let client = &mut self.devices[device].client;
            let Some(cursor) = client.cursor(&room) else { continue };
            if self.swarm.strikes(Fault::OldCursor) {
                client.pretend_cursor(&room, self.random.below(cursor + 1));
            } else if self.swarm.strikes(Fault::CursorAhead) {
                client.pretend_cursor(&room, cursor + self.random.between(1, 100));
            }
        }
    }
}
