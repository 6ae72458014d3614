//! What the logs hold, as all observers together saw them (C1 to C4, C7, C8, C10).

use super::{Evidence, Findings, Rule};
use crate::history::{Device, Entry, EventSeen, What};
use std::collections::{BTreeMap, BTreeSet};

/// A message by its sender, room and id.
type Key<'a> = (&'a str, &'a str, &'a str);

/// What became of one message, as its senders know.
#[derive(Debug, Default)]
struct Message<'a> {
    /// The texts that went out under this id, and how often anything went out at all.
    bodies: BTreeSet<&'a str>,
    attempts: u32,
    /// The newest event of the room that anybody knew of before the first attempt.
    known_before: u64,
    acked: BTreeSet<u64>,
    refused: bool,
}

#[derive(Debug, Default)]
struct LastSent<'a> {
    body: &'a str,
    /// Attempts on this connection that are not answered.
    unanswered: u32,
    /// An older text under this id was not answered when this one was sent, so an ack may be about either.
    ambiguous: bool,
}

/// An ack, and the text that it is about if that is certain.
#[derive(Debug)]
struct Ack<'a> {
    entry: &'a Entry,
    room: &'a str,
    id: &'a str,
    seq: u64,
    body: Option<&'a str>,
}

#[derive(Debug, Default)]
struct Logs<'a> {
    users: BTreeMap<Device, &'a str>,
    /// By room and `seq`, what the first observer saw.
    events: BTreeMap<&'a str, BTreeMap<u64, &'a EventSeen>>,
    messages: BTreeMap<Key<'a>, Message<'a>>,
    /// The last text that each device sent under an id: what its ack is about.
    last_sent: BTreeMap<(Device, &'a str, &'a str), LastSent<'a>>,
    acks: Vec<Ack<'a>>,
    /// By room, the newest event that anybody knows of.
    known: BTreeMap<&'a str, u64>,
    /// What was known when a request went out.
    asked: BTreeMap<(Device, &'a str), BTreeMap<&'a str, u64>>,
}

pub(super) fn check(evidence: &Evidence, findings: &mut Findings) {
    let mut logs = Logs::default();
    for entry in &evidence.entries {
        logs.step(entry, findings);
    }
    for last in &evidence.finals {
        last.events.iter().for_each(|event| logs.saw(&last.room, event, findings));
    }
    logs.check_events(evidence, findings);
    logs.check_messages(evidence, findings);
    logs.check_acks(evidence, findings);
}

impl<'a> Logs<'a> {
    fn step(&mut self, entry: &'a Entry, findings: &mut Findings) {
        let device = entry.device;
        match &entry.what {
            What::Welcomed { user, .. } => {
                self.users.insert(device, user);
            }
            What::Sent { room, id, body } => {
                let known_before = self.known(room);
                let user = self.user(device);
                let message = self.messages.entry((user, room, id)).or_default();
                if message.attempts == 0 {
                    message.known_before = known_before;
                }
                message.attempts += 1;
                message.bodies.insert(body);
                let last = self.last_sent.entry((device, room, id)).or_default();
                last.ambiguous = last.unanswered > 0 && (last.ambiguous || last.body != body);
                last.body = body;
                last.unanswered += 1;
            }
            What::Acked { room, id, seq, .. } => {
                let user = self.user(device);
                self.messages.entry((user, room, id)).or_default().acked.insert(*seq);
                let last = self.last_sent.entry((device, room, id)).or_default();
                last.unanswered = last.unanswered.saturating_sub(1);
                let body = (!last.ambiguous).then_some(last.body);
                self.acks.push(Ack { entry, room, id, seq: *seq, body });
                self.learn(room, *seq);
            }
            What::Closed { .. } => {
                let own = self.last_sent.range_mut((device, "", "")..(device + 1, "", ""));
                own.for_each(|(_, last)| last.unanswered = 0);
            }
            What::Refused { room, id, .. } => {
                let last = self.last_sent.entry((device, room, id)).or_default();
                last.unanswered = last.unanswered.saturating_sub(1);
                let user = self.user(device);
                self.messages.entry((user, room, id)).or_default().refused = true;
            }
            What::Received { room, event } => {
                self.saw(room, event, findings);
                self.learn(room, event.seq);
            }
            What::Asked { id } => {
                self.asked.insert((device, id), self.known.clone());
            }
            What::Paged { id, room, head, events, .. } => {
                self.is_fresh(entry, id, room, *head, findings);
                events.iter().for_each(|event| self.saw(room, event, findings));
            }
            What::Joined { id, again: _, state } | What::Resumed { id, state, .. } => {
                self.is_fresh(entry, id, &state.room, state.head, findings);
            }
            What::Listed { id, rooms } => {
                for state in rooms {
                    self.is_fresh(entry, id, &state.room, state.head, findings);
                }
            }
            _ => {}
        }
    }

