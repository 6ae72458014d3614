//! Frames, one by one: what RFC 6455 section 5 allows, and one test for each attack on it.

use std::time::Duration;

use ws::{CloseCode, Config, End, Limit, Limits, Message, Prepared, Role, Side, State, Timeout, Violation};

use crate::wire::*;

/// A fresh server that gets these bytes must fail for this reason, whether they come at once or one by one.
#[track_caller]
fn check_fails(bytes: &[u8], end: End) {
    check_fails_with(Config::default(), bytes, end);
}

#[track_caller]
fn check_fails_with(config: Config, bytes: &[u8], end: End) {
    let mut peer = Peer::new(Role::Server, config.clone());
    peer.feed(bytes);
    peer.assert_failed(&end);
    let mut peer = Peer::new(Role::Server, config);
    peer.feed_bytewise(bytes);
    peer.assert_failed(&end);
}

fn config(limits: Limits) -> Config {
    Config { limits, ..Config::default() }
}

/// A server that sends no Pings, so that only the deadline under test can end it.
fn patient_server() -> Peer {
    Peer::new(Role::Server, Config { ping_interval: None, ..Config::default() })
}

fn violated(violation: Violation) -> End {
    End::PeerViolated(violation)
}

#[test]
fn the_examples_of_section_5_7_are_understood() {
    let mut client = Peer::new(Role::Client, Config::default());
    assert_eq!(client.feed(b"\x81\x05Hello"), [text("Hello")]);
    assert_eq!(client.feed(b"\x01\x03Hel\x80\x02lo"), [text("Hello")]);
    assert_eq!(client.feed(b"\x89\x05Hello"), [Seen::Ping(b"Hello".to_vec())]);
    let medium = [&[0x82, 0x7e, 0x01, 0x00][..], &[7; 256]].concat();
    assert_eq!(client.feed(&medium), [Seen::Binary(vec![7; 256])]);
    let large = [&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0][..], &[7; 65_536]].concat();
    assert_eq!(client.feed(&large), [Seen::Binary(vec![7; 65_536])]);

    let mut server = Peer::server();
    assert_eq!(server.feed(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), [text("Hello")]);
    assert_eq!(server.feed(b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), [Seen::Pong(b"Hello".to_vec())]);
}

#[test]
fn a_server_sends_unmasked_frames_with_the_shortest_header() {
    let mut server = Peer::server();
    for length in [0, 1, 125, 126, 65_535, 65_536] {
        let payload = vec![b'x'; length];
        server.send(Message::Binary(&payload)).unwrap();
        assert_eq!(server.sent(), unmasked(BINARY, &payload));
        server.send_prepared(&Prepared::binary(&payload)).unwrap();
        assert_eq!(server.sent(), unmasked(BINARY, &payload));
    }
    server.connection.ping(server.now, b"hi", &mut server.output).unwrap();
    assert_eq!(server.sent(), unmasked(PING, b"hi"));
}

#[test]
fn several_messages_in_one_read_come_out_one_by_one() {
    let mut server = Peer::server();
    let bytes = [masked(TEXT, b"one"), masked(BINARY, b"two"), masked(TEXT, b""), masked(PING, b"")].concat();
    let expected = [text("one"), Seen::Binary(b"two".to_vec()), text(""), Seen::Ping(vec![])];
    assert_eq!(server.feed(&bytes), expected);
    assert_eq!(server.sent(), unmasked(PONG, b""));
}

#[test]
fn control_frames_between_fragments_are_handled_at_once() {
    let mut server = Peer::server();
    assert_eq!(server.feed(&masked(TEXT_START, b"a")), []);
    assert_eq!(server.feed(&masked(PING, b"p")), [Seen::Ping(b"p".to_vec())]);
    assert_eq!(server.sent(), unmasked(PONG, b"p"));
    assert_eq!(server.feed(&masked(MIDDLE, b"b")), []);
    assert_eq!(server.feed_bytewise(&masked(PONG, b"q")), [Seen::Pong(b"q".to_vec())]);
    assert_eq!(server.feed(&masked(LAST, b"c")), [text("abc")]);
    assert_eq!(server.feed(&masked(TEXT, b"next")), [text("next")]);
}

