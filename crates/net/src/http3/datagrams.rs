//! One worker's UDP socket, which hands datagrams that belong to another worker over to it.
//!
//! ```text
//!   kernel ──► socket of worker A ──ours──────────────────────────► endpoint of A
//!                     └─────connection id of B──► inbox of B ─────► endpoint of B
//! ```
//!
//! Nearly all datagrams reach the right worker by themselves: the kernel spreads by address and port, and those of a
//! client stay the same. The others cost one copy. An inbox that is full loses what does not fit, as any network may.

use super::connection_id::Keys;
use crate::clock;
use crate::counters::Counters;
use quinn::AsyncUdpSocket;
use quinn::udp::{RecvMeta, Transmit};
use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;

/// Datagrams that wait in the inbox of a worker, 1.5 MB at most. What comes when it is full is lost.
const INBOX_DATAGRAMS_MAX: usize = 1024;

/// A datagram that came to the wrong socket.
struct Stray {
    meta: RecvMeta,
    bytes: Box<[u8]>,
}

/// What the sockets of one address have in common: the keys, and a way into each worker's inbox.
#[derive(Clone)]
pub(crate) struct Exchange {
    keys: Keys,
    inboxes: Arc<[mpsc::Sender<Stray>]>,
}

/// One worker's part of an [`Exchange`].
pub(crate) struct Desk {
    exchange: Exchange,
    worker: u16,
    inbox: Mutex<mpsc::Receiver<Stray>>,
}

impl Exchange {
    /// The parts of all workers, in order.
    pub(crate) fn desks(keys: &Keys) -> Vec<Desk> {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..keys.workers()).map(|_| mpsc::channel(INBOX_DATAGRAMS_MAX)).unzip();
        let exchange = Self { keys: keys.clone(), inboxes: senders.into() };
        let desk = |(worker, inbox)| Desk { exchange: exchange.clone(), worker, inbox: Mutex::new(inbox) };
        (0..).zip(receivers).map(desk).collect()
    }
}

impl Desk {
    /// Sorts what one buffer holds: hands over what is not ours, and closes the gaps. Several datagrams of the same
    /// length may follow each other in a buffer, the last may be shorter.
    fn sort(&self, buffer: &mut [u8], meta: &mut RecvMeta, counters: &Counters) {
        let (stride, length) = (meta.stride.max(1), meta.len.min(buffer.len()));
        let mut kept = 0;
        for start in (0..length).step_by(stride) {
            let datagram = start..length.min(start + stride);
            match self.exchange.keys.worker_of(&buffer[datagram.clone()]) {
                Some(other) if other != self.worker => {
                    self.hand_over(other, meta, &buffer[datagram], counters);
                }
                _ => {
                    let size = datagram.len();
                    if kept != start {
                        buffer.copy_within(datagram, kept);
                    }
                    kept += size;
                }
            }
        }
        meta.len = kept;
    }

    fn hand_over(&self, other: u16, meta: &RecvMeta, datagram: &[u8], counters: &Counters) {
        let Some(inbox) = self.exchange.inboxes.get(usize::from(other)) else { return };
        let Ok(place) = inbox.try_reserve() else {
            return counters.datagrams_lost.add(1);
        };
        let meta = RecvMeta { len: datagram.len(), stride: datagram.len(), ..*meta };
        place.send(Stray { meta, bytes: datagram.into() });
        counters.datagrams_handed_over.add(1);
    }

    /// Puts what others handed over into buffers, and tells how many it filled.
    fn collect(&self, cx: &mut Context<'_>, buffers: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]) -> usize {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        let mut filled = 0;
        for (buffer, meta) in buffers.iter_mut().zip(metas) {
            let Poll::Ready(Some(stray)) = inbox.poll_recv(cx) else { break };
            let length = stray.bytes.len().min(buffer.len());
            buffer[..length].copy_from_slice(&stray.bytes[..length]);
            *meta = RecvMeta { len: length, stride: length, ..stray.meta };
            filled += 1;
        }
        filled
    }
}

/// The socket that an endpoint of quinn gets.
pub(crate) struct Socket {
    inner: Arc<dyn AsyncUdpSocket>,
    desk: Desk,
    counters: Arc<Counters>,
    version_answers: Mutex<PerSecond>,
}

impl Socket {
    /// `version_answers_max` is how many Version Negotiation packets leave in a second.
    pub(crate) fn new(
        inner: Arc<dyn AsyncUdpSocket>,
        desk: Desk,
        counters: Arc<Counters>,
        version_answers_max: u32,
    ) -> Arc<Self> {
        let version_answers = Mutex::new(PerSecond { max: version_answers_max, second: 0, count: 0 });
        Arc::new(Self { inner, desk, counters, version_answers })
    }
}

/// How often something happened in the current second.
struct PerSecond {
    max: u32,
    second: u64,
    count: u32,
}

impl PerSecond {
    /// Whether it may happen once more.
    fn take(&mut self, now: Duration) -> bool {
        if self.second != now.as_secs() {
            (self.second, self.count) = (now.as_secs(), 0);
        }
        self.count = self.count.saturating_add(1);
        self.count <= self.max
    }
}

