//! What one connection gets, one event after the other (C5, C6, C12).

use super::{Evidence, Findings, Rule};
use crate::history::{Device, Entry, EventSeen, What};
use std::collections::BTreeMap;

/// For each device, the rooms that its connection receives, each with the event that is due next.
type Due<'a> = BTreeMap<(Device, &'a str), u64>;

pub(super) fn check(evidence: &Evidence, findings: &mut Findings) {
    let mut due = Due::new();
    for entry in &evidence.entries {
        step(entry, evidence.events_kept.is_some(), &mut due, findings);
    }
}

fn step<'a>(entry: &'a Entry, may_skip: bool, due: &mut Due<'a>, findings: &mut Findings) {
    let device = entry.device;
    let case = || format!("device {device} at {:?}: {:?}", entry.at, entry.what);
    match &entry.what {
        What::Opened | What::Closed { .. } => due.retain(|(other, _), _| *other != device),
        What::Broken { .. } => findings.check(Rule::Protocol, false, case),
        What::Welcomed { .. } => findings.check(Rule::Protocol, true, case),
        What::Joined { again: false, state, .. } => {
            due.insert((device, &state.room), state.head + 1);
        }
        What::Resumed { asked, from, truncated, state, .. } => {
            let right = match truncated.as_deref() {
                None => *from == asked + 1,
                Some("retention") => may_skip && *from == state.first && asked + 1 < *from,
                Some("ahead") => *asked > state.head && *from == state.head + 1,
                Some("epoch") => *from == state.head + 1,
                Some(_) => false,
            };
            findings.check(Rule::GapFree, right, case);
            due.insert((device, &state.room), *from);
        }
        What::Skipped { room, next } => {
            let before = due.insert((device, room), *next);
            findings.check(Rule::GapFree, may_skip && before.is_some_and(|due| due < *next), case);
        }
        What::Ended { room } => {
            due.remove(&(device, room));
        }
        What::Received { room, event } => {
            let expected = due.get(&(device, room.as_str())).copied();
            let right = expected == Some(event.seq);
            findings.check(Rule::GapFree, right, || format!("due was {expected:?}; {}", case()));
            findings.check(Rule::JoinBorder, right, || format!("due was {expected:?}; {}", case()));
            due.insert((device, room), event.seq + 1);
        }
        What::Paged { after, first, head, events, .. } => {
            let from = after.map(|after| (after + 1).max(*first));
            findings.check(Rule::GapFree, is_dense(events, from, *first, *head), case);
        }
        _ => {}
    }
}

/// Whether a page has no gap, begins where it should, and stays within the log.
fn is_dense(events: &[EventSeen], from: Option<u64>, first: u64, head: u64) -> bool {
    let (Some(oldest), Some(newest)) = (events.first(), events.last()) else { return true };
    events.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1)
        && from.is_none_or(|from| oldest.seq == from)
        && oldest.seq >= first
        && newest.seq <= head
}
