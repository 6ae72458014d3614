//! Rows T1 to T9: more of something than anybody needs. Each ends in a GOAWAY that says so, or costs nothing.

use crate::raw::{
    self, ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GET, HEADERS, PING,
    PRIORITY, RST_STREAM, Raw, SETTINGS, WEBSOCKET, WINDOW_UPDATE, block, frame,
};
use crate::rig;
use crate::serving::server;
use net::{Http2Limits, Limits};
use std::time::Duration;

/// Limits whose end comes soon.
fn limits() -> Limits {
    Limits {
        write_timeout: Duration::from_millis(300),
        linger_timeout: Duration::from_secs(20),
        ..Limits::default()
    }
}

fn impatient(burst: u32) -> Limits {
    let http2 =
        Http2Limits { idle_frames_burst_max: burst, idle_frames_per_second_max: 0, ..Http2Limits::default() };
    Limits { http2, ..limits() }
}

#[test]
fn t01_streams_that_are_reset_before_they_are_seen_are_no_work() {
    let (workers, address) = server(limits());
    let mut peer = Raw::connect(address);
    let mut bytes = Vec::new();
    for _ in 0..2000 {
        let stream = peer.reserve();
        bytes.extend(frame(HEADERS, END_HEADERS, stream, &block(WEBSOCKET)));
        bytes.extend(frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
    }
    for _ in 0..50 {
        if !peer.try_send_bytes(&bytes) {
            break;
        }
    }
    assert_eq!(peer.read_goaway(), ENHANCE_YOUR_CALM);
    let totals = workers.totals();
    assert!(totals.requests <= 100, "of 2,000 requests {} came to the site", totals.requests);
    drop(peer);
    rig::eventually("it is counted", || workers.totals().carriers_refused == 1);
    rig::eventually("nothing is left", || workers.totals().websockets_open == 0);
}

#[test]
fn t01_streams_that_are_reset_after_they_are_seen_are_counted() {
    let (workers, address) = server(impatient(50));
    let mut peer = Raw::connect(address);
    let mut opened = 0;
    let goaway = loop {
        let stream = peer.request(0, WEBSOCKET);
        let answer = peer.read_until(|frame| frame.stream == stream || frame.kind == raw::GOAWAY);
        if answer.kind == raw::GOAWAY {
            break answer.error();
        }
        opened += 1;
        peer.send(RST_STREAM, 0, stream, &CANCEL.to_be_bytes());
    };
    assert_eq!((goaway, opened <= 51), (ENHANCE_YOUR_CALM, true), "{opened}");
    rig::eventually("nothing is left", || workers.totals().websockets_open == 0);
}

#[test]
fn t02_streams_that_we_must_reset_are_counted_whatever_was_wrong() {
    type Fault = fn(&mut Raw, u32);
    let faults: [(&str, Fault); 4] = [
        ("no increment", |peer, stream| peer.send(WINDOW_UPDATE, 0, stream, &[0; 4])),
        ("overflow", |peer, stream| peer.send(WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes())),
        ("headers twice", |peer, stream| peer.send(HEADERS, END_HEADERS, stream, &block(WEBSOCKET))),
        ("wrong length", |peer, stream| {
            let fields = [GET, &[("content-length", "5")]].concat();
            let other = peer.request(0, &fields);
            peer.send(DATA, END_STREAM, other, b"four");
            peer.send(RST_STREAM, 0, stream, &CANCEL.to_be_bytes());
        }),
    ];
    for (name, fault) in faults {
        let http2 = Http2Limits { faulty_streams_max: 10, ..Http2Limits::default() };
        let (workers, address) = server(Limits { http2, ..limits() });
        let mut peer = Raw::connect(address);
        for _ in 0..50 {
            let stream = peer.request(0, WEBSOCKET);
            fault(&mut peer, stream);
        }
        let (before, _) = peer.read_to_goaway();
        let resets = before.iter().filter(|frame| frame.kind == RST_STREAM && frame.error() != raw::NO_ERROR);
        assert!(resets.count() <= 11, "{name}");
        rig::eventually(name, || workers.totals().websockets_open == 0);
    }
}

#[test]
fn t02_data_beyond_the_window_is_a_fault() {
    let (_workers, address) = server(limits());
    let mut peer = Raw::connect(address);
    let stream = peer.request(0, GET);
    for _ in 0..5 {
        peer.send(DATA, 0, stream, &[0; 16_384]);
    }
    let end = peer.read_until(|frame| matches!(frame.kind, RST_STREAM | raw::GOAWAY) && frame.error() != 0);
    assert_eq!(end.error(), raw::FLOW_CONTROL_ERROR);
}

#[test]
fn t03_a_head_that_never_ends_is_refused() {
    for (name, piece) in [("large pieces", vec![0; 16_384]), ("empty pieces", Vec::new())] {
        let (workers, address) = server(limits());
        let mut peer = Raw::connect(address);
        let stream = peer.reserve();
        peer.send(HEADERS, 0, stream, &block(GET));
        let mut pieces = 0;
        while pieces < 100_000 && peer.try_send_bytes(&frame(CONTINUATION, 0, stream, &piece).repeat(10)) {
            pieces += 10;
            if workers.totals().carriers_refused > 0 {
                break;
            }
        }
        let error = peer.read_goaway();
        assert!(
            [ENHANCE_YOUR_CALM, raw::PROTOCOL_ERROR, raw::COMPRESSION_ERROR].contains(&error),
            "{name}: {error}"
        );
        assert_eq!(workers.totals().requests, 0);
    }
}

#[test]
fn t04_a_peer_that_takes_no_headers_gets_an_answer_and_no_loop() {
    let (_workers, address) = server(limits());
    let mut peer = Raw::connect_with(address, &[(6, 0)]);
    for _ in 0..10 {
        let stream = peer.request(END_STREAM, GET);
        assert_eq!(peer.answer(stream).status(), 200);
    }
}

#[test]
fn t05_empty_frames_of_data_end_the_carrier() {
    let (workers, address) = server(limits());
    let mut peer = Raw::connect(address);
    let stream = peer.websocket();
    peer.try_send_bytes(&frame(DATA, 0, stream, &[]).repeat(10_000));
    assert_eq!(peer.read_goaway(), ENHANCE_YOUR_CALM);
    rig::eventually("nothing is left", || workers.totals().websockets_open == 0);
}

#[test]
fn t05_data_in_single_bytes_is_taken_and_kept_nowhere() {
    let (_workers, address) = server(limits());
    let mut peer = Raw::connect(address);
    let stream = peer.websocket();
    let message = rig::masked(0x82, &[7; 50_000]);
    let bytes: Vec<u8> = message.iter().flat_map(|byte| frame(DATA, 0, stream, &[*byte])).collect();
    peer.send_bytes(&bytes);
    let echo = peer.read_data(stream, 50_004);
    assert!(echo[..4] == [0x82, 126, 0xc3, 0x50] && echo[4..].iter().all(|byte| *byte == 7));
}

#[test]
fn t06_faults_of_a_peer_that_reads_nothing_are_bounded() {
    let (workers, address) = server(limits());
    let mut peer = Raw::connect(address);
    let mut bytes = Vec::new();
    for _ in 0..1000 {
        let stream = peer.reserve();
        bytes.extend(frame(HEADERS, END_HEADERS, stream, &block(WEBSOCKET)));
        bytes.extend(frame(WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes()));
    }
    peer.try_send_bytes(&bytes);
    let (before, error) = peer.read_to_goaway();
    assert!(before.iter().filter(|frame| frame.kind == RST_STREAM).count() <= 101);
    assert_eq!(error, ENHANCE_YOUR_CALM);
    let requests = workers.totals().requests;
    assert!(requests <= 101 + 128, "{requests}");
    drop(peer);
    rig::eventually("it is counted, and all of them are gone", || {
        let totals = workers.totals();
        totals.carriers_refused == 1 && totals.websockets_open == 0
    });
}

#[test]
fn t07_frames_that_carry_nothing_are_a_flood() {
    let settings = [0, 3, 0, 0, 0, 100];
    let floods: [(&str, Vec<u8>); 6] = [
        ("ping", frame(PING, 0, 0, &[1; 8])),
        ("settings", frame(SETTINGS, 0, 0, &settings)),
        ("empty settings", frame(SETTINGS, 0, 0, &[])),
        ("priority", frame(PRIORITY, 0, 3, &[0, 0, 0, 5, 16])),
        ("window update", frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())),
        ("unknown", frame(0xfa, 0, 0, b"grease")),
    ];
    for (name, one) in floods {
        let (workers, address) = server(impatient(200));
        let mut peer = Raw::connect(address);
        let stream = peer.websocket();
        peer.try_send_bytes(&one.repeat(100_000));
        let (before, error) = peer.read_to_goaway();
        assert_eq!(error, ENHANCE_YOUR_CALM, "{name}");
        let answers = before.iter().filter(|frame| frame.flags == ACK && frame.stream != stream).count();
        // The burst, and what was read together with its last frame.
        assert!(answers <= 200 + 8192 / one.len(), "{name}: {answers} answers");
        assert_eq!(workers.totals().carriers_refused, 1, "{name}");
        rig::eventually(name, || workers.totals().websockets_open == 0);
    }
}

