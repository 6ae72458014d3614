//! Connection ids of QUIC, as far as anybody can read them, and which backend gave them out.
//!
//! ```text
//!   long header:  1 first byte | 4 version | 1 length, destination id | 1 length, source id | ...
//!   short header: 1 first byte | destination id, of a length that only who gave it out knows | ...
//! ```
//!
//! A server names itself to its client in the clear while they shake hands: the source id of its long headers. From then on
//! the client writes that id into each datagram, whatever address it has. Later ids are given out under encryption; they can
//! be told only if the backend begins each of its ids with bytes that are its own.

use crate::backend::Backend;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Ids of backends that are known at a time, by all workers together. When there are more, the oldest is forgotten: its
/// connection then survives as long as its client keeps its address.
pub const SERVER_IDS_MAX: usize = 65_536;

/// Ids that clients made up for their first datagrams, with the same effect. Apart, so that a flood of first datagrams does
/// not displace what backends have given out.
pub const FIRST_IDS_MAX: usize = 4096;

const ID_BYTES_MAX: usize = 20;
const LONG_HEADER: u8 = 0x80;
const VERSION_BYTES: usize = 4;

/// Who has which ids. Shared by all workers, because a client with a new address may come to any of them.
#[derive(Debug, Default)]
pub struct ConnectionIds {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    from_servers: Table,
    from_clients: Table,
    /// How the ids of backends begin, as configured.
    prefixes: Vec<(Vec<u8>, Arc<Backend>)>,
}

#[derive(Debug, Default)]
struct Table {
    backends: BTreeMap<Id, Arc<Backend>>,
    order: VecDeque<Id>,
    lengths: BTreeSet<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Id {
    length: u8,
    bytes: [u8; ID_BYTES_MAX],
}

impl ConnectionIds {
    /// All ids that begin with these bytes are this backend's. For backends that are told to make them so; it is what lets
    /// connections survive a move for which the client takes a fresh id.
    pub fn begin_with(&self, prefix: &[u8], backend: &Arc<Backend>) {
        let mut known = self.lock();
        known.prefixes.retain(|(other, _)| other != prefix);
        known.prefixes.push((prefix.to_vec(), Arc::clone(backend)));
    }

    /// The backend for a datagram of a client whose address is not known.
    pub fn backend_of(&self, datagram: &[u8]) -> Option<Arc<Backend>> {
        let known = self.lock();
        match destination(datagram)? {
            Destination::Long(id) => {
                let by_id = known.from_servers.get(id).or_else(|| known.from_clients.get(id));
                by_id.or_else(|| known.by_prefix(id))
            }
            Destination::Short(rest) => {
                let pieces = known.from_servers.lengths.iter().filter_map(|&size| rest.get(..size.into()));
                let by_id = pieces.filter_map(|id| known.from_servers.get(id)).next();
                by_id.or_else(|| known.by_prefix(rest))
            }
        }
    }

    /// A backend answered this: learns the id that it gave itself.
    pub(super) fn learn_from_backend(&self, datagram: &[u8], backend: &Arc<Backend>) {
        if let Some(id) = source(datagram) {
            self.lock().from_servers.learn(id, backend, SERVER_IDS_MAX);
        }
    }

    /// A client's first datagram goes to this backend: so does a second one with the same id, from wherever.
    pub(super) fn learn_from_client(&self, datagram: &[u8], backend: &Arc<Backend>) {
        if let Some(Destination::Long(id)) = destination(datagram) {
            self.lock().from_clients.learn(id, backend, FIRST_IDS_MAX);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Whatever panicked while it was held, the tables are whole between any two lines.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn by_prefix(&self, id: &[u8]) -> Option<Arc<Backend>> {
        let fits = |(prefix, _): &&(Vec<u8>, Arc<Backend>)| id.starts_with(prefix);
        self.prefixes.iter().find(fits).map(|(_, backend)| Arc::clone(backend))
    }
}

impl Table {
    fn get(&self, id: &[u8]) -> Option<Arc<Backend>> {
        self.backends.get(&Id::new(id)?).map(Arc::clone)
    }

    fn learn(&mut self, id: &[u8], backend: &Arc<Backend>, max: usize) {
        // An empty id says nothing: such a connection is known by its addresses alone.
        let Some(id) = Id::new(id).filter(|id| id.length > 0) else { return };
        if self.backends.insert(id, Arc::clone(backend)).is_some() {
            return;
        }
        self.lengths.insert(id.length);
        self.order.push_back(id);
        if self.order.len() > max
            && let Some(oldest) = self.order.pop_front()
        {
            self.backends.remove(&oldest);
        }
    }
}

impl Id {
    fn new(id: &[u8]) -> Option<Self> {
        let mut bytes = [0; ID_BYTES_MAX];
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        Some(Self { length: id.len() as u8, bytes })
    }
}

enum Destination<'a> {
    Long(&'a [u8]),
    /// The id and what follows it.
    Short(&'a [u8]),
}

fn destination(datagram: &[u8]) -> Option<Destination<'_>> {
    let (&first, rest) = datagram.split_first()?;
    if first & LONG_HEADER == 0 {
        return Some(Destination::Short(rest));
    }
    let (id, _) = sized(rest.get(VERSION_BYTES..)?)?;
    Some(Destination::Long(id))
}

/// The id that the sender of a long header has given itself.
fn source(datagram: &[u8]) -> Option<&[u8]> {
    let (&first, rest) = datagram.split_first()?;
    let version = rest.get(..VERSION_BYTES)?;
    // In a packet of version 0 (Version Negotiation) it is what the client made up.
    if first & LONG_HEADER == 0 || version == [0; VERSION_BYTES] {
        return None;
    }
    let (_, rest) = sized(&rest[VERSION_BYTES..])?;
    sized(rest).map(|(id, _)| id)
}

fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&size, rest) = bytes.split_first()?;
    rest.split_at_checked(size.into()).filter(|_| usize::from(size) <= ID_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backend(port: u16) -> Arc<Backend> {
        Arc::new(Backend::new("quic", "", ([127, 0, 0, 1], port).into(), 1, 0))
    }

    fn long(destination: &[u8], source: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xc3, 0, 0, 0, 1, destination.len() as u8];
        bytes.extend(destination);
        bytes.push(source.len() as u8);
        bytes.extend(source);
        bytes.extend([0; 30]);
        bytes
    }

