//! Messages in pieces: received without keeping them, and sent before their end is known.

use std::time::Duration;

use proptest::prelude::*;
use ws::{CloseCode, Config, End, Limit, Limits, Message, Role, SendError, State, Timeout, Violation};

use crate::wire::*;

fn piece(text: &str, is_last: bool) -> Seen {
    Seen::TextPiece(text.to_owned(), is_last)
}

fn bytes(bytes: &[u8], is_last: bool) -> Seen {
    Seen::BinaryPiece(bytes.to_owned(), is_last)
}

fn server_with(config: Config) -> Peer {
    let mut server = Peer::new(Role::Server, config);
    server.connection.receive_in_pieces(true);
    server
}

fn server() -> Peer {
    server_with(Config::default())
}

#[test]
fn pieces_come_as_the_bytes_come() {
    let mut server = server();
    let frame = masked(BINARY, &[1, 2, 3, 4, 5]);
    assert_eq!(server.feed(&frame), [bytes(&[1, 2, 3, 4, 5], true)]);
    assert_eq!(server.feed(&frame[..8]), [bytes(&[1, 2], false)]);
    assert_eq!(server.feed(&frame[8..]), [bytes(&[3, 4, 5], true)]);
    let fragments = [masked(TEXT_START, b"ab"), masked(PING, b"?"), masked(MIDDLE, b""), masked(LAST, b"c")];
    assert_eq!(
        server.feed(&fragments.concat()),
        [piece("ab", false), Seen::Ping(b"?".to_vec()), piece("c", true)]
    );
    assert_eq!(server.feed(&masked(TEXT, b"")), [piece("", true)]);
    server.feed(&masked(TEXT_START, b"x"));
    assert_eq!(server.feed(&masked(LAST, b"")), [piece("", true)]);
}

#[test]
fn a_piece_of_text_never_ends_inside_a_character() {
    let mut server = server();
    let frame = masked(TEXT, "a\u{20ac}b".as_bytes());
    let seen: Vec<Seen> = frame.iter().flat_map(|byte| server.feed(&[*byte])).collect();
    assert_eq!(seen, [piece("a", false), piece("\u{20ac}", false), piece("b", true)]);
    let fragments = [masked(TEXT_START, b"a\xe2"), masked(MIDDLE, b"\x82"), masked(LAST, b"\xac")];
    assert_eq!(server.feed(&fragments.concat()), [piece("a", false), piece("\u{20ac}", true)]);
    assert_eq!(server.connection.state(), State::Open);
}

#[test]
fn w17_text_in_pieces_is_checked_as_early_as_text_that_is_kept() {
    let mut cut = server();
    cut.feed(&masked(TEXT_START, b"a\xe2"));
    cut.feed(&masked(LAST, b""));
    cut.assert_failed(&End::PeerViolated(Violation::TextNotUtf8));
    let mut early = server();
    let frame = masked(TEXT_START, b"a\xe2\x28 and more");
    assert_eq!(early.feed(&frame[..8]), [piece("a", false)]);
    early.feed(&frame[8..9]);
    early.assert_failed(&End::PeerViolated(Violation::TextNotUtf8));
}

