//! Requests that a site takes over, on streams of HTTP/2: bodies both ways, flow control, resets, trailers.

use crate::raw::{
    self, CANCEL, DATA, END_HEADERS, END_STREAM, HEADERS, PROTOCOL_ERROR, RST_STREAM, Raw, WINDOW_UPDATE,
};
use crate::rig::taker::{Seen, Taker};
use crate::rig::{self, start};
use net::{Limits, Workers};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const INTERNAL_ERROR: u32 = 2;

fn server(limits: Limits) -> (Workers, SocketAddr, Arc<Seen>) {
    let seen = Arc::<Seen>::default();
    let taker = Taker(Arc::clone(&seen));
    let (workers, address) = start(limits, move |_| taker.clone());
    (workers, address, seen)
}

fn head<'a>(method: &'a str, path: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let pseudo = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "localhost")];
    [&pseudo, more].concat()
}

/// Reads an answer to its end, and gives its status, its body, and whether trailers were there.
fn read_answer(peer: &mut Raw, stream: u32) -> (u16, String, bool) {
    let answer = peer.answer(stream);
    let (status, mut is_over, mut body, mut has_trailers) =
        (answer.status(), answer.flags & END_STREAM != 0, vec![], false);
    while !is_over {
        let frame = peer.read_until(|frame| frame.stream == stream && frame.kind != WINDOW_UPDATE);
        assert_ne!(frame.kind, RST_STREAM, "{frame:?} after {body:?}");
        is_over = frame.flags & END_STREAM != 0;
        match frame.kind {
            HEADERS => has_trailers = true,
            _ => body.extend_from_slice(&frame.payload),
        }
    }
    (status, String::from_utf8(body).unwrap(), has_trailers)
}

#[test]
fn bodies_with_and_without_a_length_arrive_whole_and_trailers_come_back() {
    let (workers, address, seen) = server(Limits::default());
    let mut peer = Raw::connect(address);
    for more in [&[][..], &[("content-length", "8")]] {
        let stream = peer.request(0, &head("POST", "/whole", more));
        peer.send(DATA, 0, stream, b"Hello");
        peer.send(DATA, 0, stream, &[]);
        peer.send(DATA, END_STREAM, stream, b"you");
        assert_eq!(read_answer(&mut peer, stream), (200, "8 bytes".to_owned(), false));
    }
    let stream = peer.request(0, &head("PUT", "/echo", &[("te", "trailers")]));
    peer.send(DATA, 0, stream, b"Hello");
    peer.send(HEADERS, END_STREAM | END_HEADERS, stream, &raw::block(&[("x-sum", "7")]));
    let (status, body, _) = read_answer(&mut peer, stream);
    assert_eq!((status, body.as_str()), (200, "Hello"));
    let stream = peer.request(END_STREAM, &head("DELETE", "/whole", &[]));
    assert_eq!(read_answer(&mut peer, stream).1, "0 bytes");
    let stream = peer.request(END_STREAM, &head("HEAD", "/whole", &[]));
    assert_eq!(read_answer(&mut peer, stream), (200, String::new(), false));
    let stream = peer.request(END_STREAM, &head("GET", "/empty", &[]));
    assert_eq!(read_answer(&mut peer, stream), (204, String::new(), false));
    assert_eq!((seen.bytes.load(Ordering::SeqCst), workers.totals().requests), (16, 6));
}

#[test]
fn trailers_behind_a_body_are_given_and_sent() {
    let (_workers, address, _) = server(Limits::default());
    let mut peer = Raw::connect(address);
    // With the whole body known before the answer begins, the echo has the trailers at hand.
    let stream = peer.request(0, &head("POST", "/whole", &[]));
    peer.send(HEADERS, END_STREAM | END_HEADERS, stream, &raw::block(&[("x-sum", "7")]));
    let answer = peer.answer(stream);
    // `x-sum: 7` in the Huffman code of RFC 7541 appendix B.
    let sum = [0x84, 0xf2, 0xb2, 0x2d, 0xa7, 0x81, 0x77];
    let has_sum = answer.payload.windows(sum.len()).any(|window| window == sum);
    assert!(answer.status() == 200 && has_sum, "{answer:?}");
}

#[test]
fn hints_come_before_the_answer() {
    let (_workers, address, _) = server(Limits::default());
    let mut peer = Raw::connect(address);
    let stream = peer.request(END_STREAM, &head("GET", "/hints", &[]));
    assert_eq!(peer.answer(stream).status(), 103);
    assert_eq!(read_answer(&mut peer, stream), (200, "hinted".to_owned(), false));
}

#[test]
fn a_length_that_is_not_kept_is_a_reset_and_the_siblings_live() {
    let (_workers, address, seen) = server(Limits::default());
    let mut peer = Raw::connect(address);
    for body in [&b"Hell"[..], b"Hello you"] {
        let stream = peer.request(0, &head("POST", "/whole", &[("content-length", "5")]));
        peer.send(DATA, END_STREAM, stream, body);
        assert_eq!(peer.read_reset(stream), PROTOCOL_ERROR);
    }
    rig::eventually("the site hears of it", || seen.broken.load(Ordering::SeqCst) == 2);
    let stream = peer.request(END_STREAM, &head("GET", "/whole", &[]));
    assert_eq!(read_answer(&mut peer, stream).0, 200);
}

