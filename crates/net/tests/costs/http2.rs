//! HTTP/2, without our client: a small message costs nothing, a large one what its bytes need.

use crate::counting::{Notes, Seen};
use crate::raw::{DATA, Raw, WINDOW_UPDATE, frame};
use crate::rig;
use std::sync::Arc;

/// Allocations for each of `rounds` rounds of `work`, after some to warm up.
fn per_round(seen: &Seen, rounds: u64, mut work: impl FnMut()) -> f64 {
    for _ in 0..100 {
        work();
    }
    let before = seen.allocations();
    for _ in 0..rounds {
        work();
    }
    (seen.allocations() - before) as f64 / rounds as f64
}

#[test]
fn a_small_message_allocates_nothing_and_a_large_one_what_its_bytes_need() {
    let notes = Notes::default();
    let seen = Arc::clone(&notes.seen);
    let (_workers, address) = rig::start(net::Limits::default(), move |_| notes.clone());
    let mut peer = Raw::connect(address);
    let streams: Vec<u32> = (0..16).map(|_| peer.websocket()).collect();
    for (size, max) in [(10, 0.1), (100, 0.1), (1000, 2.0), (10_000, 7.0)] {
        let message = rig::masked(0x82, &vec![7; size]);
        let echo = size + if size < 126 { 2 } else { 4 };
        let alone = per_round(&seen, 1000, || {
            peer.send(DATA, 0, streams[0], &message);
            peer.read_data(streams[0], echo);
            give_room(&mut peer, streams[0], echo);
        });
        let all: Vec<u8> = streams.iter().flat_map(|&stream| frame(DATA, 0, stream, &message)).collect();
        let together = per_round(&seen, 100, || {
            peer.send_bytes(&all);
            // They come back in any order.
            let mut left = streams.len() * echo;
            while left > 0 {
                let frame = peer.read_until(|frame| frame.kind == DATA);
                left -= frame.payload.len();
                give_room(&mut peer, frame.stream, frame.payload.len());
            }
        }) / streams.len() as f64;
        assert!(alone <= max && together <= max, "{size} bytes: {alone} alone, {together} together");
    }
}

fn give_room(peer: &mut Raw, stream: u32, size: usize) {
    for id in [0, stream] {
        peer.send(WINDOW_UPDATE, 0, id, &(size as u32).to_be_bytes());
    }
}