#[test]
fn a_message_in_pieces_is_not_kept_however_long_it_is() {
    let limits = Limits { streamed_bytes_max: u64::MAX, ..Limits::default() };
    let mut server = server_with(Config { limits, ..Config::default() });
    // One frame of 2^62 bytes, of which some arrive.
    server.feed(&[BINARY, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for _ in 0..100 {
        let seen = server.feed(&[7; 65_536]);
        assert_eq!(seen, [bytes(&[7; 65_536], false)]);
        server.seen.clear();
        assert!(server.connection.buffered_bytes() < 256);
    }
}

#[test]
fn w09_the_limit_for_streamed_messages_holds_from_the_header() {
    let limits =
        Limits { streamed_bytes_max: 1000, frame_bytes_max: 10, message_bytes_max: 10, ..Limits::default() };
    let config = Config { limits, ..Config::default() };
    let mut whole = server_with(config.clone());
    assert_eq!(whole.feed(&masked(BINARY, &[1; 1000])), [bytes(&[1; 1000], true)]);
    whole.feed(&masked(BINARY, &[1; 1001]));
    whole.assert_failed(&End::PeerExceeded(Limit::MessageBytes));
    let mut parts = server_with(config);
    parts.feed(&masked(BINARY_START, &[1; 600]));
    parts.feed(&[MIDDLE, 0x80 | 126, 0x01, 0x91, 0, 0, 0, 0]);
    parts.assert_failed(&End::PeerExceeded(Limit::MessageBytes));
}

#[test]
fn w10_fragments_of_streamed_messages_are_counted_against_their_bytes() {
    let limits = Limits { fragments_max: 4, ..Limits::default() };
    let mut honest = server_with(Config { limits: limits.clone(), ..Config::default() });
    honest.feed(&masked(BINARY_START, &[1; 1024]));
    for _ in 0..100 {
        honest.feed(&masked(MIDDLE, &[1; 1024]));
    }
    assert_eq!(honest.connection.state(), State::Open);
    let mut shredder = server_with(Config { limits, ..Config::default() });
    shredder.feed(&masked(BINARY_START, &[1]));
    for _ in 0..4 {
        shredder.feed(&masked(MIDDLE, &[1]));
    }
    shredder.assert_failed(&End::PeerExceeded(Limit::Fragments));
}

#[test]
fn w12_a_streamed_message_must_go_on_but_may_be_long() {
    let mut server = server_with(Config { ping_interval: None, ..Config::default() });
    server.feed(&masked(BINARY_START, &[1]));
    for _ in 0..10 {
        server.advance(Duration::from_secs(59));
        server.feed(&masked(MIDDLE, &[1]));
    }
    assert_eq!(server.connection.state(), State::Open);
    server.advance(Duration::from_secs(60));
    server.assert_failed(&End::PeerTimedOut(Timeout::Message));
}

#[test]
fn the_way_of_receiving_changes_between_messages_only() {
    let mut server = Peer::server();
    server.feed(&masked(TEXT_START, b"a"));
    server.connection.receive_in_pieces(true);
    assert_eq!(server.feed(&masked(LAST, b"b")), [text("ab")]);
    server.feed(&masked(TEXT_START, b"a"));
    server.connection.receive_in_pieces(false);
    assert_eq!(server.feed(&masked(LAST, b"b")), [piece("b", true)]);
    assert_eq!(server.feed(&masked(TEXT, b"c")), [text("c")]);
}

#[test]
fn what_is_sent_in_pieces_arrives_whole() {
    let (mut client, mut server) = (Peer::new(Role::Client, Config::default()), Peer::server());
    for sender in [&mut client, &mut server] {
        sender.connection.send_piece(Message::Text(""), false, &mut sender.output).unwrap();
        assert_eq!(sender.output, b"", "nothing to say yet");
        assert!(sender.connection.is_sending_pieces());
        sender.connection.send_piece(Message::Text("Hel"), false, &mut sender.output).unwrap();
        sender.connection.ping(sender.now, b"?", &mut sender.output).unwrap();
        sender.connection.send_piece(Message::Text("lo"), false, &mut sender.output).unwrap();
        sender.connection.send_piece(Message::Text(""), true, &mut sender.output).unwrap();
        sender.send(Message::Binary(b"next")).unwrap();
    }
    let expected = [Seen::Ping(b"?".to_vec()), text("Hello"), Seen::Binary(b"next".to_vec())];
    let (to_server, to_client) = (client.sent(), server.sent());
    assert_eq!(to_client, b"\x01\x03Hel\x89\x01?\x00\x02lo\x80\x00\x82\x04next");
    assert_eq!(server.feed(&to_server), expected);
    assert_eq!(client.feed(&to_client), expected);
}

#[test]
fn messages_are_not_sent_into_each_other() {
    let mut server = Peer::server();
    server.connection.send_piece(Message::Binary(b"a"), false, &mut server.output).unwrap();
    let sent = server.sent();
    assert_eq!(server.send(Message::Text("b")), Err(SendError::MessageUnfinished));
    let prepared = ws::Prepared::text("b");
    assert_eq!(server.send_prepared(&prepared), Err(SendError::MessageUnfinished));
    assert_eq!(
        server.connection.send_piece(Message::Text("b"), true, &mut server.output),
        Err(SendError::PieceOfOtherKind)
    );
    assert_eq!((sent, server.sent()), (b"\x02\x01a".to_vec(), Vec::new()));
    server.connection.close(server.now, CloseCode::NORMAL, "", &mut server.output);
    assert_eq!(
        server.connection.send_piece(Message::Binary(b"b"), true, &mut server.output),
        Err(SendError::NotOpen)
    );
}

/// Messages put together from their pieces, and everything else.
fn assembled(seen: &[Seen]) -> Vec<Seen> {
    let mut whole = Vec::new();
    let (mut text, mut binary) = (String::new(), Vec::new());
    for seen in seen {
        match seen {
            Seen::TextPiece(piece, is_last) => {
                assert!(*is_last || !piece.is_empty(), "an empty piece that is not the last");
                text.push_str(piece);
                if *is_last {
                    whole.push(Seen::Text(std::mem::take(&mut text)));
                }
            }
            Seen::BinaryPiece(piece, is_last) => {
                assert!(*is_last || !piece.is_empty(), "an empty piece that is not the last");
                binary.extend_from_slice(piece);
                if *is_last {
                    whole.push(Seen::Binary(std::mem::take(&mut binary)));
                }
            }
            other => whole.push(other.clone()),
        }
    }
    whole
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn pieces_make_the_same_messages_and_the_same_end_as_whole_ones(
        frames in prop::collection::vec(crate::properties::any_frame(), 0..12),
        cuts in prop::collection::vec(any::<usize>(), 0..40),
    ) {
        let limits = Limits {
            frame_bytes_max: u64::MAX,
            message_bytes_max: 500,
            streamed_bytes_max: 500,
            fragments_max: 6,
            ..Limits::default()
        };
        let config = Config { limits, ..Config::default() };
        let stream = frames.concat();
        let (mut whole, mut pieces) = (Peer::new(Role::Server, config.clone()), server_with(config));
        whole.feed(&stream);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        for piece in cuts.windows(2) {
            pieces.feed(&stream[piece[0]..piece[1]]);
        }
        prop_assert_eq!(assembled(&pieces.seen), whole.seen);
        prop_assert_eq!(pieces.connection.end(), whole.connection.end());
        prop_assert_eq!(pieces.output, whole.output);
    }
}
