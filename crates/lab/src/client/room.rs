//! A room as one client sees it: how far its copy of the log goes, what is unread, who is there.

use crate::history::{EventSeen, RoomSeen};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What the user wants of a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Wish {
    /// Nothing.
    #[default]
    None,
    /// To be a member and receive its events.
    Receive,
    /// To be a member no longer.
    Leave,
}

/// A client's view of a room.
#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) wish: Wish,
    /// The last event that this client has; it resumes from there.
    pub(super) cursor: Option<u64>,
    /// The user wants the room back while an own `leave` is still under way.
    pub(super) rejoin: bool,
    /// This connection receives the room.
    pub(super) receiving: bool,
    /// The request that is to make the wish true, until it is answered.
    pub(super) asked: Option<String>,
    /// No request before this time: the server asked for patience.
    pub(super) not_before: Duration,
    /// The server said that the user is a member as of this event, so an own `leave` up to here is history.
    pub(super) member_as_of: u64,
    /// The read position that the server told, and a further one that it does not know yet.
    pub(super) read: u64,
    pub(super) read_wish: u64,
    /// Users with a receiving connection, and how many; and how many users the server counted.
    pub(super) people: BTreeMap<String, u32>,
    pub(super) online: u64,
    /// `people` is complete.
    pub(super) people_known: bool,
    /// The list of members that is being read leaves nobody out.
    pub(super) listing: bool,
    unread: Unread,
}

/// Counts what is unread: what the server counted up to some event, and what came after it.
#[derive(Debug, Default)]
struct Unread {
    /// The server counted up to this event, after this read position.
    counted_to: u64,
    counted_after: u64,
    counted: u64,
    /// Messages of others that came after `counted_to`.
    since: BTreeSet<u64>,
    /// A read position inside the counted part makes the count a guess until the server counts anew.
    guessed: bool,
}

impl Room {
    /// The connection is gone; the copy of the log stays.
    pub(super) fn disconnected(&mut self) {
        self.receiving = false;
        self.asked = None;
        self.not_before = Duration::ZERO;
        self.people_known = false;
        if self.wish == Wish::None {
            self.cursor = None;
        }
    }

    /// Whether the wish is not fulfilled yet.
    pub(super) fn wants_a_request(&self) -> bool {
        match self.wish {
            Wish::None => false,
            Wish::Receive => !self.receiving,
            Wish::Leave => true,
        }
    }

    /// The server told the state of the room.
    pub(super) fn told(&mut self, state: &RoomSeen) {
        self.read = state.read;
        self.member_as_of = state.head;
        let unread = &mut self.unread;
        unread.counted_to = state.head;
        unread.counted_after = state.read;
        unread.counted = state.unread;
        unread.guessed = false;
        unread.since.retain(|seq| *seq > state.head);
    }

    /// A new event came; `own` if this user did it.
    pub(super) fn received(&mut self, event: &EventSeen, own: bool) {
        self.cursor = Some(event.seq);
        if !event.is_message() {
            return;
        }
        if own {
            self.read_to(event.seq, None);
        } else if event.seq > self.unread.counted_to.max(self.read) {
            self.unread.since.insert(event.seq);
        }
    }

    /// The read position moved; `told` is the server's count after it.
    pub(super) fn read_to(&mut self, seq: u64, told: Option<u64>) {
        if seq <= self.read {
            return;
        }
        self.read = seq;
        let unread = &mut self.unread;
        unread.since.retain(|message| *message > seq);
        if seq >= unread.counted_to {
            (unread.counted, unread.guessed) = (0, false);
        } else if seq > unread.counted_after {
            (unread.counted, unread.guessed) = (told.unwrap_or(unread.counted), true);
        }
    }

    /// Messages of others after the read position; none if the client cannot know the exact number.
    pub(super) fn unread(&self) -> Option<u64> {
        let exact = self.unread.counted + self.unread.since.len() as u64;
        (!self.unread.guessed).then_some(exact)
    }

    /// Takes news of who is there; each entry replaces what was known of that user.
    pub(super) fn people_changed(&mut self, changes: impl IntoIterator<Item = (String, u32)>) {
        for (user, devices) in changes {
            if devices == 0 {
                self.people.remove(&user);
            } else {
                self.people.insert(user, devices);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(head: u64, read: u64, unread: u64) -> RoomSeen {
        RoomSeen { room: "r".to_owned(), first: 1, head, read, unread }
    }

    fn message(seq: u64) -> EventSeen {
        let text = || Some(seq.to_string());
        EventSeen { seq, kind: "message".to_owned(), from: "u".to_owned(), at: 0, id: text(), body: text() }
    }

    #[test]
    fn unread_is_what_the_server_counted_and_what_came_since() {
        let mut room = Room::default();
        room.told(&state(10, 8, 2));
        (9..=12).for_each(|seq| room.received(&message(seq), false));
        assert_eq!(room.unread(), Some(4), "9 and 10 were counted by the server");
        room.read_to(11, Some(1));
        assert_eq!(room.unread(), Some(1));
        room.received(&message(13), true);
        assert_eq!(room.unread(), Some(0), "an own message moves the read position");
        room.read_to(5, Some(8));
        assert_eq!((room.unread(), room.read), (Some(0), 13), "a read position never falls");
    }

    #[test]
    fn a_read_position_may_be_heard_of_before_the_events_up_to_it() {
        let mut room = Room::default();
        room.told(&state(2, 2, 0));
        room.read_to(5, Some(1));
        (3..=7).for_each(|seq| room.received(&message(seq), false));
        assert_eq!(room.unread(), Some(2), "6 and 7");
    }

    #[test]
    fn a_read_position_inside_the_counted_part_leaves_the_count_to_the_server() {
        let mut room = Room::default();
        room.told(&state(10, 2, 8));
        room.read_to(5, Some(5));
        assert_eq!(room.unread(), None);
        room.told(&state(10, 5, 5));
        assert_eq!(room.unread(), Some(5));
    }
}
