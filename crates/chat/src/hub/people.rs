//! What is never stored: presence, typing, and news for a user's other connections, here and on the other workers.

use super::connection::ConnectionId;
use super::room::RoomIndex;
use super::{Effect, Hub, Now};
use crate::ids::{RoomName, Seq, UserId};
use crate::presence::Change;
use crate::protocol::{Outgoing, Person};
use std::sync::Arc;

/// What hubs tell each other. Lossy on purpose: nothing in here is the only copy of anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bus {
    /// Users whose number of connections on `worker` changed.
    Presence {
        /// Who tells.
        worker: u16,
        /// Absolute counts.
        changes: Vec<Change>,
    },
    /// All that `worker` has; answers [`Bus::AccountRequest`].
    Account {
        /// Who tells.
        worker: u16,
        /// Absolute counts of everybody.
        changes: Vec<Change>,
    },
    /// `worker` lost something and asks everybody for an account.
    AccountRequest {
        /// Who asks.
        worker: u16,
    },
    /// A user is typing.
    Typing {
        /// Where.
        room: RoomName,
        /// Who.
        user: UserId,
        /// What that user is called.
        name: Arc<str>,
    },
    /// A user's read position moved; for that user's own connections.
    Read {
        /// Whose.
        user: UserId,
        /// Where.
        room: RoomName,
        /// To.
        seq: Seq,
        /// Messages after it.
        unread: u64,
    },
}

impl Hub {
    /// Another worker's hub published this.
    pub fn bus(&mut self, now: Now, message: &Bus) {
        self.take_bus(message);
        self.schedule_presence(now);
    }

    pub(super) fn take_bus(&mut self, message: &Bus) {
        match message {
            Bus::Presence { worker, changes } => self.presence.apply(*worker, changes),
            Bus::Account { worker, changes } => self.presence.replace(*worker, changes),
            Bus::AccountRequest { .. } => self.publish_account(),
            Bus::Typing { room, user, name } => {
                let text = Outgoing::Typing { room: room.as_str(), user: user.as_str(), name }.to_text();
                if let Some(index) = self.rooms.find(room) {
                    self.push_ephemeral(index, &text.into(), Some(user));
                }
            }
            Bus::Read { user, room, seq, unread } => {
                let (room_name, seq, unread) = (room.as_str(), *seq, *unread);
                let text = Outgoing::Read { room: room_name, user: user.as_str(), seq, unread }.to_text();
                let Some(index) = self.rooms.find(room) else { return };
                let Some(local) = self.users.get(user) else { return };
                let receives = |id: &ConnectionId| {
                    self.connections.get(*id).is_some_and(|c| c.subscription(index).is_some())
                };
                let receivers: Vec<_> = local.connections.iter().copied().filter(receives).collect();
                for id in receivers {
                    self.add_ephemeral(id, &text.clone().into());
                }
            }
        }
    }

    /// Tells the other workers all that this one has.
    pub(super) fn publish_account(&mut self) {
        let account = Bus::Account { worker: self.worker, changes: self.presence.account() };
        self.effects.push_back(Effect::Publish(account));
    }

    pub(super) fn schedule_presence(&mut self, now: Now) {
        if self.presence.is_dirty() && self.presence_due.is_none() {
            self.presence_due = Some(now.monotonic + self.limits.presence_interval);
        }
    }

    /// Tells the other workers and the receivers here who came and went since the last time.
    pub(super) fn push_presence(&mut self) {
        let untold = self.presence.take_untold();
        if !untold.is_empty() {
            self.effects.push_back(Effect::Publish(Bus::Presence { worker: self.worker, changes: untold }));
        }
        for (name, changed) in self.presence.take_changed() {
            let Some(index) = self.rooms.find(&name) else { continue };
            let online = self.presence.online(&name);
            let listed = online <= u64::from(self.limits.presence_users_max);
            let Some(room) = self.rooms.get_mut(index) else { continue };
            let was_counted = std::mem::replace(&mut room.presence_counted, !listed);
            let text = if listed && was_counted {
                let Some(room) = self.rooms.get(index) else { continue };
                self.presence_in_full(room)
            } else {
                let users =
                    changed.iter().map(|(user, name, n)| Person { user: user.as_str(), name, devices: *n });
                let users = listed.then(|| users.collect());
                Outgoing::Presence { room: name.as_str(), online, users, full: false }.to_text()
            };
            self.push_ephemeral(index, &text.into(), None);
        }
    }

    /// One text for all receivers of a room, except the connections of `not_to`.
    fn push_ephemeral(&mut self, index: RoomIndex, text: &Arc<str>, not_to: Option<&UserId>) {
        let Some(room) = self.rooms.get(index) else { return };
        for id in room.receivers.clone() {
            let user = self.connections.get(id).and_then(|c| c.user.as_ref());
            if not_to.is_none() || user.is_some_and(|user| Some(&user.id) != not_to) {
                self.add_ephemeral(id, text);
            }
        }
    }

    fn add_ephemeral(&mut self, id: ConnectionId, text: &Arc<str>) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.ephemeral.len() >= self.limits.ephemeral_waiting_max {
            self.stats.ephemeral_dropped += connection.ephemeral.len() as u64 + 1;
            connection.ephemeral.clear();
            connection.presence_lost = true;
        } else {
            connection.ephemeral.push_back(text.clone());
        }
        self.wake(id);
    }
}
