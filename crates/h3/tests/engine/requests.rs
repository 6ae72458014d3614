//! Frames on request streams: which may come when (RFC 9114 sections 4.1, 4.4 and 7.2).

use h3::{Code, Config, RequestStream};

use crate::wire::*;

const BODY: &[u8] = b"a body";

fn body() -> Vec<u8> {
    frame(DATA, BODY)
}

/// Makes a fresh stream, and bytes that bring it into some state.
type Start = (fn() -> RequestStream, Vec<u8>);

fn starts() -> Vec<Start> {
    let with_trailers = [headers(GET), body(), headers(&[("a", "b")])].concat();
    vec![
        (server_stream, vec![]),
        (server_stream, headers(GET)),
        (server_stream, [headers(GET), body()].concat()),
        (server_stream, headers(WEBSOCKET)),
        (server_stream, with_trailers),
        (client_stream, vec![]),
        (client_stream, headers(&[(":status", "103")])),
        (client_stream, headers(OK)),
        (client_tunnel, headers(OK)),
    ]
}

#[test]
fn a_request_with_body_and_trailers_is_received_in_order() {
    let bytes = [headers(GET), body(), body(), headers(&[("checksum", "7")])].concat();
    let outcome = read(server_stream(), &bytes);
    assert_eq!(outcome.end, Ok(()));
    assert_eq!(outcome.seen, [head(GET), data(b"a bodya body"), trailers(&[("checksum", "7")])]);
}

#[test]
fn interim_responses_come_before_the_final_one() {
    let hints: Fields<'_> = &[(":status", "103"), ("link", "</style.css>")];
    let bytes = [headers(hints), headers(&[(":status", "100")]), headers(OK), body()].concat();
    let outcome = read(client_stream(), &bytes);
    assert_eq!(outcome.end, Ok(()));
    assert_eq!(outcome.seen, [head(hints), head(&[(":status", "100")]), head(OK), data(BODY)]);
}

#[test]
fn data_is_given_out_where_it_lies() {
    let bytes = [headers(WEBSOCKET), frame(DATA, b"first"), frame(DATA, b"second")].concat();
    let mut stream = server_stream();
    let mut input = &bytes[..];
    assert!(matches!(stream.receive(&mut input), Ok(Some(h3::RequestEvent::Request(_)))));
    for text in [&b"first"[..], b"second"] {
        let Ok(Some(h3::RequestEvent::Data(piece))) = stream.receive(&mut input) else { panic!("no data") };
        assert_eq!(piece, text);
        assert!(bytes.as_ptr_range().contains(&piece.as_ptr()), "a slice of the input");
    }
    assert_eq!(stream.receive(&mut input), Ok(None));
    assert_eq!(stream.buffered_bytes(), 0);
}

#[test]
fn a_request_in_pieces_is_held_until_it_is_complete_and_no_longer() {
    let bytes = headers(WEBSOCKET);
    let (mut stream, mut seen) = (server_stream(), Vec::new());
    let (last, most) = bytes.split_last().unwrap();
    feed(&mut stream, most, &mut seen).unwrap();
    assert_eq!(seen, []);
    assert!(stream.buffered_bytes() >= most.len() - 3, "all but type and length");
    feed(&mut stream, &[*last], &mut seen).unwrap();
    assert_eq!((seen, stream.buffered_bytes()), (vec![head(WEBSOCKET)], 0));
}

#[test]
fn empty_data_frames_say_nothing() {
    let bytes = [headers(WEBSOCKET), frame(DATA, b""), body(), frame(DATA, b"")].concat();
    let outcome = read(server_stream(), &bytes);
    assert_eq!((outcome.seen, outcome.end), (vec![head(WEBSOCKET), data(BODY)], Ok(())));
}

#[test]
fn q12_data_before_headers_ends_the_connection() {
    assert_eq!(connection_code(read(server_stream(), &body()).end), Code::FRAME_UNEXPECTED);
    assert_eq!(connection_code(read(client_stream(), &body()).end), Code::FRAME_UNEXPECTED);
    let after_hints = [headers(&[(":status", "103")]), body()].concat();
    assert_eq!(connection_code(read(client_stream(), &after_hints).end), Code::FRAME_UNEXPECTED);
}

