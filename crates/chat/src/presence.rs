//! Who is online in which room, over all workers.
//!
//! Every worker holds the whole picture. It counts its own connections exactly and tells the others *absolute* counts
//! ("bob has 2 connections here in lobby"), so a change that is told twice does no harm and one that is lost is mended by
//! the next full account ([`Presence::account`], [`Presence::replace`]).

use crate::ids::{RoomName, UserId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A user's number of receiving connections in a room, on one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The room.
    pub room: RoomName,
    /// The user.
    pub user: UserId,
    /// What the user is called.
    pub name: Arc<str>,
    /// Connections on the worker that tells it; 0 if there are none left.
    pub devices: u16,
}

/// A user, what the user is called, and how many connections of the user receive a room now.
pub type Seen = (UserId, Arc<str>, u32);

/// A room's people and which of them changed since the last push.
#[derive(Debug, Default)]
struct RoomPresence {
    people: BTreeMap<UserId, Person>,
    changed: BTreeSet<UserId>,
}

#[derive(Debug)]
struct Person {
    name: Arc<str>,
    /// (worker, connections), without zeros.
    devices: Vec<(u16, u16)>,
}

impl Person {
    fn total(&self) -> u32 {
        self.devices.iter().map(|(_, n)| u32::from(*n)).sum()
    }

    fn on(&self, worker: u16) -> u16 {
        self.devices.iter().find(|(w, _)| *w == worker).map_or(0, |(_, n)| *n)
    }

    fn set(&mut self, worker: u16, devices: u16) {
        self.devices.retain(|(w, _)| *w != worker);
        if devices > 0 {
            self.devices.reserve_exact(1);
            self.devices.push((worker, devices));
        }
    }
}

/// The picture as one worker has it.
#[derive(Debug)]
pub struct Presence {
    worker: u16,
    rooms: BTreeMap<RoomName, RoomPresence>,
    /// Local changes that the other workers were not told yet.
    untold: BTreeSet<(RoomName, UserId)>,
    /// Rooms with somebody in `changed`.
    changed_rooms: BTreeSet<RoomName>,
}

impl Presence {
    /// Nobody is online.
    pub fn new(worker: u16) -> Self {
        Self { worker, rooms: BTreeMap::new(), untold: BTreeSet::new(), changed_rooms: BTreeSet::new() }
    }

    /// A connection on this worker starts to receive the room.
    pub fn add(&mut self, room: &RoomName, user: &UserId, name: &Arc<str>) {
        let here = self.here(room, user);
        self.set(self.worker, room, user, name, here.saturating_add(1));
        self.untold.insert((room.clone(), user.clone()));
    }

    /// A connection on this worker no longer receives the room.
    pub fn remove(&mut self, room: &RoomName, user: &UserId) {
        let here = self.here(room, user);
        let Some(name) = self.person(room, user).map(|p| p.name.clone()) else { return };
        self.set(self.worker, room, user, &name, here.saturating_sub(1));
        self.untold.insert((room.clone(), user.clone()));
    }

    /// Another worker tells of changes.
    pub fn apply(&mut self, worker: u16, changes: &[Change]) {
        for change in changes {
            self.set(worker, &change.room, &change.user, &change.name, change.devices);
        }
    }

    /// Another worker tells all that it has; whatever else we believed of it is wrong.
    pub fn replace(&mut self, worker: u16, account: &[Change]) {
        let told: BTreeSet<(&RoomName, &UserId)> = account.iter().map(|c| (&c.room, &c.user)).collect();
        let mut gone = Vec::new();
        for (room, presence) in &self.rooms {
            for (user, person) in &presence.people {
                if person.on(worker) > 0 && !told.contains(&(room, user)) {
                    gone.push((room.clone(), user.clone(), person.name.clone()));
                }
            }
        }
        for (room, user, name) in gone {
            self.set(worker, &room, &user, &name, 0);
        }
        self.apply(worker, account);
    }

    /// All that this worker has, for [`Presence::replace`] elsewhere.
    pub fn account(&self) -> Vec<Change> {
        let mut account = Vec::new();
        for (room, presence) in &self.rooms {
            for (user, person) in &presence.people {
                let devices = person.on(self.worker);
                if devices > 0 {
                    account.push(Change {
                        room: room.clone(),
                        user: user.clone(),
                        name: person.name.clone(),
                        devices,
                    });
                }
            }
        }
        account
    }

    /// Local changes since the last call, for [`Presence::apply`] elsewhere.
    pub fn take_untold(&mut self) -> Vec<Change> {
        let untold = std::mem::take(&mut self.untold);
        let change = |(room, user): (RoomName, UserId)| {
            let person = self.person(&room, &user);
            let name = person.map_or_else(|| Arc::from(""), |p| p.name.clone());
            let devices = person.map_or(0, |p| p.on(self.worker));
            Change { room, user, name, devices }
        };
        untold.into_iter().map(change).collect()
    }

    /// Whether [`Presence::take_untold`] or [`Presence::take_changed`] has something to give.
    pub fn is_dirty(&self) -> bool {
        !self.untold.is_empty() || !self.changed_rooms.is_empty()
    }

