//! What passes through `Frames`, driven like the relay drives it, by hand.

use super::*;
use proptest::prelude::*;

const START: Duration = Duration::from_secs(100);
const SECOND: Duration = Duration::from_secs(1);

/// A relay without sockets.
struct Rig {
    frames: Frames,
    now: Duration,
    to_backend: Vec<u8>,
    to_client: Vec<u8>,
    is_over: bool,
}

impl Rig {
    fn new(options: FrameOptions) -> Self {
        let frames = Frames::new(options, START, [7, 9]);
        Self { frames, now: START, to_backend: Vec::new(), to_client: Vec::new(), is_over: false }
    }

    fn out(&mut self, way: Way) -> &mut Vec<u8> {
        match way {
            Way::ToBackend => &mut self.to_backend,
            Way::ToClient => &mut self.to_client,
        }
    }

    /// Does what `relay::observer` documents.
    fn pass(&mut self, way: Way, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_over {
            let now = self.now;
            match self.frames.see(way, rest, || now) {
                Seen::All => {
                    self.out(way).extend_from_slice(rest);
                    return;
                }
                Seen::InjectAfter(pass) => {
                    self.out(way).extend_from_slice(&rest[..pass]);
                    rest = &rest[pass..];
                    let mut out = std::mem::take(self.out(way));
                    self.frames.inject(way, &mut out);
                    *self.out(way) = out;
                }
                Seen::DropAfter { pass, drop } => {
                    self.out(way).extend_from_slice(&rest[..pass]);
                    rest = &rest[pass + drop..];
                }
                Seen::EndAfter(pass) => {
                    self.out(way).extend_from_slice(&rest[..pass]);
                    self.is_over = true;
                }
            }
        }
    }

    fn wake(&mut self) {
        let mut injections = Injections { to_backend: &mut self.to_backend, to_client: &mut self.to_client };
        self.is_over |= !self.frames.wake(self.now, &mut injections);
    }

    /// Lets time pass, with wakes when they are due.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.frames.due().filter(|due| *due <= end && !self.is_over) {
            self.now = self.now.max(due);
            self.wake();
        }
        self.now = end;
    }

    fn close(&mut self, code: u16) {
        self.frames.end(Cause::Asked, code, "", self.now);
        self.wake();
    }
}

fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mask = if key.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(mask | short as u8),
        middle @ 126..65_536 => {
            bytes.push(mask | 126);
            bytes.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            bytes.push(mask | 127);
            bytes.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    let key_bytes = key.unwrap_or_default();
    if key.is_some() {
        bytes.extend_from_slice(&key_bytes);
    }
    bytes.extend(payload.iter().zip(key_bytes.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

fn of_client(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, payload, Some([1, 2, 3, 4]))
}

fn of_backend(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, payload, None)
}

#[test]
fn messages_are_counted_when_their_last_fragment_begins() {
    let mut rig = Rig::new(FrameOptions::default());
    rig.pass(Way::ToBackend, &of_client(0x81, b"one"));
    rig.pass(Way::ToBackend, &of_client(0x02, b"tw"));
    assert_eq!(rig.frames.count(Way::ToBackend).messages, 1);
    rig.pass(Way::ToBackend, &of_client(0x89, b"ping between"));
    rig.pass(Way::ToBackend, &of_client(0x80, &[0; 70_000]));
    assert_eq!(rig.frames.count(Way::ToBackend), Count { messages: 2, pings: 1, pongs: 0 });
}

#[test]
fn a_close_frame_is_read_with_its_mask() {
    let mut rig = Rig::new(FrameOptions::default());
    for byte in of_client(0x88, b"\x03\xe8bye") {
        rig.pass(Way::ToBackend, &[byte]);
    }
    assert_eq!(rig.frames.closed(Way::ToBackend), Some(Closed { code: 1000, reason: "bye".to_owned() }));
    rig.pass(Way::ToClient, &of_backend(0x88, b""));
    assert_eq!(rig.frames.closed(Way::ToClient).unwrap().code, 1005);
    // Both have said their last; whoever keeps the sockets open is cut.
    rig.wait(CLOSE_TIMEOUT);
    assert!(rig.is_over);
}

#[test]
fn a_silent_side_is_pinged_and_the_answer_does_not_reach_the_other() {
    let mut rig = Rig::new(FrameOptions::default());
    rig.wait(26 * SECOND);
    // Both were silent, so rig got one: the client an unmasked one, the backend a masked one.
    assert_eq!(rig.to_client[..2], [0x89, 12]);
    assert_eq!(rig.to_backend[..2], [0x89, 0x80 | 12]);
    let to_client = rig.to_client.split_off(2);
    let key = rig.to_backend[2..6].to_vec();
    let to_backend: Vec<u8> =
        rig.to_backend[6..].iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    (rig.to_client, rig.to_backend) = (Vec::new(), Vec::new());
    for byte in of_client(0x8a, &to_client) {
        rig.pass(Way::ToBackend, &[byte]);
    }
    rig.pass(Way::ToClient, &of_backend(0x8a, &to_backend));
    assert!(rig.to_client.is_empty() && rig.to_backend.is_empty());
    rig.wait(20 * SECOND);
    assert!(!rig.is_over);
}

#[test]
fn pings_and_pongs_of_the_peers_pass_whatever_is_in_them() {
    let mut rig = Rig::new(FrameOptions::default());
    rig.wait(26 * SECOND);
    rig.to_backend.clear();
    let mut sent = Vec::new();
    for payload in [&b""[..], b"twelve bytes", b"other", &[0; 125]] {
        sent.extend(of_client(0x8a, payload));
        sent.extend(of_client(0x89, payload));
    }
    for piece in sent.chunks(3) {
        rig.pass(Way::ToBackend, piece);
    }
    assert_eq!(rig.to_backend, sent);
}

#[test]
fn g10_a_side_that_does_not_answer_a_ping_is_gone_and_the_other_is_told() {
    let mut rig = Rig::new(FrameOptions::default());
    for _ in 0..60 {
        rig.pass(Way::ToBackend, &of_client(0x82, b"state"));
        rig.wait(SECOND);
    }
    assert!(rig.is_over);
    assert_eq!(rig.frames.cause(), Some(Cause::Silent(Side::Backend)));
    assert!(rig.to_client.ends_with(b"\x88\x1e\x03\xf6The backend does not answer."), "{:?}", rig.to_client);
}

#[test]
fn a_drain_waits_for_the_end_of_a_frame_then_closes_both_and_lets_nothing_more_pass() {
    let mut rig = Rig::new(FrameOptions::default());
    let message = of_backend(0x82, b"a long message");
    rig.pass(Way::ToClient, &message[..5]);
    rig.close(1012);
    assert_eq!(rig.to_client, message[..5]);
    // To the backend a Close could go at once: masked, 1001.
    assert_eq!(rig.to_backend[..2], [0x88, 0x82]);
    let mut rest = message[5..].to_vec();
    rest.extend(of_backend(0x82, b"too late"));
    rig.pass(Way::ToClient, &rest);
    assert_eq!(rig.to_client, [&message[..], b"\x88\x02\x03\xf4"].concat());
    let before = rig.to_backend.len();
    rig.pass(Way::ToBackend, &of_client(0x82, b"too late"));
    assert!(!rig.is_over && rig.to_backend.len() == before);
    rig.pass(Way::ToBackend, &of_client(0x88, b"\x03\xf4"));
    assert!(!rig.is_over);
    rig.pass(Way::ToClient, &of_backend(0x88, b"\x03\xe9"));
    assert!(rig.is_over);
}

#[test]
fn a_drain_does_not_wait_for_ever() {
    let mut rig = Rig::new(FrameOptions::default());
    rig.close(1001);
    rig.wait(CLOSE_TIMEOUT - SECOND);
    assert!(!rig.is_over);
    rig.wait(SECOND);
    assert!(rig.is_over);
}

#[test]
fn a_message_over_the_limit_ends_with_1009_and_none_of_its_last_frame_passes() {
    let mut rig = Rig::new(FrameOptions { message_bytes_max: 10, ..FrameOptions::default() });
    rig.pass(Way::ToBackend, &of_client(0x02, b"12345"));
    let passed = rig.to_backend.len();
    rig.pass(Way::ToBackend, &of_client(0x80, b"123456"));
    rig.wake();
    assert_eq!(rig.frames.cause(), Some(Cause::TooLarge(Side::Client)));
    assert_eq!(rig.to_client[..4], [0x88, 27, 0x03, 0xf1]);
    assert_eq!(rig.to_backend[passed..passed + 2], [0x88, 0x82]);
}

#[test]
fn a_backend_that_goes_without_a_close_frame_is_told_of_to_the_client() {
    let mut rig = Rig::new(FrameOptions::default());
    rig.pass(Way::ToClient, &of_backend(0x81, b"hello"));
    let mut out = Vec::new();
    rig.frames.finish(Way::ToClient, &mut out, rig.now);
    assert_eq!(out, b"\x88\x18\x03\xf6The backend went away.");
    // In the middle of a frame there is no place for it.
    let mut rig = Rig::new(FrameOptions::default());
    rig.pass(Way::ToClient, &of_backend(0x81, b"hello")[..4]);
    let mut out = Vec::new();
    rig.frames.finish(Way::ToClient, &mut out, rig.now);
    assert!(out.is_empty());
    rig.wait(CLOSE_TIMEOUT);
    assert!(rig.is_over);
}

#[test]
fn a_backend_that_only_follows_a_client_that_went_is_not_blamed() {
    let mut rig = Rig::new(FrameOptions::default());
    rig.pass(Way::ToBackend, &of_client(0x81, b"hi"));
    let (mut to_backend, mut to_client) = (Vec::new(), Vec::new());
    rig.frames.finish(Way::ToBackend, &mut to_backend, rig.now);
    rig.frames.finish(Way::ToClient, &mut to_client, rig.now);
    assert_eq!(rig.frames.cause(), None);
    assert!(to_backend.is_empty() && to_client.is_empty());
}

#[test]
fn on_nonsense_bytes_pass_and_nothing_is_put_in() {
    let nonsense: [&[u8]; 6] = [
        &[0x83, 0x80, 1, 2, 3, 4],
        &[0x81, 0x05],
        &[0x09, 0x80, 1, 2, 3, 4],
        &[0x88, 0xfe, 0, 200, 1, 2, 3, 4],
        &[0x80, 0x80, 1, 2, 3, 4],
        &[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
    ];
    for bytes in nonsense {
        let mut rig = Rig::new(FrameOptions::default());
        rig.pass(Way::ToBackend, bytes);
        rig.pass(Way::ToBackend, b"\x8a\x8cwhatever this may be");
        assert!(rig.frames.is_lost(Way::ToBackend), "{bytes:?}");
        rig.wait(26 * SECOND);
        assert_eq!(rig.to_backend, [bytes, b"\x8a\x8cwhatever this may be"].concat());
    }
}

/// Frames of one side, in a sequence that keeps the rules.
fn frames_of(side: Side) -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20),
        proptest::collection::vec(any::<u8>(), 120..140),
        Just(vec![5; 66_000]),
    ];
    let one = (0..4u8, payload, any::<bool>(), any::<[u8; 4]>());
    proptest::collection::vec(one, 0..12).prop_map(move |frames| {
        let mut bytes = Vec::new();
        for (kind, mut payload, splits, key) in frames {
            let key = (side == Side::Client).then_some(key);
            if kind >= 2 {
                payload.truncate(125);
                bytes.extend(frame(0x80 | (kind + 7), &payload, key));
            } else if splits {
                let (one, two) = payload.split_at(payload.len() / 2);
                bytes.extend(frame(kind + 1, one, key));
                bytes.extend(frame(0x8a, b"twelve bytes", key));
                bytes.extend(frame(0x80, two, key));
            } else {
                bytes.extend(frame(0x80 | (kind + 1), &payload, key));
            }
        }
        bytes
    })
}

