//! The crash test: a real server is killed again and again under clients that send as fast as they can.
//!
//! Afterwards every acked message is at its place, no log has a gap or a message twice, and every client has found its way
//! back by itself. The same checkers judge as in the simulated world.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]
#![allow(clippy::print_stdout, reason = "shown with a failing test")]

mod device;
mod node;

use device::Device;
use lab::check::{Evidence, FinalRoom, Findings, Picture, Rule, Verdict};
use lab::client::Part;
use lab::history::What;
use lab::random::Random;
use node::Node;
use std::rc::Rc;
use std::time::{Duration, Instant};

const DEVICES: u32 = 20;
const ROOMS: u32 = 4;
const KILLS: usize = 22;
/// After the last kill, everything must have come to rest within this.
const SETTLE_MAX: Duration = Duration::from_secs(60);
/// A room's final read takes at most so long.
const READ_MAX: Duration = Duration::from_secs(60);

fn room(number: u32) -> String {
    format!("room-{}", number % ROOMS)
}

#[test]
fn a_server_that_is_killed_again_and_again_loses_nothing_that_it_acked() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let evidence = tokio::task::LocalSet::new().block_on(&runtime, run());
    let mut findings = Findings::judge(&evidence);
    findings.check(Rule::Liveness, true, || unreachable!("without rest the run would have failed"));
    let count = |matches: fn(&What) -> bool| evidence.entries.iter().filter(|e| matches(&e.what)).count();
    let acked = count(|what| matches!(what, What::Acked { .. }));
    let resent = count(|what| matches!(what, What::Acked { duplicate: true, .. }));
    let resumed = count(|what| matches!(what, What::Resumed { .. }));
    println!(
        "{KILLS} kills, {acked} acks, {resent} of them for messages that were stored before a kill, {resumed} resumes\n{findings}"
    );
    assert_eq!(findings.failures().collect::<Vec<_>>(), []);
    for rule in
        [Rule::AckedNotLost, Rule::Idempotent, Rule::NoDuplicate, Rule::GapFree, Rule::PresenceConverges]
    {
        assert!(matches!(findings.verdict(rule), Verdict::Pass { .. }), "{rule:?} was not tried");
    }
    assert!(acked > 1000, "only {acked} messages were acked: the load was too small to say anything");
    assert!(resent > 0, "no kill fell between a commit and its ack, so nothing is known of resends");
    assert!(resumed > KILLS * DEVICES as usize / 2, "only {resumed} resumes in {KILLS} kills");
}

/// Kills the server many times, waits for rest, and reads everything.
async fn run() -> Evidence {
    let mut random = Random::new(20);
    let mut node = Node::start();
    let crew = device::Crew::new(node.url().to_owned());
    let devices: Vec<Rc<Device>> = (0..DEVICES).map(|index| Device::start(index, &crew)).collect();
    for device in &devices {
        device.with(|client, now| client.join(now, &room(device.index)));
        device.with(|client, now| client.join(now, &room(device.index + 1)));
    }
    crew.sending.set(true);
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(random.between(250, 900))).await;
        crew.crashes.borrow_mut().push(crew.now());
        node.kill();
        node.start_again();
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    crew.sending.set(false);
    settle(&devices).await;
    for device in &devices {
        device.with(|client, now| client.list_rooms(now));
    }
    let mut finals = Vec::new();
    for number in 0..ROOMS {
        finals.push(read_room(&devices[number as usize], &room(number)).await);
    }
    evidence(&crew, &devices, finals)
}

/// Waits until every outbox is empty and all who receive a room are at the same event.
async fn settle(devices: &[Rc<Device>]) {
    let (started, mut restless_at) = (Instant::now(), Instant::now());
    while restless_at.elapsed() < Duration::from_secs(2) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let calm = devices.iter().all(|device| device.client.borrow().is_settled())
            && (0..ROOMS).all(|number| {
                let cursors = devices.iter().filter_map(|d| d.client.borrow().cursor(&room(number)));
                cursors.min() == devices.iter().filter_map(|d| d.client.borrow().cursor(&room(number))).max()
            });
        if !calm {
            restless_at = Instant::now();
            assert!(started.elapsed() < SETTLE_MAX, "no rest: {:?}", waiting(devices));
        }
    }
}

fn waiting(devices: &[Rc<Device>]) -> Vec<(u32, usize, Vec<String>)> {
    let state = |device: &Rc<Device>| {
        let client = device.client.borrow();
        (device.index, client.outbox_len(), client.waits_for())
    };
    devices.iter().map(state).collect()
}

/// Reads the whole log of a room, page by page.
async fn read_room(device: &Device, room: &str) -> FinalRoom {
    let started = Instant::now();
    let mut log = FinalRoom { device: device.index, room: room.to_owned(), first: 1, events: Vec::new() };
    loop {
        let after = log.events.last().map_or(0, |event: &lab::history::EventSeen| event.seq);
        let asked = device.with(|client, now| client.history_of(now, room, Part::After(after), 200));
        let asked = asked.expect("a connection");
        let page = loop {
            assert!(started.elapsed() < READ_MAX, "{room} cannot be read beyond {after}");
            tokio::time::sleep(Duration::from_millis(1)).await;
            if let Some(page) = device.page(&asked) {
                break page;
            }
        };
        let (head, events) = page;
        log.events.extend(events);
        if log.events.last().map_or(0, |event| event.seq) >= head {
            return log;
        }
    }
}

fn evidence(crew: &device::Crew, devices: &[Rc<Device>], finals: Vec<FinalRoom>) -> Evidence {
    let mut pictures = Vec::new();
    for device in devices {
        let client = device.client.borrow();
        for room in client.receiving() {
            let (online, people) = client.people(room).unwrap_or((0, None));
            pictures.push(Picture {
                device: device.index,
                user: client.user().to_owned(),
                room: room.to_owned(),
                online,
                people: people.cloned(),
                read: client.read_position(room).unwrap_or(0),
                unread: client.unread(room),
            });
        }
    }
    let entries = crew.entries.take();
    let mut listed = Vec::new();
    for entry in entries.iter().rev().take_while(|entry| !matches!(entry.what, What::Closed { .. })) {
        if let What::Listed { rooms, .. } = &entry.what {
            let user = devices[entry.device as usize].client.borrow().user().to_owned();
            listed.extend(rooms.iter().map(|state| (entry.device, user.clone(), state.clone())));
        }
    }
    Evidence { entries, finals, listed, pictures, events_kept: None, crashes: crew.crashes.take() }
}
