//! Compressed messages on a connection (RFC 7692): the rules of RSV1, the limits, and that both sides understand each
//! other whatever they agreed on.

use proptest::prelude::*;
use ws::deflate::{Codec, Context, Mode, Parameters, Policy, WorkLimits};
use ws::{Config, Connection, End, Event, Limit, Limits, Message, Prepared, Role, State, Violation};

use crate::wire::*;

/// In a first byte: the message is compressed.
const RSV1: u8 = 0x40;

fn agreed(takeover: bool, window_bits: u8) -> Parameters {
    Parameters {
        server_no_context_takeover: !takeover,
        client_no_context_takeover: !takeover,
        server_max_window_bits: window_bits,
        client_max_window_bits: window_bits,
    }
}

fn peer(role: Role, config: Config, parameters: Parameters) -> Peer {
    Peer::new(role, config).with_compression(parameters)
}

fn server() -> Peer {
    peer(Role::Server, Config::default(), agreed(false, 15))
}

/// The data of a compressed message, made by a codec of its own.
fn deflated(plain: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    Codec::default().compress(plain, None, 15, &mut data);
    data
}

/// Chat-like text of about this many bytes.
fn talk(bytes: usize) -> String {
    let mut text = String::new();
    for i in 0.. {
        text += &format!(r#"{{"t":"event","room":"lobby","seq":{i},"text":"hello {}"}}"#, i * 7919 % 1000);
        if text.len() >= bytes {
            break;
        }
    }
    text
}

#[test]
fn the_example_of_the_rfc_is_understood_in_one_frame_and_in_two() {
    // RFC 7692 section 7.2.3.1 and .2: "Hello" in one frame, in two, and with shared context.
    let mut server = peer(Role::Server, Config::default(), agreed(true, 15));
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(server.feed(&masked(TEXT | RSV1, &hello)), [text("Hello")]);
    let again = [0xf2, 0x00, 0x11, 0x00, 0x00];
    assert_eq!(server.feed(&masked(TEXT | RSV1, &again)), [text("Hello")]);
    let two =
        [masked(TEXT_START | RSV1, &hello[..3]), masked(PING, b"?"), masked(LAST, &hello[3..])].concat();
    assert_eq!(server.feed(&two), [Seen::Ping(b"?".to_vec()), text("Hello")]);
    assert_eq!(server.feed_bytewise(&two), [Seen::Ping(b"?".to_vec()), text("Hello")]);
    // Section 7.2.3.3 to .5: a stored block, a block with BFINAL, two blocks in one message; and an empty message.
    let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
    let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    let blocks = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    for data in [&stored[..], &last, &blocks] {
        assert_eq!(server.feed(&masked(TEXT | RSV1, data)), [text("Hello")]);
    }
    assert_eq!(server.feed(&masked(BINARY | RSV1, &[0])), [Seen::Binary(Vec::new())]);
    assert_eq!(server.feed(&masked(TEXT, b"plain")), [text("plain")]);
    assert_eq!(server.connection.state(), State::Open);
}

#[test]
fn w02_z03_rsv1_stands_only_on_the_first_frame_of_a_data_message() {
    let data = deflated(b"Hello");
    let violation = End::PeerViolated(Violation::ReservedBits);
    let mut without = Peer::server();
    without.feed(&masked(TEXT | RSV1, &data));
    without.assert_failed(&violation);
    for first in [CLOSE, PING, PONG, TEXT | 0x20, TEXT | 0x10, TEXT | RSV1 | 0x10, MIDDLE, LAST] {
        let first = if matches!(first, TEXT..) && first & 0x30 != 0 { first } else { first | RSV1 };
        let mut alone = server();
        alone.feed(&masked(first, b""));
        alone.assert_failed(&violation);
    }
    let mut inside = server();
    inside.feed(&masked(TEXT_START | RSV1, &data[..2]));
    inside.feed(&masked(LAST | RSV1, &data[2..]));
    inside.assert_failed(&violation);
    let mut reserved = server();
    reserved.feed(&masked(0xc3, b""));
    reserved.assert_failed(&End::PeerViolated(Violation::ReservedOpcode(3)));
}

#[test]
fn z03_data_that_cannot_be_inflated_fails_the_connection() {
    let good = deflated(talk(1000).as_bytes());
    let half = &good[..good.len() / 2];
    for data in [&[0xff, 0xff][..], &[0x06], half, &[0x00, 0x05, 0x00, 0x00, 0x00, 0x41]] {
        for stream in
            [masked(TEXT | RSV1, data), [masked(TEXT_START | RSV1, data), masked(LAST, b"")].concat()]
        {
            let mut server = server();
            assert_eq!(server.feed(&stream), [], "{data:x?}");
            server.assert_failed(&End::PeerViolated(Violation::CompressionInvalid));
        }
    }
    // What refers to an earlier message although nothing may be taken over.
    let mut context = Context::new(15);
    let (mut first, mut second, mut codec) = (Vec::new(), Vec::new(), Codec::default());
    let said = talk(300);
    codec.compress(said.as_bytes(), Some(&mut context), 15, &mut first);
    codec.compress(said.as_bytes(), Some(&mut context), 15, &mut second);
    let mut server = server();
    assert_eq!(server.feed(&masked(TEXT | RSV1, &first)), [text(&said)]);
    server.feed(&masked(TEXT | RSV1, &second));
    server.assert_failed(&End::PeerViolated(Violation::CompressionInvalid));
}

#[test]
fn w17_compressed_text_is_utf_8_when_it_is_inflated() {
    let mut server = server();
    // The bytes of the data itself are no text, and need not be.
    assert_eq!(server.feed(&masked(TEXT | RSV1, &deflated("κόσμε".as_bytes()))), [text("κόσμε")]);
    server.feed(&masked(BINARY | RSV1, &deflated(b"\xff\xfe")));
    server.feed(&masked(TEXT | RSV1, &deflated(b"\xff\xfe")));
    server.assert_failed(&End::PeerViolated(Violation::TextNotUtf8));
}

#[test]
fn z01_z02_a_bomb_ends_at_the_limit() {
    let limits = Limits { message_bytes_max: 100_000, ..Limits::default() };
    let config = Config { limits, ..Config::default() };
    let exact = deflated(&vec![b'a'; 100_000]);
    let bomb = deflated(&vec![b'a'; 100_001]);
    assert!(bomb.len() < 1000);
    let fragments = |data: &[u8]| {
        let (a, b) = data.split_at(data.len() / 2);
        [masked(TEXT_START | RSV1, a), masked(LAST, b)].concat()
    };
    for takeover in [false, true] {
        let server = || peer(Role::Server, config.clone(), agreed(takeover, 15));
        for stream in [masked(TEXT | RSV1, &bomb), fragments(&bomb)] {
            let mut server = server();
            assert_eq!(server.feed(&fragments(&exact)), [text(&"a".repeat(100_000))]);
            assert_eq!(server.feed(&masked(TEXT | RSV1, &exact)), [text(&"a".repeat(100_000))]);
            server.feed(&stream);
            server.assert_failed(&End::PeerExceeded(Limit::MessageBytes));
        }
    }
}

#[test]
fn w09_the_data_of_a_compressed_message_keeps_to_the_limit_too() {
    let limits = Limits { message_bytes_max: 100, ..Limits::default() };
    let mut server = peer(Role::Server, Config { limits, ..Config::default() }, agreed(false, 15));
    server.feed(&masked(BINARY_START | RSV1, &[0; 60]));
    server.feed(&masked(MIDDLE, &[0; 41]));
    server.assert_failed(&End::PeerExceeded(Limit::MessageBytes));
}

#[test]
fn a_peer_that_makes_us_inflate_too_much_is_told_so() {
    let inflate = WorkLimits { bytes_per_second_max: 10_000, bytes_burst_max: 50_000 };
    let compression = Policy { inflate, ..Policy::with_mode(Mode::NoTakeover) };
    let mut server = peer(Role::Server, Config { compression, ..Config::default() }, agreed(false, 15));
    let message = masked(BINARY | RSV1, &deflated(&[7; 10_000]));
    for _ in 0..5 {
        assert_eq!(server.feed(&message), [Seen::Binary(vec![7; 10_000])]);
    }
    server.advance(std::time::Duration::from_secs(1));
    assert_eq!(server.feed(&message).len(), 1);
    server.feed(&message);
    server.assert_failed(&End::PeerExceeded(Limit::InflatedBytes));
}

#[test]
fn what_goes_past_our_own_budget_is_sent_plain() {
    let compress = WorkLimits { bytes_per_second_max: 1, bytes_burst_max: 1000 };
    let compression = Policy { compress, ..Policy::with_mode(Mode::NoTakeover) };
    let mut server = peer(Role::Server, Config { compression, ..Config::default() }, agreed(false, 15));
    let said = talk(500);
    server.send(Message::Text(&said)).unwrap();
    assert_eq!(server.sent()[0], TEXT | RSV1);
    server.send(Message::Text(&said)).unwrap();
    assert_eq!(server.sent(), unmasked(TEXT, said.as_bytes()));
}

#[test]
fn what_would_not_become_shorter_is_sent_plain() {
    let mut server = server();
    let mut state = 1u64;
    let noise: Vec<u8> = (0..1000)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect();
    server.send(Message::Binary(&noise)).unwrap();
    let sent = server.sent();
    assert_eq!((sent[0], sent.len()), (BINARY, 1004));
    server.send(Message::Text(&"a".repeat(63))).unwrap();
    assert_eq!(server.sent()[0], TEXT, "shorter than compress_bytes_min");
    server.send(Message::Text(&"a".repeat(64))).unwrap();
    assert_eq!(server.sent()[0], TEXT | RSV1);
}

#[test]
fn z06_a_secret_is_never_compressed() {
    let secret = talk(1000);
    for takeover in [false, true] {
        let mut server = peer(Role::Server, Config::default(), agreed(takeover, 15));
        let mut client = peer(Role::Client, Config::default(), agreed(takeover, 15));
        server.connection.send_plain(Message::Text(&secret), &mut server.output).unwrap();
        let sent = server.sent();
        assert_eq!(sent, unmasked(TEXT, secret.as_bytes()));
        client.feed(&sent);
        // Nor does it leave a trace in what is compressed after it.
        server.send(Message::Text(&secret)).unwrap();
        let after = server.sent();
        let mut fresh = peer(Role::Server, Config::default(), agreed(takeover, 15));
        fresh.send(Message::Text(&secret)).unwrap();
        assert_eq!(after, fresh.sent());
        assert_eq!(client.feed(&after), [text(&secret)]);
    }
}

#[test]
fn takeover_makes_what_is_said_again_shorter() {
    let said = talk(300);
    let lengths = |takeover| {
        let mut server = peer(Role::Server, Config::default(), agreed(takeover, 15));
        [(); 2].map(|()| {
            server.send(Message::Text(&said)).unwrap();
            server.sent().len()
        })
    };
    let [first, again] = lengths(true);
    assert!(again * 4 < first, "{first} bytes, then {again}");
    let [first, again] = lengths(false);
    assert_eq!(first, again);
}

#[test]
fn a_prepared_message_is_compressed_once_for_all_who_agreed_to_it() {
    let said = talk(3000);
    let prepared = Prepared::text(&said);
    let mut shared = Vec::new();
    for _ in 0..3 {
        let mut server = server();
        server.send_prepared(&prepared).unwrap();
        shared.push(server.sent());
    }
    assert_eq!(shared[0][0], TEXT | RSV1);
    assert!(shared.iter().all(|sent| *sent == shared[0]));
    let mut plain = Peer::server();
    plain.send_prepared(&prepared).unwrap();
    assert_eq!(plain.sent(), prepared.bytes().to_vec());
    let short = Prepared::text("too short to compress");
    let mut server = server();
    server.send_prepared(&short).unwrap();
    assert_eq!(server.sent(), short.bytes().to_vec());
}

#[test]
fn a_compressed_message_comes_as_one_piece() {
    let mut server = server();
    server.connection.receive_in_pieces(true);
    let said = talk(1000);
    let data = deflated(said.as_bytes());
    let (a, b) = data.split_at(20);
    let stream = [masked(TEXT_START | RSV1, a), masked(LAST, b), masked(TEXT | RSV1, &data)].concat();
    let expected = Seen::TextPiece(said.clone(), true);
    assert_eq!(server.feed(&stream), [expected.clone(), expected.clone()]);
    assert_eq!(server.feed_bytewise(&stream), [expected.clone(), expected]);
    server.connection.send_piece(Message::Text(&said), true, &mut server.output).unwrap();
    assert_eq!(server.sent()[0], TEXT, "pieces are never compressed");
}

/// What two peers may agree on.
fn any_parameters() -> impl Strategy<Value = Parameters> {
    (any::<bool>(), any::<bool>(), 8..=15u8, 8..=15u8).prop_map(
        |(server, client, server_bits, client_bits)| Parameters {
            server_no_context_takeover: server,
            client_no_context_takeover: client,
            server_max_window_bits: server_bits,
            client_max_window_bits: client_bits,
        },
    )
}

/// What somebody says: like what was said before, or nothing like it.
fn any_saying() -> impl Strategy<Value = (Vec<u8>, u8)> {
    let payload = prop_oneof![
        3 => (0..4000usize).prop_map(|bytes| talk(bytes).into_bytes()),
        2 => "\\PC{0,200}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..600),
        1 => (0..40_000usize).prop_map(|bytes| vec![b'z'; bytes]),
    ];
    (payload, 0..4u8)
}

fn observe(
    parameters: Parameters,
    config: &Config,
    stream: &[u8],
    cuts: &[usize],
) -> (Vec<Seen>, Vec<u8>, Option<End>) {
    let mut server = peer(Role::Server, config.clone(), parameters);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    for piece in cuts.windows(2) {
        server.feed(&stream[piece[0]..piece[1]]);
    }
    (server.seen.clone(), server.output.clone(), server.connection.end().cloned())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn two_peers_understand_each_other_whatever_they_agreed_on(
        parameters in any_parameters(),
        sayings in prop::collection::vec(any_saying(), 1..12),
        cut in any::<usize>(),
    ) {
        let config = Config { compression: Policy { compress_bytes_min: 4, ..Policy::default() }, ..Config::default() };
        let mut client = peer(Role::Client, config.clone(), parameters);
        let mut server = peer(Role::Server, config, parameters);
        for (payload, way) in &sayings {
            let (from, to) = if way & 1 == 0 { (&mut client, &mut server) } else { (&mut server, &mut client) };
            let message = std::str::from_utf8(payload).map_or(Message::Binary(payload), Message::Text);
            if way & 2 == 0 {
                from.send(message).unwrap();
            } else {
                from.send_prepared(&Prepared::new(message)).unwrap();
            }
            let sent = from.sent();
            prop_assert!(sent.len() <= payload.len() + 14 + 6 + payload.len() / 8192);
            let (first, second) = sent.split_at(cut % (sent.len() + 1));
            let mut seen = to.feed(first);
            seen.extend(to.feed(second));
            let expected = match message {
                Message::Text(said) => text(said),
                Message::Binary(said) => Seen::Binary(said.to_vec()),
            };
            prop_assert!(seen == [expected], "a message of {} bytes", payload.len());
        }
    }

    #[test]
    fn any_cut_of_compressed_frames_gives_the_same_events_answers_and_end(
        frames in prop::collection::vec(any_compressed_frame(), 0..12),
        takeover in any::<bool>(),
        cuts in prop::collection::vec(any::<usize>(), 0..40),
    ) {
        let limits = Limits { message_bytes_max: 2000, fragments_max: 6, ..Limits::default() };
        let config = Config { limits, ..Config::default() };
        let (parameters, stream) = (agreed(takeover, 15), frames.concat());
        let cut = observe(parameters, &config, &stream, &cuts);
        prop_assert_eq!(cut, observe(parameters, &config, &stream, &[]));
    }
}

/// A frame that may be compressed, may claim to be, and may be broken.
fn any_compressed_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop::sample::select(vec![
        TEXT | RSV1,
        BINARY | RSV1,
        TEXT_START | RSV1,
        BINARY_START | RSV1,
        TEXT,
        MIDDLE,
        LAST,
        LAST,
        PING,
    ]);
    let payload = prop_oneof![
        4 => (0..3000usize).prop_map(|bytes| deflated(talk(bytes).as_bytes())),
        2 => prop::collection::vec(any::<u8>(), 0..100).prop_map(|plain| deflated(&plain)),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    (first, payload).prop_map(|(first, payload)| {
        let size = if first == PING { payload.len().min(125) } else { payload.len() };
        masked(first, &payload[..size])
    })
}

#[test]
fn a_connection_without_compression_leaves_the_codec_alone() {
    let mut codec = Codec::default();
    let config = std::sync::Arc::new(Config::default());
    let mut server = Connection::new(Role::Server, config, std::time::Duration::ZERO, [0; 2]);
    let (mut read, mut output) = (masked(TEXT, b"hello"), Vec::new());
    let mut input = &mut read[..];
    let event = server.receive(std::time::Duration::ZERO, &mut input, &mut output, &mut codec);
    assert_eq!(event, Some(Event::Message(Message::Text("hello"))));
    assert!(!server.compresses());
    assert_eq!(server.buffered_bytes(), 0);
}
