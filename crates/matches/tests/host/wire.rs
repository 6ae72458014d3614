//! The messages: what one side writes the other reads, and nothing else is taken.

use matches::game::Ranked;
use matches::wire::{
    ClientMessage, End, HeaderChange, Hello, Input, Notice, Roster, RosterEntry, ServerMessage,
    SnapshotHeader, Welcome,
};
use proptest::prelude::*;

#[test]
fn messages_of_the_page_have_these_bytes() {
    let commands = [1, 2, 3, 4, 5, 6];
    let input = Input { acknowledged: 0x0102, view: 0x0304, first: 9, count: 2, commands: &commands };
    let bytes = [2, 2, 1, 0, 0, 4, 3, 0, 0, 9, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6];
    assert_eq!(ClientMessage::Input(input).to_bytes(), bytes);
    let hello = Hello { spectates: true, name: "Zoë", token: "t", resume: Some(&[9; 16]), wish: &[4] };
    let expected = [&[1, 1, 1, 4][..], "Zoë".as_bytes(), &[1, 0, b't', 16], &[9; 16], &[1, 4]].concat();
    assert_eq!(ClientMessage::Hello(hello).to_bytes(), expected);
    assert_eq!(ClientMessage::Ping { time: 7 }.to_bytes(), [3, 7, 0, 0, 0]);
    assert_eq!(ClientMessage::Pace { is_hidden: true }.to_bytes(), [4, 1]);
    assert_eq!(ClientMessage::Watch(&[1, 2]).to_bytes(), [5, 1, 2]);
    assert_eq!(ClientMessage::Leave.to_bytes(), [6]);
    let pong = ServerMessage::Pong { time: 1, tick: 2, phase: 0x8000 };
    assert_eq!(pong.to_bytes(), [0x83, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0x80]);
    assert_eq!(ServerMessage::Notice(Notice::Restored, "ok").to_bytes(), [0x85, 1, b'o', b'k']);
    let end = End { ranking: vec![Ranked { slot: 3, rank: 1, points: 258 }], detail: &[7] };
    assert_eq!(ServerMessage::End(end).to_bytes(), [0x86, 1, 3, 1, 0, 2, 1, 0, 0, 7]);
    let mut entries = vec![];
    RosterEntry { slot: 1, flags: 4, name: "A", look: &[2] }.write(&mut entries);
    assert_eq!(ServerMessage::Roster(Roster::new(1, &entries)).to_bytes(), [0x84, 1, 1, 4, 1, b'A', 1, 2]);
}

#[test]
fn a_snapshot_tells_what_differs_from_the_one_before() {
    let header = SnapshotHeader { tick: 5, applied: 4, margin: -3, speed: 95, cost: 41 };
    let told = |before: Option<SnapshotHeader>, header: SnapshotHeader| {
        let change = HeaderChange::between(before.as_ref(), &header);
        assert_eq!(change.after(before.as_ref()), Ok(header));
        ServerMessage::Snapshot(change, &[8]).to_bytes()
    };
    let whole = [0xf8, 5, 0, 0, 0, 1, 0xfd, 95, 41, 8];
    assert_eq!(told(None, header), whole, "everything, to somebody new");
    let next = SnapshotHeader { tick: 6, applied: 6, ..header };
    assert_eq!(told(Some(header), next), [0xc1, 8], "a byte, where all goes on");
    let late = SnapshotHeader { tick: 8, margin: 9, ..header };
    assert_eq!(told(Some(header), late), [0xd7, 9, 8]);
    let slow = SnapshotHeader { tick: 9, applied: 5, speed: 90, ..header };
    assert_eq!(told(Some(header), slow), [0xe8, 9, 0, 0, 0, 4, 90, 41, 8]);
    let restored = SnapshotHeader { tick: 3, applied: 3, ..header };
    assert_eq!(told(Some(header), restored), [0xc0, 3, 0, 0, 0, 8], "a tick before it is told whole");
}