#[test]
fn t08_a_list_of_headers_has_a_size() {
    let (_workers, address) = server(limits());
    let long = "x".repeat(5000);
    let mut peer = Raw::connect(address);
    let fields: Vec<(&str, &str)> = GET.iter().copied().chain([("x", long.as_str()); 4]).collect();
    let bytes = block(&fields);
    let stream = peer.reserve();
    let (first, rest) = bytes.split_at(16_000);
    peer.send(HEADERS, END_STREAM, stream, first);
    peer.send(CONTINUATION, END_HEADERS, stream, rest);
    assert_eq!(peer.answer(stream).status(), 431);
    let stream = peer.request(END_STREAM, GET);
    assert_eq!(peer.answer(stream).status(), 200, "the carrier lives on");

    // One field of 4,000 bytes goes into the table, and each byte after it means that field again.
    let field = "y".repeat(3900);
    let mut bomb = block(GET);
    bomb.push(0x40);
    bomb.extend_from_slice(&block(&[("z", &field)])[1..]);
    bomb.resize(16_000, 0xbe);
    let stream = peer.reserve();
    peer.send(HEADERS, END_STREAM | END_HEADERS, stream, &bomb);
    assert_eq!(peer.read_goaway(), ENHANCE_YOUR_CALM);
}

#[test]
fn t08_tables_that_change_their_size_all_the_time_are_cheap_or_refused() {
    let (_workers, address) = server(limits());
    let mut peer = Raw::connect(address);
    for _ in 0..100 {
        // From 0 to 4,096 and back, thousands of times, before the fields begin.
        let mut bytes = [0x20, 0x3f, 0xe1, 0x1f].repeat(3500);
        bytes.extend(block(GET));
        let stream = peer.reserve();
        if !peer.try_send_bytes(&frame(HEADERS, END_STREAM | END_HEADERS, stream, &bytes)) {
            break;
        }
    }
    let end = peer.read_until(|frame| matches!(frame.kind, HEADERS | raw::GOAWAY));
    assert!(end.kind == raw::GOAWAY || end.status() == 200, "{end:?}");
}