    fn short(id: &[u8]) -> Vec<u8> {
        [&[0x41], id, &[9; 30]].concat()
    }

    fn port(ids: &ConnectionIds, datagram: &[u8]) -> Option<u16> {
        ids.backend_of(datagram).map(|backend| backend.address.port())
    }

    #[test]
    fn an_id_that_a_backend_gave_itself_leads_back_to_it_in_both_headers() {
        let ids = ConnectionIds::default();
        ids.learn_from_backend(&long(b"client", b"server-1"), &backend(1));
        ids.learn_from_backend(&long(b"client", b"srv2"), &backend(2));
        assert_eq!(port(&ids, &short(b"server-1")), Some(1));
        assert_eq!(port(&ids, &short(b"srv2")), Some(2));
        assert_eq!(port(&ids, &long(b"server-1", b"client")), Some(1));
        assert_eq!(port(&ids, &short(b"server-2")), None);
        assert_eq!(port(&ids, &long(b"client", b"server-1")), None, "a source is no destination");
    }

    #[test]
    fn a_made_up_id_of_a_first_datagram_and_a_configured_beginning_lead_to_their_backends() {
        let ids = ConnectionIds::default();
        ids.learn_from_client(&long(b"made up by me", b""), &backend(1));
        ids.begin_with(&[7, 8], &backend(2));
        assert_eq!(port(&ids, &long(b"made up by me", b"x")), Some(1));
        assert_eq!(port(&ids, &short(b"made up by me")), None, "no server gave it out");
        assert_eq!(port(&ids, &short(&[7, 8, 9])), Some(2));
        assert_eq!(port(&ids, &long(&[7, 8, 9], b"x")), Some(2));
        ids.begin_with(&[7, 8], &backend(3));
        assert_eq!(port(&ids, &short(&[7, 8, 9])), Some(3));
    }

    #[test]
    fn the_tables_are_bounded_and_forget_the_oldest() {
        let ids = ConnectionIds::default();
        let (first, second) = (backend(1), backend(2));
        let id = |number: usize| [&b"id"[..], &number.to_be_bytes()].concat();
        for number in 0..=FIRST_IDS_MAX {
            ids.learn_from_client(&long(&id(number), b""), &first);
        }
        ids.learn_from_backend(&long(b"", b"server"), &second);
        assert_eq!(ids.lock().from_clients.backends.len(), FIRST_IDS_MAX);
        assert_eq!(ids.lock().from_clients.order.len(), FIRST_IDS_MAX);
        assert_eq!(port(&ids, &long(&id(0), b"")), None);
        assert_eq!(port(&ids, &long(&id(1), b"")), Some(1));
        assert_eq!(port(&ids, &short(b"server")), Some(2), "not displaced by clients");
    }

    #[test]
    fn datagrams_that_are_cut_off_or_lie_have_no_backend() {
        let ids = ConnectionIds::default();
        ids.begin_with(b"", &backend(1));
        let whole = long(b"12345678", b"abcdefgh");
        for size in 0..14 {
            assert_eq!(port(&ids, &whole[..size]), None, "{size} bytes");
        }
        let mut too_long = long(&[1; 21], b"");
        assert_eq!(port(&ids, &too_long), None);
        too_long[5] = 255;
        assert_eq!(port(&ids, &too_long), None);
        // Version Negotiation, an empty id, a source that is cut off: nothing is learned.
        let mut negotiation = whole.clone();
        negotiation[1..5].fill(0);
        for datagram in [&negotiation[..], &long(b"x", b""), &whole[..20], &short(b"y")] {
            ids.learn_from_backend(datagram, &backend(2));
        }
        assert!(ids.lock().from_servers.backends.is_empty());
    }
}
