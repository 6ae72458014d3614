//! The ledger against a model that is too simple to be wrong: a list of events per room, and for each member what was
//! read. Transactions fail, the process crashes, caches are tiny.

use super::*;
use crate::event::{Event, Kind};
use crate::reading::{Query, Range, Reader, Reply};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const USERS: [&str; 4] = ["ann", "bob", "cem", "dan"];
const ROOMS: [&str; 3] = ["a", "b", "c"];

/// Who, with which client id, does what.
type Asked = (usize, u8, Op);

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Asked>),
    Fail(Vec<Asked>),
    Crash,
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    (0..10u8, 0..ROOMS.len(), 0..30u64, 0..2u8).prop_map(|(what, name, seq, body)| match what {
        0 | 1 => join(ROOMS[name]),
        2 => Op::Leave { room: room(ROOMS[name]) },
        3 => read(ROOMS[name], seq),
        4 => Op::Status { rooms: vec![room(ROOMS[name])] },
        _ => send(ROOMS[name], &body.to_string()),
    })
}

fn step() -> impl Strategy<Value = Step> {
    let batch = || prop::collection::vec((0..USERS.len(), 0..12u8, op()), 0..6);
    prop_oneof![
        8 => batch().prop_map(Step::Commit),
        2 => batch().prop_map(Step::Fail),
        1 => Just(Step::Crash),
        2 => (0..1500u64).prop_map(Step::Wait),
    ]
}

#[derive(Clone, Default)]
struct Model {
    logs: BTreeMap<RoomName, Vec<Arc<Event>>>,
    members: BTreeSet<(RoomName, UserId)>,
    /// What each member is known to have read.
    read: BTreeMap<(RoomName, UserId), Seq>,
}

impl Model {
    fn original(&self, name: &RoomName, from: &UserId, id: &str) -> Option<(Seq, &str)> {
        self.logs.get(name)?.iter().find_map(|event| match &event.kind {
            Kind::Message { client_id, body } if event.from == *from && **client_id == *id => {
                Some((event.seq, &**body))
            }
            _ => None,
        })
    }

    fn head(&self, name: &RoomName) -> Seq {
        self.logs.get(name).map_or(0, |log| log.len() as u64)
    }

    fn unread(&self, name: &RoomName, read: Seq) -> u64 {
        let log = self.logs.get(name).into_iter().flatten();
        log.filter(|event| event.seq > read && matches!(event.kind, Kind::Message { .. })).count() as u64
    }

    /// Takes one request with its answer, and the event that it made, if it made one.
    fn take(&mut self, request: &Request, answer: &Answer, event: Option<&Arc<Event>>) {
        let Some(name) = request.op.room() else { return };
        let member = (name.clone(), request.user.clone());
        let is_member = self.members.contains(&member);
        let original = self.original(name, &request.user, &request.id);
        let same = |before: &str| matches!(&request.op, Op::Send { body, .. } if **body == *before);
        match answer {
            Answer::Sent { seq, duplicate, .. } => {
                assert!(is_member || original.is_some(), "who has left may ask what became of a send");
                assert_eq!(*duplicate, original.is_some());
                assert_eq!(*seq, original.map_or(self.head(name) + 1, |(seq, _)| seq));
                assert!(original.is_none_or(|(_, before)| same(before)));
            }
            // A member who leaves within the same batch is told where to begin, too.
            Answer::Joined { joined_at: Some(seq), .. } => assert_eq!(*seq, self.head(name) + 1),
            Answer::Joined { joined_at: None, .. } => assert!(is_member),
            Answer::Left { .. } => assert!(is_member),
            Answer::Read { .. } => {
                assert!(is_member);
                let Op::Read { seq, .. } = request.op else { panic!("not a read") };
                let seq = seq.min(self.head(name));
                let known = self.read.entry(member.clone()).or_default();
                *known = (*known).max(seq);
            }
            Answer::Statuses(_) => {}
            Answer::Refused { refusal: Refusal::NotFound, .. } => assert!(!self.logs.contains_key(name)),
            Answer::Refused { refusal: Refusal::NotMember, .. } => assert!(!is_member),
            Answer::Refused { refusal: Refusal::Conflict, .. } => {
                assert!(original.is_some_and(|(_, before)| !same(before)));
            }
            Answer::Refused { refusal, .. } => panic!("{refusal:?}"),
        }
        let Some(event) = event else { return };
        assert_eq!(event.seq, self.head(name) + 1, "dense");
        self.logs.entry(name.clone()).or_default().push(event.clone());
        if event.kind == Kind::Leave {
            self.members.remove(&member);
            self.read.remove(&member);
        } else {
            self.members.insert(member.clone());
            self.read.insert(member, event.seq);
        }
    }

