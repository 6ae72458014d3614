//! Rows W13, W15 and W19 on a stream of HTTP/2: pieces, slow readers, and every way to end.

use crate::raw::{self, DATA, END_STREAM, RST_STREAM, Raw, WINDOW_UPDATE};
use crate::rig;
use crate::serving::server;
use net::Limits;
use net::limits::STREAM_WINDOW_BYTES;
use std::time::Duration;

fn limits() -> Limits {
    Limits {
        write_timeout: Duration::from_millis(300),
        linger_timeout: Duration::from_millis(300),
        ..Limits::default()
    }
}

#[test]
fn w13_frames_may_be_cut_anywhere_and_many_may_share_one_frame_of_data() {
    let (_workers, address) = server(Limits::default());
    let mut peer = Raw::connect(address);
    let stream = peer.websocket();
    let mut bytes = rig::masked(0x01, b"Hel");
    bytes.extend(rig::masked(0x89, b"ping"));
    bytes.extend(rig::masked(0x80, b"lo"));
    bytes.extend(rig::masked(0x82, &[7; 300]));
    let mut expected = b"\x8a\x04ping\x81\x05Hello\x82\x7e\x01\x2c".to_vec();
    expected.extend([7; 300]);
    for size in [1, 2, 3, 7, bytes.len()] {
        for piece in bytes.chunks(size) {
            peer.send(DATA, 0, stream, piece);
        }
        assert_eq!(peer.read_data(stream, expected.len()), expected, "in pieces of {size}");
    }
}

#[test]
fn w15_a_stream_without_room_is_not_read_from_and_is_cut_alone() {
    let (workers, address) = server(limits());
    let mut peer = Raw::connect_with(address, &[(4, 0)]);
    let (silent, sibling) = (peer.websocket(), peer.websocket());
    peer.send(WINDOW_UPDATE, 0, sibling, &1000_u32.to_be_bytes());
    let message = rig::masked(0x82, &[7; 1000]);
    peer.send_bytes(&raw::frame(DATA, 0, silent, &message).repeat(50));
    let end = peer.read_until(|frame| frame.stream == silent && frame.kind == RST_STREAM);
    assert_eq!(end.error(), raw::CANCEL);
    let totals = workers.totals();
    assert_eq!((totals.cut_slow, totals.carriers_slow, totals.websockets_open), (1, 0, 1));
    peer.echo(sibling, "not harmed");
}

#[test]
fn w15_a_stream_that_is_not_read_from_gets_no_more_room_than_its_window() {
    let (workers, address) = server(Limits::default());
    // There is no room for echoes, so the server stops to read.
    let mut peer = Raw::connect_with(address, &[(4, 0)]);
    let stream = peer.websocket();
    let message = rig::masked(0x82, &[7; 1000]);
    let mut room = STREAM_WINDOW_BYTES as usize;
    let mut sent = 0;
    for number in 0..100_u64 {
        while room >= message.len() {
            peer.send(DATA, 0, stream, &message);
            room -= message.len();
            sent += message.len();
        }
        peer.send(raw::PING, 0, 0, &number.to_be_bytes());
        loop {
            let frame = peer.read().unwrap();
            match (frame.kind, frame.stream) {
                (raw::PING, _) if frame.payload == number.to_be_bytes() => break,
                (WINDOW_UPDATE, id) if id == stream => room += frame.error() as usize,
                _ => {}
            }
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    // What was read in the first turns, before there was output that waits, and one window behind it.
    assert!(sent <= 4 * STREAM_WINDOW_BYTES as usize, "{sent} bytes were taken from a peer that takes none");
    assert!(workers.totals().bytes_in < sent as u64, "the last of it was not even read");
}

#[test]
fn w15_output_that_the_stream_has_room_for_never_waits() {
    let (workers, address) = server(limits());
    let mut peer = Raw::connect(address);
    let stream = peer.websocket();
    let message = rig::masked(0x82, &[7; 30_000]);
    for _ in 0..100 {
        peer.send_bytes(
            &[
                raw::frame(DATA, 0, stream, &message[..16_000]),
                raw::frame(DATA, 0, stream, &message[16_000..]),
            ]
            .concat(),
        );
        assert_eq!(peer.read_data(stream, 30_004).len(), 30_004);
        for id in [0, stream] {
            peer.send(WINDOW_UPDATE, 0, id, &30_004_u32.to_be_bytes());
        }
    }
    assert_eq!(workers.totals().cut_slow, 0);
}

#[test]
fn w19_a_peer_that_never_ends_its_stream_is_cut_and_its_carrier_is_not() {
    let (workers, address) = server(limits());
    let mut peer = Raw::connect(address);
    let (stream, sibling) = (peer.websocket(), peer.websocket());
    peer.send(DATA, 0, stream, &rig::masked(0x88, &1000_u16.to_be_bytes()));
    assert_eq!(peer.read_data(stream, 4), [0x88, 2, 0x03, 0xe8]);
    // Our answer is complete, so the reset says that the rest of theirs is not wanted (RFC 9113 section 8.1).
    let reset = peer.read_until(|frame| frame.stream == stream && frame.kind == RST_STREAM);
    assert_eq!(reset.error(), raw::NO_ERROR);
    assert_eq!((workers.totals().cut_late, workers.totals().websockets_open), (1, 1));
    peer.echo(sibling, "not harmed");
}

#[test]
fn w19_what_comes_behind_a_close_is_ignored() {
    let (workers, address) = server(limits());
    let mut peer = Raw::connect(address);
    let stream = peer.websocket();
    let mut bytes = rig::masked(0x88, &1000_u16.to_be_bytes());
    bytes.extend(rig::masked(0x81, b"too late"));
    peer.send(DATA, 0, stream, &bytes);
    assert_eq!(peer.read_data(stream, 4), [0x88, 2, 0x03, 0xe8]);
    peer.send(DATA, END_STREAM, stream, &rig::masked(0x81, b"much too late"));
    rig::eventually("it is gone", || workers.totals().websockets_open == 0);
    assert_eq!((workers.totals().messages_in, workers.totals().cut_late), (0, 0));
}

#[test]
fn w19_trailers_end_a_stream_like_any_other_end() {
    let (workers, address) = server(limits());
    let mut peer = Raw::connect(address);
    let stream = peer.websocket();
    peer.echo(stream, "before");
    peer.send(raw::HEADERS, END_STREAM | raw::END_HEADERS, stream, &raw::block(&[("x", "y")]));
    rig::eventually("it is gone", || workers.totals().websockets_open == 0);
}

#[test]
fn w19_a_protocol_error_closes_one_websocket_with_its_code() {
    let (workers, address) = server(limits());
    let mut peer = Raw::connect(address);
    let (stream, sibling) = (peer.websocket(), peer.websocket());
    // A frame without mask.
    peer.send(DATA, 0, stream, b"\x81\x02hi");
    let close = peer.read_data(stream, 4);
    assert_eq!((close[0], &close[2..4]), (0x88, &1002_u16.to_be_bytes()[..]));
    peer.send(DATA, END_STREAM, stream, &[]);
    rig::eventually("it is gone", || workers.totals().websockets_open == 1);
    peer.echo(sibling, "not harmed");
}

#[test]
fn w19_the_end_of_the_carrier_is_the_end_of_all() {
    let (workers, address) = server(limits());
    let mut peer = Raw::connect(address);
    for _ in 0..20 {
        peer.websocket();
    }
    drop(peer);
    rig::eventually("all are gone", || {
        let totals = workers.totals();
        totals.websockets_open == 0 && totals.carriers_open == 0
    });
}