    fn user(&self, device: Device) -> &'a str {
        self.users.get(&device).copied().unwrap_or_default()
    }

    fn known(&self, room: &str) -> u64 {
        self.known.get(room).copied().unwrap_or(0)
    }

    fn learn(&mut self, room: &'a str, seq: u64) {
        let known = self.known.entry(room).or_default();
        *known = (*known).max(seq);
    }

    /// An observer saw an event: everybody must see the same one there.
    fn saw(&mut self, room: &'a str, event: &'a EventSeen, findings: &mut Findings) {
        let first = *self.events.entry(room).or_default().entry(event.seq).or_insert(event);
        findings.check(Rule::SeqIsAFunction, first == event, || format!("{room}: {first:?} and {event:?}"));
    }

    fn is_fresh(&mut self, entry: &Entry, id: &str, room: &str, head: u64, findings: &mut Findings) {
        let asked = self.asked.get(&(entry.device, id));
        let known = asked.and_then(|known| known.get(room)).copied().unwrap_or(0);
        findings.check(Rule::FreshReads, head >= known, || {
            format!("{known} was known of {room} when device {} asked: {entry:?}", entry.device)
        });
    }

    /// Every message in a log was sent, and has one place.
    fn check_events(&self, evidence: &Evidence, findings: &mut Findings) {
        for (room, events) in &self.events {
            let mut places: BTreeMap<(&str, &str), u64> = BTreeMap::new();
            for event in events.values().filter(|event| event.is_message()) {
                let id = event.id.as_deref().unwrap_or_default();
                let body = event.body.as_deref().unwrap_or_default();
                let sent = self.messages.get(&(event.from.as_str(), room, id));
                let genuine = sent.is_some_and(|sent| sent.bodies.contains(body));
                findings.check(Rule::NoPhantom, genuine, || format!("nobody sent {event:?} to {room}"));
                let before = places.insert((&event.from, id), event.seq);
                // With retention, an id is forgotten with its message.
                let forgotten = |before: u64| evidence.events_kept.is_some_and(|n| event.seq - before >= n);
                let once = before.is_none_or(forgotten);
                findings.check(Rule::NoDuplicate, once, || format!("{room}: also at {before:?}: {event:?}"));
                let after = sent.is_none_or(|sent| event.seq > sent.known_before);
                findings.check(Rule::RealTimeOrder, after, || {
                    format!(
                        "{} of {room} was known before this was sent: {event:?}",
                        sent.map_or(0, |s| s.known_before)
                    )
                });
            }
        }
    }

    /// What its senders were told of each message fits together.
    fn check_messages(&self, evidence: &Evidence, findings: &mut Findings) {
        for ((user, room, id), message) in &self.messages {
            let spread =
                message.acked.last().zip(message.acked.first()).map_or(0, |(last, first)| last - first);
            let forgotten = evidence.events_kept.is_some_and(|n| spread >= n);
            if !message.acked.is_empty() {
                findings.check(Rule::Idempotent, message.acked.len() == 1 || forgotten, || {
                    format!("{user} in {room}: {id} was acked at {:?}", message.acked)
                });
            }
            if message.refused && message.attempts == 1 {
                let stored = self.events.get(room).into_iter().flat_map(BTreeMap::values);
                let found = stored.into_iter().find(|e| e.from == *user && e.id.as_deref() == Some(id));
                findings.check(Rule::NoPhantom, found.is_none(), || {
                    format!("{room}: refused, and stored: {found:?}")
                });
            }
        }
    }

    /// Every acked message is where its ack said, for everybody who read the room at the end.
    fn check_acks(&self, evidence: &Evidence, findings: &mut Findings) {
        for last in &evidence.finals {
            let by_seq: BTreeMap<u64, &EventSeen> = last.events.iter().map(|e| (e.seq, e)).collect();
            for ack in self.acks.iter().filter(|ack| ack.room == last.room && ack.seq >= last.first) {
                let user = self.user(ack.entry.device);
                let found = by_seq.get(&ack.seq).copied();
                let kept = found.is_some_and(|event| {
                    event.from == user
                        && event.id.as_deref() == Some(ack.id)
                        && ack.body.is_none_or(|body| event.body.as_deref() == Some(body))
                });
                findings.check(Rule::AckedNotLost, kept, || {
                    let Ack { entry, body, .. } = ack;
                    format!(
                        "{}: {entry:?} (text {body:?}), and device {} reads {found:?}",
                        last.room, last.device
                    )
                });
            }
        }
    }
}
