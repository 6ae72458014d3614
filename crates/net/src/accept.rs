//! Takes sockets from a listener, within limits, and starts a task for each.

use crate::http1;
use crate::local::Local;
use crate::site::Site;
use crate::tls::Tls;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// How long to wait when the process is out of file descriptors. Trying at once would spin: the socket that cannot be
/// accepted stays in the queue and keeps the listener readable.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// How many sockets to accept before existing connections get their turn.
const ACCEPTS_PER_TURN: u32 = 64;

/// Accepts until a drain begins. Then takes what the kernel has queued, so that nobody who connected before is reset, and
/// closes the listener.
pub(crate) async fn run<S: Site>(listener: TcpListener, tls: Option<Tls>, site: Rc<S>, local: Rc<Local>) {
    let door = Rc::new(Door::default());
    let mut accepted = 0;
    loop {
        let next = tokio::select! {
            biased;
            next = listener.accept() => next,
            () = local.drain_begun() => break,
        };
        match next {
            Ok((stream, peer)) => enter(stream, peer, tls.as_ref(), &site, &local, &door),
            Err(error) => pause_after(&error, &local).await,
        }
        accepted += 1;
        if accepted % ACCEPTS_PER_TURN == 0 {
            tokio::task::yield_now().await;
        }
    }
    poll_fn(|cx| {
        while let Poll::Ready(Ok((stream, peer))) = listener.poll_accept(cx) {
            enter(stream, peer, tls.as_ref(), &site, &local, &door);
        }
        Poll::Ready(())
    })
    .await;
}

/// Starts the task of one socket, or closes the socket if there are too many.
fn enter<S: Site>(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<&Tls>,
    site: &Rc<S>,
    local: &Rc<Local>,
    door: &Rc<Door>,
) {
    let counters = &local.counters;
    counters.accepted.add(1);
    if local.connections() as u64 + counters.requesting.get() >= local.limits.connections_max as u64 {
        counters.refused_full.add(1);
        return;
    }
    let Some(visit) = Door::enter(door, peer.ip(), local) else {
        counters.refused_address.add(1);
        return;
    };
    // Small messages must not wait for an acknowledgement. It fails only if the peer is gone, which reading tells.
    let _ = stream.set_nodelay(true);
    let (site, local) = (Rc::clone(site), Rc::clone(local));
    match tls.cloned() {
        None => drop(tokio::task::spawn_local(http1::serve(stream, peer, None, site, local, visit))),
        Some(tls) => drop(tokio::task::spawn_local(async move {
            let timeout = local.limits.tls_handshake_timeout;
            let handshake = Box::pin(tls.accept(stream));
            let Ok(Ok((stream, facts))) = tokio::time::timeout(timeout, handshake).await else {
                local.counters.tls_failed.add(1);
                return;
            };
            // A task of its own, because this one is as large as the handshake.
            let serving = Box::pin(http1::serve(stream, peer, Some(facts), site, local, visit));
            drop(tokio::task::spawn_local(serving));
        })),
    }
}

async fn pause_after(error: &io::Error, local: &Local) {
    // Errors of the one socket that could not be accepted (it was reset in the queue, say) concern nobody else.
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return;
    }
    if local.counters.accept_failures.get() == 0 {
        tracing::warn!(%error, "cannot accept connections; trying again every 100 ms");
    }
    local.counters.accept_failures.add(1);
    tokio::time::sleep(EXHAUSTED_PAUSE).await;
}

/// Counts who is at the door: sockets that are not yet WebSockets, by address.
#[derive(Debug, Default)]
pub(crate) struct Door(RefCell<BTreeMap<IpAddr, u32>>);

/// One socket's place at the door, given back on drop.
pub(crate) struct Visit {
    door: Rc<Door>,
    address: IpAddr,
    local: Rc<Local>,
}

impl Door {
    /// Whether this address has as many as it may have.
    pub(crate) fn is_full(&self, address: IpAddr, local: &Local) -> bool {
        let waiting = self.0.borrow();
        waiting
            .get(&subscriber(address))
            .is_some_and(|&count| count >= local.limits.pre_auth_connections_per_ip_max)
    }

    pub(crate) fn enter(door: &Rc<Self>, address: IpAddr, local: &Rc<Local>) -> Option<Visit> {
        let address = subscriber(address);
        let mut waiting = door.0.borrow_mut();
        let count = waiting.entry(address).or_default();
        if *count >= local.limits.pre_auth_connections_per_ip_max {
            return None;
        }
        *count += 1;
        local.counters.requesting.add(1);
        Some(Visit { door: Rc::clone(door), address, local: Rc::clone(local) })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut waiting = self.door.0.borrow_mut();
        if let Some(count) = waiting.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.address);
            }
        }
        self.local.counters.requesting.subtract_one();
    }
}

/// What one subscriber of a network has: an IPv4 address, or 2^64 IPv6 addresses that count as one.
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_is_an_ipv4_address_or_an_ipv6_prefix_of_64_bits() {
        for (one, other, same) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
        ] {
            let [one, other] = [one, other].map(|text| subscriber(text.parse().unwrap()));
            assert_eq!(one == other, same, "{one} {other}");
        }
    }
}
