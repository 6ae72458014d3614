//! Rows T10 to T14: requests and frames that break a rule, and what they do not do to others.

use crate::raw::{
    self, CANCEL, COMPRESSION_ERROR, DATA, END_HEADERS, END_STREAM, FRAME_SIZE_ERROR, GET, GOAWAY, HEADERS,
    PADDED, PREFACE, PRIORITIZED, PROTOCOL_ERROR, REFUSED_STREAM, RST_STREAM, Raw, SETTINGS, WEBSOCKET,
    WINDOW_UPDATE, block, frame,
};
use crate::rig;
use crate::serving::server;
use net::limits::{INCOMING_MESSAGES_MAX, STREAM_WINDOW_BYTES};
use net::{Answer, Limits, Mailbox, Request, Site, WebSocket};
use std::sync::Arc;

type Fields<'a> = Vec<(&'a str, &'a str)>;

/// `fields` with another value.
fn with<'a>(fields: &[(&'a str, &'a str)], name: &str, value: &'a str) -> Fields<'a> {
    fields.iter().map(|&(n, v)| if n == name { (n, value) } else { (n, v) }).collect()
}

/// `fields` with one more.
fn and<'a>(fields: &[(&'a str, &'a str)], name: &'a str, value: &'a str) -> Fields<'a> {
    fields.iter().copied().chain([(name, value)]).collect()
}

fn without<'a>(fields: &[(&'a str, &'a str)], name: &str) -> Fields<'a> {
    fields.iter().copied().filter(|(n, _)| *n != name).collect()
}

/// What a request came to.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Status(u16),
    Reset(u32),
    /// The whole carrier ended.
    Ended(u32),
}

fn fate(peer: &mut Raw, flags: u8, fields: &[(&str, &str)]) -> Fate {
    let stream = peer.request(flags, fields);
    let frame = peer.read_until(|frame| frame.stream == stream || frame.kind == GOAWAY);
    match frame.kind {
        HEADERS => Fate::Status(frame.status()),
        RST_STREAM => Fate::Reset(frame.error()),
        GOAWAY => Fate::Ended(frame.error()),
        _ => panic!("{fields:?}: {frame:?}"),
    }
}

#[test]
fn t10_an_extended_connect_that_is_not_one_opens_nothing() {
    let (workers, address) = server(Limits::default());
    let mut peer = Raw::connect(address);
    let plain = vec![(":method", "CONNECT"), (":authority", "example.org:443")];
    for (fields, expected) in [
        (without(WEBSOCKET, ":protocol"), None),
        (plain, Some(Fate::Status(501))),
        (with(WEBSOCKET, ":protocol", "connect-udp"), Some(Fate::Status(501))),
        (with(WEBSOCKET, ":method", "GET"), Some(Fate::Reset(PROTOCOL_ERROR))),
        (without(WEBSOCKET, ":path"), Some(Fate::Reset(PROTOCOL_ERROR))),
        (without(WEBSOCKET, ":scheme"), Some(Fate::Reset(PROTOCOL_ERROR))),
        (without(WEBSOCKET, "sec-websocket-version"), Some(Fate::Status(400))),
        (and(WEBSOCKET, "content-length", "10"), Some(Fate::Status(400))),
    ] {
        let got = fate(&mut peer, 0, &fields);
        let allowed = [Fate::Status(400), Fate::Status(501), Fate::Reset(PROTOCOL_ERROR)];
        assert!(expected.map_or(allowed.contains(&got), |expected| got == expected), "{fields:?}: {got:?}");
    }
    assert_eq!(workers.totals().websockets_opened, 0);
    let stream = peer.websocket();
    peer.echo(stream, "and a real one works");
}

#[test]
fn t10_a_client_need_not_wait_for_our_settings() {
    use std::io::{Read, Write};
    let (_workers, address) = server(Limits::default());
    let mut stream = rig::connect(address);
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes.extend(frame(HEADERS, END_HEADERS, 1, &block(WEBSOCKET)));
    bytes.extend(frame(DATA, 0, 1, &rig::masked(0x81, b"early")));
    stream.write_all(&bytes).unwrap();
    let mut all = Vec::new();
    while !all.ends_with(b"\x81\x05early") {
        let mut buffer = [0; 1024];
        let size = stream.read(&mut buffer).unwrap();
        assert!(size > 0, "{all:?}");
        all.extend_from_slice(&buffer[..size]);
    }
}