/// Takes whole pings of ours out of what was sent: they are the only frames that carry the mark.
fn without_ours(bytes: &[u8], mark: u64) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let short = usize::from(bytes[at + 1] & 0x7f);
        let (length_bytes, length) = match short {
            126 => (2, usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]))),
            127 => (8, u64::from_be_bytes(bytes[at + 2..at + 10].try_into().unwrap()) as usize),
            short => (0, short),
        };
        let key_bytes = if bytes[at + 1] & 0x80 == 0 { 0 } else { 4 };
        let start = at + 2 + length_bytes + key_bytes;
        let key: Vec<u8> = if key_bytes == 0 { vec![0] } else { bytes[start - 4..start].to_vec() };
        let payload: Vec<u8> = bytes[start..start + length]
            .iter()
            .zip(key.iter().cycle())
            .map(|(byte, key)| byte ^ key)
            .collect();
        if !(bytes[at] == 0x89 && payload.starts_with(&mark.to_be_bytes())) {
            out.extend_from_slice(&bytes[at..start + length]);
        }
        at = start + length;
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_the_pieces_and_the_pauses_the_same_bytes_come_out_but_for_whole_pings(
        up in frames_of(Side::Client),
        down in frames_of(Side::Backend),
        turns in proptest::collection::vec((any::<bool>(), 1..5000usize, 0..15u64), 1..200),
    ) {
        // Nobody is gone, however long the pauses are.
        let mut rig = Rig::new(FrameOptions { pong: Duration::from_secs(1_000_000), ..FrameOptions::default() });
        let (mut up_left, mut down_left) = (&up[..], &down[..]);
        let rest = [(true, usize::MAX, 0), (false, usize::MAX, 0)];
        for (is_up, size, seconds) in turns.into_iter().chain(rest) {
            let (way, left) =
                if is_up { (Way::ToBackend, &mut up_left) } else { (Way::ToClient, &mut down_left) };
            let (piece, after) = left.split_at(size.min(left.len()));
            *left = after;
            rig.pass(way, piece);
            rig.wait(Duration::from_secs(seconds));
        }
        prop_assert!(!rig.is_over && !rig.frames.is_lost(Way::ToBackend) && !rig.frames.is_lost(Way::ToClient));
        // The mark of pings is that of the way on which their pongs come.
        prop_assert!(without_ours(&rig.to_backend, !7) == up);
        prop_assert!(without_ours(&rig.to_client, 7) == down);
    }
}
