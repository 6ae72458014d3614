//! Connects to a backend, or to another one if the first cannot be reached.

use super::session::{Desk, Outcome};
use crate::backend::{Backend, Lease};
use crate::routing::{Facts, Placement, Route, Router, Ticket};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::{TcpSocket, TcpStream};

/// A backend that took the connection.
pub(super) struct Connected {
    pub(super) stream: TcpStream,
    pub(super) lease: Lease,
    pub(super) route: Arc<Route>,
    pub(super) tries: u32,
}

/// Finds a backend and connects to it. Nothing has been sent to anybody, so any backend will do as well as the first.
pub(super) async fn find<D: Desk>(
    client: &TcpStream,
    router: &Router,
    facts: &Facts<'_>,
    desk: &D,
) -> Result<Connected, Outcome> {
    let entropy = getrandom::u64().unwrap_or_default();
    let mut tried: Vec<Arc<Backend>> = Vec::new();
    let mut route: Option<Arc<Route>> = None;
    loop {
        let now = net::now();
        let placement = match &route {
            None => router.place(facts, now, entropy),
            Some(route) => router.again(route, facts, &tried, now, entropy),
        };
        let (its_route, lease) = take_place(client, router, facts, placement, entropy).await?;
        let backend = Arc::clone(lease.backend());
        let begun = net::now();
        let result = connect(&backend, its_route.pool.config.connect.timeout).await;
        let tries = tried.len() as u32 + 1;
        match result {
            Ok(stream) => {
                desk.reached(&backend, Ok(net::now().saturating_sub(begun)));
                return Ok(Connected { stream, lease, route: its_route, tries });
            }
            Err(error) => {
                // What is our own trouble (no ports, no descriptors) says nothing about the backend.
                if !is_ours(&error) {
                    desk.reached(&backend, Err(error.kind()));
                }
                tried.push(backend);
                route = Some(its_route);
            }
        }
    }
}

/// The place of a placement, after the wait if there is one.
async fn take_place(
    client: &TcpStream,
    router: &Router,
    facts: &Facts<'_>,
    mut placement: Placement,
    entropy: u64,
) -> Result<(Arc<Route>, Lease), Outcome> {
    loop {
        let mut ticket = match placement {
            Placement::To { route, lease, .. } => return Ok((route, lease)),
            Placement::Refused(refusal) => return Err(Outcome::Refused(refusal)),
            Placement::Wait(ticket) => ticket,
        };
        wait_turn(client, &mut ticket).await?;
        placement = router.resume(ticket, facts, net::now(), entropy);
    }
}

/// Waits to be called, no longer than the ticket is worth anything, and not for a client that has gone.
async fn wait_turn(client: &TcpStream, ticket: &mut Ticket) -> Result<(), Outcome> {
    let left = ticket.until().saturating_sub(net::now());
    tokio::select! {
        () = ticket.turn() => Ok(()),
        () = tokio::time::sleep(left) => Ok(()),
        _ = client.ready(Interest::ERROR) => Err(Outcome::ClientLeft),
    }
}

async fn connect(backend: &Backend, timeout: Duration) -> io::Result<TcpStream> {
    let address = backend.address;
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_nodelay(true)?;
    match tokio::time::timeout(timeout, socket.connect(address)).await {
        Ok(connected) => connected,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Whether an error of connecting is for want of something here: ports, descriptors, memory.
pub(crate) fn is_ours(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let ours = [Errno::ADDRNOTAVAIL, Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| ours.iter().any(|errno| errno.raw_os_error() == code))
}

/// What a client is told when nobody was there: nothing, its connection is reset.
pub(super) fn reset(stream: TcpStream) {
    // It fails only if the peer is gone.
    let _ = stream.set_zero_linger();
}