#[test]
fn t11_streams_beyond_the_limit_are_refused_and_can_be_asked_for_again() {
    let (workers, address) = server(Limits { streams_per_carrier_max: 10, ..Limits::default() });
    let mut peer = Raw::connect(address);
    let streams: Vec<u32> = (0..10).map(|_| peer.websocket()).collect();
    assert_eq!(fate(&mut peer, 0, WEBSOCKET), Fate::Reset(REFUSED_STREAM));
    for &stream in &streams {
        peer.echo(stream, "not harmed");
    }
    peer.send(RST_STREAM, 0, streams[0], &CANCEL.to_be_bytes());
    rig::eventually("one has left", || workers.totals().websockets_open == 9);
    assert_eq!(fate(&mut peer, 0, WEBSOCKET), Fate::Status(200));
}

#[test]
fn t11_a_websocket_that_is_never_read_stops_itself_and_no_sibling() {
    let (workers, address) = server(Limits::default());
    // Streams begin without room, so nothing comes on the one that gets none.
    let mut peer = Raw::connect_with(address, &[(4, 0)]);
    let open = |peer: &mut Raw, room: u32| {
        let stream = peer.websocket();
        if room > 0 {
            peer.send(WINDOW_UPDATE, 0, stream, &room.to_be_bytes());
        }
        stream
    };
    let silent: Vec<u32> = (0..4).map(|_| open(&mut peer, 0)).collect();
    let siblings: Vec<u32> = (0..20).map(|_| open(&mut peer, 1 << 20)).collect();
    // Small messages, so that there are as many frames as possible: h2 would not keep half of them.
    let small = rig::masked(0x81, b"x");
    let count = STREAM_WINDOW_BYTES as usize / small.len();
    for &stream in &silent {
        peer.send_bytes(&frame(DATA, 0, stream, &small).repeat(count));
    }
    for round in 0..50 {
        for &stream in &siblings {
            peer.echo(stream, &format!("{round}"));
        }
    }
    let totals = workers.totals();
    assert_eq!((totals.websockets_open, totals.carriers_refused), (24, 0));
    // They get everything when they read at last.
    peer.send(WINDOW_UPDATE, 0, 0, &(1_u32 << 20).to_be_bytes());
    for stream in silent {
        peer.send(WINDOW_UPDATE, 0, stream, &(1_u32 << 20).to_be_bytes());
        let echoes = peer.read_data(stream, count * 3);
        assert!(echoes.chunks(3).all(|echo| echo == b"\x81\x01x"));
    }
}

/// Echoes, but never looks at what comes to `/deaf`.
struct Deaf;

impl Site for Deaf {
    type Endpoint = Mailbox;

    fn respond(&self, request: &Request<'_>) -> Answer<Mailbox> {
        let is_deaf = request.head.path() == "/deaf";
        let accepted = ws::handshake::accept(request.head, &Default::default()).unwrap();
        Answer::websocket(accepted, Arc::default(), move |mut socket: WebSocket| async move {
            if is_deaf {
                std::future::pending::<()>().await;
            }
            while let Some(message) = socket.receive().await {
                let _ = socket.send(message.as_message()).await;
            }
        })
    }
}

#[test]
fn t11_a_websocket_that_the_server_does_not_look_at_stops_itself_and_no_sibling() {
    let (workers, address) = rig::start(Limits::default(), |_| Deaf);
    let mut peer = Raw::connect(address);
    let deaf: Vec<u32> = (0..4).map(|_| peer.request(0, &with(WEBSOCKET, ":path", "/deaf"))).collect();
    for &stream in &deaf {
        assert_eq!(peer.answer(stream).status(), 200);
    }
    let sibling = peer.websocket();
    let small = rig::masked(0x81, b"x");
    for &stream in &deaf {
        peer.send_bytes(&frame(DATA, 0, stream, &small).repeat(INCOMING_MESSAGES_MAX));
    }
    let kept = (deaf.len() * INCOMING_MESSAGES_MAX) as u64;
    rig::eventually("the WebSockets keep no more", || workers.totals().messages_in == kept);
    // As many as the windows have room for now. h2 would not keep half of them.
    let count = STREAM_WINDOW_BYTES as usize / small.len() - INCOMING_MESSAGES_MAX;
    for &stream in &deaf {
        peer.send_bytes(&frame(DATA, 0, stream, &small).repeat(count));
    }
    for round in 0..50 {
        peer.echo(sibling, &format!("{round}"));
    }
    let totals = workers.totals();
    assert_eq!((totals.websockets_open, totals.carriers_refused), (5, 0));
    assert_eq!(totals.messages_in, kept + 50);
}

