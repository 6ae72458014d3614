//! Any bytes as an introduction and snapshots of Wreckroom: no panic, and nothing kept beyond the limits.
//!
//! The input is an introduction behind its length (u16), then snapshots, each behind the ticks since the one before (u8) and
//! its length (u16). So that the fuzzer gets past the introduction, a length of 0 stands for that of a small house.

#![no_main]

use arena::{
    Arena, Config,
    view::{Decoder, EVENTS_MAX, MEMBERS_MAX, introduce},
};
use libfuzzer_sys::fuzz_target;

fn take<'a>(data: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (&length, rest) = data.split_first_chunk::<2>()?;
    let (taken, rest) = rest.split_at_checked(u16::from_le_bytes(length).into())?;
    *data = rest;
    Some(taken)
}

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let Some(first) = take(&mut data) else { return };
    let mut introduction = first.to_vec();
    if introduction.is_empty() {
        introduce(&Arena::new(&Config::new(1, 8)), &mut introduction);
    }
    let Ok(mut decoder) = Decoder::new(&introduction) else { return };
    let mut tick = 0u32;
    while let Some((&ticks, rest)) = data.split_first() {
        data = rest;
        let Some(body) = take(&mut data) else { return };
        tick += u32::from(ticks);
        if decoder.apply(tick, body).is_err() {
            return;
        }
        let things = decoder.drones().count() + decoder.bodies().count() + decoder.grenades().count();
        assert!(things <= MEMBERS_MAX && decoder.events().len() <= EVENTS_MAX);
        let cells = decoder.seen_cells();
        assert!(decoder.drones().all(|drone| cells.contains(arena::view::cell_of(drone.at))));
        assert!(decoder.bodies().all(|body| cells.contains(arena::view::cell_of(body.at))));
        let _ = (decoder.digest(), decoder.pellets().count(), decoder.own(), decoder.sizes());
    }
});