#[test]
fn memory_of_a_large_message_is_freed_with_the_next_read() {
    let mut server = Peer::server();
    let large = vec![1; 100_000];
    let frame = masked(BINARY, &large);
    server.feed(&frame[..50_000]);
    assert!(server.connection.buffered_bytes() >= 49_000);
    assert_eq!(server.feed(&frame[50_000..]), [Seen::Binary(large)]);
    assert_eq!(server.connection.buffered_bytes(), 0);
}

#[test]
fn memory_kept_after_a_small_message_is_freed_when_the_peer_goes_silent() {
    let mut server = Peer::server();
    server.feed_bytewise(&masked(TEXT, b"small"));
    server.feed_bytewise(&masked(PING, b"small"));
    assert!(server.connection.buffered_bytes() > 0);
    server.advance(Duration::from_secs(30));
    assert_eq!(server.connection.buffered_bytes(), 0);
}

#[test]
fn an_unfinished_message_survives_a_silence_in_which_memory_is_freed() {
    let mut server = Peer::server();
    server.feed(&masked(TEXT_START, b"before "));
    server.advance(Duration::from_secs(40));
    assert_eq!(server.sent(), b"\x89\x04\0\0\0\x01");
    assert_eq!(server.feed(&masked(LAST, b"and after")), [text("before and after")]);
    let ping = masked(PING, b"slow");
    server.feed(&ping[..8]);
    server.advance(Duration::from_secs(40));
    assert_eq!(server.feed(&ping[8..]), [Seen::Ping(b"slow".to_vec())]);
}

#[test]
fn w01_a_frame_masked_in_the_wrong_direction_is_1002() {
    check_fails(&unmasked(TEXT, b"hello"), violated(Violation::Unmasked));
    check_fails(&unmasked(PING, b""), violated(Violation::Unmasked));
    let mut client = Peer::new(Role::Client, Config::default());
    client.feed(&masked(TEXT, b"hello"));
    assert_eq!(client.connection.end(), Some(&violated(Violation::Masked)));
}

#[test]
fn w02_reserved_bits_are_1002() {
    for bit in [0x40, 0x20, 0x10] {
        check_fails(&masked(TEXT | bit, b"x"), violated(Violation::ReservedBits));
        check_fails(&masked(PING | bit, b"x"), violated(Violation::ReservedBits));
        let continuation = [masked(TEXT_START, b"a"), masked(LAST | bit, b"b")].concat();
        check_fails(&continuation, violated(Violation::ReservedBits));
    }
}

#[test]
fn w03_reserved_opcodes_are_1002() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        check_fails(&masked(0x80 | opcode, b"x"), violated(Violation::ReservedOpcode(opcode)));
        check_fails(&masked(0x80 | opcode, b""), violated(Violation::ReservedOpcode(opcode)));
    }
}

#[test]
fn w04_a_control_frame_that_is_long_or_fragmented_is_1002() {
    for control in [CLOSE, PING, PONG] {
        check_fails(&masked(control, &[0; 126]), violated(Violation::ControlTooLong));
        check_fails(&masked(control & 0x7f, b"x"), violated(Violation::ControlFragmented));
    }
    let mut server = Peer::server();
    assert_eq!(server.feed(&masked(PING, &[9; 125])), [Seen::Ping(vec![9; 125])]);
}

#[test]
fn w05_fragments_out_of_order_are_1002() {
    check_fails(&masked(LAST, b"x"), violated(Violation::ContinuationWithoutStart));
    check_fails(&masked(MIDDLE, b"x"), violated(Violation::ContinuationWithoutStart));
    let after_whole = [masked(TEXT, b"a"), masked(LAST, b"b")].concat();
    check_fails(&after_whole, violated(Violation::ContinuationWithoutStart));
    for start in [TEXT, BINARY, TEXT_START, BINARY_START] {
        let interrupted = [masked(TEXT_START, b"a"), masked(start, b"b")].concat();
        check_fails(&interrupted, violated(Violation::MessageInterrupted));
    }
}

