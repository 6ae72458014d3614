//! Who is there, and who has read how far (C13, C17).

use super::{Evidence, FinalRoom, Findings, Rule};
use crate::history::{Device, Entry, RoomSeen, What};
use std::collections::BTreeMap;

pub(super) fn check(evidence: &Evidence, findings: &mut Findings) {
    check_presence(evidence, findings);
    check_unread(evidence, findings);
    check_reads(evidence, findings);
}

/// Everybody sees exactly those whose devices receive the room.
fn check_presence(evidence: &Evidence, findings: &mut Findings) {
    let mut truth: BTreeMap<&str, BTreeMap<String, u32>> = BTreeMap::new();
    for picture in &evidence.pictures {
        *truth.entry(&picture.room).or_default().entry(picture.user.clone()).or_default() += 1;
    }
    for picture in &evidence.pictures {
        let Some(people) = truth.get(picture.room.as_str()) else { continue };
        let right = picture.online == people.len() as u64
            && picture.people.as_ref().is_none_or(|seen| seen == people);
        findings.check(Rule::PresenceConverges, right, || format!("{people:?} are there, and {picture:?}"));
    }
}

/// Unread counts are what the log and the read position say.
fn check_unread(evidence: &Evidence, findings: &mut Findings) {
    for (device, user, state) in &evidence.listed {
        let Some(log) = evidence.finals.iter().find(|log| log.room == state.room) else { continue };
        let unread = messages_after(log, state.read);
        findings.check(Rule::Unread, unread == state.unread, || {
            format!("device {device} of {user} was told {state:?}; the log has {unread} unread")
        });
        let own = log.events.iter().filter(|event| event.is_message() && event.from == *user);
        let newest = own.map(|event| event.seq).max().unwrap_or(0);
        findings.check(Rule::ReadsNeverFall, state.read >= newest, || {
            format!("device {device} of {user} was told {state:?}; the user wrote {newest}")
        });
        // News of a read position may be lost on the way to the user's other devices; their count fits the one they know.
        let shown = evidence.pictures.iter().find(|p| p.device == *device && p.room == state.room);
        // And a device does not hear that old messages are no longer kept, so that the server stops counting them.
        let shown = shown.filter(|picture| picture.read == state.read && evidence.events_kept.is_none());
        if let Some(shown) = shown.and_then(|picture| picture.unread) {
            findings.check(Rule::Unread, shown == unread, || {
                format!("device {device} of {user} shows {shown} unread of {}, and {unread} are", state.room)
            });
        }
    }
}

fn messages_after(log: &FinalRoom, read: u64) -> u64 {
    log.events.iter().filter(|event| event.is_message() && event.seq > read).count() as u64
}

/// Read positions by user and room.
type Positions<'a> = BTreeMap<(&'a str, &'a str), u64>;

/// The furthest read positions that users were told.
#[derive(Debug, Default)]
struct Reads<'a> {
    users: BTreeMap<Device, &'a str>,
    told: Positions<'a>,
    /// What was known when a request went out, by device and request.
    asked: BTreeMap<(Device, &'a str), Positions<'a>>,
    /// How often the server has died, and how often it had when each device's connection was opened.
    deaths: u32,
    opened: BTreeMap<Device, u32>,
}

/// A position that a user was told is never taken back, unless the server died in between.
fn check_reads(evidence: &Evidence, findings: &mut Findings) {
    let mut reads = Reads::default();
    let mut crashes = evidence.crashes.iter().peekable();
    for entry in &evidence.entries {
        while crashes.next_if(|crash| **crash <= entry.at).is_some() {
            reads.told.clear();
            reads.asked.clear();
            reads.deaths += 1;
        }
        reads.step(entry, findings);
    }
}

impl<'a> Reads<'a> {
    fn step(&mut self, entry: &'a Entry, findings: &mut Findings) {
        let device = entry.device;
        match &entry.what {
            What::Opened => {
                self.opened.insert(device, self.deaths);
            }
            What::Welcomed { user, .. } => {
                self.users.insert(device, user);
            }
            What::Asked { id } => {
                let user = self.users.get(&device).copied().unwrap_or_default();
                let own = self.told.iter().filter(|((other, _), _)| *other == user);
                self.asked.insert((device, id), own.map(|(key, seq)| (*key, *seq)).collect());
            }
            What::Joined { id, state, .. } | What::Resumed { id, state, .. } => {
                self.told(entry, id, state, findings);
            }
            What::Listed { id, rooms } => {
                rooms.iter().for_each(|state| self.told(entry, id, state, findings))
            }
            What::ReadTo { room, seq } => self.learn(device, room, *seq),
            _ => {}
        }
    }

    fn told(&mut self, entry: &Entry, id: &str, state: &'a RoomSeen, findings: &mut Findings) {
        let user = self.users.get(&entry.device).copied().unwrap_or_default();
        let known = self.asked.get(&(entry.device, id));
        let before = known.and_then(|known| known.get(&(user, state.room.as_str()))).copied().unwrap_or(0);
        findings.check(Rule::ReadsNeverFall, state.read >= before, || {
            format!("{user} had read {} up to {before} before asking: {entry:?}", state.room)
        });
        self.learn(entry.device, &state.room, state.read);
    }

    fn learn(&mut self, device: Device, room: &'a str, seq: u64) {
        if self.opened.get(&device) != Some(&self.deaths) {
            // News that was on its way when the server died.
            return;
        }
        let user = self.users.get(&device).copied().unwrap_or_default();
        let told = self.told.entry((user, room)).or_default();
        *told = (*told).max(seq);
    }
}
