//! A fast hash of 64 bits over the state. It finds differences that nobody made on purpose; it is no cryptography.

use crate::{
    arena::Arena,
    model::{Body, Drone, Grenade, Pellet, Vector},
};

const FIRST: u64 = 0x9e37_79b9_7f4a_7c15;
const SECOND: u64 = 0xd6e8_feb8_6659_fd93;

/// Mixes one word into a hash. Each step can be undone, so no word is lost.
fn mixed(hash: u64, word: u64) -> u64 {
    let hash = (hash ^ word).wrapping_mul(FIRST);
    hash ^ (hash >> 29)
}

/// What is hashed of a thing, apart from the others: so the processor computes several at the same time.
fn hash_of<const N: usize>(words: [u64; N]) -> u64 {
    words.into_iter().fold(SECOND, mixed)
}

fn word(vector: Vector) -> u64 {
    u64::from(vector.x as u32) | u64::from(vector.y as u32) << 32
}

/// The hash of everything that [`Arena::save`] writes.
pub(crate) fn hash(arena: &Arena) -> u64 {
    let contest = &arena.contest;
    let [state, stream] = arena.chance.state();
    let ids = u64::from(arena.next_pellet) | u64::from(arena.next_grenade) << 16;
    let mut hash = hash_of([u64::from(contest.tick), state, stream, ids]);
    for (slot, drone) in arena.drones() {
        let bot = u64::from(contest.is_bot[usize::from(slot)]) << 8;
        hash = mixed(hash, drone_hash(u64::from(slot) | bot, drone));
        for places in &arena.history.places {
            hash = mixed(hash, word(places[usize::from(slot)]));
        }
    }
    for body in &contest.bodies {
        hash = mixed(hash, body_hash(body));
    }
    hash = mixed(hash, arena.pellets.len() as u64);
    for pellet in &arena.pellets {
        hash = mixed(hash, pellet_hash(pellet));
    }
    for grenade in &arena.grenades {
        hash = mixed(hash, grenade_hash(grenade));
    }
    hash ^ (hash >> 32)
}

fn drone_hash(slot: u64, drone: &Drone) -> u64 {
    let waits = u64::from(drone.pellet_wait)
        | u64::from(drone.rail_wait) << 8
        | u64::from(drone.dash_wait) << 16
        | u64::from(drone.dash) << 24
        | u64::from(drone.grenade_wait) << 32
        | u64::from(drone.respawn) << 48;
    let look = slot
        | u64::from(drone.aim) << 16
        | u64::from(drone.hp) << 32
        | u64::from(drone.colour as u8) << 40
        | u64::from(drone.shield) << 48;
    let deeds = u64::from(drone.kills)
        | u64::from(drone.deaths) << 16
        | u64::from(drone.captures) << 32
        | u64::from(drone.bounty) << 48;
    let score = u64::from(drone.score) | u64::from(drone.scored_at) << 32;
    hash_of([word(drone.at), word(drone.velocity), waits, look, deeds, score])
}

fn body_hash(body: &Body) -> u64 {
    let captor =
        body.captor.map_or(0, |(slot, colour)| 0x100 | u64::from(slot) | u64::from(colour as u8) << 12);
    let look = u64::from(body.kind as u8)
        | u64::from(body.hp) << 8
        | u64::from(body.neutral_in) << 16
        | captor << 32;
    hash_of([word(body.at), word(body.velocity), look])
}

fn pellet_hash(pellet: &Pellet) -> u64 {
    let look = u64::from(pellet.id)
        | u64::from(pellet.owner) << 16
        | u64::from(pellet.life) << 24
        | u64::from(pellet.bounces) << 32;
    hash_of([word(pellet.at), word(pellet.velocity), look])
}

fn grenade_hash(grenade: &Grenade) -> u64 {
    let look = u64::from(grenade.id) | u64::from(grenade.owner) << 16 | u64::from(grenade.fuse) << 24;
    hash_of([word(grenade.at), word(grenade.velocity), look])
}
