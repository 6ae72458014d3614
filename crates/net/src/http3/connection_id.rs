//! QUIC connection ids that say which worker has the connection, to us and to nobody else.
//!
//! The kernel spreads datagrams over the workers' sockets by a hash of addresses and ports. When a client's address
//! changes (its NAT forgot it, or it went from Wi-Fi to mobile), the kernel picks another worker, and only the connection
//! id still tells where the connection is.
//!
//! ```text
//!   5 bytes: keyed hash of a counter         3 bytes: keyed hash of the first five ^ number of the worker
//! ```
//!
//! Without the key an id is noise (RFC 9000 section 5.1: an observer must not be able to tell which ids belong to one
//! connection). With it, an id that is not ours is recognized in all but one of 2^24 / workers cases, so that garbage is
//! dropped before it costs anything.

use quinn::{ConnectionId, ConnectionIdGenerator};
use quinn_proto::InvalidCid;
use std::hash::BuildHasher;
use std::time::Duration;

/// Bytes of every connection id that we give out.
pub(crate) const ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 5;
const TAG_MASK: u64 = 0xff_ffff;

/// The first bit of a datagram tells a long header, which has the length of its connection id, from a short one.
const LONG_HEADER: u8 = 0x80;
/// Where in a long header the length of the destination connection id is: behind the first byte and the version.
const LONG_HEADER_ID_LENGTH_AT: usize = 5;

/// What makes and reads connection ids. Clones have the same key.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    #[expect(
        clippy::disallowed_types,
        reason = "a keyed hash (SipHash) of single values; nothing is iterated"
    )]
    hash: std::hash::RandomState,
    workers: u16,
}

impl Keys {
    /// New keys, at random, for a number of workers.
    pub(crate) fn new(workers: u16) -> Self {
        #[expect(clippy::disallowed_types, reason = "see the field")]
        let hash = std::hash::RandomState::new();
        Self { hash, workers }
    }

    /// How many workers there are.
    pub(crate) fn workers(&self) -> u16 {
        self.workers
    }

    /// Which worker gave out the id to which a datagram is sent. `None` if nobody did: the first datagram of a
    /// connection has an id that the client made up.
    pub(crate) fn worker_of(&self, datagram: &[u8]) -> Option<u16> {
        let &first = datagram.first()?;
        let id = if first & LONG_HEADER == 0 {
            datagram.get(1..1 + ID_BYTES)?
        } else {
            let at = LONG_HEADER_ID_LENGTH_AT + 1;
            (usize::from(*datagram.get(at - 1)?) == ID_BYTES).then(|| datagram.get(at..at + ID_BYTES))??
        };
        self.worker(id)
    }

    fn worker(&self, id: &[u8]) -> Option<u16> {
        let (nonce, tag) = id.split_at_checked(NONCE_BYTES)?;
        let tag: [u8; ID_BYTES - NONCE_BYTES] = tag.try_into().ok()?;
        let tag = tag.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
        let worker = u16::try_from(tag ^ self.tag(nonce)).ok()?;
        (worker < self.workers).then_some(worker)
    }

    fn tag(&self, nonce: &[u8]) -> u64 {
        self.hash.hash_one(nonce) & TAG_MASK
    }

    fn make(&self, worker: u16, number: u64) -> [u8; ID_BYTES] {
        let mut id = self.hash.hash_one((worker, number)).to_be_bytes();
        let tag = self.tag(&id[..NONCE_BYTES]) ^ u64::from(worker);
        id[NONCE_BYTES..].copy_from_slice(&tag.to_be_bytes()[NONCE_BYTES..]);
        id
    }
}

/// Gives out the connection ids of one worker.
pub(crate) struct Ids {
    keys: Keys,
    worker: u16,
    given_out: u64,
}

impl Ids {
    pub(crate) fn new(keys: Keys, worker: u16) -> Self {
        Self { keys, worker, given_out: 0 }
    }
}

impl ConnectionIdGenerator for Ids {
    fn generate_cid(&mut self) -> ConnectionId {
        self.given_out = self.given_out.wrapping_add(1);
        ConnectionId::new(&self.keys.make(self.worker, self.given_out))
    }

    fn validate(&self, id: &ConnectionId) -> Result<(), InvalidCid> {
        self.keys.worker(id).map(|_| ()).ok_or(InvalidCid)
    }

    fn cid_len(&self) -> usize {
        ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn short_header(id: &[u8]) -> Vec<u8> {
        [&[0x40], id, &[0; 20]].concat()
    }

    fn long_header(id: &[u8]) -> Vec<u8> {
        [&[0xc0, 0, 0, 0, 1, id.len() as u8], id, &[0; 1200]].concat()
    }

    #[test]
    fn an_id_says_its_worker_in_short_and_long_headers() {
        let keys = Keys::new(700);
        for worker in [0, 1, 255, 256, 699] {
            let mut ids = Ids::new(keys.clone(), worker);
            for _ in 0..100 {
                let id = ids.generate_cid();
                assert_eq!(id.len(), ids.cid_len());
                assert_eq!(keys.worker_of(&short_header(&id)), Some(worker));
                assert_eq!(keys.worker_of(&long_header(&id)), Some(worker));
                assert!(ids.validate(&id).is_ok());
            }
        }
    }

    #[test]
    fn ids_do_not_repeat_among_workers_and_look_like_noise() {
        let keys = Keys::new(2);
        let mut workers = [Ids::new(keys.clone(), 0), Ids::new(keys, 1)];
        let ids: Vec<_> = (0..2000).map(|index| workers[index % 2].generate_cid()).collect();
        let distinct: BTreeSet<Vec<u8>> = ids.iter().map(|id| id.to_vec()).collect();
        assert_eq!(distinct.len(), ids.len());
        for place in 0..ID_BYTES {
            let values: BTreeSet<u8> = ids.iter().map(|id| id[place]).collect();
            assert!(values.len() > 200, "byte {place} has only {} values", values.len());
        }
    }

    #[test]
    fn what_nobody_gave_out_has_no_worker() {
        let (ours, others) = (Keys::new(4), Keys::new(4));
        let mut ids = Ids::new(others, 3);
        let strangers = (0..10_000).filter(|_| ours.worker_of(&short_header(&ids.generate_cid())).is_some());
        assert!(strangers.count() < 3, "one in four million is expected");
        let id = Ids::new(ours.clone(), 0).generate_cid();
        for length in 0..=ID_BYTES {
            assert_eq!(ours.worker_of(&short_header(&id)[..length]), None, "{length} bytes");
        }
        for length in 0..6 + ID_BYTES {
            assert_eq!(ours.worker_of(&long_header(&id)[..length]), None, "{length} bytes");
        }
        assert_eq!(
            ours.worker_of(&long_header(&[&id[..], &[0; 4]].concat())),
            None,
            "an id that is too long"
        );
    }
}