#[test]
fn t12_fields_that_have_no_place_in_http2_are_refused() {
    let (workers, address) = server(Limits::default());
    let late = [&GET[1..], &[("x", "y"), (":method", "GET")]].concat();
    let refused = [
        and(GET, "Upper", "case"),
        and(GET, "connection", "close"),
        and(GET, "upgrade", "websocket"),
        and(GET, "keep-alive", "5"),
        and(GET, "proxy-connection", "close"),
        and(GET, "transfer-encoding", "chunked"),
        and(GET, "te", "gzip"),
        and(GET, ":method", "GET"),
        and(GET, ":path", "/other"),
        and(GET, ":status", "200"),
        and(GET, ":unknown", "x"),
        late,
        without(GET, ":path"),
        without(GET, ":scheme"),
        without(GET, ":method"),
        without(GET, ":authority"),
        with(GET, ":path", ""),
        with(GET, ":path", "page"),
        with(GET, ":path", "/a\r\nx: y"),
        with(GET, ":path", "/a b"),
        with(GET, ":path", "/%0d%0aX:"),
        with(GET, ":path", "http://elsewhere/"),
        with(GET, ":method", "GE T"),
        with(GET, ":scheme", "ftp"),
        and(GET, "x", "y\r\nz: w"),
        and(GET, "x", "y\0"),
        and(GET, "x y", "z"),
        and(GET, "", "z"),
    ];
    for fields in refused {
        let mut peer = Raw::connect(address);
        let got = fate(&mut peer, END_STREAM, &fields);
        // What cannot even be a name or a value ends the carrier: h2 finds it where the table of all streams is at stake.
        let refused =
            [Fate::Status(400), Fate::Reset(PROTOCOL_ERROR), Fate::Ended(PROTOCOL_ERROR)].contains(&got);
        assert!(refused, "{fields:?}: {got:?}");
    }
    assert_eq!(workers.totals().requests, 0, "the site was not asked");
    let mut peer = Raw::connect(address);
    assert_eq!(fate(&mut peer, END_STREAM, &and(GET, "te", "trailers")), Fate::Status(200));
}

#[test]
fn requests_that_are_not_served_here_are_answered() {
    let (_workers, address) = server(Limits::default());
    let mut peer = Raw::connect(address);
    assert_eq!(fate(&mut peer, END_STREAM, &with(GET, ":method", "POST")), Fate::Status(405));
    assert_eq!(fate(&mut peer, 0, GET), Fate::Status(413));
    assert_eq!(fate(&mut peer, 0, &and(GET, "content-length", "5")), Fate::Status(413));
}

#[test]
fn t13_an_authority_that_is_not_the_host_is_refused() {
    let (workers, address) = server(Limits::default());
    let mut peer = Raw::connect(address);
    for fields in [
        and(GET, "host", "elsewhere"),
        and(&and(GET, "host", "localhost"), "host", "localhost"),
        with(GET, ":authority", "user@localhost"),
        with(GET, ":authority", "local host"),
        with(GET, ":authority", "localhost/path"),
        with(GET, ":authority", "localhost:99999"),
    ] {
        let got = fate(&mut peer, END_STREAM, &fields);
        assert!(matches!(got, Fate::Status(400) | Fate::Reset(PROTOCOL_ERROR)), "{fields:?}: {got:?}");
    }
    assert_eq!(workers.totals().requests, 0);
    assert_eq!(fate(&mut peer, END_STREAM, &and(GET, "host", "LOCALHOST")), Fate::Status(200));
}

