//! Unidirectional streams, SETTINGS, GOAWAY and the rest of the control stream (RFC 9114 sections 5.2, 6.2 and 7.2).

use h3::{
    Code, Config, Connection, OpenError, Request, Role, SETTINGS_BYTES_MAX, Settings, UniEvent, UniStream,
};

use crate::wire::*;

const BOTH: [Role; 2] = [Role::Server, Role::Client];

/// What a connection says to a control stream with SETTINGS and then this.
#[track_caller]
fn after_settings(role: Role, bytes: &[u8]) -> UniOutcome {
    let mut outcome = read_uni(&mut connection(role), &control(&[bytes.to_vec()]));
    assert_eq!(outcome.seen.remove(0), UniEvent::Settings(Settings::default()));
    outcome
}

/// What a server says to SETTINGS with this payload.
fn settings_code(payload: &[u8]) -> Code {
    let bytes = [varint(CONTROL_STREAM), frame(SETTINGS, payload)].concat();
    let mut server = connection(Role::Server);
    let code = connection_code(read_uni(&mut server, &bytes).end);
    assert_eq!(server.peer_settings(), None);
    code
}

// === Streams ===

#[test]
fn q12_a_second_critical_stream_of_a_kind_ends_the_connection() {
    for role in BOTH {
        for stream_type in [CONTROL_STREAM, ENCODER_STREAM, DECODER_STREAM] {
            let mut connection = connection(role);
            assert_eq!(read_uni(&mut connection, &varint(stream_type)).end, Ok(()));
            let second = read_uni(&mut connection, &varint(stream_type));
            assert_eq!(connection_code(second.end), Code::STREAM_CREATION_ERROR);
        }
    }
}

#[test]
fn q12_the_end_of_a_critical_stream_ends_the_connection() {
    for role in BOTH {
        for bytes in [control(&[]), varint(CONTROL_STREAM), varint(ENCODER_STREAM), varint(DECODER_STREAM)] {
            let (mut connection, mut stream) = (connection(role), UniStream::new());
            assert_eq!(read_uni_pieces(&mut connection, &mut stream, [&bytes[..]]).end, Ok(()));
            assert_eq!(connection_code(connection.close_uni(&stream)), Code::CLOSED_CRITICAL_STREAM);
        }
    }
}

#[test]
fn q12_a_push_stream_is_refused_by_both_sides() {
    let refused = |role| connection_code(read_uni(&mut connection(role), &varint(PUSH_STREAM)).end);
    assert_eq!(refused(Role::Server), Code::STREAM_CREATION_ERROR);
    assert_eq!(refused(Role::Client), Code::ID_ERROR);
}

#[test]
fn q12_streams_of_unknown_types_are_to_be_stopped_and_their_bytes_are_ignored() {
    for role in BOTH {
        for stream_type in [0x04, 0x21, 0x41, 0x54, GREASE, h3::VARINT_MAX] {
            let bytes = [varint(stream_type), vec![0x00; 100]].concat();
            let (mut connection, mut stream) = (connection(role), UniStream::new());
            let outcome = read_uni_pieces(&mut connection, &mut stream, [&bytes[..], &bytes]);
            assert_eq!(outcome, UniOutcome { seen: vec![UniEvent::Unknown], end: Ok(()) });
            assert_eq!(stream.buffered_bytes(), 0);
            assert_eq!(connection.close_uni(&stream), Ok(()));
        }
    }
}

#[test]
fn a_stream_that_ends_before_its_type_is_complete_does_no_harm() {
    for bytes in [&[][..], &[0x40], &[0xc0, 0, 0]] {
        let (mut connection, mut stream) = (connection(Role::Server), UniStream::new());
        assert_eq!(read_uni_pieces(&mut connection, &mut stream, [bytes]).seen, []);
        assert_eq!(connection.close_uni(&stream), Ok(()));
    }
}

#[test]
fn a_stream_type_may_be_written_in_a_long_form() {
    let bytes = [&[0xc0, 0, 0, 0, 0, 0, 0, 0], &frame(SETTINGS, &[])[..]].concat();
    assert_eq!(read_uni(&mut connection(Role::Server), &bytes).seen.len(), 1);
}