#[test]
fn t09_a_peer_that_closes_its_tcp_window_is_cut_and_makes_us_keep_little() {
    let (workers, address) = server(limits());
    let mut peer = Raw::connect_with(address, &[(4, 0x7fff_ffff)]);
    peer.send(WINDOW_UPDATE, 0, 0, &0x7000_0000_u32.to_be_bytes());
    let streams: Vec<u32> = (0..20).map(|_| peer.websocket()).collect();
    let message = rig::masked(0x82, &[7; 16_000]);
    let mut sent = 0;
    'sending: for _ in 0..200 {
        for &stream in &streams {
            if !peer.try_send_bytes(&frame(DATA, 0, stream, &message)) {
                break 'sending;
            }
            sent += message.len() as u64;
            if workers.totals().carriers_slow > 0 {
                break 'sending;
            }
        }
    }
    rig::eventually("it is cut, and all that it carried", || {
        let totals = workers.totals();
        totals.carriers_open == 0 && totals.websockets_open == 0
    });
    let totals = workers.totals();
    assert_eq!(totals.carriers_slow, 1);
    // What the kernel's buffers hold, and for each stream what h2 and the driver hold.
    let kept = totals.bytes_in;
    assert!(kept <= sent && kept < 16 << 20, "{kept} of {sent} bytes were taken in");
}
