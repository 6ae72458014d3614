//! What an honest peer gets: pages and WebSockets, many on one connection.

use crate::raw::{self, DATA, END_STREAM, GET, GOAWAY, HEADERS, Raw, WEBSOCKET};
use crate::rig::{self, small_limits, start};
use http::StatusCode;
use net::{Answer, Limits, Request, Site, Workers};
use std::net::SocketAddr;
use std::sync::Arc;

/// Echo, and two pages.
pub(crate) struct Pages(net::echo::Echo);

/// More than any window that a peer opens by itself.
pub(crate) const BIG: usize = 300_000;

impl Site for Pages {
    type Endpoint = net::echo::EchoEndpoint;

    fn respond(&self, request: &Request<'_>) -> Answer<Self::Endpoint> {
        match request.head.path() {
            "/page" => Answer::text(StatusCode::OK, "Hello"),
            "/later" => rig::later(),
            "/never" => rig::never(),
            "/big" => Answer::text(StatusCode::OK, vec![b'x'; BIG]),
            _ => self.0.respond(request),
        }
    }

    fn takes_post(&self, head: &ws::head::RequestHead) -> bool {
        head.path() == "/later"
    }
}

pub(crate) fn server(limits: Limits) -> (Workers, SocketAddr) {
    start(limits, |_| Pages(net::echo::Echo::new(Arc::default())))
}

#[test]
fn a_websocket_echoes_and_closes_in_order() {
    let (workers, address) = server(Limits::default());
    let mut peer = Raw::connect(address);
    let stream = peer.websocket();
    peer.echo(stream, "Hello");
    peer.send(DATA, 0, stream, &rig::masked(0x88, &1000_u16.to_be_bytes()));
    assert_eq!(peer.read_data(stream, 4), [0x88, 2, 0x03, 0xe8]);
    let end = peer.read_until(|frame| frame.stream == stream);
    assert_eq!((end.kind, end.flags, end.payload.len()), (DATA, END_STREAM, 0));
    peer.send(DATA, END_STREAM, stream, &[]);
    rig::eventually("it is gone", || workers.totals().websockets_open == 0);
    assert_eq!(workers.totals().cut_late, 0);
    let again = peer.websocket();
    peer.echo(again, "the carrier lives on");
}

#[test]
fn pages_and_websockets_share_a_carrier() {
    let (workers, address) = server(Limits::default());
    let mut peer = Raw::connect(address);
    let streams: Vec<u32> = (0..100).map(|_| peer.websocket()).collect();
    for round in 0..3 {
        for &stream in &streams {
            peer.echo(stream, &format!("{round} on {stream}"));
        }
        let page = peer.request(END_STREAM, GET);
        assert_eq!(peer.answer(page).status(), 200);
        let body = peer.read_until(|frame| frame.stream == page);
        assert_eq!((body.kind, body.flags, body.payload.as_slice()), (DATA, END_STREAM, &b"Hello"[..]));
    }
    let totals = workers.totals();
    assert_eq!((totals.websockets_open, totals.carriers_open, totals.requesting), (100, 1, 0));
    drop(peer);
    rig::eventually("all are gone", || {
        let totals = workers.totals();
        totals.websockets_open == 0 && totals.carriers_open == 0
    });
}

#[test]
fn head_has_no_body_and_a_big_body_waits_for_room() {
    let (_workers, address) = server(Limits::default());
    let mut peer = Raw::connect(address);
    let head: Vec<_> = GET
        .iter()
        .map(|&(name, value)| if value == "GET" { (name, "HEAD") } else { (name, value) })
        .collect();
    let stream = peer.request(END_STREAM, &head);
    let answer = peer.answer(stream);
    assert_eq!((answer.status(), answer.flags & END_STREAM), (200, END_STREAM));

    let big: Vec<_> = GET
        .iter()
        .map(|&(name, value)| if value == "/page" { (name, "/big") } else { (name, value) })
        .collect();
    let stream = peer.request(END_STREAM, &big);
    assert_eq!(peer.answer(stream).status(), 200);
    let window = 65_535;
    let mut body = peer.read_data(stream, window);
    assert_eq!(body.len(), window, "no more than there is room for");
    for id in [0, stream] {
        peer.send(raw::WINDOW_UPDATE, 0, id, &(BIG as u32).to_be_bytes());
    }
    body.extend(peer.read_data(stream, BIG - window));
    assert!(body.len() == BIG && body.iter().all(|byte| *byte == b'x'));
}

fn with(
    fields: &[(&'static str, &'static str)],
    name: &str,
    value: &'static str,
) -> Vec<(&'static str, &'static str)> {
    fields.iter().map(|&(known, before)| (known, if known == name { value } else { before })).collect()
}