#[test]
fn q12_a_server_must_not_open_bidirectional_streams() {
    let refused = connection(Role::Client).accept_request(1).map(drop);
    assert_eq!(connection_code(refused), Code::STREAM_CREATION_ERROR);
    for id in [1, 2, 3, 5] {
        let refused = connection(Role::Server).accept_request(id).map(drop);
        assert_eq!(connection_code(refused), Code::STREAM_CREATION_ERROR, "{id} is no stream of a request");
    }
}

#[test]
fn q7_instructions_for_a_dynamic_table_end_the_connection() {
    let encoder = |bytes: &[u8]| {
        read_uni(&mut connection(Role::Server), &[&[ENCODER_STREAM as u8], bytes].concat()).end
    };
    let decoder = |bytes: &[u8]| {
        read_uni(&mut connection(Role::Server), &[&[DECODER_STREAM as u8], bytes].concat()).end
    };
    assert_eq!(encoder(&[0x20]), Ok(()));
    assert_eq!(decoder(&[0x44]), Ok(()));
    assert_eq!(connection_code(encoder(b"\x3f\xbd\x01")), Code::QPACK_ENCODER_STREAM_ERROR);
    // RFC 9204 appendix B.2: two insertions with names of the static table.
    assert_eq!(connection_code(encoder(b"\xc0\x0fwww.example.com")), Code::QPACK_ENCODER_STREAM_ERROR);
    assert_eq!(connection_code(decoder(&[0x84])), Code::QPACK_DECODER_STREAM_ERROR);
    assert_eq!(connection_code(decoder(&[0x01])), Code::QPACK_DECODER_STREAM_ERROR);
}

// === SETTINGS ===

#[test]
fn q12_a_control_stream_that_does_not_begin_with_settings_ends_the_connection() {
    let kinds = [DATA, HEADERS, CANCEL_PUSH, PUSH_PROMISE, GOAWAY, MAX_PUSH_ID, GREASE, 0x02];
    for role in BOTH {
        for kind in kinds {
            let bytes = [varint(CONTROL_STREAM), frame(kind, &[0])].concat();
            assert_eq!(
                connection_code(read_uni(&mut connection(role), &bytes).end),
                Code::MISSING_SETTINGS,
                "{kind:#x}"
            );
        }
    }
}

#[test]
fn q12_a_second_settings_frame_ends_the_connection() {
    for role in BOTH {
        let outcome = after_settings(role, &frame(SETTINGS, &[]));
        assert_eq!(connection_code(outcome.end), Code::FRAME_UNEXPECTED);
    }
}

#[test]
fn q12_a_setting_that_occurs_twice_ends_the_connection() {
    for identifier in [0x06, 0x08, 0x21, 0x33, 0xffff] {
        let twice = settings(&[(identifier, 1), (0x01, 0), (identifier, 1)]);
        assert_eq!(settings_code(&twice), Code::SETTINGS_ERROR, "{identifier:#x}");
    }
}

#[test]
fn settings_of_http_2_end_the_connection() {
    for identifier in [0x00, 0x02, 0x03, 0x04, 0x05] {
        assert_eq!(settings_code(&settings(&[(identifier, 0)])), Code::SETTINGS_ERROR, "{identifier:#x}");
    }
}

#[test]
fn extended_connect_is_enabled_by_one_disabled_by_zero_and_nothing_else() {
    let connects = |value| {
        let bytes = [varint(CONTROL_STREAM), frame(SETTINGS, &settings(&[(0x08, value)]))].concat();
        let mut client = connection(Role::Client);
        read_uni(&mut client, &bytes).end.map(|()| client.peer_settings().unwrap().enable_connect_protocol)
    };
    assert_eq!(connects(0), Ok(false));
    assert_eq!(connects(1), Ok(true));
    assert_eq!(connection_code(connects(2).map(drop)), Code::SETTINGS_ERROR);
    assert_eq!(connection_code(connects(h3::VARINT_MAX).map(drop)), Code::SETTINGS_ERROR);
}