#[test]
fn w06_a_length_that_is_not_minimal_is_1002() {
    let not_minimal = violated(Violation::LengthNotMinimal);
    for length in [0, 5, 125] {
        for header in [&[BINARY, 0xfe, 0, length][..], &[BINARY, 0xff, 0, 0, 0, 0, 0, 0, 0, length]] {
            check_fails(&[header, &[1, 2, 3, 4]].concat(), not_minimal.clone());
            let whole_frame = [header, &[1, 2, 3, 4], &[0; 125][..usize::from(length)]].concat();
            check_fails(&whole_frame, not_minimal.clone());
        }
    }
    check_fails(&[BINARY, 0xff, 0, 0, 0, 0, 0, 0, 0x01, 0x2c, 1, 2, 3, 4], not_minimal.clone());
    check_fails(&[BINARY, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4], not_minimal);
}

#[test]
fn w07_an_absurd_length_is_refused_by_its_header_without_memory() {
    let top_bit = [BINARY, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    check_fails(&top_bit, violated(Violation::LengthTooLarge));
    let huge = [BINARY, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    check_fails(&huge, End::PeerExceeded(Limit::FrameBytes));
    let unlimited = config(Limits { frame_bytes_max: u64::MAX, ..Limits::default() });
    check_fails_with(unlimited, &huge, End::PeerExceeded(Limit::MessageBytes));
}

#[test]
fn w08_a_gigabyte_that_is_only_announced_is_1009_at_its_header() {
    let header = [BINARY, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4];
    check_fails(&header, End::PeerExceeded(Limit::FrameBytes));
    assert_eq!(Limit::FrameBytes.code(), CloseCode::MESSAGE_TOO_BIG);
    // Where a gigabyte is allowed, the memory follows what arrives.
    let limits = Limits { frame_bytes_max: 1 << 40, message_bytes_max: 1 << 40, ..Limits::default() };
    let mut server = Peer::new(Role::Server, config(limits));
    server.feed(&header);
    server.feed(&[0; 1000]);
    assert_eq!(server.connection.state(), State::Open);
    assert!(server.connection.buffered_bytes() < 4000);
}

#[test]
fn w09_a_message_over_the_limit_in_many_fragments_is_1009() {
    let limits = Limits { message_bytes_max: 1000, ..Limits::default() };
    let mut bytes = masked(BINARY_START, &[0; 100]);
    (0..9).for_each(|_| bytes.extend(masked(MIDDLE, &[0; 100])));
    let mut at_limit = Peer::new(Role::Server, config(limits.clone()));
    assert_eq!(at_limit.feed(&[&bytes[..], &masked(LAST, b"")].concat()), [Seen::Binary(vec![0; 1000])]);
    bytes.extend(masked(LAST, &[0; 1]));
    check_fails_with(config(limits), &bytes, End::PeerExceeded(Limit::MessageBytes));
}

#[test]
fn a_frame_at_the_limit_passes_and_one_byte_more_is_1009() {
    let limits = Limits { frame_bytes_max: 200, ..Limits::default() };
    let mut server = Peer::new(Role::Server, config(limits.clone()));
    assert_eq!(server.feed(&masked(BINARY, &[1; 200])), [Seen::Binary(vec![1; 200])]);
    check_fails_with(
        config(limits.clone()),
        &masked(BINARY, &[1; 201])[..8],
        End::PeerExceeded(Limit::FrameBytes),
    );
    check_fails_with(config(limits), &masked(BINARY, &[1; 201]), End::PeerExceeded(Limit::FrameBytes));
    let limits = Limits { message_bytes_max: 200, ..Limits::default() };
    let mut server = Peer::new(Role::Server, config(limits.clone()));
    assert_eq!(server.feed(&masked(BINARY, &[1; 200])), [Seen::Binary(vec![1; 200])]);
    check_fails_with(
        config(limits.clone()),
        &masked(BINARY, &[1; 201])[..8],
        End::PeerExceeded(Limit::MessageBytes),
    );
    check_fails_with(config(limits), &masked(BINARY, &[1; 201]), End::PeerExceeded(Limit::MessageBytes));
}

#[test]
fn w10_a_message_of_too_many_fragments_is_1008() {
    let limits = Limits { fragments_max: 10, ..Limits::default() };
    let fragments = |count: usize| {
        let middle = masked(MIDDLE, b"x").repeat(count - 2);
        [masked(TEXT_START, b"x"), middle, masked(LAST, b"x")].concat()
    };
    let mut server = Peer::new(Role::Server, config(limits.clone()));
    assert_eq!(server.feed(&fragments(10)), [text(&"x".repeat(10))]);
    assert_eq!(server.feed(&fragments(10)), [text(&"x".repeat(10))]);
    check_fails_with(config(limits), &fragments(11), End::PeerExceeded(Limit::Fragments));
    assert_eq!(Limit::Fragments.code(), CloseCode::POLICY_VIOLATION);
}

#[test]
fn w10_sixty_five_thousand_fragments_pass_where_they_are_allowed() {
    let limits = Limits { fragments_max: 70_000, ..Limits::default() };
    let mut server = Peer::new(Role::Server, config(limits));
    let middle = masked(MIDDLE, b"0123456789abcdef").repeat(65_536 - 2);
    let bytes = [masked(BINARY_START, &[1; 16]), middle, masked(LAST, &[2; 16])].concat();
    let seen = server.feed(&bytes);
    assert!(
        matches!(&seen[..], [Seen::Binary(message)] if message.len() == 1 << 20),
        "{:?}",
        server.connection.end()
    );
}

#[test]
fn w11_endless_empty_continuations_are_1008() {
    let mut bytes = masked(TEXT_START, b"x");
    (0..2000).for_each(|_| bytes.extend(masked(MIDDLE, b"")));
    check_fails(&bytes, End::PeerExceeded(Limit::EmptyFrames));
    let limits = Limits { empty_frames_burst_max: u32::MAX, ..Limits::default() };
    check_fails_with(config(limits), &bytes, End::PeerExceeded(Limit::Fragments));
}

#[test]
fn w12_a_message_that_never_ends_is_1008_at_its_deadline() {
    let timed_out = End::PeerTimedOut(Timeout::Message);
    // A fragment that is not followed, a payload that trickles, a header that stops, a control frame that stops.
    let ping = masked(PING, b"ping");
    for start in
        [masked(TEXT_START, b"x"), masked(BINARY, &[0; 100])[..50].to_vec(), vec![TEXT], ping[..8].to_vec()]
    {
        let mut server = patient_server();
        server.feed(&start);
        server.advance(Duration::from_secs(59));
        assert_eq!(server.connection.state(), State::Open);
        server.advance(Duration::from_secs(1));
        server.assert_failed(&timed_out);
    }
}

#[test]
fn w12_bytes_that_trickle_do_not_move_the_deadline() {
    let mut server = patient_server();
    let frame = masked(BINARY, &[0; 100]);
    for byte in &frame[..4] {
        server.feed(&[*byte]);
        server.advance(Duration::from_secs(20));
    }
    assert_eq!(server.connection.end(), Some(&End::PeerTimedOut(Timeout::Message)));
}

#[test]
fn w12_each_message_has_its_own_deadline() {
    let mut server = patient_server();
    for _ in 0..10 {
        assert_eq!(server.feed(&masked(TEXT_START, b"a")), []);
        server.advance(Duration::from_secs(50));
        assert_eq!(server.feed(&masked(LAST, b"b")), [text("ab")]);
    }
    assert_eq!(server.connection.state(), State::Open);
}

#[test]
fn w13_headers_split_into_single_bytes_cost_no_memory() {
    let mut server = Peer::server();
    for payload in [vec![], vec![1], vec![2; 125], vec![3; 126], vec![4; 70_000]] {
        let frame = masked(BINARY, &payload);
        let header = frame.len() - payload.len();
        assert_eq!(server.feed_bytewise(&frame[..header - 1]), []);
        assert!(server.connection.buffered_bytes() < 1400, "{}", server.connection.buffered_bytes());
        assert_eq!(server.feed(&frame[header - 1..]), [Seen::Binary(payload)]);
    }
}

#[test]
fn w14_a_flood_of_pings_is_1008_and_what_it_may_cost_is_bounded() {
    let mut server = Peer::server();
    let seen = server.feed(&masked(PING, &[7; 125]).repeat(10_000));
    assert_eq!(seen.len(), 200);
    assert_eq!(server.connection.end(), Some(&End::PeerExceeded(Limit::ControlFrames)));
    let close = unmasked(CLOSE, &close_body(1008, "too many control frames"));
    assert_eq!(server.sent(), [unmasked(PONG, &[7; 125]).repeat(200), close].concat());
}

#[test]
fn w15_pings_at_the_allowed_rate_are_all_answered() {
    let mut server = Peer::server();
    for i in 0..1000_u32 {
        assert_eq!(server.feed(&masked(PING, &i.to_be_bytes())).len(), 1);
        assert_eq!(server.sent(), unmasked(PONG, &i.to_be_bytes()));
        server.advance(Duration::from_millis(20));
    }
}

#[test]
fn w16_floods_of_pongs_and_of_empty_messages_are_1008() {
    let mut server = Peer::server();
    assert_eq!(server.feed(&masked(PONG, b"").repeat(1000)).len(), 200);
    server.assert_failed(&End::PeerExceeded(Limit::ControlFrames));
    let mut server = Peer::server();
    assert_eq!(server.feed(&masked(TEXT, b"").repeat(1000)).len(), 400);
    server.assert_failed(&End::PeerExceeded(Limit::EmptyFrames));
}

#[test]
fn w17_text_that_is_not_utf8_is_1007_at_its_first_impossible_byte() {
    let not_utf8 = violated(Violation::TextNotUtf8);
    // κόσμε, a surrogate, "edited": the example of the Autobahn suite.
    let bad = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64";
    check_fails(&masked(TEXT, bad), not_utf8.clone());
    // Cut in the middle of a character: a whole message may not end there.
    check_fails(&masked(TEXT, &bad[..1]), not_utf8.clone());
    let cut_at_end = [masked(TEXT_START, b"a"), masked(LAST, b"\xce")].concat();
    check_fails(&cut_at_end, not_utf8.clone());
    for split in 1..bad.len() {
        let fragments = [masked(TEXT_START, &bad[..split]), masked(LAST, &bad[split..])].concat();
        check_fails(&fragments, not_utf8.clone());
    }
    // Inside one slow frame: the byte 0xa0 behind 0xed is impossible, and nothing behind it is waited for.
    let frame = masked(TEXT, bad);
    let mut server = Peer::server();
    server.feed(&frame[..6 + 12]);
    assert_eq!(server.connection.state(), State::Open);
    server.feed(&frame[6 + 12..6 + 13]);
    server.assert_failed(&not_utf8);
}

#[test]
fn w17_past_the_last_code_point_is_refused_at_the_second_byte() {
    let mut server = Peer::server();
    server.feed(&masked(TEXT_START, "κόσμε".as_bytes()));
    server.feed(&masked(MIDDLE, b"\xf4"));
    assert_eq!(server.connection.state(), State::Open);
    server.feed(&masked(MIDDLE, b"\x90"));
    server.assert_failed(&violated(Violation::TextNotUtf8));
}

#[test]
fn w18_a_malformed_close_is_1002_and_a_bad_reason_1007() {
    check_fails(&masked(CLOSE, b"\x03"), violated(Violation::CloseBodyTooShort));
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        check_fails(&masked(CLOSE, &close_body(code, "")), violated(Violation::CloseCodeInvalid(code)));
    }
    let bad_reason = [0x03, 0xe8, 0xff];
    check_fails(&masked(CLOSE, &bad_reason), violated(Violation::CloseReasonNotUtf8));
    assert_eq!(Violation::CloseReasonNotUtf8.code(), CloseCode::INVALID_PAYLOAD);
}

#[test]
fn w18_every_valid_close_code_is_answered_with_itself() {
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        let mut server = Peer::server();
        let seen = server.feed_bytewise(&masked(CLOSE, &close_body(code, "bye")));
        assert_eq!(seen, [Seen::Close(code, "bye".to_owned())]);
        assert_eq!(server.sent(), unmasked(CLOSE, &close_body(code, "")));
        assert_eq!(server.connection.state(), State::Closed);
        let Some(End::Handshake { started_by: Side::Peer, received, .. }) = server.connection.end() else {
            panic!("{:?}", server.connection.end());
        };
        assert_eq!((received.code.get(), &*received.reason), (code, "bye"));
    }
    let mut server = Peer::server();
    assert_eq!(server.feed(&masked(CLOSE, b"")), [Seen::Close(1005, String::new())]);
    assert_eq!(server.sent(), unmasked(CLOSE, b""));
}

