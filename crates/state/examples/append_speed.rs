//! How many messages a second become durable, and how long each takes.
//!
//! `cargo run --release -p state --example append_speed -- key=value …`, with the keys and defaults of [`Settings`].
//! Each worker keeps its share of `inflight` messages under way; a message's time runs from its submission to its
//! answer.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a measurement that cannot go on stops and says so"
)]

use chat::ids::{RoomName, UserId};
use chat::ledger::{Answer, Op, Origin, Request};
use chat::rate::Rate;
use chat::reading::Reply;
use state::{Delivery, Sink, Store, StoreConfig};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

#[derive(Clone, Debug)]
struct Settings {
    dir: String,
    seconds: u64,
    workers: u64,
    inflight: u64,
    rooms: u64,
    users: u64,
    body: usize,
    /// `random` UUIDs, or `time`: UUIDs that grow with time.
    ids: String,
    /// Messages a second in all; 0: as fast as possible.
    rate: u64,
}

/// What a worker's sink and its load thread share.
#[derive(Default)]
struct Load {
    state: Mutex<Progress>,
    answered: Condvar,
}

#[derive(Default)]
struct Progress {
    sent_at: HashMap<Box<str>, Instant>,
    times_us: Vec<u32>,
    joined: u64,
    refused: u64,
}

impl Sink for Load {
    fn committed(&self, delivery: Delivery) {
        if delivery.answers.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut progress = self.state.lock().expect("not poisoned");
        for (_, id, answer) in delivery.answers {
            match answer {
                Answer::Sent { .. } => {
                    if let Some(sent_at) = progress.sent_at.remove(&id) {
                        progress.times_us.push((now - sent_at).as_micros() as u32);
                    }
                }
                Answer::Joined { .. } => progress.joined += 1,
                _ => {
                    progress.sent_at.remove(&id);
                    progress.refused += 1;
                }
            }
        }
        drop(progress);
        self.answered.notify_one();
    }

    fn replied(&self, _: u64, _: Reply) {}
}

/// A generator that is good enough for keys: xorshift64*.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn uuid(&mut self, time: Option<u64>) -> Box<str> {
        let (random, low) = (self.roll(), self.roll());
        let high = time.map_or(random, |time| time << 16 | random & 0xffff);
        let text = format!("{high:016x}{low:016x}");
        format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]).into()
    }
}

fn settings() -> Settings {
    let mut given: HashMap<String, String> = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())))
        .collect();
    let mut number =
        |key: &str, default: u64| given.remove(key).map_or(default, |value| value.parse().expect("a number"));
    let (seconds, workers, inflight) = (number("seconds", 10), number("workers", 2), number("inflight", 512));
    let (rooms, users, body, rate) =
        (number("rooms", 100), number("users", 1000), number("body", 100) as usize, number("rate", 0));
    let dir = given
        .remove("dir")
        .unwrap_or_else(|| std::env::temp_dir().join("stoa-append-speed").display().to_string());
    let ids = given.remove("ids").unwrap_or_else(|| "random".to_owned());
    assert!(given.is_empty(), "unknown: {given:?}");
    Settings { dir, seconds, workers, inflight, rooms, users, body, ids, rate }
}

fn request(worker: u64, user: u64, id: Box<str>, op: Op) -> Request {
    let user = UserId::new(&format!("user-{user}")).expect("valid");
    Request {
        origin: Origin { worker: worker as u16, connection: 1 },
        id,
        name: user.as_str().into(),
        user,
        op,
    }
}

fn room(number: u64) -> RoomName {
    RoomName::new(&format!("room-{number}")).expect("valid")
}

/// User `u` is a member of room `u % rooms`, and of nine after it.
fn join_all(settings: &Settings, store: &Store, load: &Load) {
    let mut joins: Vec<Request> = (0..settings.users)
        .flat_map(|user| (0..10.min(settings.rooms)).map(move |i| (user, (user + i) % settings.rooms)))
        .map(|(user, number)| request(0, user, "join".into(), Op::Join { room: room(number) }))
        .collect();
    let count = joins.len() as u64;
    while !joins.is_empty() {
        let _ = store.submit(&mut joins);
        std::thread::yield_now();
    }
    let mut progress = load.state.lock().expect("not poisoned");
    while progress.joined < count {
        progress = load.answered.wait(progress).expect("not poisoned");
    }
}