/// Whether a datagram is a Version Negotiation packet: a long header with version 0, in any version of QUIC (RFC 8999
/// section 6).
fn is_version_negotiation(datagram: &[u8]) -> bool {
    matches!(datagram, [first, 0, 0, 0, 0, ..] if first & 0x80 != 0)
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn quinn::UdpPoller>> {
        Arc::clone(&self.inner).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        // quinn answers each packet of an unknown version by itself and without a limit. What it sends passes here; one that
        // does not leave is one that the network lost.
        if is_version_negotiation(transmit.contents) {
            let mut answers = self.version_answers.lock().unwrap_or_else(PoisonError::into_inner);
            if !answers.take(clock::now()) {
                self.counters.quic_version_answers_withheld.add(1);
                return Ok(());
            }
        }
        self.inner.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        if self.desk.exchange.inboxes.len() == 1 {
            return self.inner.poll_recv(cx, buffers, metas);
        }
        // Half of the buffers at most, so that neither the inbox nor the socket can keep the other waiting for ever.
        let half = buffers.len().div_ceil(2);
        let filled = self.desk.collect(cx, &mut buffers[..half], &mut metas[..half]);
        let (buffers, metas) = (&mut buffers[filled..], &mut metas[filled..]);
        match self.inner.poll_recv(cx, buffers, metas) {
            Poll::Ready(Ok(count)) => {
                for (buffer, meta) in buffers.iter_mut().zip(metas).take(count) {
                    self.desk.sort(buffer, meta, &self.counters);
                }
                Poll::Ready(Ok(filled + count))
            }
            // An error of the socket comes again at the next call; what was handed over must not be lost for it.
            _ if filled > 0 => Poll::Ready(Ok(filled)),
            other => other,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.inner.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("worker", &self.desk.worker).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection_id::Ids;
    use super::*;
    use quinn::ConnectionIdGenerator;
    use std::task::Waker;

    fn datagram(ids: &mut Ids, last: u8, length: usize) -> Vec<u8> {
        let mut bytes = [&[0x40], &ids.generate_cid()[..], &[0; 100]].concat();
        bytes.truncate(length - 1);
        bytes.push(last);
        bytes
    }

    fn collected(desk: &Desk) -> Vec<(Vec<u8>, RecvMeta)> {
        let mut storage = vec![vec![0; 1500]; 8];
        let mut buffers: Vec<_> = storage.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        let mut metas = [RecvMeta::default(); 8];
        let filled = desk.collect(&mut Context::from_waker(Waker::noop()), &mut buffers, &mut metas);
        (0..filled).map(|index| (buffers[index][..metas[index].len].to_vec(), metas[index])).collect()
    }

    #[test]
    fn a_buffer_is_sorted_by_worker_without_gaps() {
        let keys = Keys::new(3);
        let desks = Exchange::desks(&keys);
        let mut ids = [0, 1, 2].map(|worker| Ids::new(keys.clone(), worker));
        let counters = Counters::default();
        // The last is shorter than the others, as the kernel's coalescing has it.
        let parts = [(0, 1, 60), (1, 2, 60), (0, 3, 60), (2, 4, 60), (1, 5, 60), (0, 6, 40)];
        let parts = parts.map(|(worker, last, length)| datagram(&mut ids[worker], last, length));
        let mut buffer = parts.concat();
        let from = "192.0.2.7:4433".parse().unwrap();
        let mut meta = RecvMeta { addr: from, len: buffer.len(), stride: 60, ecn: None, dst_ip: None };
        desks[0].sort(&mut buffer, &mut meta, &counters);

        assert_eq!(buffer[..meta.len], [&parts[0][..], &parts[2], &parts[5]].concat());
        let at_one = collected(&desks[1]);
        assert_eq!(at_one.iter().map(|(bytes, _)| bytes).collect::<Vec<_>>(), [&parts[1], &parts[4]]);
        assert!(at_one.iter().all(|(_, meta)| meta.addr == from && meta.stride == 60));
        assert_eq!(collected(&desks[2]).len(), 1);
        assert_eq!(counters.totals().datagrams_handed_over, 3);
    }

    #[test]
    fn each_second_has_so_many_answers_and_no_more() {
        let mut answers = PerSecond { max: 3, second: 0, count: 0 };
        for second in [0, 1, 7] {
            let taken =
                (0..10).filter(|i| answers.take(Duration::from_millis(second * 1000 + i * 99))).count();
            assert_eq!(taken, 3, "in second {second}");
        }
        assert!(is_version_negotiation(&[0x80, 0, 0, 0, 0, 8]));
        for other in [&[0x40, 0, 0, 0, 0][..], &[0xc0, 0, 0, 0, 1], &[0x80, 0, 0, 0], &[]] {
            assert!(!is_version_negotiation(other));
        }
    }

    #[test]
    fn what_nobody_gave_out_stays_where_it_came() {
        let desks = Exchange::desks(&Keys::new(2));
        let counters = Counters::default();
        let mut buffer = [0xc3; 1200];
        let mut meta = RecvMeta { len: 1200, stride: 1200, ..RecvMeta::default() };
        desks[0].sort(&mut buffer, &mut meta, &counters);
        assert_eq!(meta.len, 1200);
        assert!(collected(&desks[1]).is_empty());
    }

    #[test]
    fn a_full_inbox_loses_what_does_not_fit() {
        let keys = Keys::new(2);
        let desks = Exchange::desks(&keys);
        let counters = Counters::default();
        let bytes = datagram(&mut Ids::new(keys, 1), 0, 60);
        for _ in 0..INBOX_DATAGRAMS_MAX + 5 {
            let mut meta = RecvMeta { len: 60, stride: 60, ..RecvMeta::default() };
            desks[0].sort(&mut bytes.clone(), &mut meta, &counters);
            assert_eq!(meta.len, 0);
        }
        assert_eq!(counters.totals().datagrams_lost, 5);
        assert_eq!(counters.totals().datagrams_handed_over, INBOX_DATAGRAMS_MAX as u64);
    }
}
