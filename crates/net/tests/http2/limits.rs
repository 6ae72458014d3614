//! The limits that no row of the attack list stands for: each is answered as its documentation says.

use crate::raw::{self, END_STREAM, GET, Raw, WEBSOCKET};
use crate::rig::{self, small_limits};
use crate::serving::server;
use net::Limits;
use std::io::Write;
use std::time::Duration;

#[test]
fn websockets_beyond_connections_max_are_503() {
    let (workers, address) = server(Limits { connections_max: 3, ..Limits::default() });
    let mut peer = Raw::connect(address);
    for _ in 0..3 {
        let stream = peer.websocket();
        peer.echo(stream, "in");
    }
    let stream = peer.request(0, WEBSOCKET);
    assert_eq!(peer.answer(stream).status(), 503);
    let page = peer.request(END_STREAM, GET);
    assert_eq!(peer.answer(page).status(), 200, "pages are still served");
    assert_eq!((workers.totals().refused_websockets, workers.totals().websockets_open), (1, 3));
}

#[test]
fn websockets_beyond_the_limit_of_an_address_are_429_on_whatever_carrier() {
    let (workers, address) = server(Limits { websockets_per_ip_max: 2, ..Limits::default() });
    let (mut one, mut other) = (Raw::connect(address), Raw::connect(address));
    let first = one.websocket();
    other.websocket();
    let refused = one.request(0, WEBSOCKET);
    assert_eq!(one.answer(refused).status(), 429);
    let http1 = rig::exchange(address, format!("{}\r\n", rig::HANDSHAKE));
    assert_eq!(rig::status(&http1), 429, "of whatever version");
    one.send(raw::RST_STREAM, 0, first, &raw::CANCEL.to_be_bytes());
    rig::eventually("a seat is free", || workers.totals().websockets_open == 1);
    one.websocket();
}

#[test]
fn carriers_without_a_websocket_count_at_the_door_and_others_do_not() {
    let (workers, address) = server(Limits { pre_auth_connections_per_ip_max: 2, ..Limits::default() });
    let mut one = Raw::connect(address);
    let _two = Raw::connect(address);
    assert!(rig::read_to_end(&mut rig::connect(address)).is_empty(), "a third is closed at once");
    one.websocket();
    let _three = Raw::connect(address);
    rig::eventually("all three are carriers", || workers.totals().carriers_open == 3);
    assert_eq!(workers.totals().refused_address, 1);
}

#[test]
fn a_body_that_nobody_takes_is_reset_after_write_timeout() {
    let limits = Limits { write_timeout: Duration::from_millis(300), ..Limits::default() };
    let (_workers, address) = server(limits);
    let mut peer = Raw::connect_with(address, &[(4, 0)]);
    let stream = peer.request(END_STREAM, GET);
    assert_eq!(peer.answer(stream).status(), 200);
    assert_eq!(peer.read_reset(stream), raw::CANCEL);
    let websocket = peer.websocket();
    peer.send(raw::WINDOW_UPDATE, 0, websocket, &1000_u32.to_be_bytes());
    peer.echo(websocket, "the carrier lives on");
}

#[test]
fn a_preface_that_never_comes_whole_is_waited_for_no_longer_than_a_head() {
    let (workers, address) = server(small_limits());
    let mut stream = rig::connect(address);
    stream.write_all(&raw::PREFACE[..20]).unwrap();
    rig::read_to_end(&mut stream);
    rig::eventually("it is counted", || workers.totals().requests_late == 1);
    rig::eventually("the place is given back", || workers.totals().requesting == 0);
}

#[test]
fn what_follows_the_preface_must_be_settings() {
    let (workers, address) = server(small_limits());
    let mut stream = rig::connect(address);
    stream.write_all(raw::PREFACE).unwrap();
    stream.write_all(&raw::frame(raw::PING, 0, 0, &[0; 8])).unwrap();
    rig::read_to_end(&mut stream);
    rig::eventually("the place is given back", || {
        let totals = workers.totals();
        totals.requesting == 0 && totals.carriers_open == 0
    });
}

#[test]
fn an_idle_carrier_that_reads_nothing_is_closed_all_the_same() {
    let (workers, address) = server(small_limits());
    let _silent = Raw::connect(address);
    rig::eventually("it is gone", || {
        let totals = workers.totals();
        totals.carriers_opened == 1 && totals.carriers_open == 0
    });
}