    /// Users whose number of connections changed since the last call, by room.
    pub fn take_changed(&mut self) -> Vec<(RoomName, Vec<Seen>)> {
        let mut all = Vec::new();
        for name in std::mem::take(&mut self.changed_rooms) {
            let Some(room) = self.rooms.get_mut(&name) else { continue };
            let mut changed = Vec::new();
            for user in std::mem::take(&mut room.changed) {
                let Some(person) = room.people.get(&user) else { continue };
                let devices = person.total();
                changed.push((user.clone(), person.name.clone(), devices));
                if devices == 0 {
                    room.people.remove(&user);
                }
            }
            if room.people.is_empty() {
                self.rooms.remove(&name);
            }
            all.push((name, changed));
        }
        all
    }

    /// How many users are online in the room.
    pub fn online(&self, room: &RoomName) -> u64 {
        let Some(room) = self.rooms.get(room) else { return 0 };
        let gone =
            room.changed.iter().filter(|u| room.people.get(*u).is_some_and(|p| p.total() == 0)).count();
        (room.people.len() - gone) as u64
    }

    /// Who is online in the room: (user, name, connections), sorted by user.
    pub fn people<'a>(
        &'a self,
        room: &RoomName,
    ) -> impl Iterator<Item = (&'a UserId, &'a str, u32)> + use<'a> {
        let people = self.rooms.get(room).into_iter().flat_map(|r| r.people.iter());
        people.map(|(user, p)| (user, &*p.name, p.total())).filter(|(_, _, devices)| *devices > 0)
    }

    /// How many connections of the user receive the room.
    pub fn devices(&self, room: &RoomName, user: &UserId) -> u32 {
        self.person(room, user).map_or(0, Person::total)
    }

    fn here(&self, room: &RoomName, user: &UserId) -> u16 {
        self.person(room, user).map_or(0, |p| p.on(self.worker))
    }

    fn person(&self, room: &RoomName, user: &UserId) -> Option<&Person> {
        self.rooms.get(room).and_then(|r| r.people.get(user))
    }

    fn set(&mut self, worker: u16, room: &RoomName, user: &UserId, name: &Arc<str>, devices: u16) {
        let presence = self.rooms.entry(room.clone()).or_default();
        let person = presence
            .people
            .entry(user.clone())
            .or_insert_with(|| Person { name: name.clone(), devices: Vec::new() });
        let before = (person.total(), person.name.clone());
        person.set(worker, devices);
        if devices > 0 {
            person.name = name.clone();
        }
        if before != (person.total(), person.name.clone()) || person.total() == 0 {
            presence.changed.insert(user.clone());
            self.changed_rooms.insert(room.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> RoomName {
        RoomName::new("lobby").unwrap()
    }

    fn user(id: &str) -> UserId {
        UserId::new(id).unwrap()
    }

    fn pair() -> (Presence, Presence) {
        (Presence::new(0), Presence::new(1))
    }

    fn seen(presence: &Presence) -> Vec<(String, u32)> {
        presence.people(&room()).map(|(u, _, n)| (u.as_str().to_owned(), n)).collect()
    }

    #[test]
    fn several_devices_of_a_user_on_two_workers_are_one_person() {
        let (mut a, mut b) = pair();
        a.add(&room(), &user("ann"), &"Ann".into());
        a.add(&room(), &user("ann"), &"Ann".into());
        b.add(&room(), &user("ann"), &"Ann".into());
        a.apply(1, &b.take_untold());
        b.apply(0, &a.take_untold());
        assert_eq!(seen(&a), [("ann".to_owned(), 3)]);
        assert_eq!(seen(&a), seen(&b));
        assert_eq!((a.online(&room()), b.online(&room())), (1, 1));
        a.remove(&room(), &user("ann"));
        b.apply(0, &a.take_untold());
        assert_eq!(b.devices(&room(), &user("ann")), 2);
    }

    #[test]
    fn who_comes_and_goes_between_two_pushes_is_told_once_as_gone() {
        let mut a = Presence::new(0);
        a.add(&room(), &user("ann"), &"Ann".into());
        a.remove(&room(), &user("ann"));
        assert_eq!(a.online(&room()), 0);
        let changed = a.take_changed();
        assert_eq!(changed.len(), 1);
        assert_eq!(changed[0].1, [(user("ann"), Arc::from("Ann"), 0)]);
        assert!(a.take_changed().is_empty());
        assert!(a.rooms.is_empty(), "an empty room leaves nothing behind");
    }

    #[test]
    fn a_full_account_mends_whatever_was_lost() {
        let (mut a, mut b) = pair();
        b.add(&room(), &user("bob"), &"Bob".into());
        a.apply(1, &b.take_untold());
        b.remove(&room(), &user("bob"));
        b.add(&room(), &user("cat"), &"Cat".into());
        let _lost = b.take_untold();
        a.replace(1, &b.account());
        assert_eq!(seen(&a), [("cat".to_owned(), 1)]);
        a.replace(1, &[]);
        assert_eq!(seen(&a), []);
    }
}