#[test]
fn w19_what_follows_a_close_is_ignored() {
    let mut server = Peer::server();
    let bytes = [masked(CLOSE, &close_body(1000, "")), masked(TEXT, b"late"), vec![0xff; 100]].concat();
    assert_eq!(server.feed(&bytes), [Seen::Close(1000, String::new())]);
    assert_eq!(server.feed(&masked(PING, b"late")), []);
    assert_eq!(server.sent(), unmasked(CLOSE, &close_body(1000, "")));
    server.connection.receive_eof(server.now);
    assert!(matches!(server.connection.end(), Some(End::Handshake { .. })));
}

#[test]
fn w19_a_close_that_is_never_answered_ends_at_its_deadline() {
    let mut server = Peer::server();
    // A Ping would be due before the deadline of the Close: it must not wake anybody any more.
    server.advance(Duration::from_secs(27));
    server.connection.close(server.now, CloseCode::GOING_AWAY, "drain", &mut server.output);
    assert_eq!(server.sent(), unmasked(CLOSE, &close_body(1001, "drain")));
    assert_eq!(server.connection.state(), State::Closing);
    assert_eq!(server.connection.poll_timeout(), Some(server.now + Duration::from_secs(5)));
    server.advance(Duration::from_millis(4999));
    assert_eq!(server.connection.end(), None);
    server.advance(Duration::from_millis(1));
    assert_eq!(server.connection.end(), Some(&End::PeerTimedOut(Timeout::Close)));
    assert_eq!(server.sent(), b"");
}

