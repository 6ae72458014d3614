//! The store and the ledger on the table in memory give the same answers to the same requests.

use crate::rig::{Scratch, Worker, request, room, send};
use chat::ledger::{Answer, Ledger, Op, Request};
use chat::reading::{Query, Range, Reader, Reply};
use chat::table::MemoryTable;
use std::time::Duration;

const USERS: [&str; 5] = ["ann", "bob", "cem", "dan", "eve"];
const ROOMS: [&str; 3] = ["a", "b", "c"];

/// A generator that is good enough for choices: xorshift64*.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }

    fn request(&mut self) -> Request {
        let (who, name) = (USERS[self.roll(5)], ROOMS[self.roll(3)]);
        let op = match self.roll(20) {
            0..3 => Op::Join { room: room(name) },
            3 => Op::Leave { room: room(name) },
            4..6 => Op::Read { room: room(name), seq: self.roll(200) as u64 },
            6 => Op::Status { rooms: ROOMS.map(room).into() },
            7 => Op::Rooms,
            _ => send(name, ["x", "y"][usize::from(self.roll(20) == 0)]),
        };
        let id = match self.roll(3) {
            0 => format!("0d5c2f6e-6f5e-4f7b-9f1d-6f0f5b3c{:04x}", self.roll(100)),
            _ => self.roll(400).to_string(),
        };
        let mut request = request(who, &id, op);
        if self.roll(50) == 0 {
            request.name = format!("{who} the {}", self.roll(9)).into();
        }
        request
    }
}

/// Everything but the time, which the two do not share.
fn timeless(mut answer: Answer) -> Answer {
    if let Answer::Sent { at_ms, .. } = &mut answer {
        *at_ms = 0;
    }
    answer
}

fn timeless_page(reply: Reply) -> impl PartialEq + std::fmt::Debug {
    match reply {
        Reply::Page(page) => {
            let events: Vec<_> = page
                .events
                .iter()
                .map(|e| (e.seq, e.messages, e.from.clone(), e.name.clone(), e.kind.clone()))
                .collect();
            Ok((page.first, page.head, page.more, events))
        }
        other => Err(other),
    }
}

fn compare_reading(worker: &mut Worker, table: &mut MemoryTable, dice: &mut Dice) {
    let (name, who) = (room(ROOMS[dice.roll(3)]), crate::rig::user(USERS[dice.roll(5)]));
    let user = (dice.roll(2) == 0).then(|| who.clone());
    let seq = dice.roll(300) as u64;
    let range = [Range::Before(None), Range::Before(Some(seq)), Range::After(seq)][dice.roll(3)];
    let (limit, bytes_max) = (1 + dice.roll(30) as u32, 1 + dice.roll(40) as u32);
    let query = Query::Page { room: name.clone(), user, range, limit, bytes_max };
    let Ok(expected) = table.read(&query);
    assert_eq!(timeless_page(worker.query(query.clone())), timeless_page(expected), "{query:?}");
    let after = (dice.roll(2) == 0).then(|| crate::rig::user(USERS[dice.roll(5)]));
    let query = Query::Members { room: name, user: who, after, limit: 1 + dice.roll(4) as u32 };
    let Ok(expected) = table.read(&query);
    // Read positions are written at different times.
    let mut replies = [worker.query(query.clone()), expected];
    for reply in &mut replies {
        if let Reply::Members(list) = reply {
            list.members.iter_mut().for_each(|member| member.read = 0);
        }
    }
    assert_eq!(replies[0], replies[1], "{query:?}");
}

fn agree(seed: u64, retention: Option<u64>) {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    (config.ledger.rooms_cached_max, config.ledger.users_cached_max) = (2, 4);
    config.ledger.events_kept_per_room_max = retention;
    config.recent_events_max = 20;
    let mut worker = Worker::open(config.clone());
    let (mut table, mut ledger) = (MemoryTable::new(), Ledger::new(config.ledger.clone()));
    let mut dice = Dice(seed);
    for round in 0..400u64 {
        let requests: Vec<Request> = (0..1 + dice.roll(12)).map(|_| dice.request()).collect();
        let answers = worker.ask_all(requests.clone());
        table.begin();
        let Ok(expected) = ledger.apply(&mut table, Duration::from_millis(round * 50), 0, requests.clone());
        table.commit();
        for ((answer, (_, _, expected)), request) in answers.into_iter().zip(expected.answers).zip(requests) {
            assert_eq!(timeless(answer), timeless(expected), "{request:?} in round {round} of seed {seed}");
        }
        compare_reading(&mut worker, &mut table, &mut dice);
        if dice.roll(60) == 0 {
            worker.store.close();
            worker = Worker::open(config.clone());
        }
    }
}

#[test]
fn the_store_agrees_with_the_table_in_memory() {
    agree(0x9e37_79b9_7f4a_7c15, None);
    agree(0xdead_beef_cafe_f00d, None);
}

#[test]
fn the_store_agrees_with_the_table_in_memory_about_retention() {
    agree(0x1234_5678_9abc_def1, Some(25));
}
