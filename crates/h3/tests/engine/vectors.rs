//! Bytes that other implementations wrote, and bytes of ours that they have read.
//!
//! The sections come from `lsqpack` (through `pylsqpack` 1.0.0) and the streams from `aioquic` 1.7.2, which share no
//! code with this crate. `tests/vectors.py` prints them.

use h3::{Role, Settings, UniEvent};

use crate::wire::*;

/// A field section by `lsqpack`, and the fields that went into it.
struct Vector {
    section: &'static [u8],
    fields: &'static [(&'static str, &'static [u8])],
}

const WEBSOCKET_BY_AIOQUIC: Vector = Vector {
    section: b"\x00\x00\xcf\xd7\x50\x8a\xa0\xe4\x1d\x13\x9d\x09\xb8\xd3\x4c\xb3\x51\x03\x2f\x77\x73\x2f\x00\xb9\x5d\x87\
        \x49\xc8\x7a\x3f\x87\xf0\x58\xd0\x72\x75\x2a\x7f\x5f\x50\x88\x19\x8f\xda\xd3\x11\x80\xae\x2f\x2f\x08\x41\x48\xb7\
        \x82\xc6\x83\x93\xa9\x52\xb7\x72\xd8\x83\x1e\xaf\x02\x31\x33\x2f\x08\x41\x48\xb7\x82\xc6\x83\x93\xa9\x52\xb5\x76\
        \x1d\x27\x21\xe8\x89\x42\x4e\x35\xc9\x38\xd2\xbf\x70\xff",
    fields: &[
        (":method", b"CONNECT"),
        (":scheme", b"https"),
        (":authority", b"localhost:4433"),
        (":path", b"/ws"),
        (":protocol", b"websocket"),
        ("user-agent", b"aioquic/1.2"),
        ("sec-websocket-version", b"13"),
        ("sec-websocket-protocol", b"stoa.chat.v1"),
    ],
};

const RESPONSE: Vector = Vector {
    section: b"\x00\x00\xd9\xf4\x54\x83\x08\x99\x6b\x5f\x4d\x85\x19\x8f\xda\xd3\x13\xff\x22\xfc\x2c\xf2\xb1\xe4\x93\x06\
        \x22\x5c\x7e\xff\xc3\xa4\x2e\xf2\xb1\x69\xad\x3e\xbf\x00",
    fields: &[
        (":status", b"200"),
        ("content-type", b"text/html; charset=utf-8"),
        ("content-length", b"1234"),
        ("server", b"aioquic"),
        ("x-frame-options", b"deny"),
        ("vary", b"origin"),
        ("x-odd", b"\x22\x5c\x7e\xff\xc3\xa4"),
        ("x-empty", b""),
    ],
};

const NOT_FOUND: Vector = Vector { section: b"\x00\x00\xdb", fields: &[(":status", b"404")] };

/// Here ours differs in one bit: what proves who somebody is, it marks never to be indexed.
const PAGE: Vector = Vector {
    section: b"\x00\x00\xd1\xd7\x50\x87\x1a\xe5\xf2\x3a\x6b\xa0\xbf\x51\x8d\x60\xd5\x48\x5f\x2b\xce\x9a\x68\xff\x3b\x40\
        \xa8\x81\xdd\xdf\x55\x03\x61\x3d\x62\x55\x03\x63\x3d\x64\x5f\x45\x87\xba\x51\xd8\x5b\x14\x1c\x64",
    fields: &[
        (":method", b"GET"),
        (":scheme", b"https"),
        (":authority", b"a.example"),
        (":path", b"/index.html?q=%20"),
        ("accept", b"*/*"),
        ("accept-encoding", b"gzip, deflate, br"),
        ("cookie", b"a=b"),
        ("cookie", b"c=d"),
        ("authorization", b"Bearer abc"),
    ],
};

const AIOQUIC_SETTINGS: Settings = Settings {
    field_section_bytes_max: u64::MAX,
    enable_connect_protocol: true,
    qpack_max_table_capacity: 4096,
    qpack_blocked_streams: 16,
};

fn encoded(vector: &Vector) -> Vec<u8> {
    let mut section = Vec::new();
    h3::qpack::encode_section(vector.fields.iter().copied(), &mut section);
    section
}

#[test]
fn sections_by_lsqpack_are_read() {
    for vector in [WEBSOCKET_BY_AIOQUIC, RESPONSE, NOT_FOUND, PAGE] {
        let fields = h3::qpack::decode_section(vector.section, 4096).unwrap();
        let expected: Vec<_> = vector.fields.iter().map(|&(name, value)| (name.as_bytes(), value)).collect();
        assert_eq!(fields.iter().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn our_sections_are_the_ones_that_lsqpack_writes() {
    for vector in [WEBSOCKET_BY_AIOQUIC, RESPONSE, NOT_FOUND] {
        assert_eq!(encoded(&vector), vector.section);
    }
    let (ours, theirs) = (encoded(&PAGE), PAGE.section);
    let marked: Vec<u8> =
        ours.iter().zip(theirs).map(|(ours, theirs)| ours ^ theirs).filter(|&bits| bits != 0).collect();
    assert_eq!(ours.len(), theirs.len());
    assert_eq!(marked, [0b0010_0000; 3], "two cookies and an authorization");
}

#[test]
fn the_streams_of_an_aioquic_client_are_understood() {
    let mut server = connection(Role::Server);
    let control = b"\x00\x04\x09\x01\x50\x00\x07\x10\x08\x01\x21\x01\x0d\x01\x08";
    let outcome = read_uni(&mut server, control);
    assert_eq!(outcome, UniOutcome { seen: vec![UniEvent::Settings(AIOQUIC_SETTINGS)], end: Ok(()) });
    for qpack in [b"\x02", b"\x03"] {
        assert_eq!(read_uni(&mut server, qpack).end, Ok(()));
    }

    // An extended CONNECT, a DATA frame with "Hello" of RFC 6455 section 5.7, an empty DATA frame, the end.
    let frame = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    let request = [b"\x01\x40\x60", WEBSOCKET_BY_AIOQUIC.section, b"\x00\x0b", frame, b"\x00\x00"].concat();
    let outcome = read(server.accept_request(0).unwrap(), &request);
    assert_eq!(outcome.end, Ok(()));
    assert_eq!(outcome.seen.len(), 2);
    assert_eq!(outcome.seen[1], data(frame));
}

#[test]
fn the_streams_of_an_aioquic_server_are_understood() {
    let mut client = connection(Role::Client);
    let control = b"\x00\x04\x09\x01\x50\x00\x07\x10\x08\x01\x21\x01";
    assert_eq!(read_uni(&mut client, control).seen, [UniEvent::Settings(AIOQUIC_SETTINGS)]);

    let response = b"\x01\x0d\x00\x00\xd8\x5b\x08\x3c\x2f\x73\x2e\x63\x73\x73\x3e\
        \x01\x0b\x00\x00\xd9\x5f\x4d\x85\x19\x8f\xda\xd3\x13\
        \x00\x05\x68\x65\x6c\x6c\x6f\
        \x01\x09\x00\x00\x2c\xf2\xb2\x2d\xa7\x01\x31";
    let outcome = read(client_stream(), response);
    let expected = [
        head(&[(":status", "103"), ("link", "</s.css>")]),
        head(&[(":status", "200"), ("server", "aioquic")]),
        data(b"hello"),
        trailers(&[("x-sum", "1")]),
    ];
    assert_eq!((&outcome.seen[..], outcome.end), (&expected[..], Ok(())));
}