#[test]
fn a_site_that_takes_nothing_gives_no_room_and_the_siblings_have_theirs() {
    let (_workers, address, _) = server(Limits::default());
    let mut peer = Raw::connect(address);
    let deaf = peer.request(0, &head("POST", "/deaf", &[]));
    for _ in 0..4 {
        peer.send(DATA, 0, deaf, &[b'x'; 16_000]);
    }
    // All of the window but 1.5 KiB is used, and no frame gives more.
    let stream = peer.request(0, &head("POST", "/whole", &[]));
    for _ in 0..4 {
        peer.send(DATA, 0, stream, &[b'x'; 16_000]);
    }
    peer.read_until(|frame| {
        assert!(frame.kind != WINDOW_UPDATE || frame.stream != deaf, "{frame:?}");
        frame.kind == WINDOW_UPDATE && frame.stream == stream
    });
    peer.send(DATA, END_STREAM, stream, &[]);
    assert_eq!(read_answer(&mut peer, stream).1, "64000 bytes");
}

#[test]
fn t01_a_client_that_takes_its_request_back_is_noticed_wherever_the_request_is() {
    let (_workers, address, seen) = server(Limits::default());
    let mut peer = Raw::connect(address);
    let waiting = peer.request(END_STREAM, &head("GET", "/wait", &[]));
    let sending = peer.request(0, &head("POST", "/whole", &[]));
    let flooded = peer.request(END_STREAM, &head("GET", "/flood", &[]));
    assert_eq!(peer.answer(flooded).status(), 200);
    for stream in [waiting, sending, flooded] {
        peer.send(RST_STREAM, 0, stream, &CANCEL.to_be_bytes());
    }
    rig::eventually("all are noticed", || {
        [&seen.gone, &seen.broken, &seen.unsent].map(|count| count.load(Ordering::SeqCst)) == [1, 1, 1]
    });
}

#[test]
fn an_answer_that_is_cut_is_a_reset_and_one_that_is_missing_is_500() {
    let (_workers, address, _) = server(Limits::default());
    let mut peer = Raw::connect(address);
    let cut = peer.request(END_STREAM, &head("GET", "/cut", &[]));
    assert_eq!(peer.read_reset(cut), INTERNAL_ERROR);
    let missing = peer.request(END_STREAM, &head("GET", "/nothing", &[]));
    assert_eq!(read_answer(&mut peer, missing).0, 500);
    // A body that is not wanted is no fault of the client.
    let early = peer.request(0, &head("POST", "/early", &[]));
    assert_eq!(read_answer(&mut peer, early).1, "early");
    assert_eq!(peer.read_reset(early), raw::NO_ERROR);
}

#[test]
fn a13_a_body_that_stops_is_408_and_a_client_that_takes_nothing_is_cut() {
    let limits = Limits {
        body_piece_timeout: Duration::from_millis(100),
        write_timeout: Duration::from_millis(100),
        ..Limits::default()
    };
    let (_workers, address, seen) = server(limits);
    let mut peer = Raw::connect(address);
    let stream = peer.request(0, &head("POST", "/whole", &[]));
    peer.send(DATA, 0, stream, b"He");
    assert_eq!(read_answer(&mut peer, stream).0, 408);
    // Its windows are never opened again.
    let flood = peer.request(END_STREAM, &head("GET", "/flood", &[]));
    assert_eq!(peer.read_reset(flood), INTERNAL_ERROR);
    assert_eq!(seen.unsent.load(Ordering::SeqCst), 1);
}

#[test]
fn a_websocket_is_bytes_both_ways_and_counts_as_one() {
    let (workers, address, _) = server(Limits::default());
    let mut peer = Raw::connect(address);
    let connect =
        [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/websocket")];
    let more = [(":authority", "localhost"), ("sec-websocket-version", "13")];
    let stream = peer.request(0, &[&connect[..], &more].concat());
    assert_eq!((peer.answer(stream).status(), workers.totals().websockets_open), (200, 1));
    peer.send(DATA, 0, stream, b"Hello");
    assert_eq!(peer.read_data(stream, 5), b"Hello");
    assert_eq!(workers.totals().requesting, 0, "the carrier has left the door");
    peer.send(DATA, END_STREAM, stream, &[]);
    assert_eq!(peer.read_data(stream, 3), b"bye");
    rig::eventually("it is gone", || workers.totals().websockets_open == 0);
    let stream = peer.request(0, &[&connect[..], &more].concat());
    assert_eq!(peer.answer(stream).status(), 200);
    peer.send(RST_STREAM, 0, stream, &CANCEL.to_be_bytes());
    rig::eventually("a reset ends it", || workers.totals().websockets_open == 0);
    // Any 2xx but that of an upgrade would open what nobody serves.
    let mut connect = connect;
    connect[3].1 = "/early";
    let stream = peer.request(0, &[&connect[..], &more].concat());
    assert_eq!(peer.answer(stream).status(), 500);
}

#[test]
fn t10_extended_connect_by_other_rules_is_never_opened() {
    let (workers, address, _) = server(Limits::default());
    let mut peer = Raw::connect(address);
    let connect =
        [(":method", "CONNECT"), (":scheme", "http"), (":path", "/websocket"), (":authority", "localhost")];
    let version = ("sec-websocket-version", "13");
    for more in [
        &[(":protocol", "echo"), version][..],
        &[(":protocol", "websocket")],
        &[(":protocol", "websocket"), version, ("content-length", "5")],
    ] {
        let mut fields = connect.to_vec();
        fields.splice(1..1, more.iter().copied().filter(|(name, _)| name.starts_with(':')));
        fields.extend(more.iter().filter(|(name, _)| !name.starts_with(':')));
        let stream = peer.request(0, &fields);
        assert_eq!(peer.answer(stream).status(), 500, "{fields:?}");
    }
    assert_eq!(workers.totals().websockets_opened, 0);
}