#[test]
fn q12_after_trailers_nothing_but_unknown_frames_may_come() {
    let start = [headers(GET), headers(&[("a", "b")])].concat();
    for more in [body(), headers(&[("a", "b")])] {
        let outcome = read(server_stream(), &[start.clone(), more].concat());
        assert_eq!(connection_code(outcome.end), Code::FRAME_UNEXPECTED);
    }
    let outcome = read(server_stream(), &[start, frame(GREASE, b"ignored")].concat());
    assert_eq!(outcome.end, Ok(()));
}

#[test]
fn q12_in_a_tunnel_nothing_but_data_and_unknown_frames_may_come() {
    let plain_connect: Fields<'_> = &[(":method", "CONNECT"), (":authority", "a.example:443")];
    let tunnels: [(fn() -> RequestStream, Fields<'_>); 3] =
        [(server_stream, WEBSOCKET), (server_stream, plain_connect), (client_tunnel, OK)];
    for (stream, first) in tunnels {
        let through = [headers(first), frame(GREASE, b"x"), body()].concat();
        assert_eq!(read(stream(), &through).seen, [head(first), data(BODY)]);
        let outcome = read(stream(), &[headers(first), headers(&[("a", "b")])].concat());
        assert_eq!(connection_code(outcome.end), Code::FRAME_UNEXPECTED);
    }
}

#[test]
fn a_refused_connect_has_an_ordinary_response() {
    let refused: Fields<'_> = &[(":status", "403")];
    let bytes = [headers(refused), body(), headers(&[("a", "b")])].concat();
    let outcome = read(client_tunnel(), &bytes);
    assert_eq!(outcome.seen, [head(refused), data(BODY), trailers(&[("a", "b")])]);
    assert_eq!(outcome.end, Ok(()));
}

#[test]
fn q12_frames_of_the_control_stream_end_the_connection_in_every_state() {
    for (stream, start) in starts() {
        for kind in [CANCEL_PUSH, SETTINGS, GOAWAY, MAX_PUSH_ID] {
            let outcome = read(stream(), &[start.clone(), frame(kind, &[0])].concat());
            assert_eq!(connection_code(outcome.end), Code::FRAME_UNEXPECTED, "{kind:#x}");
        }
    }
}

#[test]
fn frame_types_of_http_2_end_the_connection_in_every_state() {
    for (stream, start) in starts() {
        for kind in FORBIDDEN {
            let outcome = read(stream(), &[start.clone(), frame(kind, &[])].concat());
            assert_eq!(connection_code(outcome.end), Code::FRAME_UNEXPECTED, "{kind:#x}");
        }
    }
}

#[test]
fn q12_a_promised_push_is_refused_by_both_sides() {
    let promise = frame(PUSH_PROMISE, &[&[0], &section(GET)[..]].concat());
    let from_client = read(server_stream(), &[headers(GET), promise.clone()].concat());
    assert_eq!(connection_code(from_client.end), Code::FRAME_UNEXPECTED);
    assert_eq!(connection_code(read(client_stream(), &promise).end), Code::ID_ERROR);
}

#[test]
fn q12_unknown_frames_are_skipped_in_every_state_and_not_stored() {
    for (new_stream, start) in starts() {
        let mut stream = new_stream();
        let (mut expected, mut seen) = (Vec::new(), Vec::new());
        feed(&mut stream, &start, &mut expected).unwrap();
        let mut stream = new_stream();
        for bytes in [&frame(GREASE, b"")[..], &frame(0x41, &[1; 900]), &start, &frame(GREASE, &[2; 70_000])]
        {
            feed(&mut stream, bytes, &mut seen).unwrap();
            assert_eq!(stream.buffered_bytes(), 0);
        }
        assert_eq!(seen, expected);
    }
}

#[test]
fn an_unknown_frame_may_claim_any_length() {
    let mut stream = server_stream();
    let mut seen = Vec::new();
    let endless = [headers(GET), varint(GREASE), varint(h3::VARINT_MAX), vec![7; 10_000]].concat();
    feed(&mut stream, &endless, &mut seen).unwrap();
    assert_eq!((seen.len(), stream.buffered_bytes()), (1, 0));
}

#[test]
fn a_stream_that_ends_within_a_frame_ends_the_connection() {
    for (stream, start) in starts() {
        let whole = [headers(GET), frame(GREASE, b"abc")].concat();
        for cut_off in
            [&[0x40][..], &[0x00], &[0x00, 0x40], &[0x21], &[0x21, 0x03, b'a'], &whole[..whole.len() - 1]]
        {
            let bytes = [&start[..], cut_off].concat();
            let Err(error) = read(stream(), &bytes).end else { panic!("{bytes:?}") };
            // Where the frame itself must not come, that is said first.
            assert!(
                matches!(error.code, Code::FRAME_ERROR | Code::FRAME_UNEXPECTED | Code::MESSAGE_ERROR),
                "{error}"
            );
        }
    }
    let within_data = [&headers(GET)[..], &[0x00, 0x05, b'a']].concat();
    assert_eq!(connection_code(read(server_stream(), &within_data).end), Code::FRAME_ERROR);
    let within_headers = &headers(GET)[..5];
    assert_eq!(connection_code(read(server_stream(), within_headers).end), Code::FRAME_ERROR);
    let after_the_type = [&headers(GET)[..], &[0x00]].concat();
    assert_eq!(connection_code(read(server_stream(), &after_the_type).end), Code::FRAME_ERROR);
}

#[test]
fn a_stream_that_ends_without_a_request_costs_only_itself() {
    assert_eq!(stream_code(read(server_stream(), &[]).end), Code::REQUEST_INCOMPLETE);
    assert_eq!(stream_code(read(server_stream(), &frame(GREASE, b"x")).end), Code::REQUEST_INCOMPLETE);
}

#[test]
fn a_response_that_never_becomes_final_is_malformed() {
    assert_eq!(stream_code(read(client_stream(), &[]).end), Code::MESSAGE_ERROR);
    let interim = headers(&[(":status", "100")]);
    assert_eq!(stream_code(read(client_stream(), &interim).end), Code::MESSAGE_ERROR);
}

#[test]
fn q7_a_field_section_beyond_the_limit_is_refused_before_it_arrives_and_costs_only_its_stream() {
    let config = Config { field_section_bytes_max: 1000, ..Config::default() };
    let head_alone = [varint(HEADERS), varint(1001)].concat();
    let outcome = read(server_stream_with(config), &head_alone);
    assert_eq!(stream_code(outcome.end), Code::EXCESSIVE_LOAD);
    let endless = [varint(HEADERS), varint(h3::VARINT_MAX)].concat();
    assert_eq!(stream_code(read(server_stream_with(config), &endless).end), Code::EXCESSIVE_LOAD);
}

#[test]
fn q7_a_field_section_counts_as_names_values_and_32_for_each_field() {
    let get_bytes: usize = GET.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
    let value = "v".repeat(100);
    let fields = [GET, &[("x-long", &value)]].concat();
    let exactly = (get_bytes + 6 + 100 + 32) as u32;
    let with_limit = |field_section_bytes_max| {
        read(server_stream_with(Config { field_section_bytes_max, ..Config::default() }), &headers(&fields))
    };
    assert_eq!(with_limit(exactly).seen, [head(&fields)]);
    assert_eq!(stream_code(with_limit(exactly - 1).end), Code::EXCESSIVE_LOAD);
}

#[test]
fn q7_a_small_frame_that_stands_for_a_large_section_is_refused() {
    // Each byte 0xc0 | 0x3f, 0x16 is the longest entry of the static table, which counts 108 bytes.
    let bomb = [&[0, 0][..], &[0xff, 0x16].repeat(4000)].concat();
    let outcome = read(server_stream(), &frame(HEADERS, &bomb));
    assert_eq!((outcome.seen.len(), stream_code(outcome.end)), (0, Code::EXCESSIVE_LOAD));
}

#[test]
fn q7_a_reference_to_the_dynamic_table_ends_the_connection() {
    // RFC 9204 appendix B.2: two post-base references.
    for section in [
        &b"\x03\x81\x10\x11"[..],
        b"\x00\x00\x80",
        b"\x00\x00\x10",
        b"\x00\x00\x40\x00",
        b"\x00\x00\x00\x00",
        b"",
    ] {
        let outcome = read(server_stream(), &frame(HEADERS, section));
        assert_eq!(connection_code(outcome.end), Code::QPACK_DECOMPRESSION_FAILED, "{section:?}");
    }
}

#[test]
fn trailers_have_the_same_limit_as_the_request() {
    let config = Config { field_section_bytes_max: 300, ..Config::default() };
    let value = "v".repeat(300);
    let bytes = [headers(GET), headers(&[("a", &value)])].concat();
    let outcome = read(server_stream_with(config), &bytes);
    assert_eq!((outcome.seen, stream_code(outcome.end)), (vec![head(GET)], Code::EXCESSIVE_LOAD));
}