#[test]
fn p8_a_snapshot_that_leans_on_nothing_or_names_no_tick_is_refused() {
    let after = |bytes: &[u8], before: Option<SnapshotHeader>| match ServerMessage::read(bytes) {
        Ok(ServerMessage::Snapshot(change, _)) => change.after(before.as_ref()).map_err(|_| ()),
        _ => Err(()),
    };
    let last = SnapshotHeader { tick: u32::MAX, ..SnapshotHeader::default() };
    for bytes in [
        &[0xf1, 0, 100, 0][..],
        &[0xf4, 1, 0, 0, 0, 0, 100, 0],
        &[0xe0, 1, 0, 0, 0, 100, 0],
        &[0xd0, 1, 0, 0, 0, 0],
    ] {
        assert_eq!(after(bytes, None), Err(()), "{bytes:?} leans on the one before");
        assert_eq!(after(bytes, Some(last)).is_ok(), bytes[0] & 3 == 0, "{bytes:?}, after the last tick");
    }
    assert_eq!(after(&[0xf8, 1, 0, 0, 0, 2, 0, 100, 0], None), Err(()), "a command before the first tick");
    assert_eq!(after(&[0xfc, 1, 0, 0, 0, 0, 100, 0], None), Err(()), "no way to tell what was applied");
    let whole = [0xf8, 5, 0, 0, 0, 1, 0xfd, 95, 41];
    assert!(after(&whole, None).is_ok());
    for length in 0..whole.len() {
        assert_eq!(after(&whole[..length], None), Err(()), "cut to {length}");
    }
}

#[test]
fn a_welcome_survives_the_wire() {
    let welcome = Welcome {
        is_spectator: false,
        is_return: true,
        slot: 200,
        rate: 30,
        tick: 1,
        seed: u64::MAX,
        simulation: 3,
        resume: &[1; 16],
        game: "wreckroom",
        id: "a-1",
        introduction: &[5, 6],
    };
    let bytes = ServerMessage::Welcome(welcome).to_bytes();
    assert_eq!(ServerMessage::read(&bytes), Ok(ServerMessage::Welcome(welcome)));
}

#[test]
fn p8_every_message_cut_short_or_made_longer_is_refused() {
    let hello =
        Hello { name: "Ann", token: "abc", resume: Some(&[1; 16]), wish: &[1, 2], ..Hello::default() };
    let messages = [
        ClientMessage::Hello(hello).to_bytes(),
        ClientMessage::Ping { time: 1 }.to_bytes(),
        ClientMessage::Pace { is_hidden: false }.to_bytes(),
        ClientMessage::Leave.to_bytes(),
    ];
    for message in messages {
        for length in 0..message.len() {
            assert!(ClientMessage::read(&message[..length]).is_err(), "{message:?} cut to {length}");
        }
        assert!(ClientMessage::read(&[&message[..], &[0]].concat()).is_err(), "{message:?} and a byte");
    }
}

#[test]
fn p8_fields_beyond_their_limits_are_refused() {
    let refused = |hello: Hello<'_>| ClientMessage::read(&ClientMessage::Hello(hello).to_bytes()).is_err();
    assert!(refused(Hello { name: &"x".repeat(33), ..Hello::default() }));
    assert!(refused(Hello { name: "a\u{7}b", ..Hello::default() }));
    assert!(refused(Hello { wish: &[0; 33], ..Hello::default() }));
    assert!(!refused(Hello { name: &"x".repeat(32), wish: &[0; 32], ..Hello::default() }));
    let mut version = ClientMessage::Hello(Hello::default()).to_bytes();
    version[1] = 2;
    assert!(ClientMessage::read(&version).is_err());
    let beyond = Input { acknowledged: 0, view: 0, first: u32::MAX, count: 1, commands: &[0] };
    assert!(beyond.split(1).is_err(), "ticks beyond 32 bits");
}

proptest! {
    #[test]
    fn any_header_is_read_as_it_was_written_whatever_was_before(
        numbers in prop::collection::vec((any::<u16>(), 0_u32..4, any::<i8>(), 50_u8..=100, any::<u8>()), 1..8),
    ) {
        let mut before = None;
        for (tick, ago, margin, speed, cost) in numbers {
            let tick = u32::from(tick);
            let header = SnapshotHeader { tick, applied: tick.saturating_sub(ago), margin, speed, cost };
            let bytes = ServerMessage::Snapshot(HeaderChange::between(before.as_ref(), &header), &[]).to_bytes();
            let Ok(ServerMessage::Snapshot(change, [])) = ServerMessage::read(&bytes) else { panic!("{bytes:?}") };
            prop_assert_eq!(change.after(before.as_ref()), Ok(header));
            before = Some(header);
        }
    }

    #[test]
    fn p8_any_bytes_are_read_without_a_panic_and_written_back_the_same(
        first in prop_oneof![1_u8..7, 0x81_u8..0x87, 0xc0_u8..=0xff, any::<u8>()],
        rest in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let bytes = [&[first][..], &rest].concat();
        if let Ok(message) = ClientMessage::read(&bytes) {
            prop_assert_eq!(message.to_bytes(), bytes.clone());
        }
        if let Ok(message) = ServerMessage::read(&bytes) {
            let written = message.to_bytes();
            prop_assert_eq!(ServerMessage::read(&written), Ok(message.clone()));
            if let ServerMessage::Roster(roster) = message {
                prop_assert!(roster.entries().count() <= 256);
            }
        }
    }
}