#[test]
fn t14_frames_that_lie_about_themselves_end_the_carrier() {
    let priority_in_nothing = frame(HEADERS, END_HEADERS | PRIORITIZED, 1, &[0, 0]);
    let padding_beyond_the_end = frame(HEADERS, END_HEADERS | PADDED, 1, &[200, 0x82]);
    let padded_data =
        [frame(HEADERS, END_HEADERS, 1, &block(WEBSOCKET)), frame(DATA, PADDED, 1, &[5, 0, 0])].concat();
    let cases = [
        (priority_in_nothing, &[FRAME_SIZE_ERROR, PROTOCOL_ERROR][..]),
        (padding_beyond_the_end, &[PROTOCOL_ERROR, FRAME_SIZE_ERROR]),
        (padded_data, &[PROTOCOL_ERROR]),
        (frame(SETTINGS, 0, 0, &[0; 5]), &[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
        (frame(SETTINGS, 0, 1, &[]), &[PROTOCOL_ERROR]),
        (frame(raw::PING, 0, 0, &[0; 7]), &[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
        (frame(WINDOW_UPDATE, 0, 0, &[0; 3]), &[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
        (frame(WINDOW_UPDATE, 0, 0, &[0; 4]), &[PROTOCOL_ERROR]),
        (frame(RST_STREAM, 0, 1, &[0; 3]), &[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
        (frame(RST_STREAM, 0, 1, &[0; 4]), &[PROTOCOL_ERROR]),
        (frame(DATA, 0, 0, b"x"), &[PROTOCOL_ERROR]),
        (frame(DATA, 0, 1, b"x"), &[PROTOCOL_ERROR]),
        (frame(HEADERS, END_HEADERS, 2, &block(GET)), &[PROTOCOL_ERROR]),
        (frame(raw::CONTINUATION, END_HEADERS, 1, &[]), &[PROTOCOL_ERROR]),
        (frame(5, END_HEADERS, 1, &[0, 0, 0, 2]), &[PROTOCOL_ERROR]),
        // Longer than we allow.
        (frame(DATA, 0, 1, &[0; 16_385]), &[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
        // An index that no table has.
        (frame(HEADERS, END_HEADERS, 1, &[0xff, 0xff, 0xff, 0x7f]), &[COMPRESSION_ERROR, PROTOCOL_ERROR]),
    ];
    for (bytes, errors) in cases {
        let (_workers, address) = server(Limits::default());
        let mut peer = Raw::connect(address);
        peer.try_send_bytes(&bytes);
        let error = peer.read_goaway();
        assert!(errors.contains(&error), "{:?}...: {error}", &bytes[..bytes.len().min(20)]);
    }
}

/// Faults of one stream, by the letter of RFC 9113: its sections ask for no more than a reset of that stream. h2 ends the
/// carrier for some of them; `docs/conformance.md` has the same list.
#[test]
fn t14_which_faults_of_a_stream_end_the_carrier() {
    let open = |stream: u32| frame(HEADERS, END_HEADERS, stream, &block(WEBSOCKET));
    let over = |stream: u32| frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(GET));
    let field = |name: &'static str, value: &'static str| {
        frame(HEADERS, END_HEADERS | END_STREAM, 3, &block(&and(GET, name, value)))
    };
    let depends_on_itself = frame(
        HEADERS,
        END_HEADERS | END_STREAM | PRIORITIZED,
        3,
        &[&[0, 0, 0, 3, 9][..], &block(GET)].concat(),
    );
    let cases = [
        ("field of HTTP/1.1", field("connection", "close"), Fate::Reset(PROTOCOL_ERROR)),
        ("upper case", field("Upper", "case"), Fate::Ended(PROTOCOL_ERROR)),
        ("a name that is none", field("x y", "z"), Fate::Ended(PROTOCOL_ERROR)),
        ("a value with a zero", field("x", "y\0"), Fate::Ended(PROTOCOL_ERROR)),
        ("unknown pseudo-header", field(":unknown", "x"), Fate::Ended(PROTOCOL_ERROR)),
        ("HEADERS that depend on themselves", depends_on_itself, Fate::Reset(PROTOCOL_ERROR)),
        ("PRIORITY of another length", frame(raw::PRIORITY, 0, 3, &[0; 4]), Fate::Ended(PROTOCOL_ERROR)),
        (
            "WINDOW_UPDATE of 0",
            [open(3), frame(WINDOW_UPDATE, 0, 3, &[0; 4])].concat(),
            Fate::Ended(PROTOCOL_ERROR),
        ),
        (
            "a window beyond 2^31 - 1",
            [open(3), frame(WINDOW_UPDATE, 0, 3, &0x7fff_ffff_u32.to_be_bytes())].concat(),
            Fate::Reset(raw::FLOW_CONTROL_ERROR),
        ),
        ("DATA after the end", [over(3), frame(DATA, 0, 3, b"x")].concat(), Fate::Ended(PROTOCOL_ERROR)),
    ];
    for (what, bytes, expected) in cases {
        let (_workers, address) = server(Limits::default());
        let mut peer = Raw::connect(address);
        let sibling = peer.websocket();
        peer.try_send_bytes(&bytes);
        let is_fate = |kind: u8| kind == RST_STREAM || kind == GOAWAY;
        let frame = peer.read_until(|frame| is_fate(frame.kind));
        let got = match frame.kind {
            RST_STREAM => Fate::Reset(frame.error()),
            _ => Fate::Ended(frame.error()),
        };
        assert_eq!(got, expected, "{what}");
        if matches!(got, Fate::Reset(_)) {
            peer.echo(sibling, "not harmed");
        }
    }
}
