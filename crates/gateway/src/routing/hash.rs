//! One hash for all of routing. Two gateways with the same configuration must choose the same backend, so it is written
//! down here and does not depend on a release of the standard library.
//!
//! It holds no secret: a client that wants to reach a certain backend can choose its room accordingly. What it protects
//! against is only bad luck.

use std::net::IpAddr;

/// FNV-1a over parts, with the length of each, and the finalizer of SplitMix64, without which the low bits of short
/// texts are close together.
pub(super) fn hash(parts: &[&[u8]]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in part.iter().chain(&(part.len() as u64).to_le_bytes()) {
            state = (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    mix(state)
}

/// Spreads a number over all bits.
pub(super) fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// A client's address: IPv6 by its /64, because within it hosts change their address as they like.
pub(crate) fn of_address(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => hash(&[&address.octets()]),
        IpAddr::V6(address) => hash(&[&address.octets()[..8]]),
    }
}

/// A name.
pub(crate) fn of_name(name: &str) -> u64 {
    hash(&[name.as_bytes()])
}
