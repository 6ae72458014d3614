//! Judges histories: did the server keep its promises?
//!
//! The checkers know what clients sent and saw, what a final read of every room brought, and nothing of the server. Each
//! rule gets a verdict: PASS with the number of cases that were checked, FAIL with the smallest witness, or UNKNOWN if
//! the run brought no case at all, which is no reason to trust anything.

mod log;
mod order;
mod people;

use crate::history::{Device, Entry, EventSeen, RoomSeen};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What is promised. Numbers as C1 name the invariants in the project's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// No client found the protocol broken.
    Protocol,
    /// C1: an acked message is in the log, at its `seq`, with its text, for every observer.
    AckedNotLost,
    /// C2: what is in a log was sent by who it says; what was refused for good is in no log.
    NoPhantom,
    /// C3: no message has two places in a log.
    NoDuplicate,
    /// C4: a `seq` of a room names one event, whoever looks and whenever.
    SeqIsAFunction,
    /// C5, C6: a connection gets a room's events one after the other, none left out, none twice.
    GapFree,
    /// C7, C10: what anybody knew to be in a room's log before a message was first sent stands before it.
    RealTimeOrder,
    /// C8, C9: an answer is never older than what anybody knew when it was asked for.
    FreshReads,
    /// C12: who joins gets the events from the join on.
    JoinBorder,
    /// C13: after quiet, everybody sees exactly who is there.
    PresenceConverges,
    /// C17: an unread count is a function of the log and the read position.
    Unread,
    /// A read position never moves back while the server lives, and is never before the user's own newest message.
    ReadsNeverFall,
    /// All acks of a message name the same place.
    Idempotent,
    /// After the faults stop, everything that was asked for comes true in time.
    Liveness,
}

/// All rules, in order.
pub const RULES: [Rule; 14] = [
    Rule::Protocol,
    Rule::AckedNotLost,
    Rule::NoPhantom,
    Rule::NoDuplicate,
    Rule::SeqIsAFunction,
    Rule::GapFree,
    Rule::RealTimeOrder,
    Rule::FreshReads,
    Rule::JoinBorder,
    Rule::PresenceConverges,
    Rule::Unread,
    Rule::ReadsNeverFall,
    Rule::Idempotent,
    Rule::Liveness,
];

/// What came of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Kept in every case.
    Pass {
        /// How many cases there were.
        checked: u64,
    },
    /// Broken.
    Fail {
        /// The first case, in words.
        witness: String,
    },
    /// There was no case.
    Unknown,
}

/// A whole room as one device read it at the end.
#[derive(Clone, Debug)]
pub struct FinalRoom {
    /// Who read.
    pub device: Device,
    /// The room.
    pub room: String,
    /// The oldest event that is kept.
    pub first: u64,
    /// Its events, ascending.
    pub events: Vec<EventSeen>,
}

/// What a device shows of a room at the end, on a connection that receives it.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Whose.
    pub device: Device,
    /// Of which user.
    pub user: String,
    /// The room.
    pub room: String,
    /// How many users are online.
    pub online: u64,
    /// Who they are, with how many devices each; none if the device does not know.
    pub people: Option<BTreeMap<String, u32>>,
    /// The read position that the device knows of.
    pub read: u64,
    /// What the device believes to be unread after it; none if it cannot know.
    pub unread: Option<u64>,
}

/// Everything there is to judge.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The histories of all devices, in the order of real time.
    pub entries: Vec<Entry>,
    /// Rooms as read when all was quiet.
    pub finals: Vec<FinalRoom>,
    /// What each user was told of each room when all was quiet.
    pub listed: Vec<(Device, String, RoomSeen)>,
    /// What each device shows when all is quiet.
    pub pictures: Vec<Picture>,
    /// How many events each room keeps; none if all.
    pub events_kept: Option<u64>,
    /// When the server died, which may cost read positions of the last second.
    pub crashes: Vec<Duration>,
}

/// The verdicts of one run, or of many added together.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    by_rule: BTreeMap<Rule, (u64, Option<String>)>,
}

impl Findings {
    /// Judges the evidence.
    pub fn judge(evidence: &Evidence) -> Self {
        let mut findings = Self::default();
        order::check(evidence, &mut findings);
        log::check(evidence, &mut findings);
        people::check(evidence, &mut findings);
        findings
    }

    /// The verdict on one rule.
    pub fn verdict(&self, rule: Rule) -> Verdict {
        match self.by_rule.get(&rule) {
            Some((_, Some(witness))) => Verdict::Fail { witness: witness.clone() },
            Some((checked, None)) if *checked > 0 => Verdict::Pass { checked: *checked },
            _ => Verdict::Unknown,
        }
    }

    /// The rules that were broken, each with its witness.
    pub fn failures(&self) -> impl Iterator<Item = (Rule, &str)> {
        self.by_rule.iter().filter_map(|(rule, (_, witness))| Some((*rule, witness.as_deref()?)))
    }

    /// Counts one more case of the rule; a false one becomes the witness, unless there is one.
    pub fn check(&mut self, rule: Rule, holds: bool, witness: impl FnOnce() -> String) {
        let (checked, broken) = self.by_rule.entry(rule).or_default();
        *checked += 1;
        if !holds && broken.is_none() {
            *broken = Some(witness());
        }
    }

    /// Adds the findings of another run.
    pub fn add(&mut self, other: &Self) {
        for (rule, (checked, witness)) in &other.by_rule {
            let (mine, broken) = self.by_rule.entry(*rule).or_default();
            *mine += checked;
            if broken.is_none() {
                broken.clone_from(witness);
            }
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rule in RULES {
            match self.verdict(rule) {
                Verdict::Pass { checked } => writeln!(f, "PASS     {rule:?}: {checked} cases")?,
                Verdict::Fail { witness } => writeln!(f, "FAIL     {rule:?}: {witness}")?,
                Verdict::Unknown => writeln!(f, "UNKNOWN  {rule:?}: no case")?,
            }
        }
        Ok(())
    }
}