#[test]
fn an_answer_may_come_later_and_stops_nobody() {
    let (workers, address) =
        server(Limits { answer_timeout: std::time::Duration::from_millis(100), ..Limits::default() });
    let mut peer = Raw::connect(address);
    let never = peer.request(END_STREAM, &with(GET, ":path", "/never"));
    let page = peer.request(END_STREAM, GET);
    assert_eq!(peer.answer(page).status(), 200);
    let later = peer.request(END_STREAM, &with(&with(GET, ":path", "/later"), ":method", "POST"));
    assert_eq!(peer.answer(later).status(), 200);
    assert_eq!(peer.read_data(later, 5), b"Later");
    assert_eq!(peer.answer(never).status(), 503);
    // Where a WebSocket is asked for, any 2xx would mean that it is open.
    let websocket = peer.request(0, &with(WEBSOCKET, ":path", "/later"));
    assert_eq!(peer.answer(websocket).status(), 404);
    assert_eq!(workers.totals().requests_late, 1);
}

#[test]
fn an_idle_carrier_gets_a_goaway() {
    let (workers, address) = server(small_limits());
    let mut unused = Raw::connect(address);
    assert_eq!(unused.read_goaway(), raw::NO_ERROR);
    let mut used = Raw::connect(address);
    let stream = used.websocket();
    used.send(DATA, END_STREAM, stream, &[]);
    assert_eq!(used.read_goaway(), raw::NO_ERROR);
    rig::eventually("both are gone", || workers.totals().carriers_open == 0);
}

#[test]
fn a_preface_in_pieces_is_still_a_preface() {
    let (_workers, address) = server(Limits::default());
    for cut in [1, 2, 3, 4, 5, 23] {
        let mut stream = rig::connect(address);
        use std::io::{Read, Write};
        for piece in raw::PREFACE.chunks(cut) {
            stream.write_all(piece).unwrap();
        }
        stream.write_all(&raw::frame(raw::SETTINGS, 0, 0, &[])).unwrap();
        let mut head = [0; 9];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(head[3], raw::SETTINGS, "{cut}");
    }
}

#[test]
fn a_reset_ends_one_websocket_and_no_other() {
    let (workers, address) = server(Limits::default());
    let mut peer = Raw::connect(address);
    let (one, other) = (peer.websocket(), peer.websocket());
    peer.send(raw::RST_STREAM, 0, one, &raw::CANCEL.to_be_bytes());
    rig::eventually("one is gone", || workers.totals().websockets_open == 1);
    peer.echo(other, "still here");
}

#[test]
fn a_websocket_that_ends_without_close_is_over_and_reset() {
    let (workers, address) = server(Limits::default());
    let mut peer = Raw::connect(address);
    let stream = peer.websocket();
    peer.send(DATA, END_STREAM, stream, &[]);
    let end = peer.read_until(|frame| frame.stream == stream);
    assert_eq!((end.kind, end.error()), (raw::RST_STREAM, raw::CANCEL));
    rig::eventually("it is gone", || workers.totals().websockets_open == 0);
}

#[test]
fn a_drain_says_goaway_and_lets_websockets_say_goodbye() {
    let (workers, address) = server(Limits::default());
    let mut peer = Raw::connect(address);
    let stream = peer.websocket();
    peer.echo(stream, "before");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let drain = net::Drain { window: std::time::Duration::ZERO, ..net::Drain::default() };
    let drained = std::thread::scope(|scope| {
        let drained = scope.spawn(|| runtime.block_on(workers.drain(drain)));
        let goaway = peer.read_until(|frame| frame.kind == GOAWAY);
        assert_eq!(goaway.error(), raw::NO_ERROR);
        let close = peer.read_data(stream, 2);
        assert_eq!(close[0], 0x88);
        peer.send(DATA, END_STREAM, stream, &rig::masked(0x88, &1012_u16.to_be_bytes()));
        while peer.read().is_some() {}
        drop(peer);
        drained.join().unwrap()
    });
    assert_eq!((drained.asked, drained.cut, drained.requests_left), (1, 0, 0));
}

#[test]
fn a_handshake_is_judged_as_in_every_version() {
    let (_workers, address) = server(Limits::default());
    let mut peer = Raw::connect(address);
    let with = |name: &'static str, value: &'static str| -> Vec<(&str, &str)> {
        WEBSOCKET.iter().map(|&(n, v)| if n == name { (n, value) } else { (n, v) }).collect()
    };
    for (fields, expected) in [
        (with("sec-websocket-version", "12"), 400),
        (with(":protocol", "webtransport"), 501),
        (with(":path", "/%0d%0a"), 400),
    ] {
        let stream = peer.request(0, &fields);
        let answer = peer.answer(stream);
        assert_eq!((answer.kind, answer.status()), (HEADERS, expected), "{fields:?}");
    }
    let stream = peer.websocket();
    peer.echo(stream, "nothing is broken");
}