#[test]
fn a_setting_that_is_cut_off_is_a_frame_error() {
    for payload in [&[0x06][..], &[0x06, 0x40], &[0x46], &[0x06, 0x01, 0x21]] {
        assert_eq!(settings_code(payload), Code::FRAME_ERROR);
    }
}

#[test]
fn settings_are_told_as_the_peer_sent_them_and_unknown_ones_are_ignored() {
    let payload = settings(&[(GREASE, 7), (0x01, 4096), (0x06, 9000), (0x07, 16), (0x33, 1), (0x08, 1)]);
    let bytes = [varint(CONTROL_STREAM), frame(SETTINGS, &payload)].concat();
    let mut client = connection(Role::Client);
    let expected = Settings {
        field_section_bytes_max: 9000,
        enable_connect_protocol: true,
        qpack_max_table_capacity: 4096,
        qpack_blocked_streams: 16,
    };
    assert_eq!(client.peer_settings(), None);
    assert_eq!(client.peer_field_section_bytes_max(), u64::MAX);
    assert_eq!(read_uni(&mut client, &bytes).seen, [UniEvent::Settings(expected)]);
    assert_eq!(client.peer_settings(), Some(&expected));
    assert_eq!(client.peer_field_section_bytes_max(), 9000);
}

#[test]
fn q7_settings_beyond_the_limit_are_refused_before_they_arrive() {
    let most = settings(&vec![(0x3fff_ffff, 0x3fff_ffff); SETTINGS_BYTES_MAX / 8]);
    assert_eq!(most.len(), SETTINGS_BYTES_MAX);
    assert_eq!(settings_code(&most), Code::SETTINGS_ERROR, "within the limit, but each one occurs twice");
    let head = [varint(CONTROL_STREAM), varint(SETTINGS), varint(SETTINGS_BYTES_MAX as u64 + 1)].concat();
    let outcome = read_uni(&mut connection(Role::Server), &head);
    assert_eq!(connection_code(outcome.end), Code::EXCESSIVE_LOAD);
}

#[test]
fn settings_in_pieces_are_held_until_they_are_complete_and_no_longer() {
    let bytes = [varint(CONTROL_STREAM), frame(SETTINGS, &settings(&[(0x06, 9000), (0x08, 1)]))].concat();
    let (mut connection, mut stream) = (connection(Role::Client), UniStream::new());
    let (most, last) = bytes.split_at(bytes.len() - 1);
    assert_eq!(read_uni_pieces(&mut connection, &mut stream, [most]).seen, []);
    assert!(stream.buffered_bytes() >= most.len() - 3, "all but the types and the length");
    assert_eq!(read_uni_pieces(&mut connection, &mut stream, [last]).seen.len(), 1);
    assert_eq!(stream.buffered_bytes(), 0);
}

#[test]
fn what_we_announce_is_these_bytes() {
    let config = Config::default();
    // Control stream; SETTINGS of seven bytes: MAX_FIELD_SECTION_SIZE 16,384, ENABLE_CONNECT_PROTOCOL 1.
    let server = b"\x00\x04\x07\x06\x80\x00\x40\x00\x08\x01";
    assert_eq!(Connection::new(Role::Server, config).control_bytes(), server);
    let client = b"\x00\x04\x05\x06\x80\x00\x40\x00";
    assert_eq!(Connection::new(Role::Client, config).control_bytes(), client);
    let config = Config { enable_connect_protocol: false, field_section_bytes_max: 100, ..config };
    assert_eq!(Connection::new(Role::Server, config).control_bytes(), b"\x00\x04\x03\x06\x40\x64");
}

#[test]
fn with_grease_the_same_is_announced_among_identifiers_that_nobody_knows() {
    for seed in [0, 1, 7, 0x1234_5678, u64::MAX] {
        let config = Config { grease: Some(seed), ..Config::default() };
        let mut client = connection(Role::Client);
        let outcome = read_uni(&mut client, &Connection::new(Role::Server, config).control_bytes());
        let expected = Settings {
            field_section_bytes_max: 16_384,
            enable_connect_protocol: true,
            ..Settings::default()
        };
        assert_eq!(outcome, UniOutcome { seen: vec![UniEvent::Settings(expected)], end: Ok(()) });
        assert_eq!((h3::grease_identifier(seed) - 0x21) % 0x1f, 0);
    }
    let config = Config { grease: Some(7), ..Config::default() };
    let bytes = Connection::new(Role::Server, config).control_bytes();
    assert_eq!(
        bytes,
        [
            &b"\x00\x04\x0a\x06\x80\x00\x40\x00\x08\x01"[..],
            b"\x40\xfa\x07",
            b"\x40\xfa\x07\x00\x00\x00\x00\x00\x00\x00",
        ]
        .concat()
    );
}

