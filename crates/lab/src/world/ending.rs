//! After the faults: everything must come to rest, and then the whole truth is read once more.

use super::{DeviceState, World};
use crate::check::{Evidence, FinalRoom, Findings, Picture, Rule};
use crate::client::Part;
use crate::history::What;
use chat::ids::RoomName;
use std::time::Duration;

/// After the faults stop, everything must have come true within this. A client may wait a minute before it reconnects.
const SETTLE_MAX: Duration = Duration::from_secs(150);
/// How long everything must have been quiet before presence must be right everywhere.
const QUIET: Duration = Duration::from_secs(2);
/// How often the world looks whether it has come to rest.
const GLANCE: Duration = Duration::from_millis(250);
/// Events in one page of the final read.
const PAGE_EVENTS: u64 = 200;

/// The final read of one device.
#[derive(Debug, Default)]
pub(super) struct FinalRead {
    rooms: Vec<FinalRoom>,
    /// The list of rooms came.
    listed: bool,
    /// Rooms whose end was reached.
    done: Vec<String>,
}

impl World {
    /// Stops the faults and the workload, waits for rest, reads everything, and judges.
    pub(super) fn end(&mut self) -> Findings {
        self.trace.line(self.now, format_args!("the faults stop"));
        self.swarm.on = false;
        let mut settled = self.settle();
        if settled.is_ok() {
            settled = self.read_everything();
        }
        self.note_stats();
        let evidence = self.evidence();
        let mut findings = Findings::judge(&evidence);
        let calm = settled.is_ok();
        findings.check(Rule::Liveness, calm, || settled.err().unwrap_or_default());
        findings
    }

    fn settle(&mut self) -> Result<(), String> {
        let deadline = self.now + SETTLE_MAX;
        let mut restless_at = self.now;
        loop {
            self.run_until(self.now + GLANCE);
            match self.restlessness() {
                None if self.now >= restless_at + QUIET => return Ok(()),
                None => {}
                Some(why) if self.now >= deadline => {
                    return Err(format!("{SETTLE_MAX:?} after the faults: {why}"));
                }
                Some(_) => restless_at = self.now,
            }
        }
    }

    /// What has not come true yet.
    fn restlessness(&mut self) -> Option<String> {
        if !self.node.is_up() {
            return Some("the node is down".to_owned());
        }
        for (index, device) in self.devices.iter().enumerate() {
            if let Some(code) = device.stopped {
                return Some(format!("device {index} was told with {code} not to come back"));
            }
            if !device.client.is_settled() {
                return Some(format!(
                    "device {index} waits, with {} unacked messages: {:?}",
                    device.client.outbox_len(),
                    device.client.waits_for()
                ));
            }
            for room in device.client.receiving() {
                let head = RoomName::new(room).map_or(0, |name| self.store.head(&name));
                let cursor = device.client.cursor(room);
                if cursor != Some(head) {
                    return Some(format!("device {index} is at {cursor:?} of {room}, whose head is {head}"));
                }
            }
        }
        if !self.no_ghosts() {
            return Some("a connection has only one end".to_owned());
        }
        (!self.store.is_idle()).then(|| "the store is busy".to_owned())
    }

    fn read_everything(&mut self) -> Result<(), String> {
        let deadline = self.now + SETTLE_MAX;
        for device in &mut self.devices {
            device.last = Some(FinalRead::default());
        }
        while let Some(device) = (0..self.devices.len()).find(|device| !self.has_read_everything(*device)) {
            if self.now >= deadline {
                return Err(format!(
                    "device {device} cannot read everything: {:?}",
                    self.devices[device].last
                ));
            }
            (0..self.devices.len()).for_each(|device| self.read_on(device));
            self.run_until(self.now + GLANCE);
        }
        Ok(())
    }

    /// Asks for what the device has not read, if it does not wait for an answer already. A busy server may refuse.
    fn read_on(&mut self, device: usize) {
        let DeviceState { client, last, .. } = &mut self.devices[device];
        let Some(last) = last.as_ref().filter(|_| client.is_settled()) else { return };
        if !last.listed {
            client.list_rooms(self.now);
        }
        let rooms: Vec<String> = client.receiving().map(str::to_owned).collect();
        for room in rooms.into_iter().filter(|room| !last.done.contains(room)) {
            let known = last.rooms.iter().find(|known| known.room == room);
            let after = known.and_then(|known| known.events.last()).map_or(0, |event| event.seq);
            client.history_of(self.now, &room, Part::After(after), PAGE_EVENTS);
        }
        self.pump_client(device);
    }

    fn has_read_everything(&self, device: usize) -> bool {
        let device = &self.devices[device];
        let Some(last) = &device.last else { return true };
        last.listed && device.client.receiving().all(|room| last.done.iter().any(|done| done == room))
    }

    /// A page came; keep it if it belongs to the final read.
    pub(super) fn page_came(&mut self, device: usize, page: &What) {
        let What::Paged { room, after: Some(after), first, head, events, .. } = page else { return };
        let Some(last) = &mut self.devices[device].last else { return };
        let place = match last.rooms.iter().position(|known| known.room == *room) {
            Some(place) => place,
            None => {
                let (device, room) = (device as u32, room.clone());
                last.rooms.push(FinalRoom { device, room, first: *first, events: Vec::new() });
                last.rooms.len() - 1
            }
        };
        last.rooms[place].events.extend(events.iter().cloned());
        let end = events.last().map_or(*after, |event| event.seq);
        if end >= *head {
            last.done.push(room.clone());
        }
    }

    pub(super) fn list_came(&mut self, device: usize, list: &What) {
        let What::Listed { rooms, .. } = list else { return };
        let Some(last) = &mut self.devices[device].last else { return };
        last.listed = true;
        let user = self.devices[device].client.user().to_owned();
        self.listed.extend(rooms.iter().map(|state| (device as u32, user.clone(), state.clone())));
    }

    fn evidence(&mut self) -> Evidence {
        let mut pictures = Vec::new();
        let mut finals = Vec::new();
        for (index, device) in self.devices.iter_mut().enumerate() {
            finals.extend(device.last.take().into_iter().flat_map(|last| last.rooms));
            let client = &device.client;
            for room in client.receiving() {
                let (online, people) = client.people(room).unwrap_or((0, None));
                let (user, room_name) = (client.user().to_owned(), room.to_owned());
                pictures.push(Picture {
                    device: index as u32,
                    user,
                    room: room_name,
                    online,
                    people: people.cloned(),
                    read: client.read_position(room).unwrap_or(0),
                    unread: client.unread(room),
                });
            }
        }
        let listed = std::mem::take(&mut self.listed);
        let calm = !listed.is_empty();
        Evidence {
            entries: std::mem::take(&mut self.entries),
            finals,
            listed,
            // Without rest, presence may be wrong with right; then liveness is the finding.
            pictures: if calm { pictures } else { Vec::new() },
            events_kept: self.shape.events_kept,
            crashes: std::mem::take(&mut self.crashes),
        }
    }
}