fn drive(settings: &Settings, worker: u64, store: &Store, load: &Load, until: Instant) {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (worker + 1));
    let body: Box<str> = "x".repeat(settings.body).into();
    let (started, mut sent) = (Instant::now(), 0u64);
    let share = settings.inflight / settings.workers;
    while Instant::now() < until {
        let mut progress = load.state.lock().expect("not poisoned");
        let mut free = share.saturating_sub(progress.sent_at.len() as u64);
        if settings.rate > 0 {
            let due = (started.elapsed().as_secs_f64() * (settings.rate / settings.workers) as f64) as u64;
            free = free.min(due.saturating_sub(sent));
        }
        if free == 0 {
            drop(load.answered.wait_timeout(progress, Duration::from_micros(200)).expect("not poisoned"));
            continue;
        }
        let now = Instant::now();
        let time = (settings.ids == "time").then(|| started.elapsed().as_millis() as u64);
        let mut batch: Vec<Request> = (0..free)
            .map(|_| {
                let user = dice.roll() % settings.users;
                let number = (user + dice.roll() % 10.min(settings.rooms)) % settings.rooms;
                let op = Op::Send { room: room(number), body: body.clone() };
                request(worker, user, dice.uuid(time), op)
            })
            .collect();
        sent += free;
        progress.sent_at.extend(batch.iter().map(|request| (request.id.clone(), now)));
        drop(progress);
        store.submit(&mut batch).expect("the queue is longer than what is in flight");
    }
}

/// Microseconds of processor time that the store's threads have used, by thread. Only Linux tells.
fn cpu_us() -> HashMap<String, u64> {
    let mut used = HashMap::new();
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let name = read("comm").trim().to_owned();
        let nanoseconds = read("schedstat").split(' ').next().and_then(|first| first.parse::<u64>().ok());
        if name.starts_with("store-") {
            *used.entry(name).or_default() += nanoseconds.unwrap_or(0) / 1000;
        }
    }
    used
}

fn main() {
    let settings = settings();
    let dir = PathBuf::from(&settings.dir);
    let _ = std::fs::remove_dir_all(&dir);
    let mut config = StoreConfig::new(dir.join("stoa.db"));
    config.ledger.sends = Rate { per_second: 1_000_000, burst: 1_000_000 };
    config.append_queue_max = config.append_queue_max.max(settings.inflight as usize);
    let loads: Vec<Arc<Load>> = (0..settings.workers).map(|_| Arc::default()).collect();
    let sinks = loads.iter().map(|load| load.clone() as Arc<dyn Sink>).collect();
    let store = Store::open(config, sinks).expect("opens");
    join_all(&settings, &store, &loads[0]);
    let (before, cpu_before, started) = (store.stats(), cpu_us(), Instant::now());
    let until = started + Duration::from_secs(settings.seconds);
    std::thread::scope(|scope| {
        for (worker, load) in loads.iter().enumerate() {
            let (settings, store) = (&settings, &store);
            scope.spawn(move || drive(settings, worker as u64, store, load, until));
        }
    });
    let elapsed = started.elapsed();
    let (after, cpu_after) = (store.stats(), cpu_us());
    let mut times: Vec<u32> = Vec::new();
    for load in &loads {
        let progress = load.state.lock().expect("not poisoned");
        assert_eq!(progress.refused, 0);
        times.extend(&progress.times_us);
    }
    times.sort_unstable();
    let at = |q: f64| f64::from(times[((times.len() - 1) as f64 * q) as usize]) / 1000.0;
    let (commits, requests) = (after.commits - before.commits, after.requests - before.requests);
    println!("{settings:?}");
    println!(
        "{:.0} acked/s; ms p50 {:.2} p99 {:.2} p99.9 {:.2} max {:.2}; {commits} commits of {:.0}, {:.2} ms each; \
         database {} MB, wal {} MB, {:.0} bytes of database per message",
        times.len() as f64 / elapsed.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0),
        requests as f64 / commits as f64,
        (after.commit_us - before.commit_us) as f64 / 1000.0 / commits as f64,
        after.database_bytes >> 20,
        after.wal_bytes >> 20,
        after.database_bytes as f64 / times.len() as f64,
    );
    for (thread, after) in cpu_after {
        let us = after - cpu_before.get(&thread).unwrap_or(&0);
        println!("{thread}: {:.2} us of processor time per message", us as f64 / times.len() as f64);
    }
    store.close();
}