    /// Takes a batch.
    fn follow(&mut self, asked: &[Request], commit: &Commit) {
        let mut events = commit.events.iter();
        for (request, (_, id, answer)) in asked.iter().zip(&commit.answers) {
            assert_eq!(*id, request.id, "answers come in order");
            let member = request.op.room().map(|name| (name.clone(), request.user.clone()));
            let made_event = match answer {
                Answer::Sent { duplicate, .. } => !duplicate,
                Answer::Joined { .. } => member.is_some_and(|member| !self.members.contains(&member)),
                Answer::Left { .. } => true,
                _ => false,
            };
            let event = made_event.then(|| events.next().expect("an event for this answer"));
            self.take(request, answer, event);
        }
        assert!(events.next().is_none(), "no event without an answer");
        assert_eq!(asked.len(), commit.answers.len());
    }
}

fn requests(batch: Vec<Asked>) -> Vec<Request> {
    batch.into_iter().map(|(who, id, op)| request(USERS[who], &id.to_string(), op)).collect()
}

fn compare_member(world: &mut World, model: &Model, name: &RoomName, id: &UserId, is_after_crash: bool) {
    let known = model.read.get(&(name.clone(), id.clone())).copied();
    match world.status(id.as_str(), name.as_str()) {
        Ok(status) => {
            assert_eq!(status.head, model.head(name));
            assert_eq!(status.unread, model.unread(name, status.read), "unread follows from the log");
            let count = model.members.iter().filter(|(of, _)| of == name).count() as u64;
            assert_eq!(status.members, count);
            let known = known.expect("a member");
            let agrees = if is_after_crash { status.read <= known } else { status.read == known };
            assert!(agrees, "{id:?} in {name:?}: {} for {known}", status.read);
            let own = model.logs[name].iter().rev().find(|event| event.from == *id);
            assert!(own.is_none_or(|own| own.seq <= status.read), "own messages are read");
        }
        Err(Refusal::NotMember) => assert!(known.is_none()),
        Err(refusal) => assert_eq!((refusal, model.head(name)), (Refusal::NotFound, 0)),
    }
}

fn compare(world: &mut World, model: &Model, is_after_crash: bool) {
    for name in ROOMS.map(room) {
        for id in USERS.map(user) {
            compare_member(world, model, &name, &id, is_after_crash);
        }
        let range = Range::After(0);
        let query = Query::Page { room: name.clone(), user: None, range, limit: 9999, bytes_max: 1 << 30 };
        match world.table.read(&query) {
            Ok(Reply::Page(page)) => assert_eq!(page.events, model.logs[&name]),
            Ok(_) => assert_eq!(model.head(&name), 0),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn any_history_agrees_with_the_model(steps in prop::collection::vec(step(), 1..40), tiny in any::<bool>()) {
        let cached = if tiny { 2 } else { 1000 };
        let limits = LedgerLimits { rooms_cached_max: cached, users_cached_max: cached, ..unlimited() };
        let (mut world, mut model) = (World::new(limits), Model::default());
        for step in steps {
            let is_crash = matches!(step, Step::Crash);
            match step {
                Step::Commit(batch) => {
                    let asked = requests(batch);
                    let commit = world.commit(asked.clone());
                    model.follow(&asked, &commit);
                }
                Step::Fail(batch) => world.commit_fails(requests(batch)),
                Step::Crash => world.crash(),
                Step::Wait(ms) => world.now += Duration::from_millis(ms),
            }
            compare(&mut world, &model, is_crash);
            if is_crash {
                // What the crash lost is lost for good; from here on nothing may fall.
                for ((name, id), known) in &mut model.read {
                    *known = world.status(id.as_str(), name.as_str()).expect("a member").read;
                }
            }
        }
    }
}