// === Frames ===

#[test]
fn q12_frames_that_do_not_belong_on_a_control_stream_end_the_connection() {
    for role in BOTH {
        for kind in [DATA, HEADERS, PUSH_PROMISE].into_iter().chain(FORBIDDEN) {
            let outcome = after_settings(role, &frame(kind, b"x"));
            assert_eq!(connection_code(outcome.end), Code::FRAME_UNEXPECTED, "{kind:#x}");
        }
    }
    let from_server = after_settings(Role::Client, &frame(MAX_PUSH_ID, &[0]));
    assert_eq!(connection_code(from_server.end), Code::FRAME_UNEXPECTED);
}

#[test]
fn q12_unknown_frames_on_the_control_stream_are_skipped_and_not_stored() {
    let (mut connection, mut stream) = (connection(Role::Server), UniStream::new());
    let noise = [frame(GREASE, &[9; 5000]), frame(0xf_0700, b"u=3"), frame(GREASE, &[])].concat();
    let bytes = control(&[noise.clone(), frame(GOAWAY, &[4]), noise]);
    let half = bytes.len() / 2;
    let outcome = read_uni_pieces(&mut connection, &mut stream, [&bytes[..half], &bytes[half..]]);
    assert_eq!(outcome.seen, [UniEvent::Settings(Settings::default()), UniEvent::GoAway(4)]);
    assert_eq!(outcome.end, Ok(()));
    assert_eq!(stream.buffered_bytes(), 0);
}

#[test]
fn frames_of_one_identifier_hold_exactly_one() {
    let wrong: [&[u8]; 6] =
        [&[], &[0x40], &[0, 0], &[0x40, 0, 0], &[0xc0, 0, 0, 0, 0, 0, 0], &[0xc0, 0, 0, 0, 0, 0, 0, 0, 0]];
    for kind in [GOAWAY, MAX_PUSH_ID, CANCEL_PUSH] {
        for payload in wrong {
            let outcome = after_settings(Role::Server, &frame(kind, payload));
            assert_eq!(connection_code(outcome.end), Code::FRAME_ERROR, "{kind:#x} {payload:?}");
        }
    }
    // A length that no such frame has is refused before anything of it comes.
    let endless = [varint(GOAWAY), varint(1 << 40)].concat();
    assert_eq!(connection_code(after_settings(Role::Server, &endless).end), Code::FRAME_ERROR);
}

#[test]
fn goaway_names_a_request_and_never_a_higher_one_than_before() {
    let goaway = |id: u64| frame(GOAWAY, &varint(id));
    let outcome = after_settings(Role::Client, &[goaway(400), goaway(400), goaway(8), goaway(0)].concat());
    assert_eq!(outcome.end, Ok(()));
    assert_eq!(outcome.seen, [400, 400, 8, 0].map(UniEvent::GoAway));
    let raised = after_settings(Role::Client, &[goaway(8), goaway(12)].concat());
    assert_eq!(connection_code(raised.end), Code::ID_ERROR);
    for id in [1, 2, 3, 5, h3::VARINT_MAX] {
        assert_eq!(connection_code(after_settings(Role::Client, &goaway(id)).end), Code::ID_ERROR, "{id}");
    }
    // A client names a push, which may have any number.
    assert_eq!(after_settings(Role::Server, &goaway(5)).seen, [UniEvent::GoAway(5)]);
    let raised = after_settings(Role::Server, &[goaway(5), goaway(6)].concat());
    assert_eq!(connection_code(raised.end), Code::ID_ERROR);
}

