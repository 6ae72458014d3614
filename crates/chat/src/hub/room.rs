//! The rooms that connections of this worker receive: the tail of each log, and who receives it.

use super::connection::ConnectionId;
use crate::event::{Event, Kind};
use crate::ids::{RoomName, Seq};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Index of a room in [`Rooms`].
pub(super) type RoomIndex = u32;

/// A room with at least one receiver on this worker.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: RoomName,
    /// The newest event that this worker knows of.
    pub(super) head: Seq,
    /// The newest events, up to `head` without a gap; maybe none.
    tail: VecDeque<Arc<Event>>,
    tail_bytes: usize,
    /// Connections that receive the room, in no order.
    pub(super) receivers: Vec<ConnectionId>,
    /// The last push of presence was only a count, so the next one that is a list must be complete.
    pub(super) presence_counted: bool,
}

impl Room {
    /// Takes a committed event. Returns whether it was new. A gap (the bus may lose things) empties the tail: receivers
    /// that are not past it are fed from the store.
    pub(super) fn push(&mut self, event: &Arc<Event>, events_max: usize, bytes_max: usize) -> bool {
        if event.seq <= self.head {
            return false;
        }
        if event.seq != self.head + 1 {
            self.forget_tail();
        }
        self.head = event.seq;
        self.tail_bytes += cost(event);
        self.tail.push_back(event.clone());
        while self.tail.len() > events_max || self.tail_bytes > bytes_max {
            let Some(oldest) = self.tail.pop_front() else { break };
            self.tail_bytes -= cost(&oldest);
        }
        true
    }

    /// Learns of a head without its events.
    pub(super) fn learn_head(&mut self, head: Seq) -> bool {
        let news = head > self.head;
        if news {
            self.forget_tail();
            self.head = head;
        }
        news
    }

    /// The event, if the tail has it.
    pub(super) fn in_tail(&self, seq: Seq) -> Option<&Arc<Event>> {
        let first = self.tail.front()?.seq;
        self.tail.get(usize::try_from(seq.checked_sub(first)?).ok()?)
    }

    fn forget_tail(&mut self) {
        self.tail = VecDeque::new();
        self.tail_bytes = 0;
    }
}

/// What an event costs the tail: its body and about what the record around it takes.
fn cost(event: &Event) -> usize {
    let body = match &event.kind {
        Kind::Message { body, .. } => body.len(),
        Kind::Join | Kind::Leave => 0,
    };
    body + 256
}

/// The rooms of a worker. A room is forgotten with its last receiver.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    by_name: BTreeMap<RoomName, RoomIndex>,
    slots: Vec<Option<Room>>,
    free: Vec<RoomIndex>,
}

impl Rooms {
    pub(super) fn find(&self, name: &RoomName) -> Option<RoomIndex> {
        self.by_name.get(name).copied()
    }

    pub(super) fn find_or_add(&mut self, name: &RoomName, head: Seq) -> RoomIndex {
        if let Some(index) = self.find(name) {
            return index;
        }
        let room = Room {
            name: name.clone(),
            head,
            tail: VecDeque::new(),
            tail_bytes: 0,
            receivers: Vec::new(),
            presence_counted: false,
        };
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as RoomIndex
        });
        self.slots[index as usize] = Some(room);
        self.by_name.insert(name.clone(), index);
        index
    }

    pub(super) fn get(&self, index: RoomIndex) -> Option<&Room> {
        self.slots.get(index as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, index: RoomIndex) -> Option<&mut Room> {
        self.slots.get_mut(index as usize)?.as_mut()
    }

    pub(super) fn forget_if_unused(&mut self, index: RoomIndex) {
        let Some(slot) = self.slots.get_mut(index as usize) else { return };
        if slot.as_ref().is_some_and(|room| room.receivers.is_empty())
            && let Some(room) = slot.take()
        {
            self.by_name.remove(&room.name);
            self.free.push(index);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Room> {
        self.slots.iter().flatten()
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UserId;
    use std::sync::OnceLock;

    fn event(seq: Seq) -> Arc<Event> {
        Arc::new(Event {
            room: RoomName::new("r").unwrap(),
            seq,
            messages: 0,
            from: UserId::new("u").unwrap(),
            name: "U".into(),
            at_ms: 0,
            kind: Kind::Join,
            wire: OnceLock::new(),
        })
    }

    fn room() -> (Rooms, RoomIndex) {
        let mut rooms = Rooms::default();
        let index = rooms.find_or_add(&RoomName::new("r").unwrap(), 10);
        (rooms, index)
    }

    #[test]
    fn the_tail_keeps_the_newest_events_and_finds_them_by_seq() {
        let (mut rooms, index) = room();
        let room = rooms.get_mut(index).unwrap();
        (11..=20).for_each(|seq| assert!(room.push(&event(seq), 4, usize::MAX)));
        assert!(!room.push(&event(20), 4, usize::MAX), "told twice");
        assert_eq!(
            (16..=21).map(|s| room.in_tail(s).map(|e| e.seq)).collect::<Vec<_>>(),
            [None, Some(17), Some(18), Some(19), Some(20), None]
        );
        room.push(&event(21), 4, 600);
        assert_eq!(
            (room.in_tail(19).is_none(), room.in_tail(20).is_some()),
            (true, true),
            "bounded by bytes too"
        );
    }

    #[test]
    fn a_gap_empties_the_tail_and_moves_the_head() {
        let (mut rooms, index) = room();
        let room = rooms.get_mut(index).unwrap();
        room.push(&event(11), 4, usize::MAX);
        assert!(room.push(&event(14), 4, usize::MAX));
        assert_eq!((room.head, room.in_tail(11).is_none(), room.in_tail(14).is_some()), (14, true, true));
        assert!(room.learn_head(16));
        assert!(!room.learn_head(15));
        assert_eq!((room.head, room.in_tail(14).is_none()), (16, true));
    }

    #[test]
    fn an_unused_room_is_forgotten_and_its_place_reused() {
        let (mut rooms, index) = room();
        rooms.get_mut(index).unwrap().receivers.push(7);
        rooms.forget_if_unused(index);
        assert_eq!(rooms.len(), 1);
        rooms.get_mut(index).unwrap().receivers.clear();
        rooms.forget_if_unused(index);
        assert_eq!((rooms.len(), rooms.get(index).is_none()), (0, true));
        assert_eq!(rooms.find_or_add(&RoomName::new("s").unwrap(), 0), index);
    }
}
