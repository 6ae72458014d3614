//! What each client address has, in a table with a bound.
//!
//! An address is remembered while it has connections or its bucket is not full; then nothing about it is worth keeping, so
//! forgetting it is never to anybody's advantage. When the table is full of addresses that must be remembered, new ones
//! share [`CROWD_PLACES`] places, by a hash of the address. So a flood from a million addresses opens no more than so many
//! clients could, it does not push out what is known of those that were there before, and a newcomer gets in when there is
//! something left in the place that it shares.

use super::bucket::Bucket;
use super::{FULL_RETRY_AFTER_SECONDS, TOO_FAST, TOO_MANY_CONNECTIONS};
use crate::config::Rate;
use crate::routing::{Refusal, hash_of_address};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// Addresses that one listener or route remembers, about 100 bytes each.
pub const ADDRESSES_MAX: usize = 65_536;

/// Places that are shared by the addresses for which there is no room.
pub const CROWD_PLACES: usize = 1024;

/// What may be had.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) rate: Option<Rate>,
    /// 0 is no limit.
    pub(super) open_max: u32,
}

/// An IPv4 address, or the /64 of an IPv6 address: who has one of those has all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Client {
    V4(u32),
    V6(u64),
}

/// Where one connection is counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum PlaceOf {
    Client(ClientPlace),
    Crowd(usize),
}

/// A client's own place.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientPlace(Client);

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    open: u32,
    bucket: Bucket,
}

#[derive(Debug, Default)]
pub(super) struct Addresses {
    known: BTreeMap<Client, Entry>,
    /// Those without connections, by when they can be forgotten.
    idle: BTreeSet<(Duration, Client)>,
    crowd: Vec<Entry>,
}

impl Addresses {
    /// Counts one more connection of a client.
    pub(super) fn enter(&mut self, asked: Asked, address: IpAddr, now: Duration) -> Result<PlaceOf, Refusal> {
        while let Some((at, client)) = self.idle.first().copied().filter(|(at, _)| *at <= now) {
            self.idle.remove(&(at, client));
            self.known.remove(&client);
        }
        let client = client_of(address);
        if let Some(entry) = self.known.get_mut(&client) {
            if entry.open == 0 {
                self.idle.remove(&(entry.bucket.full_at(), client));
            }
            let entered = entry.enter(asked, now);
            if entry.open == 0 {
                self.idle.insert((entry.bucket.full_at(), client));
            }
            return entered.map(|()| PlaceOf::Client(ClientPlace(client)));
        }
        if self.known.len() >= ADDRESSES_MAX {
            if self.crowd.is_empty() {
                self.crowd = vec![Entry::default(); CROWD_PLACES];
            }
            let at = (hash_of_address(address) % CROWD_PLACES as u64) as usize;
            return self.crowd[at].enter(asked, now).map(|()| PlaceOf::Crowd(at));
        }
        let mut entry = Entry::default();
        entry.enter(asked, now)?;
        self.known.insert(client, entry);
        Ok(PlaceOf::Client(ClientPlace(client)))
    }

    /// One connection is over.
    pub(super) fn leave(&mut self, place: &PlaceOf) {
        match place {
            PlaceOf::Crowd(at) => {
                if let Some(entry) = self.crowd.get_mut(*at) {
                    entry.open = entry.open.saturating_sub(1);
                }
            }
            PlaceOf::Client(ClientPlace(client)) => {
                let Some(entry) = self.known.get_mut(client) else { return };
                entry.open = entry.open.saturating_sub(1);
                if entry.open == 0 {
                    self.idle.insert((entry.bucket.full_at(), *client));
                }
            }
        }
    }

    /// Addresses that are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}

impl Entry {
    fn enter(&mut self, asked: Asked, now: Duration) -> Result<(), Refusal> {
        if asked.open_max != 0 && self.open >= asked.open_max {
            return Err(TOO_MANY_CONNECTIONS.after(FULL_RETRY_AFTER_SECONDS));
        }
        if let Some(rate) = asked.rate {
            self.bucket.take(rate, now).map_err(|seconds| TOO_FAST.after(seconds))?;
        }
        self.open = self.open.saturating_add(1);
        Ok(())
    }
}

fn client_of(address: IpAddr) -> Client {
    match address.to_canonical() {
        IpAddr::V4(address) => Client::V4(address.to_bits()),
        IpAddr::V6(address) => Client::V6((address.to_bits() >> 64) as u64),
    }
}