#[test]
fn max_push_id_may_rise_and_must_not_fall() {
    let allow = |id: u64| frame(MAX_PUSH_ID, &varint(id));
    assert_eq!(after_settings(Role::Server, &[allow(0), allow(0), allow(70)].concat()).end, Ok(()));
    let lowered = after_settings(Role::Server, &[allow(70), allow(69)].concat());
    assert_eq!(connection_code(lowered.end), Code::ID_ERROR);
}

#[test]
fn a_push_that_nobody_promised_cannot_be_cancelled() {
    for role in BOTH {
        let outcome = after_settings(role, &frame(CANCEL_PUSH, &[0]));
        assert_eq!(connection_code(outcome.end), Code::ID_ERROR);
    }
}

// === Shutting down ===

#[test]
fn a_server_that_shuts_down_first_asks_then_rejects_and_says_it_once() {
    let (mut server, mut bytes) = (connection(Role::Server), Vec::new());
    assert!(server.accept_request(0).is_ok());
    server.announce_shutdown(&mut bytes);
    assert_eq!(bytes, frame(GOAWAY, &varint((1 << 62) - 4)));
    assert!(server.accept_request(4).is_ok(), "was on its way");

    bytes.clear();
    server.refuse_requests(&mut bytes);
    assert_eq!(bytes, frame(GOAWAY, &varint(8)));
    assert_eq!(stream_code(server.accept_request(8).map(drop)), Code::REQUEST_REJECTED);
    assert_eq!(stream_code(server.accept_request(80).map(drop)), Code::REQUEST_REJECTED);

    bytes.clear();
    server.announce_shutdown(&mut bytes);
    server.refuse_requests(&mut bytes);
    assert_eq!(bytes, b"");
}

#[test]
fn a_request_on_the_last_possible_stream_can_still_be_followed_by_goaway() {
    let (mut server, mut bytes) = (connection(Role::Server), Vec::new());
    assert!(server.accept_request((1 << 62) - 4).is_ok());
    server.refuse_requests(&mut bytes);
    assert_eq!(bytes, frame(GOAWAY, &varint((1 << 62) - 4)));
    assert!(connection(Role::Server).accept_request(u64::MAX - 3).is_ok(), "no id makes it overflow");
}

#[test]
fn a_client_opens_nothing_after_goaway_and_knows_what_was_refused() {
    let mut client = connection(Role::Client);
    let none: Fields<'_> = &[];
    let open = |client: &Connection| {
        let mut output = Vec::new();
        let opened = client.open_request(&Request::https("GET", "a", "/"), none.iter().copied(), &mut output);
        assert_eq!(opened.is_ok(), !output.is_empty());
        opened.map(drop)
    };
    assert_eq!(open(&client), Ok(()));
    assert!(!client.is_refused(0) && !client.peer_goes_away());
    assert_eq!(read_uni(&mut client, &control(&[frame(GOAWAY, &[8])])).end, Ok(()));
    assert!(client.peer_goes_away());
    assert_eq!([0, 4, 8, 12].map(|id| client.is_refused(id)), [false, false, true, true]);
    assert_eq!(open(&client), Err(OpenError::GoingAway));
}

#[test]
fn a_websocket_is_not_asked_for_before_the_server_offers_it() {
    let none: Fields<'_> = &[];
    let open = |client: &Connection| {
        let mut output = Vec::new();
        let opened = client.open_request(&Request::websocket("a", "/"), none.iter().copied(), &mut output);
        assert_eq!(opened.is_ok(), !output.is_empty());
        opened.map(drop)
    };
    let mut client = connection(Role::Client);
    assert_eq!(open(&client), Err(OpenError::SettingsUnknown));
    assert_eq!(read_uni(&mut client, &control(&[])).end, Ok(()));
    assert_eq!(open(&client), Err(OpenError::ConnectProtocolDisabled));
    assert_eq!(open(&connection(Role::Server)), Err(OpenError::NotAClient));

    let mut client = connection(Role::Client);
    assert_eq!(read_uni(&mut client, &connection(Role::Server).control_bytes()).end, Ok(()));
    assert_eq!(open(&client), Ok(()));
}