#[test]
fn w19_a_transport_that_ends_without_close_is_1006() {
    for before in [vec![], masked(TEXT_START, b"x"), masked(TEXT, b"hello")[..7].to_vec()] {
        let mut server = Peer::server();
        server.feed(&before);
        server.connection.receive_eof(server.now);
        assert_eq!(server.connection.end(), Some(&End::TransportEnded));
        assert_eq!(server.connection.end().map(End::code), Some(CloseCode::ABNORMAL));
        assert_eq!((server.connection.state(), server.connection.buffered_bytes()), (State::Closed, 0));
        assert_eq!(server.sent(), b"");
    }
}

#[test]
fn w19_nothing_is_sent_behind_our_close_whatever_the_peer_does() {
    let mut server = Peer::server();
    server.connection.close(server.now, CloseCode::NORMAL, "", &mut server.output);
    assert_eq!(server.sent(), unmasked(CLOSE, &close_body(1000, "")));
    assert!(server.send_prepared(&Prepared::text("x")).is_err());
    server.feed(&masked(0x83, b"broken"));
    assert_eq!(server.connection.end(), Some(&violated(Violation::ReservedOpcode(3))));
    assert_eq!((server.connection.state(), server.sent()), (State::Closed, vec![]));
}

#[test]
fn w20_an_application_that_refuses_a_type_of_data_says_so_in_one_frame() {
    let mut server = Peer::server();
    assert_eq!(server.feed(&masked(BINARY, b"\x00")), [Seen::Binary(vec![0])]);
    server.connection.close(server.now, CloseCode::UNSUPPORTED_DATA, "text only", &mut server.output);
    server.connection.close(server.now, CloseCode::NORMAL, "twice", &mut server.output);
    assert_eq!(server.sent(), unmasked(CLOSE, &close_body(1003, "text only")));
    // What crossed our Close frame is still received, and nothing but the end is sent.
    assert_eq!(server.feed(&masked(TEXT, b"crossed")), [text("crossed")]);
    assert_eq!(server.feed(&masked(PING, b"")), [Seen::Ping(vec![])]);
    assert_eq!(server.sent(), b"");
    assert_eq!(server.feed(&masked(CLOSE, &close_body(1003, ""))), [Seen::Close(1003, String::new())]);
    assert_eq!(server.sent(), b"");
    let Some(End::Handshake { started_by: Side::Us, sent, .. }) = server.connection.end() else { panic!() };
    assert_eq!(sent.code, CloseCode::UNSUPPORTED_DATA);
}

#[test]
fn w21_answers_contain_exactly_the_bytes_that_they_should() {
    let mut server = Peer::server();
    // A long control frame in pieces first, so that a reused buffer holds something to leak.
    server.feed_bytewise(&masked(PING, &[0xaa; 125]));
    server.sent();
    assert_eq!(server.feed_bytewise(&masked(PING, b"ab")), [Seen::Ping(b"ab".to_vec())]);
    assert_eq!(server.sent(), b"\x8a\x02ab");
    assert_eq!(server.feed_bytewise(&masked(PING, b"")), [Seen::Ping(vec![])]);
    assert_eq!(server.sent(), b"\x8a\x00");
    assert_eq!(server.feed_bytewise(&masked(CLOSE, b"\x03\xe8x")), [Seen::Close(1000, "x".to_owned())]);
    assert_eq!(server.sent(), b"\x88\x02\x03\xe8");
}

#[test]
fn w_rows_hold_on_connections_with_compression_as_well() {
    with_compression(&[
        w01_a_frame_masked_in_the_wrong_direction_is_1002,
        w03_reserved_opcodes_are_1002,
        w04_a_control_frame_that_is_long_or_fragmented_is_1002,
        w05_fragments_out_of_order_are_1002,
        w06_a_length_that_is_not_minimal_is_1002,
        w07_an_absurd_length_is_refused_by_its_header_without_memory,
        w08_a_gigabyte_that_is_only_announced_is_1009_at_its_header,
        w09_a_message_over_the_limit_in_many_fragments_is_1009,
        w10_a_message_of_too_many_fragments_is_1008,
        w10_sixty_five_thousand_fragments_pass_where_they_are_allowed,
        w11_endless_empty_continuations_are_1008,
        w12_a_message_that_never_ends_is_1008_at_its_deadline,
        w12_bytes_that_trickle_do_not_move_the_deadline,
        w12_each_message_has_its_own_deadline,
        w13_headers_split_into_single_bytes_cost_no_memory,
        w14_a_flood_of_pings_is_1008_and_what_it_may_cost_is_bounded,
        w15_pings_at_the_allowed_rate_are_all_answered,
        w16_floods_of_pongs_and_of_empty_messages_are_1008,
        w17_text_that_is_not_utf8_is_1007_at_its_first_impossible_byte,
        w17_past_the_last_code_point_is_refused_at_the_second_byte,
        w18_a_malformed_close_is_1002_and_a_bad_reason_1007,
        w18_every_valid_close_code_is_answered_with_itself,
        w19_what_follows_a_close_is_ignored,
        w19_a_close_that_is_never_answered_ends_at_its_deadline,
        w19_nothing_is_sent_behind_our_close_whatever_the_peer_does,
        w20_an_application_that_refuses_a_type_of_data_says_so_in_one_frame,
        w21_answers_contain_exactly_the_bytes_that_they_should,
    ]);
}
